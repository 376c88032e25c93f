//! Rotation in random worlds: clocks that differ, two programs, crashes and failures at every step, backups, responses that
//! are cut or lost, keys saved by hand, a new key format, and a wrong account. What is claimed is compared with what the
//! fake server has.
//!
//! For a long run: `SIMULATED_WORLDS=10000 cargo test --release --test it simulation`

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::mock::{FakeServer, Fault, Operation};
use cloudflare_stream_keys::rotation::{RotateFailure, Rotation};
use cloudflare_stream_keys::{
    KeyStore, RetryPolicy, RotateError, RotationPolicy, Signer, SigningKey, SigningKeyInfo, SigningKeys,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = MINUTE.saturating_mul(60);
const DAY: Duration = HOUR.saturating_mul(24);
/// How long a program signs with an old key at most. With two clocks that differ by [`MAX_SKEW`] each, less than the
/// default margin of an hour.
const SWITCH: Duration = MINUTE.saturating_mul(39);
const MAX_SKEW: i64 = 10 * 60;
const MAX_LOST: usize = 4;
/// Far less than one for each run.
const MOST_KEYS: usize = 12;

/// A store with trouble: a table of texts, as a program's own store would be.
#[derive(Clone, Default)]
struct Store(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    texts: BTreeMap<String, String>,
    /// How many operations succeed before the trouble.
    countdown: usize,
    trouble: Option<Trouble>,
}

#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Error,
    ErrorAfterEffect,
    Crash,
    CrashAfterEffect,
}

#[derive(Debug)]
struct StoreError;

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("store is out of order")
    }
}

impl std::error::Error for StoreError {}

impl Store {
    fn operate<T>(&self, effect: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> Result<T, StoreError> {
        let mut state = self.0.borrow_mut();
        let trouble = if state.countdown == 0 { state.trouble.take() } else { None };
        state.countdown = state.countdown.saturating_sub(1);
        let fail = |crashes: bool| if crashes { resume_unwind(Box::new("crash")) } else { Err(StoreError) };
        match trouble {
            Some(Trouble::Error | Trouble::Crash) => fail(trouble == Some(Trouble::Crash)),
            Some(_) => {
                effect(&mut state.texts);
                fail(trouble == Some(Trouble::CrashAfterEffect))
            }
            None => Ok(effect(&mut state.texts)),
        }
    }
}

impl KeyStore for Store {
    type Error = StoreError;

    fn load(&mut self) -> Result<Vec<SigningKey>, StoreError> {
        self.operate(|texts| texts.values().map(|text| SigningKey::from_json(text).unwrap()).collect())
    }

    fn save(&mut self, key: &SigningKey) -> Result<(), StoreError> {
        self.operate(|texts| {
            texts.entry(key.id.clone()).or_insert_with(|| key.to_json().expose_secret().to_string());
        })
    }

    fn remove(&mut self, id: &str) -> Result<(), StoreError> {
        self.operate(|texts| drop(texts.remove(id)))
    }
}

struct World {
    random: fastrand::Rng,
    server: FakeServer,
    keys: SigningKeys,
    policy: RotationPolicy,
    rotate_after: Duration,
    store: Store,
    /// The clocks of the two programs that rotate, in seconds ahead of the server's.
    skews: [i64; 2],
    /// The ID of the key that programs sign with.
    signing: Option<String>,
    /// What the store had when its newest key was last looked up, and the ID of that key.
    newest: (BTreeMap<String, String>, Option<String>),
    /// When the last token of a key expires.
    expiries: BTreeMap<String, Timestamp>,
    /// Keys that a crash kept from the store.
    orphans: BTreeSet<String>,
    backup: BTreeMap<String, String>,
    /// What happens to every create of this world, or `None` if it is an ordinary one.
    curse: Option<Curse>,
    /// Whether the last run was for another account by mistake.
    is_wrong_account: bool,
    /// Whether the last run got an empty list, which is not true.
    sees_no_keys: bool,
    cases: BTreeSet<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Curse {
    Lost,
    Unreadable,
    Unsaved,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let server = FakeServer::start();
        let keys = server.signing_keys().with_retry_policy(match random.bool() {
            true => RetryPolicy::none(),
            false => RetryPolicy::default().with_initial_backoff(Duration::ZERO).with_max_backoff(Duration::ZERO),
        });
        let rotate_after = [HOUR, DAY, DAY * 2, DAY * 7][random.usize(..4)];
        let skews = [random.i64(-MAX_SKEW..=MAX_SKEW), random.i64(-MAX_SKEW..=MAX_SKEW)];
        if random.bool() {
            server.seed("another-program");
            server.seed_in(FakeServer::ACCOUNT_ID, SigningKeyInfo::new("undated"));
        }
        Self {
            random,
            server,
            keys,
            rotate_after,
            policy: RotationPolicy::default().with_rotate_after(rotate_after).with_max_lost(MAX_LOST),
            store: Store::default(),
            skews,
            signing: None,
            newest: Default::default(),
            expiries: BTreeMap::new(),
            orphans: BTreeSet::new(),
            backup: BTreeMap::new(),
            curse: [Some(Curse::Lost), Some(Curse::Unreadable), Some(Curse::Unsaved), None]
                [(seed % 40).min(3) as usize],
            is_wrong_account: false,
            sees_no_keys: false,
            cases: BTreeSet::new(),
        }
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.random.u8(..100) < percent
    }

    /// Returns the IDs of the account's keys, as the server has them.
    fn account(&self) -> BTreeSet<String> {
        self.server.signing_keys().list().unwrap().into_iter().map(|key| key.id).collect()
    }

    fn stored(&self) -> BTreeMap<String, String> {
        self.store.0.borrow().texts.clone()
    }

    /// Returns the ID of the key that a program signs with after it has loaded the store.
    fn newest(&mut self) -> Option<String> {
        let stored = self.stored();
        if self.newest.0 != stored {
            let signer = Signer::from_store(&mut self.store.clone());
            self.newest = (stored, signer.ok().map(|signer| signer.key_id().to_string()));
        }
        self.newest.1.clone()
    }

    /// Lets programs sign until a time: with the key that the store had, for as long as they take to switch.
    fn sign(&mut self) {
        let (account, newest) = (self.account(), self.newest());
        let mut token = |id: &Option<String>, signed: Timestamp| {
            let Some(id) = id.clone().filter(|id| account.contains(id)) else { return };
            let expiry = signed + DAY;
            let last = self.expiries.entry(id).or_insert(expiry);
            *last = expiry.max(*last);
        };
        let now = self.server.now();
        token(&newest, now);
        if newest != self.signing {
            token(&self.signing, now + SWITCH);
            self.signing = newest;
        }
    }

    /// Runs the job of one of the programs, with trouble. Returns `None` if it crashes.
    fn rotate(&mut self) -> Option<Result<Rotation, RotateError>> {
        let faults = [
            Fault::Status(500),
            Fault::BadGatewayAfterEffect,
            Fault::ResetAfterEffect,
            Fault::TruncateResponse,
            Fault::NullResult,
            Fault::UnreadableKey,
            Fault::RateLimit { retry_after: HOUR },
        ];
        self.sees_no_keys = false;
        for operation in [Operation::Create, Operation::List, Operation::Delete] {
            let fault = &faults[self.random.usize(..faults.len())];
            if self.chance(15) {
                self.server.inject_on(operation, fault.clone());
                self.sees_no_keys |= operation == Operation::List && *fault == Fault::NullResult;
            }
        }
        if self.chance(30) {
            let troubles = [Trouble::Error, Trouble::ErrorAfterEffect, Trouble::Crash, Trouble::CrashAfterEffect];
            let mut state = self.store.0.borrow_mut();
            (state.countdown, state.trouble) = (self.random.usize(..6), Some(troubles[self.random.usize(..4)]));
        }
        let skew = Duration::from_secs(self.skews[self.random.usize(..2)].unsigned_abs());
        let now = match self.random.bool() {
            true => self.server.now() + skew,
            false => self.server.now() - skew,
        };
        if let Some(curse) = self.curse {
            self.server.clear_faults();
            let mut state = self.store.0.borrow_mut();
            (state.countdown, state.trouble) = (1, (curse == Curse::Unsaved).then_some(Trouble::Error));
            match curse {
                Curse::Lost => self.server.inject_on(Operation::Create, Fault::BadGatewayAfterEffect),
                Curse::Unreadable => self.server.inject_on(Operation::Create, Fault::UnreadableKey),
                Curse::Unsaved => {}
            }
        }
        let mut store = self.store.clone();
        let keys = match self.curse.is_none() && self.chance(3) {
            true => self.server.client().signing_keys("wrong-account").unwrap(),
            false => self.keys.clone(),
        };
        let result = catch_unwind(AssertUnwindSafe(|| keys.rotate_at(&self.policy, &mut store, now)));
        self.is_wrong_account = keys.account_id() != FakeServer::ACCOUNT_ID;
        self.store.0.borrow_mut().trouble = None;
        self.server.clear_faults();
        result.ok()
    }

    /// Checks what a run did against the server.
    fn check(
        &mut self,
        before: &BTreeSet<String>,
        stored_before: &BTreeMap<String, String>,
        signing_before: Option<&String>,
        result: Option<Result<Rotation, RotateError>>,
    ) {
        let (account, stored, now) = (self.account(), self.stored(), self.server.now());
        for id in before.difference(&account) {
            let expiry = self.expiries.get(id);
            assert!(expiry.is_none_or(|expiry| *expiry <= now), "{id} is deleted at {now}, but has tokens: {expiry:?}");
        }
        if self.is_wrong_account {
            self.cases.insert("wrong account");
            return;
        }
        let mut removed = stored_before.keys().filter(|id| !stored.contains_key(*id));
        assert!(removed.all(|id| !account.contains(id)), "a key that the account has stays in the store");
        let new: BTreeSet<String> = account.difference(before).cloned().collect();
        let listed = stored_before.values().map(|text| SigningKey::from_json(text).unwrap());
        let newest = listed.filter(|key| before.contains(&key.id)).filter_map(|key| key.saved).max();
        let is_young = newest.is_some_and(|saved| now + MINUTE * 20 < saved + self.rotate_after);
        let is_gone = signing_before.is_none_or(|id| !before.contains(id));
        assert!(new.is_empty() || !is_young || is_gone || self.sees_no_keys, "a key is created too early");
        let unsaved: BTreeSet<String> = new.iter().filter(|id| !stored.contains_key(*id)).cloned().collect();
        let report = match &result {
            None => {
                self.cases.insert("crash");
                self.orphans.extend(unsaved);
                return;
            }
            Some(Ok(rotation)) => {
                assert_eq!(self.newest().as_ref(), Some(&rotation.current.id), "programs and the job agree");
                assert!(account.contains(&rotation.current.id), "the key to sign with exists");
                assert!(unsaved.is_empty(), "{unsaved:?} is neither stored nor reported");
                self.cases.insert(if new.is_empty() { "nothing created" } else { "created" });
                if !rotation.report.deleted.is_empty() {
                    self.cases.insert("deleted");
                }
                &rotation.report
            }
            Some(Err(error)) => {
                let create = error.failures().iter().find(|failure| matches!(failure, RotateFailure::Create(_)));
                let in_error = error.recovered_key().and_then(|key| key.id.as_ref());
                match create.and_then(RotateFailure::error) {
                    Some(create) if in_error.is_none() => {
                        assert!(create.outcome_unknown() || new.is_empty(), "{error}");
                        self.cases.insert("create failed");
                    }
                    create => {
                        assert!(unsaved.iter().all(|id| Some(id) == in_error), "{unsaved:?} is not in {error}");
                        self.cases.insert(if create.is_some() { "save failed" } else { "another step failed" });
                    }
                }
                error.report()
            }
        };
        let has_listed = !matches!(&result, Some(Err(error)) if error.failures().iter().any(|failure| {
            matches!(failure, RotateFailure::List(_) | RotateFailure::Load(_))
        }));
        if has_listed && report.unmanaged.iter().any(|key| self.orphans.contains(&key.id)) {
            let unmanaged: BTreeSet<_> = report.unmanaged.iter().map(|key| key.id.clone()).collect();
            let mut orphans = self.orphans.iter().filter(|id| account.contains(*id) && !stored.contains_key(*id));
            assert!(orphans.all(|id| unmanaged.contains(id)), "keys that a crash left are reported");
            self.cases.insert("orphan reported");
        }
    }

    fn run(mut self) -> BTreeSet<&'static str> {
        for _ in 0..self.random.usize(15..45) {
            let (before, stored_before, signing_before) = (self.account(), self.stored(), self.newest());
            let result = self.rotate();
            self.check(&before, &stored_before, signing_before.as_ref(), result);
            self.sign();
            if self.curse.is_some() {
                self.cases.insert("cursed");
                let (account, stored) = (self.account(), self.stored());
                let lost = account.iter().filter(|id| !stored.contains_key(*id)).count() + stored.len();
                assert!(lost <= MAX_LOST, "{lost} keys are lost");
            } else if self.chance(3) {
                self.backup = self.stored();
            } else if self.chance(3) && !self.backup.is_empty() {
                self.store.0.borrow_mut().texts = std::mem::take(&mut self.backup);
                self.cases.insert("restored");
                self.sign();
            } else if self.chance(3) {
                self.save_by_hand();
            }
            assert!(self.stored().len() <= MOST_KEYS, "{} keys", self.stored().len());
            let pause = Duration::from_secs(self.random.u64(60..36 * 60 * 60));
            // Programs sign until the last moment.
            self.server.advance(pause);
            self.sign();
        }
        self.cases
    }

    /// Saves a key that exists since days, as a person does who found it in an error or in a response.
    fn save_by_hand(&mut self) {
        let key = self.server.signing_keys().create().unwrap();
        self.server.advance(DAY * 2);
        self.sign();
        let text = match self.random.bool() {
            true => {
                let mut key = key;
                key.saved = Some(self.server.now());
                key.to_json().expose_secret().to_string()
            }
            false => format!(r#"{{"result": {{"id": "{}", "jwk": "{}"}}}}"#, key.id, key.jwk.expose_secret()),
        };
        self.store.0.borrow_mut().texts.insert(SigningKey::from_json(&text).unwrap().id, text);
        self.cases.insert("saved by hand");
        self.sign();
    }
}

#[test]
fn rotation_keeps_its_promises_in_random_worlds() {
    let worlds: u64 = std::env::var("SIMULATED_WORLDS").map_or(30, |worlds| worlds.parse().expect("a number"));
    let run = |seed: u64| catch_unwind(|| World::new(seed).run()).unwrap_or_else(|_| panic!("world {seed}"));
    let cases: BTreeSet<&str> = thread::scope(|scope| {
        let threads =
            [0, 1].map(|first| scope.spawn(move || (first..worlds).step_by(2).flat_map(run).collect::<Vec<_>>()));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let expected = [
        "another step failed",
        "crash",
        "create failed",
        "created",
        "cursed",
        "deleted",
        "nothing created",
        "orphan reported",
        "restored",
        "save failed",
        "saved by hand",
        "wrong account",
    ];
    assert!(cases.into_iter().eq(expected), "every case occurs");
}
