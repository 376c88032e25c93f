//! Searches the responses to failed creates for key material.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use crate::{RecoveredKey, Secret};

/// Searches a response body for key material. The body need not be valid JSON: any `pem` or `jwk` member whose
/// value is a complete string counts.
///
/// All parts are of the same key. The JWK's `kid` is its ID; without a JWK, the body must contain one ID only. What
/// could be of another key is left out.
pub(super) fn find(body: &[u8]) -> Option<RecoveredKey> {
    let (pem, jwk, id) = (Member::find(body, "pem"), Member::find(body, "jwk"), Member::find(body, "id"));
    let is_one_key = !(pem.is_repeated || jwk.is_repeated || id.is_repeated);
    let only_id = || id.value.filter(|_| is_one_key).map(|id| id.expose_secret().to_string());
    let pem = pem.value.filter(|_| is_one_key || jwk.value.is_none());
    let id = jwk.value.as_ref().and_then(kid).or_else(only_id);
    (pem.is_some() || jwk.value.is_some()).then_some(RecoveredKey { id, pem, jwk: jwk.value })
}

/// Returns whether a response contains key material, even if no part of it is complete.
pub(super) fn is_hinted(body: &[u8]) -> bool {
    ["pem", "jwk"].iter().any(|name| Member::values(body, name).any(|value| !value.starts_with(b"\"\"")))
}

/// Returns the key ID in a JWK, which is base64-encoded as in a response, or plain JSON.
fn kid(jwk: &Secret) -> Option<String> {
    #[derive(Deserialize)]
    struct Jwk {
        kid: String,
    }
    let text = jwk.expose_secret();
    let decoded = STANDARD.decode(text).map(Zeroizing::new);
    let json = decoded.as_ref().map_or(text.as_bytes(), |decoded| decoded.as_slice());
    // Serde would take an array for the struct.
    if !json.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(json).ok().map(|Jwk { kid }| kid).filter(|kid| !kid.is_empty())
}

/// What a response says of the members with one name.
struct Member {
    /// The first complete, non-empty string.
    value: Option<Secret>,
    /// Whether there are others, complete or not.
    is_repeated: bool,
}

impl Member {
    fn find(body: &[u8], name: &str) -> Self {
        let mut first: Option<Secret> = None;
        let mut incomplete = 0;
        for text in Self::values(body, name) {
            let value = Secret::deserialize(&mut serde_json::Deserializer::from_slice(text)).ok();
            match (value, &first) {
                (None, _) => incomplete += 1,
                (Some(value), _) if value.expose_secret().is_empty() => {}
                (Some(value), None) => first = Some(value),
                (Some(value), Some(known)) if value.expose_secret() == known.expose_secret() => {}
                (Some(_), Some(_)) => return Self { value: first, is_repeated: true },
            }
        }
        Self { is_repeated: incomplete + usize::from(first.is_some()) > 1, value: first }
    }

    /// Returns the text from the start of every string that is the value of a member with this name.
    fn values<'a>(body: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = format!("\"{name}\"");
        (0..body.len()).filter_map(move |at| {
            let value = body[at..].strip_prefix(name.as_bytes())?.trim_ascii_start().strip_prefix(b":")?;
            Some(value.trim_ascii_start()).filter(|value| value.starts_with(b"\""))
        })
    }
}
