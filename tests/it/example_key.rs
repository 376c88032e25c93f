//! The example key from Cloudflare's OpenAPI document, and helpers for token tests.

use std::fmt::Debug;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::sign::PlaybackTokenBuilder;
use cloudflare_stream_keys::{AccessRule, Error, ErrorKind, Signer};
use serde_json::Value;

pub const VIDEO: &str = "5d5bc37ffcf54c9b82e996823bffbb81";
pub const DAY: u64 = 24 * 60 * 60;

pub fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/tokens.json")).unwrap()
}

pub fn str_of(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Returns a signer for the example key in Cloudflare's OpenAPI document.
pub fn example_signer() -> Signer {
    Signer::from_jwk(str_of(&vectors()["key"]["jwk"])).unwrap()
}

pub fn example_pem() -> String {
    String::from_utf8(STANDARD.decode(str_of(&vectors()["key"]["pem"])).unwrap()).unwrap()
}

pub fn example_jwk() -> Value {
    serde_json::from_slice(&STANDARD.decode(str_of(&vectors()["key"]["jwk"])).unwrap()).unwrap()
}

/// Returns the start of 2026, the signing time of the test vectors.
pub fn new_year() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn assert_rejected(result: Result<impl Debug, Error>, setting: &str, reason: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with(setting) && error.to_string().contains(reason), "{error}");
}

/// Returns a token with every claim set, the `full` one of the test vectors.
pub fn full_token(signer: &Signer) -> PlaybackTokenBuilder<'_> {
    signer
        .token(VIDEO)
        .expires_in(seconds(DAY))
        .not_before(new_year())
        .downloadable(true)
        .access_rule(AccessRule::allow_countries(["US", "MX"]).unwrap())
        .access_rule(AccessRule::allow_ips(["93.184.216.0/24", "2400:cb00::/32"]).unwrap())
        .access_rule(AccessRule::block_any())
        .signing_time(new_year())
}
