//! The response to each call: status line, headers, framing and body.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|response: &[u8]| {
    let keys = fuzz::signing_keys(response);
    match keys.create() {
        Ok(key) => {
            assert!(!key.id.is_empty() && !key.pem.expose_secret().is_empty() && !key.jwk.expose_secret().is_empty());
            let _ = cloudflare_stream_keys::SigningKey::from_json(key.to_json().expose_secret()).unwrap();
        }
        Err(error) => {
            let _ = format!("{error} {error:?}");
            if let Some(key) = error.recovered_key() {
                assert!(key.pem.is_some() || key.jwk.is_some());
            }
        }
    }
    let _ = keys.list().map_err(|error| format!("{error} {error:?}"));
    let _ = keys.delete("key").map_err(|error| format!("{error} {error:?}"));
});
