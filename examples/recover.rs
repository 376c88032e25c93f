//! Shows what to do if a create fails but may have created a key, with a fake server that loses responses on demand.
//!
//! ```text
//! cargo run --example recover
//! ```

use std::time::Duration;

use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::mock::{FakeServer, Fault};
use cloudflare_stream_keys::{Error, RecoveredKey, Secret, SigningKeyInfo, SigningKeys};

/// How far the local clock and the service's clock may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

fn main() -> Result<(), Error> {
    let server = FakeServer::start();
    let keys = server.signing_keys();
    server.seed("a-key-in-use");

    println!("1. The response is complete.");
    create(&keys)?;

    println!("\n2. The response is truncated in the second form of the key.");
    server.inject_on("POST", Fault::TruncateResponse);
    create(&keys)?;

    println!("\n3. The response is lost, and a gateway sends an error page instead.");
    server.inject_on("POST", Fault::LoseResponse);
    create(&keys)?;

    println!("\nThe account now has these keys:");
    for key in keys.list()? {
        println!("   {}", key.id);
    }
    Ok(())
}

/// Creates and stores a key. If the private key was lost, deletes the key.
fn create(keys: &SigningKeys) -> Result<(), Error> {
    let before = keys.list()?;
    let start = Timestamp::now() - CLOCK_SKEW;
    let error = match keys.create() {
        Ok(key) => {
            store(&key.jwk);
            return Ok(());
        }
        Err(error) => error,
    };
    println!("   {error}");

    match error.recovered_key() {
        Some(RecoveredKey { jwk: Some(jwk), .. }) => {
            store(jwk);
            return Ok(());
        }
        // The caller stores the PEM.
        Some(_) => return Err(error),
        None => {}
    }
    if !error.outcome_unknown() {
        return Err(error);
    }
    // The list does not show who created a key, so this is safe only if no other program creates keys in this account.
    let after = keys.list()?;
    let new: Vec<_> = after.iter().filter(|key| !before.iter().any(|old| old.id == key.id)).collect();
    match new[..] {
        [] => println!("   there is no new key; create again when it suits you"),
        [key] if was_created_after(key, start) => {
            keys.delete(&key.id)?;
            println!("   deleted {}, which nobody can use; create again when it suits you", key.id);
        }
        _ => println!("   check these keys by hand: {:?}", new.iter().map(|key| &key.id).collect::<Vec<_>>()),
    }
    Ok(())
}

fn was_created_after(key: &SigningKeyInfo, time: Timestamp) -> bool {
    key.created.is_some_and(|created| created > time)
}

/// Stands in for a secret store.
fn store(jwk: &Secret) {
    println!("   stored {jwk:?}, {} characters", jwk.expose_secret().len());
}
