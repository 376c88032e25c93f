//! Creates, lists and deletes a signing key, and shows what an error looks like.
//!
//! ```text
//! cargo run --example quickstart              # on a fake of the service, started here
//! cargo run --example quickstart -- --live    # on the account that CLOUDFLARE_* names
//! ```
//!
//! Only `--live` talks to Cloudflare: a key must not be made because a variable happened to be set. It deletes the key
//! that it made, and no other.

use std::process::ExitCode;

use cloudflare_stream_keys::mock::Fake;
use cloudflare_stream_keys::{Error, SigningKeys};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let fake = Fake::start();
            println!("On a fake of the service at {} (with -- --live: on your account)", fake.base_url());
            tour(&fake.signing_keys())
        }
        ["--live"] => {
            println!("On the live service, with the account in CLOUDFLARE_ACCOUNT_ID");
            SigningKeys::from_env().and_then(|keys| tour(&keys))
        }
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

fn tour(keys: &SigningKeys) -> Result<(), Error> {
    println!("\ncreate   POST {}", keys.path());
    let key = keys.create()?;
    println!("         id       {}", key.id);
    println!("         created  {}", key.created.map_or("unknown".to_string(), |time| time.to_string()));
    println!("         pem      {:?}, {} characters", key.pem, key.pem.expose_secret().len());
    println!("         jwk      {:?}, {} characters", key.jwk, key.jwk.expose_secret().len());

    // From here on the key must go again, whatever happens.
    let listed = list(keys);
    println!("\ndelete   DELETE {}", keys.path_for(&key.id)?);
    let word = keys.delete(&key.id)?;
    println!("         the service says: {}", word.as_deref().unwrap_or("nothing"));
    listed?;

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
