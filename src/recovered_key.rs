use serde::Deserialize;

use crate::Secret;

/// The parts of a new key that were found in a response that could not be used as a whole.
///
/// Cloudflare shows a key's private half once. If the response to a create contains it but is truncated, malformed or
/// of an unexpected shape, the error carries what arrived. Store it; either form of the key is enough to sign with.
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
    /// The key's id, if the response contains one. The JWK's `kid` is the same.
    pub id: Option<String>,
    /// The private key as base64-encoded PEM, as received.
    pub pem: Option<Secret>,
    /// The private key as a base64-encoded JWK, as received.
    pub jwk: Option<Secret>,
}

impl RecoveredKey {
    /// Searches a response body for key material. It need not be valid JSON: any member `pem` or `jwk` whose value is a
    /// complete string counts.
    pub(crate) fn find(body: &[u8]) -> Option<Self> {
        let (pem, jwk) = (find_member(body, "pem"), find_member(body, "jwk"));
        let id = find_member(body, "id").map(|id| id.expose_secret().to_string());
        (pem.is_some() || jwk.is_some()).then_some(Self { id, pem, jwk })
    }
}

/// Returns the first member of that name whose value is a complete, non-empty string.
fn find_member(body: &[u8], name: &str) -> Option<Secret> {
    let name = format!("\"{name}\"");
    let positions = body.windows(name.len()).enumerate().filter(|(_, window)| *window == name.as_bytes());
    positions.map(|(at, _)| body[at + name.len()..].trim_ascii_start()).find_map(|rest| {
        let value = rest.strip_prefix(b":")?;
        let value = Secret::deserialize(&mut serde_json::Deserializer::from_slice(value)).ok()?;
        (!value.expose_secret().is_empty()).then_some(value)
    })
}
