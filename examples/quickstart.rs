//! Creates, lists and deletes a signing key, signs a playback token with it, and shows what an error looks like.
//!
//! ```text
//! cargo run --example quickstart              # on a fake of the service, started here
//! cargo run --example quickstart -- --live    # on the account that CLOUDFLARE_* names
//! ```
//!
//! Only `--live` talks to Cloudflare: a key must not be made because a variable happened to be set. It deletes the key
//! that it made, and no other.

use std::process::ExitCode;

use cloudflare_stream_keys::generated::ClientInfo;
use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{AccessRule, Error, PlaybackToken, Signer, SigningKey, SigningKeys};

/// As they stand in Cloudflare's guide: put your own.
const VIDEO: &str = "5d5bc37ffcf54c9b82e996823bffbb81";
const CUSTOMER_CODE: &str = "f33zs165nr7gyfy4";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let fake = FakeServer::start();
            println!("On a fake of the service at {} (with -- --live: on your account)", fake.base_url());
            tour(&fake.signing_keys(), Some(&fake))
        }
        ["--live"] => SigningKeys::from_env().and_then(|keys| {
            println!("On the live service at {}, account {}", keys.raw().baseurl(), keys.account_id());
            tour(&keys, None)
        }),
        _ => {
            eprintln!("usage: quickstart [--live]");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nfailed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The whole life of a key. Only the fake has a player that can be asked.
fn tour(keys: &SigningKeys, fake: Option<&FakeServer>) -> Result<(), Error> {
    println!("\ncreate   POST {}", keys.path());
    let key = keys.create()?;
    println!("         id       {}", key.id);
    println!("         created  {}", key.created.map_or("unknown".to_string(), |time| time.to_string()));
    println!("         pem      {:?}, {} characters", key.pem, key.pem.expose_secret().len());
    println!("         jwk      {:?}, {} characters", key.jwk, key.jwk.expose_secret().len());

    // From here on the key must go again, whatever happens.
    let token = list(keys).and_then(|()| sign(&key));
    if let (Ok(token), Some(fake)) = (&token, fake) {
        println!("         a player says: {}", verdict(fake, token));
    }

    println!("\ndelete   DELETE {}", keys.path_for(&key.id)?);
    let word = keys.delete(&key.id)?;
    println!("         the service says: {}", word.as_deref().unwrap_or("nothing"));
    let token = token?;
    if let Some(fake) = fake {
        println!("         a player says: {}", verdict(fake, &token));
    }

    println!("\nerror    the same key deleted once more");
    match keys.delete(&key.id) {
        Ok(_) => println!("         no error"),
        Err(error) => println!("         {error}\n         not found: {}", error.is_not_found()),
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
    println!("\nsign     a token for one video, good for an hour, in Great Britain only; no request is made");
    let token = Signer::new(key)?
        .token(VIDEO)
        .access_rule(AccessRule::allow_countries(["GB"])?)
        .access_rule(AccessRule::block_any())
        .sign()?;
    println!("         {token:?}");
    let url = token.hls_url(CUSTOMER_CODE)?;
    println!("         {}…{}", &url[..90], &url[url.len() - 30..]);
    Ok(token)
}

fn verdict(fake: &FakeServer, token: &PlaybackToken) -> String {
    fake.verify_token(token.as_str()).map_or_else(|refusal| format!("refused, {refusal}"), |()| "plays".to_string())
}
