//! A private key as a JSON Web Key. A signer must be able to sign, and an error must be too short to quote the key.
#![no_main]

use cloudflare_stream_keys::Signer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|jwk: &str| {
    match Signer::from_jwk(jwk) {
        Ok(signer) => drop(signer.token("video").sign().unwrap()),
        Err(error) => {
            let message = format!("{error} {error:?}");
            assert!(message.len() < 500, "{message}");
        }
    }
});
