//! What to do when a create fails and may have taken effect all the same: shown on the fake, which loses answers on
//! demand.
//!
//! ```text
//! cargo run --example recover
//! ```

use cloudflare_stream_keys::mock::{FakeServer, Fault};
use cloudflare_stream_keys::{Error, RecoveredKey, Secret, SigningKeys};

fn main() -> Result<(), Error> {
    let fake = FakeServer::start();
    let keys = fake.signing_keys();
    fake.seed("a-key-in-use");

    println!("1. The answer is whole.");
    create(&keys)?;

    println!("\n2. The answer breaks off within the second secret.");
    fake.inject_on("POST", Fault::TruncateResponse);
    create(&keys)?;

    println!("\n3. The answer is lost; a gateway's error page comes in its place.");
    fake.inject_on("POST", Fault::LoseResponse);
    create(&keys)?;

    println!("\nAt the end there are:");
    for key in keys.list()? {
        println!("   {}", key.id);
    }
    Ok(())
}

/// Creates a key; if it cannot be told whether there is one, makes sure that none is left over.
fn create(keys: &SigningKeys) -> Result<(), Error> {
    let known = ids(keys)?;
    let error = match keys.create() {
        Ok(key) => {
            store(&key.id, &key.jwk);
            return Ok(());
        }
        Err(error) => error,
    };
    println!("   {error}");

    if let Some(RecoveredKey { id: Some(id), jwk: Some(jwk), .. }) = error.recovered_key() {
        store(id, jwk);
        return Ok(());
    }
    if !error.outcome_unknown() {
        return Err(error);
    }
    // The list does not tell who made a key: where others create keys in the same account, ask before deleting one.
    for orphan in ids(keys)?.iter().filter(|id| !known.contains(id)) {
        keys.delete(orphan)?;
        println!("   deleted {orphan}, which was made and which nobody holds; create again when it suits");
    }
    Ok(())
}

fn ids(keys: &SigningKeys) -> Result<Vec<String>, Error> {
    Ok(keys.list()?.into_iter().map(|key| key.id).collect())
}

/// Where a program would put the key into its vault.
fn store(id: &str, jwk: &Secret) {
    println!("   stored {id}: {jwk:?}, {} characters", jwk.expose_secret().len());
}
