//! When keys are created and deleted, step by step. tests/it/simulation.rs tries all of it at random.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::mock::{FakeServer, Fault, Operation};
use cloudflare_stream_keys::rotation::{RotateFailure, Rotation, RotationPlan};
use cloudflare_stream_keys::{
    ErrorKind, KeyStore, RetryPolicy, RotateError, RotationPolicy, Signer, SigningKey, SigningKeyInfo, SigningKeys,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A store whose operations can be made to fail. It can hide its keys, or lose the dates of those that it saves.
#[derive(Default)]
struct Store {
    texts: BTreeMap<String, String>,
    fails: &'static str,
    hides: bool,
    loses_dates: bool,
}

#[derive(Debug)]
struct StoreError(&'static str);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.0)
    }
}

impl std::error::Error for StoreError {}

impl Store {
    fn check(&self, operation: &'static str) -> Result<(), StoreError> {
        if self.fails == operation { Err(StoreError(operation)) } else { Ok(()) }
    }
}

impl KeyStore for Store {
    type Error = StoreError;

    fn load(&mut self) -> Result<Vec<SigningKey>, StoreError> {
        self.check("load")?;
        let texts = self.texts.values().filter(|_| !self.hides);
        Ok(texts.map(|text| SigningKey::from_json(text).unwrap()).collect())
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        self.check("prepare")
    }

    fn save(&mut self, key: &SigningKey) -> Result<(), StoreError> {
        self.check("save")?;
        let text = key.to_json().expose_secret().to_string();
        let text = if self.loses_dates { text.replace("\"saved\":", "\"lost\":") } else { text };
        self.texts.insert(key.id.clone(), text);
        Ok(())
    }

    fn remove(&mut self, id: &str) -> Result<(), StoreError> {
        self.check("remove")?;
        self.texts.remove(id);
        Ok(())
    }
}

fn days(days: i64) -> Timestamp {
    Timestamp::from_second(days * 24 * 60 * 60).unwrap()
}

/// Returns a key that can sign and was saved on this day, or by hand without a date.
fn stored(keys: &SigningKeys, saved: Option<i64>) -> SigningKey {
    let mut key = keys.create().unwrap();
    key.saved = saved.map(days);
    key
}

/// A case with the default policy: keys A, B, C and so on, as the account has them (`L` listed), the store (`S` with
/// the day on which it was saved, `?` for none), and whether they can sign (`!` if not). Returns the plan, with letters
/// for IDs.
fn plan(keys: &SigningKeys, case: &str, day: i64) -> (RotationPlan, impl Fn(&str) -> String) {
    let (mut listed, mut in_store, mut letters) = (Vec::new(), Vec::new(), BTreeMap::new());
    for part in case.split_whitespace() {
        let saved = part.split_once('S').map(|(_, saved)| saved.trim_end_matches('!').parse().ok());
        let mut key = stored(keys, saved.flatten());
        if part.ends_with('!') {
            key.jwk = "bmV3".into();
        }
        letters.insert(key.id.clone(), part[..1].to_string());
        if part.contains('L') {
            let mut info = SigningKeyInfo::new(&key.id);
            info.created = saved.flatten().map(days);
            listed.push(info);
        }
        if saved.is_some() {
            in_store.push(key);
        }
    }
    (RotationPolicy::default().plan(&listed, &in_store, days(day)), move |id| letters[id].clone())
}

#[test]
fn plan_follows_its_rules() {
    let server = FakeServer::start();
    let keys = server.signing_keys();
    for (case, day, current, create, delete, remove, unmanaged, unlisted) in [
        // The account and the store are empty.
        ("", 0, "", true, "", "", "", ""),
        // A key gets a successor after 30 days.
        ("ALS0", 29, "A", false, "", "", "", ""),
        ("ALS0", 30, "A", true, "", "", "", ""),
        // The older key goes when its successor is 25 hours old.
        ("ALS0 BLS30", 31, "B", false, "", "", "", ""),
        ("ALS0 BLS30", 32, "B", false, "A", "", "", ""),
        ("ALS0 BLS30 CLS31", 32, "C", false, "A", "", "", ""),
        // Keys of the same moment have the same successor.
        ("ALS0 BLS0 CLS30", 32, "C", false, "AB", "", "", ""),
        // A key of the future has no age.
        ("ALS0 BLS90", 32, "B", false, "", "", "", ""),
        // What the store does not have is left alone.
        ("AL BLS30", 60, "B", true, "", "", "A", ""),
        ("AL BL", 60, "", true, "", "", "AB", ""),
        // What only the store has is removed behind a listed successor.
        ("AS0 BLS30", 32, "B", false, "", "A", "", ""),
        ("AS0 BLS30", 31, "B", false, "", "", "", "A"),
        // An empty list or a wrong account removes nothing.
        ("AS0 BS30", 40, "B", true, "", "", "", "AB"),
        ("AS0 BS30 CL", 40, "B", true, "", "", "C", "AB"),
        // Programs would sign with a key that the account does not have.
        ("ALS0 BS10", 12, "A", true, "", "", "", "B"),
        // A key without a date is older than any other.
        ("ALS?", 99, "A", true, "", "", "", ""),
        ("ALS? BLS99", 99, "B", false, "", "", "", ""),
        ("ALS? BLS30", 59, "B", false, "A", "", "", ""),
        // A key that cannot sign costs no other, and is not replaced at once.
        ("ALS0 BLS30!", 59, "A", false, "", "", "", ""),
        ("ALS0 BLS30!", 60, "A", true, "", "", "", ""),
        ("ALS0 BLS30! CLS60", 62, "C", false, "AB", "", "", ""),
    ] {
        let (plan, letter) = plan(&keys, case, day);
        let letters = |ids: &[String]| ids.iter().map(|id| letter(id)).collect::<Vec<_>>();
        let sorted = |mut letters: Vec<String>| {
            letters.sort();
            letters.concat()
        };
        let unmanaged_ids: Vec<String> = plan.unmanaged.iter().map(|key| key.id.clone()).collect();
        assert_eq!(plan.current.iter().map(|id| letter(id)).collect::<String>(), current, "current of {case}");
        assert_eq!((plan.create, plan.is_blocked), (create, false), "{case}");
        assert_eq!(sorted(letters(&plan.delete)), delete, "delete of {case}");
        assert_eq!(sorted(letters(&plan.remove)), remove, "remove of {case}");
        assert_eq!(sorted(letters(&unmanaged_ids)), unmanaged, "unmanaged of {case}");
        assert_eq!(sorted(letters(&plan.unlisted)), unlisted, "unlisted of {case}");
        assert_eq!(plan.unusable.len(), usize::from(case.contains('!') && current == "A"), "unusable of {case}");
    }
}

#[test]
fn key_that_is_due_is_not_created_if_too_many_are_lost() {
    let server = FakeServer::start();
    let key = stored(&server.signing_keys(), Some(0));
    let info = |id: String, created: Option<i64>| {
        let mut info = SigningKeyInfo::new(id);
        info.created = created.map(days);
        info
    };
    for (created, lost, is_blocked) in
        [(Some(5), 9, false), (Some(5), 10, true), (None, 10, true), (Some(0), 10, true), (Some(-1), 99, false)]
    {
        let mut listed: Vec<_> = (0..lost).map(|n| info(n.to_string(), created)).collect();
        listed.push(info(key.id.clone(), Some(0)));
        let plan = RotationPolicy::default().plan(&listed, std::slice::from_ref(&key), days(30));
        assert_eq!((plan.create, plan.is_blocked), (!is_blocked, is_blocked), "{lost} of {created:?}");
        let plan = RotationPolicy::default().plan(&listed, std::slice::from_ref(&key), days(29));
        assert_eq!((plan.create, plan.is_blocked), (false, false), "nothing is due");
        let plan = RotationPolicy::default().with_max_lost(100).plan(&listed, std::slice::from_ref(&key), days(30));
        assert!(plan.create);
    }
}

/// A server, a store with a key from day 0, and the time on day 31, when a successor is due.
fn due() -> (FakeServer, Store, SigningKey, Timestamp) {
    let server = FakeServer::start();
    let now = server.now();
    let mut store = Store::default();
    let rotation = server.signing_keys().rotate_at(&RotationPolicy::default(), &mut store, now).unwrap();
    (server, store, rotation.current, now + DAY * 31)
}

fn rotate(server: &FakeServer, store: &mut Store, now: Timestamp) -> Result<Rotation, RotateError> {
    let keys = server.signing_keys().with_retry_policy(RetryPolicy::none());
    keys.rotate_at(&RotationPolicy::default(), store, now)
}

#[test]
fn successor_is_saved_before_the_older_key_is_deleted() {
    let (server, mut store, old, now) = due();
    server.seed("another-program");
    let rotation = rotate(&server, &mut store, now).unwrap();
    assert_eq!(rotation.report.created.as_ref(), Some(&rotation.current.id));
    assert_eq!(rotation.current.saved, Some(now));
    assert_eq!(rotation.report.unmanaged[0].id, "another-program");
    assert_eq!(store.texts.len(), 2);

    let rotation = rotate(&server, &mut store, now + DAY * 2).unwrap();
    assert_eq!((&rotation.report.deleted, &rotation.report.removed), (&vec![old.id.clone()], &vec![old.id]));
    assert_eq!(store.texts.keys().collect::<Vec<_>>(), [&rotation.current.id]);
}

#[test]
fn each_failure_says_which_key_to_sign_with_and_what_was_done() {
    for (fails, message) in [
        ("load", "key store could not be loaded: cannot load"),
        ("prepare", "rotation is incomplete: key store is not writable: cannot prepare"),
        ("save", "was created but not saved: cannot save; get the key with recovered_key()"),
    ] {
        let (server, mut store, old, now) = due();
        store.fails = fails;
        let error = rotate(&server, &mut store, now).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.current().map(|key| &key.id), Some(&old.id).filter(|_| fails != "load"));
        let unsaved = error.recovered_key().map(|key| key.clone().into_signing_key().unwrap());
        assert_eq!(unsaved.is_some(), fails == "save");
        let listed = server.signing_keys().list().unwrap();
        assert!(unsaved.as_ref().is_none_or(|key| listed.iter().any(|info| info.id == key.id)));
        assert_eq!(listed.len(), 1 + usize::from(unsaved.is_some()));
        if let Some(key) = unsaved {
            assert_eq!(key.saved, None, "its age counts from when it is saved after all");
            let mut key = key;
            key.saved = Some(now);
            store.fails = "";
            store.save(&key).unwrap();
            assert_eq!(rotate(&server, &mut store, now).unwrap().current.id, key.id);
        }
    }
    for (operation, fault) in [(Operation::List, Fault::Status(500)), (Operation::Create, Fault::Status(403))] {
        let (server, mut store, old, now) = due();
        server.inject_on(operation, fault);
        let error = rotate(&server, &mut store, now).unwrap_err();
        let source = match (operation, &error.failures()[0]) {
            (Operation::List, RotateFailure::List(source)) | (Operation::Create, RotateFailure::Create(source)) => {
                source
            }
            (_, other) => panic!("{other:?}"),
        };
        assert_eq!(source.kind(), ErrorKind::Api);
        assert_eq!((error.current().unwrap().id.as_str(), &error.report().created), (old.id.as_str(), &None));
    }
}

#[test]
fn key_that_cannot_be_deleted_does_not_keep_its_successor_from_being_made() {
    let (server, mut store, old, now) = due();
    let first = rotate(&server, &mut store, now).unwrap().current;
    let later = now + DAY * 31;
    server.inject_on(Operation::Delete, Fault::Status(500));
    let error = rotate(&server, &mut store, later).unwrap_err();
    assert!(matches!(error.failures(), [RotateFailure::Delete { id, .. }] if *id == old.id), "{error}");
    assert!(error.report().created.is_some() && store.texts.contains_key(&old.id));
    assert_eq!(error.current().map(|key| &key.id), error.report().created.as_ref());

    store.fails = "remove";
    let error = rotate(&server, &mut store, later).unwrap_err();
    assert!(matches!(error.failures(), [RotateFailure::Remove { id, .. }] if *id == old.id), "{error}");
    assert_eq!(error.report().deleted, std::slice::from_ref(&old.id));
    store.fails = "";
    let rotation = rotate(&server, &mut store, later).unwrap();
    assert_eq!((rotation.report.deleted, rotation.report.removed), (vec![], vec![old.id]));
    assert!(store.texts.contains_key(&first.id), "its successor is not old enough");
}

#[test]
fn store_that_does_not_return_what_it_saved_is_noticed() {
    let server = FakeServer::start();
    let assert_noticed = |error: RotateError| {
        assert!(error.to_string().contains("key store does not return the saved key or its date"), "{error}");
        assert_eq!(error.recovered_key().unwrap().id, error.report().created);
    };
    let mut store = Store { hides: true, ..Store::default() };
    assert_noticed(rotate(&server, &mut store, server.now()).unwrap_err());
    let (server, mut store, _, now) = due();
    store.loses_dates = true;
    assert_noticed(rotate(&server, &mut store, now).unwrap_err());
}

#[test]
fn key_that_cannot_sign_is_reported_and_costs_no_other() {
    let (server, mut store, old, now) = due();
    server.inject_on(Operation::Create, Fault::UnreadableKey);
    for day in [0, 5, 40] {
        let error = rotate(&server, &mut store, now + DAY * day).unwrap_err();
        assert!(matches!(error.failures()[0], RotateFailure::Unusable { .. }), "{error}");
        if day < 40 {
            assert_eq!(error.current().unwrap().id, old.id);
        }
        if day == 5 {
            server.inject_on(Operation::Create, Fault::UnreadableKey);
        }
    }
    assert!(server.signing_keys().list().unwrap().iter().any(|key| key.id == old.id));
}

#[test]
fn key_is_created_only_if_it_can_be_saved_and_is_in_the_error_if_it_was_not() {
    let server = FakeServer::start();
    let mut store = Store { fails: "prepare", ..Store::default() };
    let error = server.signing_keys().create_in(&mut store).unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Store, false));
    assert_eq!((error.to_string(), server.requests().len()), ("key store is not writable: cannot prepare".into(), 0));

    store.fails = "save";
    let error = server.signing_keys().create_in(&mut store).unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown(), error.is_retryable()), (ErrorKind::Store, true, false));
    let id = server.signing_keys().list().unwrap().remove(0).id;
    let message = format!("key {id} was created but not saved: cannot save; get the key with recovered_key()");
    assert_eq!(error.to_string(), message);
    let key = error.into_recovered_key().unwrap().into_signing_key().unwrap();
    store.fails = "";
    store.save(&key).unwrap();
    assert_eq!(Signer::from_store(&mut store).unwrap().key_id(), id);
    let key = server.signing_keys().create_in(&mut store).unwrap();
    assert_eq!(SigningKey::from_json(&store.texts[&key.id]).unwrap().saved, key.saved);

    // Programs sign with the new key even if a clock that was ahead dated another one.
    let mut ahead = server.signing_keys().create().unwrap();
    ahead.saved = Some(Timestamp::now() + DAY);
    store.save(&ahead).unwrap();
    let key = server.signing_keys().create_in(&mut store).unwrap();
    assert_eq!(Signer::from_store(&mut store).unwrap().key_id(), key.id);
    store.fails = "load";
    let requests = server.requests().len();
    server.signing_keys().create_in(&mut store).unwrap_err();
    assert_eq!(server.requests().len(), requests, "a store that cannot be loaded gets no key");
}

#[test]
fn key_that_cannot_sign_gets_a_successor_at_once_if_there_is_no_other() {
    let server = FakeServer::start();
    let mut store = Store::default();
    server.inject_on(Operation::Create, Fault::UnreadableKey);
    assert!(rotate(&server, &mut store, server.now()).unwrap_err().current().is_none());
    let rotation = rotate(&server, &mut store, server.now() + DAY).unwrap();
    assert_eq!(rotation.report.created, Some(rotation.current.id));
}

#[test]
fn blocked_rotation_says_what_to_do() {
    let (server, mut store, old, now) = due();
    (0..10).for_each(|n| server.seed(&n.to_string()));
    let error = rotate(&server, &mut store, now).unwrap_err();
    assert!(matches!(error.failures(), [RotateFailure::Blocked]));
    assert!(
        error.to_string().contains("check the store, delete keys that no program uses, or raise max_lost"),
        "{error}"
    );
    assert_eq!((error.current().unwrap().id.as_str(), error.report().unmanaged.len()), (old.id.as_str(), 10));
}

/// A list that is always empty, a list that lags behind, and a store that loses dates.
#[test]
fn keys_that_come_to_nothing_are_limited() {
    for trouble in ["empty list", "undated store"] {
        let server = FakeServer::start();
        let mut store = Store::default();
        for day in 0..30 {
            if trouble == "empty list" {
                server.inject_on(Operation::List, Fault::NullResult);
            }
            let _ = rotate(&server, &mut store, server.now() + DAY * day);
            if trouble == "undated store" {
                store.texts.values_mut().for_each(|text| *text = text.replace("\"saved\":", "\"lost\":"));
            }
        }
        server.clear_faults();
        assert_eq!(server.signing_keys().list().unwrap().len(), 10, "{trouble}");
    }
}

#[test]
fn new_key_is_dated_after_every_other_whatever_the_clocks() {
    let (server, mut store, old, now) = due();
    // Another program's clock is ahead, and its key is revoked by hand.
    let ahead = rotate(&server, &mut store, now + DAY / 100).unwrap().current;
    server.signing_keys().revoke(&ahead.id).unwrap();
    let rotation = rotate(&server, &mut store, now).unwrap();
    assert!(rotation.current.id != ahead.id && rotation.current.id != old.id);
    assert!(rotation.current.saved > ahead.saved);
    assert_eq!(Signer::from_store(&mut store).unwrap().key_id(), rotation.current.id);
}

#[test]
fn key_that_a_store_returns_twice_is_not_its_own_successor() {
    let server = FakeServer::start();
    let key = stored(&server.signing_keys(), Some(0));
    let again = SigningKey::from_json(key.to_json().expose_secret()).unwrap();
    let mut later = again.clone();
    later.saved = Some(days(5));
    let plan = RotationPolicy::default().plan(&[SigningKeyInfo::new(&key.id)], &[key, again, later], days(20));
    assert!(plan.delete.is_empty() && plan.remove.is_empty() && !plan.create, "{plan:?}");
}

#[test]
fn key_that_another_program_has_just_deleted_is_no_failure() {
    let (server, mut store, old, now) = due();
    rotate(&server, &mut store, now).unwrap();
    let later = now + DAY * 2;
    server.inject_on(Operation::Delete, Fault::Error { status: 404, code: 10003, message: "Not found".into() });
    let rotation = rotate(&server, &mut store, later).unwrap();
    assert!(rotation.report.deleted.is_empty() && store.texts.contains_key(&old.id));
    assert_eq!(rotate(&server, &mut store, later).unwrap().report.deleted, [old.id]);
}
