//! Rotates signing keys without interrupting viewers, with a fake server whose clock is moved forward by days.
//!
//! ```text
//! cargo run --example rotate
//! ```
//!
//! [`rotate`] does what is due according to a [`RotationPolicy`]. It can run at any time, for example as a daily job.

use std::collections::BTreeMap;
use std::time::Duration;

use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::mock::{FakeServer, Fault, Operation};
use cloudflare_stream_keys::{Error, PlaybackToken, RotationPolicy, Secret, Signer, SigningKey, SigningKeys};

const VIDEO_UID: &str = "5d5bc37ffcf54c9b82e996823bffbb81";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Stands in for a secret store: each key as JSON, by ID.
type Store = BTreeMap<String, Secret>;

/// Creates and deletes keys as due at the given time.
fn rotate(keys: &SigningKeys, store: &mut Store, now: Timestamp) -> Result<(), Error> {
    let plan = RotationPolicy::default().plan(&keys.list()?, |id| store.contains_key(id), now);
    for key in plan.unmanaged {
        println!("   {} is not in the store; if no other program uses it, delete it by hand", short(&key.id));
    }
    for id in plan.delete {
        keys.delete(&id)?;
        store.remove(&id);
        println!("   deleted {}, whose last token has expired", short(&id));
    }
    if plan.create {
        let key = keys.create()?;
        println!("   created and stored {}, which signs from now on", short(&key.id));
        store.insert(key.id.clone(), key.to_json());
    }
    Ok(())
}

/// Signs with the newest key that is both in the store and in the account.
fn sign(keys: &SigningKeys, store: &Store, now: Timestamp) -> Result<PlaybackToken, Error> {
    let newest = keys.list()?.into_iter().filter(|key| store.contains_key(&key.id)).max_by_key(|key| key.created);
    let stored = newest.and_then(|key| store.get(&key.id)).expect("rotate() has stored a key");
    let key = SigningKey::from_json(stored.expose_secret())?;
    Signer::new(&key)?.token(VIDEO_UID).expires_in(DAY).signing_time(now).sign()
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
    server.inject_on(Operation::Create, Fault::Status(503));
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

fn short(id: &str) -> &str {
    &id[..8]
}
