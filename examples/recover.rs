//! Shows what to do if a create fails but may have created a key, with a fake server that loses responses on demand.
//!
//! ```text
//! cargo run --example recover
//! ```

use std::collections::BTreeMap;

use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::mock::{FakeServer, Fault};
use cloudflare_stream_keys::{Error, LostKey, RecoveredKey, Secret, SigningKeys};

/// Stands in for a secret store: the JWK of each key, by ID.
type Store = BTreeMap<String, Secret>;

fn main() -> Result<(), Error> {
    let server = FakeServer::start();
    let keys = server.signing_keys();
    server.seed("a-key-in-use");
    let mut store = Store::new();

    println!("1. The response is complete.");
    create(&keys, &mut store)?;

    println!("\n2. The response is truncated in the second form of the key.");
    server.inject_on("POST", Fault::TruncateResponse);
    create(&keys, &mut store)?;

    println!("\n3. The response is lost, and a gateway sends an error page instead.");
    server.inject_on("POST", Fault::BadGatewayAfterEffect);
    create(&keys, &mut store)?;

    println!("\nThe account now has these keys:");
    for key in keys.list()? {
        println!("   {}", key.id);
    }
    Ok(())
}

/// Creates and stores a key. If the private key was lost, deletes the key.
fn create(keys: &SigningKeys, store: &mut Store) -> Result<(), Error> {
    let before = keys.list()?;
    let start = Timestamp::now();
    let error = match keys.create() {
        Ok(key) => {
            println!("   stored {:?}, {} characters", key.jwk, key.jwk.expose_secret().len());
            store.insert(key.id, key.jwk);
            return Ok(());
        }
        Err(error) => error,
    };
    let end = Timestamp::now();
    println!("   {error}");

    match error.recovered_key() {
        Some(RecoveredKey { id: Some(id), jwk: Some(jwk), .. }) => {
            println!("   stored {jwk:?}, {} characters", jwk.expose_secret().len());
            store.insert(id.clone(), jwk.clone());
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
    match LostKey::find(&before, &keys.list()?, start..=end, |id| store.contains_key(id)) {
        LostKey::None => println!("   there is no new key; create again when it suits you"),
        LostKey::Found(key) => {
            keys.delete(&key.id)?;
            println!("   deleted {}, which nobody can use; create again when it suits you", key.id);
        }
        LostKey::Unclear(candidates) => {
            println!("   check these keys by hand: {:?}", candidates.iter().map(|key| &key.id).collect::<Vec<_>>());
        }
    }
    Ok(())
}
