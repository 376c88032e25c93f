//! Creates a signing key, saves it, signs a playback token with it, and revokes it.
//!
//! ```text
//! cargo run --example quickstart              # uses a fake server
//! cargo run --example quickstart -- --live    # uses the account in CLOUDFLARE_ACCOUNT_ID
//! ```
//!
//! It connects to Cloudflare only with `--live`, so that no real key is created just because the variables are set. It
//! revokes only the key that it created.

use std::error::Error;
use std::process::ExitCode;

use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{AccessRule, FileStore, KeyStore, Signer, SigningKeys};

/// From Cloudflare's guide. Use your own.
const VIDEO_UID: &str = "5d5bc37ffcf54c9b82e996823bffbb81";
const CUSTOMER_CODE: &str = "f33zs165nr7gyfy4";

fn main() -> ExitCode {
    let server = FakeServer::start();
    let result = match std::env::args().nth(1).as_deref() {
        None => {
            println!("Using a fake server at {} (-- --live uses your account)", server.base_url());
            run(&server.signing_keys())
        }
        Some("--live") => SigningKeys::from_env().map_err(Into::into).and_then(|keys| run(&keys)),
        Some(_) => Err("usage: quickstart [--live]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Goes through the life of a key.
fn run(keys: &SigningKeys) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?; // your program's own folder, which stays
    let mut store = FileStore::new(folder.path().join("keys"));

    println!("\ncreate   POST {}", keys.path());
    let key = keys.create_in(&mut store)?;
    println!("         {key:?}");

    println!("\nlist     GET {}", keys.path());
    for info in keys.list()? {
        println!("         {}  {}", info.id, info.created.map_or(String::new(), |time| time.to_string()));
    }

    println!("\nsign     a token for one video, valid for an hour in Great Britain only; no request is made");
    let signer = Signer::from_store(&mut store)?;
    let token = signer.token(VIDEO_UID).access_rules(AccessRule::only_countries(["GB"])?).sign()?;
    let url = token.urls(&CUSTOMER_CODE.parse()?).hls().to_string();
    println!("         {token:?}");
    println!("         {}…{}", &url[..90], &url[url.len() - 30..]);

    println!("\nrevoke   DELETE {}", keys.path_for(&key.id)?);
    keys.revoke(&key.id)?;
    store.remove(&key.id)?;
    println!("         the key is gone, and its tokens are invalid");

    println!("\nerror    revoking the same key again");
    if let Err(error) = keys.revoke(&key.id) {
        println!("         {error}\n         is_not_found() is {}", error.is_not_found());
    }
    Ok(())
}
