use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use crate::Secret;

/// Key material from the response to a failed create.
///
/// Cloudflare returns the private key only once. If the response to a create is truncated, malformed or of an
/// unexpected shape, the error contains what arrived. Store it. Either the PEM or the JWK is enough to sign tokens.
///
/// ```
/// use cloudflare_stream_keys::Signer;
/// use cloudflare_stream_keys::mock::{FakeServer, Fault};
///
/// let server = FakeServer::start();
/// server.inject(Fault::TruncateResponse);
/// let error = server.signing_keys().create().unwrap_err();
/// let key = error.into_recovered_key().expect("one form of the key arrived whole");
/// let jwk = key.jwk.expect("the JWK comes first in the response");
/// let signer = Signer::from_jwk(jwk.expose_secret())?;
/// assert_eq!(Some(signer.key_id()), key.id.as_deref());
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecoveredKey {
    /// The key's ID, if the response contains one. It is also the JWK's `kid`.
    pub id: Option<String>,
    /// The private key as base64-encoded PEM, as received.
    pub pem: Option<Secret>,
    /// The private key as a base64-encoded JWK, as received.
    pub jwk: Option<Secret>,
}

impl RecoveredKey {
    /// Searches a response body for key material. The body need not be valid JSON: any `pem` or `jwk` member whose
    /// value is a complete string counts.
    ///
    /// All parts are of the same key. The JWK's `kid` is its ID; without a JWK, the body must contain one ID only. What could
    /// be of another key is left out.
    pub(crate) fn find(body: &[u8]) -> Option<Self> {
        let (pems, jwks) = (find_members(body, "pem"), find_members(body, "jwk"));
        let is_one_key = pems.len() <= 1 && jwks.len() <= 1;
        let only_id = || match &find_members(body, "id")[..] {
            [id] if is_one_key => Some(id.expose_secret().to_string()),
            _ => None,
        };
        let jwk = jwks.first().cloned();
        let pem = pems.first().filter(|_| is_one_key || jwk.is_none()).cloned();
        let id = jwk.as_ref().and_then(kid).or_else(only_id);
        (pem.is_some() || jwk.is_some()).then_some(Self { id, pem, jwk })
    }
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
    serde_json::from_slice(json).ok().map(|Jwk { kid }| kid).filter(|kid| !kid.is_empty())
}

/// Returns the distinct values of all members with this name whose value is a complete, non-empty string.
fn find_members(body: &[u8], name: &str) -> Vec<Secret> {
    let name = format!("\"{name}\"");
    let positions = body.windows(name.len()).enumerate().filter(|(_, window)| *window == name.as_bytes());
    let mut values: Vec<Secret> = Vec::new();
    for (at, _) in positions {
        let Some(rest) = body[at + name.len()..].trim_ascii_start().strip_prefix(b":") else { continue };
        let Ok(value) = Secret::deserialize(&mut serde_json::Deserializer::from_slice(rest)) else { continue };
        let is_known = values.iter().any(|known| known.expose_secret() == value.expose_secret());
        if !value.expose_secret().is_empty() && !is_known {
            values.push(value);
        }
    }
    values
}
