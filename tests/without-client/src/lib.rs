//! Tests of signing without the client, with either backend.
#![cfg(test)]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::{AccessRule, ErrorKind, Signer, SigningKey};
use serde_json::Value;

const VIDEO: &str = "5d5bc37ffcf54c9b82e996823bffbb81";

fn vector(pointer: &str) -> String {
    let vectors: Value = serde_json::from_str(include_str!("../../vectors/tokens.json")).unwrap();
    vectors.pointer(pointer).unwrap().as_str().unwrap().to_string()
}

#[test]
fn tokens_equal_those_signed_by_openssl() {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    for signer in [
        Signer::from_jwk(&vector("/key/jwk")).unwrap(),
        Signer::from_pem(vector("/key/id"), &vector("/key/pem")).unwrap(),
        Signer::from_pem(vector("/key/id"), include_str!("../../vectors/example-pkcs8.pem")).unwrap(),
    ] {
        assert_eq!(signer.token(VIDEO).signing_time(now).sign().unwrap().as_str(), vector("/tokens/plain/token"));
        let full = signer
            .token(VIDEO)
            .expires_in(Duration::from_secs(24 * 60 * 60))
            .not_before(now)
            .downloadable(true)
            .access_rule(AccessRule::allow_countries(["US", "MX"]).unwrap())
            .access_rule(AccessRule::allow_ips(["93.184.216.0/24", "2400:cb00::/32"]).unwrap())
            .access_rule(AccessRule::block_any());
        assert_eq!(full.signing_time(now).sign().unwrap().as_str(), vector("/tokens/full/token"));
    }
}

#[test]
fn unusable_pem_keys_are_rejected() {
    for pem in [
        include_str!("../../vectors/weak.pem"),
        include_str!("../../vectors/ec-sec1.pem"),
        include_str!("../../vectors/ec-pkcs8.pem"),
        include_str!("../../vectors/public.pem"),
    ] {
        assert_eq!(Signer::from_pem("id", pem).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn stored_key_signs() {
    let key = SigningKey::new(vector("/key/id"), vector("/key/pem"), vector("/key/jwk"));
    let stored = key.to_json();
    assert_eq!(Signer::new(&SigningKey::from_json(stored.expose_secret()).unwrap()).unwrap().key_id(), key.id);
}

/// ring accepts some of these keys but cannot sign with them. It does not use `d`.
#[test]
fn jwk_with_a_wrong_part_is_rejected_when_it_is_parsed() {
    let jwk = STANDARD.decode(vector("/key/jwk")).unwrap();
    let jwk: Value = serde_json::from_slice(&jwk).unwrap();
    for part in ["n", "p", "q", "dp", "dq", "qi"] {
        let mut bytes = URL_SAFE_NO_PAD.decode(jwk[part].as_str().unwrap()).unwrap();
        bytes[50] ^= 1;
        let mut changed = jwk.clone();
        changed[part] = URL_SAFE_NO_PAD.encode(bytes).into();
        let error = Signer::from_jwk(&changed.to_string()).map(drop).unwrap_err();
        assert!(error.to_string().starts_with("JWK is not an RSA key that can sign"), "{part}: {error}");
    }
}
