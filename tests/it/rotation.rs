//! When keys are created and deleted: `RotationPolicy`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{PlaybackToken, RotationPolicy, Signer, SigningKey, SigningKeyInfo};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = HOUR.saturating_mul(24);
const VIDEO_UID: &str = "5d5bc37ffcf54c9b82e996823bffbb81";

fn key(id: impl ToString, created: Option<Timestamp>) -> SigningKeyInfo {
    let mut key = SigningKeyInfo::new(id.to_string());
    key.created = created;
    key
}

fn days(days: i64) -> Timestamp {
    Timestamp::from_second(days * 24 * 60 * 60).unwrap()
}

#[test]
fn empty_store_deletes_nothing() {
    let listed = [key("a", Some(days(0))), key("b", Some(days(100)))];
    let plan = RotationPolicy::default().plan(&listed, |_| false, days(1000));
    assert_eq!((plan.delete, plan.create), (vec![], true));
    assert_eq!(plan.unmanaged, listed);
}

#[test]
fn key_without_a_date_is_neither_deleted_nor_replaced() {
    let listed = [key("a", None)];
    let plan = RotationPolicy::default().plan(&listed, |_| true, days(1000));
    assert_eq!((plan.delete, plan.create, &plan.unmanaged[..]), (vec![], false, &listed[..]));
    // It does not count as a successor either.
    let plan = RotationPolicy::default().plan(&[key("a", None), key("b", Some(days(0)))], |_| true, days(29));
    assert_eq!((plan.delete, plan.create), (vec![], false));
}

#[test]
fn key_with_contradictory_dates_is_left_alone() {
    let later = key("a", Some(days(1)));
    for other in [key("a", Some(days(0))), key("a", None)] {
        let plan = RotationPolicy::default().plan(&[other.clone(), later.clone()], |_| true, days(40));
        assert_eq!((plan.delete, plan.create), (vec![], false));
        assert_eq!(plan.unmanaged, [other, later.clone()]);
    }
    let twice = [later.clone(), later.clone(), key("b", Some(days(10)))];
    assert_eq!(RotationPolicy::default().plan(&twice, |_| true, days(12)).delete, ["a"]);
}

#[test]
fn key_of_the_future_replaces_nothing() {
    let listed = [key("a", Some(days(0))), key("b", Some(days(90)))];
    let policy = RotationPolicy::default().overlap(Duration::ZERO);
    assert!(policy.plan(&listed, |_| true, days(89)).delete.is_empty());
    assert_eq!(policy.plan(&listed, |_| true, days(90)).delete, ["a"]);
}

#[test]
fn keys_of_the_same_moment_have_the_same_successor() {
    let listed = [key("a", Some(days(0))), key("b", Some(days(0))), key("c", Some(days(30)))];
    let plan = |now| RotationPolicy::default().plan(&listed, |_| true, now);
    assert!(plan(days(31)).delete.is_empty());
    assert_eq!(plan(days(32)).delete, ["a", "b"]);
    assert!(RotationPolicy::default().plan(&listed[..2], |_| true, days(32)).delete.is_empty());
}

/// Runs a daily job for months, and one that runs more often, for several ages of rotation. In every run, all tokens that
/// have not expired are verified, and the number of keys stays small.
#[test]
fn daily_job_never_revokes_a_valid_token_and_leaves_few_keys() {
    for (rotate_after, every, most_keys) in
        [(HOUR, DAY, 3), (DAY, DAY, 3), (DAY * 2, DAY, 3), (DAY * 30, DAY, 2), (DAY, HOUR * 6, 3)]
    {
        let server = FakeServer::start();
        let keys = server.signing_keys();
        server.seed("in-use-by-another-program");
        let policy = RotationPolicy::default().rotate_after(rotate_after);
        let mut store = BTreeMap::new();
        let mut newest = String::new();
        let mut tokens: VecDeque<(Timestamp, PlaybackToken)> = VecDeque::new();
        let mut signers = BTreeSet::new();
        for run in 0..120 {
            let plan = policy.plan(&keys.list().unwrap(), |id| store.contains_key(id), server.now());
            for id in plan.delete {
                keys.delete(&id).unwrap();
                store.remove(&id);
            }
            if plan.create {
                let key = keys.create().unwrap();
                newest = key.id.clone();
                store.insert(key.id.clone(), key.to_json());
            }
            assert!(store.len() <= most_keys, "{} keys in run {run}, {rotate_after:?}", store.len());
            while tokens.front().is_some_and(|(expiry, _)| *expiry <= server.now()) {
                tokens.pop_front();
            }
            for (_, token) in &tokens {
                assert_eq!(server.verify_token(token.as_str()), Ok(()), "in run {run}, {rotate_after:?}");
            }

            // The next token is signed just before the next run, so it is valid for nearly a day after that.
            server.advance(every - Duration::from_secs(10));
            let key = SigningKey::from_json(store[&newest].expose_secret()).unwrap();
            let signer = Signer::new(&key).unwrap();
            let token = signer.token(VIDEO_UID).expires_in(DAY).signing_time(server.now()).sign().unwrap();
            tokens.push_back((server.now() + DAY - Duration::from_secs(2), token));
            signers.insert(newest.clone());
            server.advance(Duration::from_secs(10));
        }
        assert_eq!(keys.list().unwrap().len(), store.len() + 1);
        let expected = 120 / rotate_after.div_duration_f64(every).max(1.0) as usize;
        assert_eq!(signers.len(), expected, "{rotate_after:?}");
    }
}

/// For random keys, stores and times: what is deleted is stored and has a stored successor that is old enough.
#[test]
fn only_stored_keys_with_an_established_successor_are_deleted() {
    let mut random = fastrand::Rng::with_seed(12);
    let (mut deleted, mut created) = (0, 0);
    for _ in 0..20_000 {
        let date = |random: &mut fastrand::Rng| random.u8(..8).ne(&0).then(|| days(random.i64(0..10)));
        let listed: Vec<_> = (0..random.usize(0..6)).map(|id| key(id, date(&mut random))).collect();
        let stored: BTreeSet<String> = (0..6).filter(|_| random.bool()).map(|id| id.to_string()).collect();
        let now = days(random.i64(0..14));
        let overlap = DAY * random.u32(1..4);
        let policy = RotationPolicy::default().rotate_after(DAY * random.u32(1..5)).overlap(overlap);

        let plan = policy.plan(&listed, |id| stored.contains(id), now);
        for id in &plan.delete {
            let created = listed.iter().find(|key| key.id == *id).unwrap().created.unwrap();
            let is_successor = |key: &SigningKeyInfo| {
                stored.contains(&key.id) && key.created.is_some_and(|date| date > created && date + overlap <= now)
            };
            assert!(stored.contains(id) && listed.iter().any(is_successor), "{listed:?} {stored:?} {now} {plan:?}");
        }
        let unmanaged: BTreeSet<_> = plan.unmanaged.iter().map(|key| &key.id).collect();
        assert!(plan.delete.iter().all(|id| !unmanaged.contains(id)));
        deleted += plan.delete.len();
        created += usize::from(plan.create);
    }
    assert!(deleted > 1000 && created > 1000, "{deleted} {created}");
}
