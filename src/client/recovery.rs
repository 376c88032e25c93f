//! Searches the responses to failed creates for key material.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use serde_json::Value as Json;

use super::runtime::Response;
use crate::{RecoveredKey, Secret, SigningKey};

/// The members that contain a private key.
const KEY_NAMES: [&str; 2] = ["pem", "jwk"];
/// The members that matter.
const NAMES: [&str; 5] = ["pem", "jwk", "id", "created", "success"];

/// Returns the key in the response to a create that is damaged, but says that the create succeeded.
pub(super) fn rescue(response: &Response) -> Option<SigningKey> {
    let members = Members::parse(response.body.as_bytes());
    if !response.head.status.is_success() || members.say_failure() {
        return None;
    }
    let key = members.recovered_key()?;
    // The ID in the response and that in the JWK are the same.
    let is_clear = members.only_id().is_none_or(|id| key.id.as_deref() == Some(id));
    if is_clear { key.into_signing_key().ok() } else { None }
}

/// Searches a response body for key material. The body need not be valid JSON: any `pem` or `jwk` member whose value is a
/// complete string counts.
///
/// All parts are of the same key. The JWK's `kid` is its ID; without a JWK, the body must contain one ID only. What could be
/// of another key is left out.
pub(super) fn find(body: &[u8]) -> Option<RecoveredKey> {
    Members::parse(body).recovered_key()
}

/// Returns whether a response contains key material, even if no part of it is complete.
pub(super) fn is_hinted(body: &[u8]) -> bool {
    let Members(members) = Members::parse(body);
    let is_empty = |value: &Value| matches!(value, Value::Text(text) if text.expose_secret().is_empty());
    members.iter().any(|(name, value)| KEY_NAMES.contains(name) && !is_empty(value))
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

/// The members of a body that matter, however deep, in their order.
struct Members(Vec<(&'static str, Value)>);

enum Value {
    Text(Secret),
    /// A string without an end.
    Incomplete,
    /// The constant `false`, which only `success` can have.
    False,
}

/// The members with one name.
struct Named<'a> {
    /// The first complete string that is not empty.
    first: Option<&'a Secret>,
    /// Whether there are others, complete or not.
    is_repeated: bool,
}

impl Members {
    /// Searches the body as it is. If it is valid JSON without a key, it can still have one whose name has escapes.
    fn parse(body: &[u8]) -> Self {
        let members = Self::search(body);
        if members.0.iter().any(|(name, _)| KEY_NAMES.contains(name)) {
            return members;
        }
        match serde_json::from_slice::<Json>(body) {
            Ok(json) => Self::search(Zeroizing::new(json.to_string()).as_bytes()),
            Err(_) => members,
        }
    }

    /// Searches a text for members whose value is a string, and for failures.
    fn search(body: &[u8]) -> Self {
        let mut members = Self(Vec::new());
        for at in (0..body.len()).filter(|at| body[*at] == b'"') {
            for name in NAMES {
                let value = body[at + 1..].strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"\""));
                let value = value.and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"));
                let Some(value) = value.map(<[u8]>::trim_ascii_start) else { continue };
                if value.starts_with(b"\"") {
                    let text = Secret::deserialize(&mut serde_json::Deserializer::from_slice(value));
                    members.0.push((name, text.map_or(Value::Incomplete, Value::Text)));
                } else if name == "success" && value.starts_with(b"false") {
                    members.0.push((name, Value::False));
                }
            }
        }
        members
    }

    fn recovered_key(&self) -> Option<RecoveredKey> {
        let (pem, jwk) = (self.named("pem"), self.named("jwk"));
        let is_one_key = !(pem.is_repeated || jwk.is_repeated || self.named("id").is_repeated);
        let id = jwk.first.and_then(kid).or_else(|| self.only_id().filter(|_| is_one_key).map(String::from));
        let pem = pem.first.filter(|_| is_one_key || jwk.first.is_none()).cloned();
        let created = self.named("created").first.filter(|_| is_one_key);
        let created = created.and_then(|created| created.expose_secret().parse().ok());
        (pem.is_some() || jwk.first.is_some()).then(|| RecoveredKey { id, created, pem, jwk: jwk.first.cloned() })
    }

    /// Returns the ID, if there is only one.
    fn only_id(&self) -> Option<&str> {
        let id = self.named("id");
        id.first.filter(|_| !id.is_repeated).map(Secret::expose_secret)
    }

    fn say_failure(&self) -> bool {
        self.0.iter().any(|(_, value)| matches!(value, Value::False))
    }

    fn named(&self, name: &str) -> Named<'_> {
        let mut named = Named { first: None, is_repeated: false };
        let mut incomplete = 0;
        for (_, value) in self.0.iter().filter(|(known, _)| *known == name) {
            match (value, named.first) {
                (Value::Text(text), _) if text.expose_secret().is_empty() => {}
                (Value::Text(text), None) => named.first = Some(text),
                (Value::Text(text), Some(first)) if text.expose_secret() == first.expose_secret() => {}
                (Value::Text(_), Some(_)) => named.is_repeated = true,
                _ => incomplete += 1,
            }
        }
        named.is_repeated |= incomplete + usize::from(named.first.is_some()) > 1;
        named
    }
}
