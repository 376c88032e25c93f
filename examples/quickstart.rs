//! Creates, lists and deletes a signing key, signs a playback token with it, and shows an error.
//!
//! ```text
//! cargo run --example quickstart              # uses a fake server
//! cargo run --example quickstart -- --live    # uses the account in CLOUDFLARE_ACCOUNT_ID
//! ```
//!
//! It connects to Cloudflare only with `--live`, so that no key is created just because the variables are set. It
//! deletes only the key that it created.

use std::process::ExitCode;

use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{AccessRule, Error, PlaybackToken, Signer, SigningKey, SigningKeys};

/// From Cloudflare's guide. Use your own.
const VIDEO_UID: &str = "5d5bc37ffcf54c9b82e996823bffbb81";
const CUSTOMER_CODE: &str = "f33zs165nr7gyfy4";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let server = FakeServer::start();
            println!("Using a fake server at {} (-- --live uses your account)", server.base_url());
            run(&server.signing_keys(), Some(&server))
        }
        ["--live"] => live(),
        _ => {
            eprintln!("usage: quickstart [--live]");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn live() -> Result<(), Error> {
    let keys = SigningKeys::from_env()?;
    println!("Using your account {}", keys.account_id());
    run(&keys, None)
}

/// Goes through the life of a key. Tokens are verified only with the fake server.
fn run(keys: &SigningKeys, server: Option<&FakeServer>) -> Result<(), Error> {
    println!("\ncreate   POST {}", keys.path());
    let key = keys.create()?;
    println!("         id       {}", key.id);
    println!("         created  {}", key.created.map_or("unknown".to_string(), |time| time.to_string()));
    println!("         pem      {:?}, {} characters", key.pem, key.pem.expose_secret().len());
    println!("         jwk      {:?}, {} characters", key.jwk, key.jwk.expose_secret().len());

    // The key is deleted even if this fails.
    let token = list(keys).and_then(|()| sign(&key));
    if let (Ok(token), Some(server)) = (&token, server) {
        println!("         {}", verify(server, token));
    }

    println!("\ndelete   DELETE {}", keys.path_for(&key.id)?);
    let confirmation = keys.delete(&key.id)?;
    println!("         result   {}", confirmation.as_deref().unwrap_or("none"));
    let token = token?;
    if let Some(server) = server {
        println!("         {}", verify(server, &token));
    }

    println!("\nerror    deleting the same key again");
    match keys.delete(&key.id) {
        Ok(_) => println!("         no error"),
        Err(error) => println!("         {error}\n         is_not_found() is {}", error.is_not_found()),
    }
    Ok(())
}

fn list(keys: &SigningKeys) -> Result<(), Error> {
    println!("\nlist     GET {}", keys.path());
    for info in keys.list()? {
        println!("         {}  {}", info.id, info.created.map_or(String::new(), |time| time.to_string()));
    }
    Ok(())
}

fn sign(key: &SigningKey) -> Result<PlaybackToken, Error> {
    println!("\nsign     a token for one video, valid for an hour in Great Britain only; no request is made");
    let token = Signer::new(key)?.token(VIDEO_UID).access_rules(AccessRule::only_countries(["GB"])?).sign()?;
    println!("         {token:?}");
    let url = token.hls_url(&CUSTOMER_CODE.parse()?);
    println!("         {}…{}", &url[..90], &url[url.len() - 30..]);
    Ok(token)
}

fn verify(server: &FakeServer, token: &PlaybackToken) -> String {
    match server.verify_token(token.as_str()) {
        Ok(()) => "the token is valid".to_string(),
        Err(error) => format!("the token is not valid: {error}"),
    }
}
