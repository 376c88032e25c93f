//! Rotates signing keys without interrupting viewers, with a fake server whose clock is moved forward by days.
//!
//! ```text
//! cargo run --example rotate
//! ```
//!
//! Deleting a key revokes every token that it signed, and a token can be valid for 24 hours. So a key is deleted only
//! when its successor is older than that, plus a margin. [`rotate`] does what is due. It can run at any time, for
//! example as a daily job. It never deletes a key that is not in its store.

use std::collections::BTreeMap;
use std::time::Duration;

use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::mock::{FakeServer, Fault};
use cloudflare_stream_keys::{Error, PlaybackToken, Secret, Signer, SigningKeys};

const VIDEO_UID: &str = "5d5bc37ffcf54c9b82e996823bffbb81";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The age at which a key gets a successor.
const ROTATE_AFTER: Duration = DAY.saturating_mul(30);
/// The age of the successor at which a key can be deleted: the longest lifetime of a token, plus an hour for programs
/// to switch to the new key.
const OVERLAP: Duration = DAY.saturating_add(Duration::from_secs(60 * 60));

/// Stands in for a secret store: the JWK of each key, by ID.
type Store = BTreeMap<String, Secret>;

/// Creates and deletes keys as due at the given time.
fn rotate(keys: &SigningKeys, store: &mut Store, now: Timestamp) -> Result<(), Error> {
    let (mut known, unknown): (Vec<_>, Vec<_>) = keys.list()?.into_iter().partition(|key| store.contains_key(&key.id));
    known.sort_by_key(|key| key.created);
    let age = |created: Option<Timestamp>| created.map_or(Duration::ZERO, |created| age(created, now));

    for key in unknown {
        println!("   {} is not in the store; if no other program uses it, delete it by hand", short(&key.id));
    }
    for pair in known.windows(2) {
        let (key, successor) = (&pair[0], &pair[1]);
        if age(successor.created) >= OVERLAP {
            keys.delete(&key.id)?;
            store.remove(&key.id);
            println!("   deleted {}, whose last token has expired", short(&key.id));
        }
    }
    if known.last().is_none_or(|newest| age(newest.created) >= ROTATE_AFTER) {
        let key = keys.create()?;
        println!("   created and stored {}, which signs from now on", short(&key.id));
        store.insert(key.id, key.jwk);
    }
    Ok(())
}

/// Signs with the newest key that is both in the store and in the account.
fn sign(keys: &SigningKeys, store: &Store, now: Timestamp) -> Result<PlaybackToken, Error> {
    let newest = keys.list()?.into_iter().filter(|key| store.contains_key(&key.id)).max_by_key(|key| key.created);
    let jwk = newest.and_then(|key| store.get(&key.id)).expect("rotate() has stored a key");
    Signer::from_jwk(jwk.expose_secret())?.token(VIDEO_UID).expires_in(DAY).signing_time(now).sign()
}

fn main() -> Result<(), Error> {
    let server = FakeServer::start();
    let keys = server.signing_keys();
    let mut store = Store::new();

    println!("Day 0: there is no key yet.");
    rotate(&keys, &mut store, server.now())?;

    println!("Day 29: nothing is due.");
    server.advance(DAY * 29);
    rotate(&keys, &mut store, server.now())?;
    server.advance(DAY);
    let last_token_of_old_key = sign(&keys, &store, server.now())?;

    println!("Day 30: a successor is due, but the service is unavailable.");
    server.inject_on("POST", Fault::Status(503.try_into().expect("a valid status")));
    if let Err(error) = rotate(&keys, &mut store, server.now()) {
        println!("   {error}");
    }
    println!("Day 30, tried again:");
    rotate(&keys, &mut store, server.now())?;
    let first_token_of_new_key = sign(&keys, &store, server.now())?;
    verify(&server, "the old key's last token", &last_token_of_old_key);
    verify(&server, "the new key's first token", &first_token_of_new_key);

    println!("Half a day later: the old key must stay.");
    server.advance(DAY / 2);
    rotate(&keys, &mut store, server.now())?;
    verify(&server, "the old key's last token", &last_token_of_old_key);

    println!("A day later: the old key can go.");
    server.advance(DAY);
    rotate(&keys, &mut store, server.now())?;
    println!("{} key is left, and the store has {}.", keys.list()?.len(), store.len());
    Ok(())
}

fn verify(server: &FakeServer, name: &str, token: &PlaybackToken) {
    match server.verify_token(token.as_str()) {
        Ok(()) => println!("   {name} is valid"),
        Err(error) => println!("   {name} is not valid: {error}"),
    }
}

fn age(created: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(created).try_into().unwrap_or_default()
}

fn short(id: &str) -> &str {
    &id[..8]
}
