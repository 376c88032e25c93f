//! Rotates signing keys for 40 days, with a fake server whose clock is advanced.
//!
//! ```text
//! cargo run --example rotate
//! ```

use std::time::Duration;

use cloudflare_stream_keys::mock::{FakeServer, Fault, Operation};
use cloudflare_stream_keys::{FileStore, RotationPolicy, Signer, SigningKeys};

const VIDEO_UID: &str = "5d5bc37ffcf54c9b82e996823bffbb81";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The daily job. A real job calls `keys.rotate(&policy, &mut store)`.
fn daily_job(keys: &SigningKeys, store: &mut FileStore, server: &FakeServer) {
    match keys.rotate_at(&RotationPolicy::default(), store, server.now()) {
        Ok(rotation) => {
            rotation.report.created.iter().for_each(|id| println!("   created and saved {}", &id[..8]));
            rotation
                .report
                .deleted
                .iter()
                .for_each(|id| println!("   deleted {}, whose last token has expired", &id[..8]));
        }
        Err(error) => println!("   {error}"),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = FakeServer::start();
    let keys = server.signing_keys();
    let folder = tempfile::tempdir()?; // a real job's folder stays
    let mut store = FileStore::new(folder.path().join("keys"));

    let mut tokens = Vec::new();
    for day in 0..40 {
        println!("Day {day}");
        if day == 30 {
            println!("   the service is unavailable, so the successor has to wait");
            server.inject_on(Operation::Create, Fault::Status(503));
        }
        daily_job(&keys, &mut store, &server);

        // The program that signs: another process, which loads the store.
        let signer = Signer::from_store(&mut store)?;
        tokens.push(signer.token(VIDEO_UID).expires_in(DAY).signing_time(server.now()).sign()?);
        tokens.retain(|token| token.expires_at() > server.now());
        for token in &tokens {
            server.verify_token(token.as_str())?;
        }
        server.advance(DAY / 2);
        tokens.push(signer.token(VIDEO_UID).expires_in(DAY).signing_time(server.now()).sign()?);
        server.advance(DAY / 2);
    }
    println!("Every token was valid until it expired. {} key is left.", keys.list()?.len());
    Ok(())
}
