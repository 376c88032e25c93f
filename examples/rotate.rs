//! Rotates a signing key without interrupting a viewer: on the fake, with its time moved on by days.
//!
//! ```text
//! cargo run --example rotate
//! ```
//!
//! Deleting a key revokes every token that it signed, and a token lives up to 24 hours. So the old key is deleted only when
//! the last token that it can have signed has expired. [`rotate`] does whatever is due, works it out anew from the list and
//! the vault each time, and can be stopped and started again at any point.

use std::collections::BTreeMap;
use std::time::Duration;

use cloudflare_stream_keys::mock::{FakeServer, Fault};
use cloudflare_stream_keys::{Error, PlaybackToken, Secret, Signer, SigningKeys};
use jiff::Timestamp;

const VIDEO: &str = "5d5bc37ffcf54c9b82e996823bffbb81";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How old a key gets before another takes its place.
const ROTATE_AFTER: Duration = DAY.saturating_mul(30);
/// How long a token of the old key can live on once the new key signs: the longest lifetime, and an hour for programs that
/// have not read the vault again.
const OVERLAP: Duration = DAY.saturating_add(Duration::from_secs(60 * 60));

/// Where the program keeps its keys, by id: a JWK each.
type Vault = BTreeMap<String, Secret>;

/// Does what is due at this time.
fn rotate(keys: &SigningKeys, vault: &mut Vault, now: Timestamp) -> Result<(), Error> {
    let listed = keys.list()?;
    // Deleted, and not forgotten: the program was stopped in between.
    vault.retain(|id, _| listed.iter().any(|key| key.id == *id));
    let (mut held, orphans): (Vec<_>, Vec<_>) = listed.into_iter().partition(|key| vault.contains_key(&key.id));
    held.sort_by_key(|key| key.created);

    // Made, and never stored: the program was stopped in between, or the answer got lost. It has signed nothing.
    // (Only where no other program creates keys in this account.)
    for orphan in orphans {
        keys.delete(&orphan.id)?;
        println!("   deleted {}, which nobody holds", short(&orphan.id));
    }

    let age = |created: Option<Timestamp>| created.map_or(Duration::ZERO, |created| age(created, now));
    match held.split_last() {
        Some((newest, older)) if age(newest.created) < ROTATE_AFTER => {
            for old in older.iter().filter(|_| age(newest.created) >= OVERLAP) {
                keys.delete(&old.id)?;
                vault.remove(&old.id);
                println!("   deleted {}, whose last token has expired", short(&old.id));
            }
        }
        _ => {
            let key = keys.create()?;
            println!("   created and stored {}, which signs from now on", short(&key.id));
            vault.insert(key.id, key.jwk);
        }
    }
    Ok(())
}

/// Signs with the newest key of the vault that the service still has.
fn sign(keys: &SigningKeys, vault: &Vault, now: Timestamp) -> Result<PlaybackToken, Error> {
    let newest = keys.list()?.into_iter().filter(|key| vault.contains_key(&key.id)).max_by_key(|key| key.created);
    let jwk = newest.and_then(|key| vault.get(&key.id)).expect("rotate() has stored a key");
    Signer::from_jwk(jwk.expose_secret())?.token(VIDEO).expires_in(DAY).signing_time(now).sign()
}

fn main() -> Result<(), Error> {
    let fake = FakeServer::start();
    let keys = fake.signing_keys();
    let mut vault = Vault::new();

    println!("Day 0: there is no key yet.");
    rotate(&keys, &mut vault, fake.now())?;
    rotate(&keys, &mut vault, fake.now())?;

    println!("Day 29: nothing is due.");
    fake.advance(DAY * 29);
    rotate(&keys, &mut vault, fake.now())?;
    fake.advance(DAY);
    let last_of_the_old = sign(&keys, &vault, fake.now())?;

    println!("Day 30: the key is due, but the answer to its successor's creation gets lost.");
    fake.inject_on("POST", Fault::LoseResponse);
    if let Err(error) = rotate(&keys, &mut vault, fake.now()) {
        println!("   {error}");
    }
    println!("Day 30, started again:");
    rotate(&keys, &mut vault, fake.now())?;
    let first_of_the_new = sign(&keys, &vault, fake.now())?;
    play(&fake, "the old key's last token", &last_of_the_old);
    play(&fake, "the new key's first token", &first_of_the_new);

    println!("Half a day later: the old key must stay.");
    fake.advance(DAY / 2);
    rotate(&keys, &mut vault, fake.now())?;
    play(&fake, "the old key's last token", &last_of_the_old);

    println!("A day later: it can go.");
    fake.advance(DAY);
    rotate(&keys, &mut vault, fake.now())?;
    play(&fake, "the old key's last token", &last_of_the_old);
    println!("There is {} key left, and the vault has {}.", keys.list()?.len(), vault.len());
    Ok(())
}

fn play(fake: &FakeServer, what: &str, token: &PlaybackToken) {
    match fake.verify_token(token.as_str()) {
        Ok(()) => println!("   {what} plays"),
        Err(refusal) => println!("   {what} does not play: {refusal}"),
    }
}

fn age(created: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(created).try_into().unwrap_or_default()
}

fn short(id: &str) -> &str {
    &id[..8]
}
