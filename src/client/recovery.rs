//! Searches the responses to creates for key material.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::runtime::Response;
use crate::private_key::PrivateKey;
use crate::validate::validate_id;
use crate::{RecoveredKey, Secret, SigningKey};

/// Returns the key in the response to a create that is damaged, but does not say that the create failed.
pub(super) fn rescue(response: &Response) -> Option<SigningKey> {
    let body = Body::search(response);
    if !response.head.status.is_success() || body.members.iter().any(|member| matches!(member.value, Value::Failure)) {
        return None;
    }
    body.key()?.into_signing_key().ok()
}

/// The body of a response to a create, and the members in it that matter, in their order.
///
/// The body need not be valid JSON: any `pem` or `jwk` member whose value is a complete string counts, and so do the
/// members of the same object.
pub(super) struct Body {
    text: Zeroizing<Vec<u8>>,
    members: Vec<Member>,
}

struct Member {
    name: &'static str,
    /// Its position in the text.
    at: usize,
    value: Value,
}

enum Value {
    Text(Secret),
    /// Anything but a complete string or null.
    Other,
    /// Of `success`: anything but `true`.
    Failure,
}

impl Body {
    pub(super) fn search(response: &Response) -> Self {
        let body = response.body.as_bytes();
        // Names in valid JSON can have escapes, which this decodes.
        let json = serde_json::from_slice::<serde_json::Value>(body).map(|json| json.to_string().into_bytes());
        let text = Zeroizing::new(json.unwrap_or_else(|_| body.to_vec()));
        let quotes = (0..text.len()).filter(|at| text[*at] == b'"');
        let members = quotes.flat_map(|at| member(&text, at)).collect();
        Self { text, members }
    }

    /// Returns whether the body contains key material, even if no part of it is complete.
    pub(super) fn has_key_material(&self) -> bool {
        let is_empty = |value: &Value| matches!(value, Value::Text(text) if text.expose_secret().is_empty());
        self.members.iter().any(|member| ["pem", "jwk"].contains(&member.name) && !is_empty(&member.value))
    }

    /// Returns the key in the body. If the JWK is complete, everything else is from the same object. If not, both forms
    /// are kept, and the ID is from the PEM's object.
    pub(super) fn key(&self) -> Option<RecoveredKey> {
        let is_id = |id: &str| validate_id("key ID", id).is_ok();
        let is_jwk = |jwk: &str| PrivateKey::from_jwk(jwk).is_ok();
        let jwk = self.first("jwk", None, is_jwk);
        let whole = jwk.filter(|(_, jwk)| is_jwk(jwk.expose_secret()));
        let pem = self.first("pem", whole.map(|(at, _)| at), |pem| PrivateKey::from_pem(pem).is_ok());
        let (at, _) = whole.or(pem).or(jwk)?;
        let id = self.first("id", Some(at), is_id).map(|(_, id)| id.expose_secret().to_string());
        let kid = jwk.filter(|(other, _)| self.are_beside(at, *other)).and_then(|(_, jwk)| kid(jwk.expose_secret()));
        let created = self.first("created", Some(at), |_| true);
        Some(RecoveredKey {
            id: id.or(kid).filter(|id| is_id(id)),
            created: created.and_then(|(_, created)| created.expose_secret().parse().ok()),
            pem: pem.map(|(_, pem)| pem.clone()),
            jwk: jwk.map(|(_, jwk)| jwk.clone()),
        })
    }

    /// Returns whether the members at these places are in the same object.
    fn are_beside(&self, one: usize, other: usize) -> bool {
        let mut depth = 0;
        let stays_inside = self.text[one.min(other)..one.max(other)].iter().all(|byte| {
            depth += i32::from(b"{[".contains(byte)) - i32::from(b"}]".contains(byte));
            depth >= 0
        });
        stays_inside && depth == 0
    }

    /// Returns a string with this name, in the same object as the member at the given place: the first whole string, or
    /// else the first string that is not empty.
    fn first(&self, name: &str, beside: Option<usize>, is_whole: impl Fn(&str) -> bool) -> Option<(usize, &Secret)> {
        let is_beside = |at: usize| beside.is_none_or(|other| self.are_beside(at, other));
        let texts = self.members.iter().filter(|member| member.name == name && is_beside(member.at));
        let texts = texts.filter_map(|member| match &member.value {
            Value::Text(text) if !text.expose_secret().is_empty() => Some((member.at, text)),
            _ => None,
        });
        texts.clone().find(|(_, text)| is_whole(text.expose_secret())).or_else(|| texts.clone().next())
    }
}

/// Returns the member that starts at this quote.
fn member(text: &[u8], at: usize) -> Option<Member> {
    let name = ["pem", "jwk", "id", "created", "success"]
        .into_iter()
        .find(|name| text[at + 1..].strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"\"")))?;
    let value = text[at + name.len() + 2..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let value = match value {
        _ if name == "success" && b"true".starts_with(&value[..value.len().min(4)]) => return None,
        _ if name == "success" => Value::Failure,
        [b'"', ..] => {
            Secret::deserialize(&mut serde_json::Deserializer::from_slice(value)).map_or(Value::Other, Value::Text)
        }
        [b'n', ..] => return None,
        _ => Value::Other,
    };
    Some(Member { name, at, value })
}

/// Returns the key ID in a JWK, which is base64-encoded as in a response, or plain JSON.
fn kid(jwk: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Jwk {
        kid: String,
    }
    let decoded = STANDARD.decode(jwk).map(Zeroizing::new);
    let json = decoded.as_ref().map_or(jwk.as_bytes(), |decoded| decoded.as_slice());
    // Serde would also accept an array as the struct.
    if !json.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(json).ok().map(|Jwk { kid }| kid).filter(|kid| !kid.is_empty())
}
