//! The key material in the body of a failed create. A recovered part must not be empty or appear in a message.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for status in ["200 OK", "429 Too Many Requests", "500 Internal Server Error"] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len() + 1);
        // One byte is missing, so that every create fails.
        let Err(error) = fuzz::signing_keys(&[head.as_bytes(), body].concat()).create() else {
            panic!("create succeeded with an incomplete response");
        };
        let message = format!("{error} {error:?}");
        if let Some(key) = error.recovered_key() {
            for secret in [&key.pem, &key.jwk].into_iter().flatten().map(|secret| secret.expose_secret()) {
                assert!(!secret.is_empty());
                assert!(secret.len() < 32 || !message.contains(secret));
            }
        }
    }
});
