//! Arbitrary claims with a valid signature, and arbitrary text as a token.
#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cloudflare_stream_keys::mock::{FakeServer, Viewer};
use libfuzzer_sys::fuzz_target;
use rustls::pki_types::PrivatePkcs1KeyDer;
use rustls::pki_types::pem::PemObject;

/// A server, and the ID and key pair of one of its keys. `KID` in the claims stands for the ID.
static SERVER: LazyLock<(FakeServer, String, KeyPair)> = LazyLock::new(|| {
    let server = FakeServer::start();
    let key = server.signing_keys().create().unwrap();
    let pem = STANDARD.decode(key.pem.expose_secret()).unwrap();
    let der = PrivatePkcs1KeyDer::from_pem_slice(&pem).unwrap();
    let key_pair = KeyPair::from_der(der.secret_pkcs1_der()).unwrap();
    (server, key.id, key_pair)
});

fuzz_target!(|text: &str| {
    let (server, id, key) = &*SERVER;
    let viewers = [Viewer::new([203, 0, 113, 7], "GB"), Viewer::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], "T1")];
    let header = format!(r#"{{"alg":"RS256","kid":"{id}"}}"#);
    let claims = text.replace("KID", id);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    for viewer in &viewers {
        // A token that is valid for a viewer is also valid without one.
        if server.verify_token_for(&token, viewer).is_ok() {
            assert_eq!(server.verify_token(&token), Ok(()));
        }
    }
    let _ = server.verify_token(text);
});
