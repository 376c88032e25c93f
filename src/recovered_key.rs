use serde::Deserialize;

use crate::Secret;

/// What could be saved of a key whose creation was answered in a way that could not be read in full.
///
/// The service shows a key's private half once. Where an answer to a create held it and yet is no use as a whole (cut
/// short, garbled, of another shape), the error carries it here. Store it: see [`crate::Error::into_recovered_key`].
///
/// ```
/// use cloudflare_stream_keys::Signer;
/// use cloudflare_stream_keys::mock::{FakeServer, Fault};
///
/// let fake = FakeServer::start();
/// fake.inject(Fault::TruncateResponse);
/// let error = fake.signing_keys().create().unwrap_err();
/// let key = error.into_recovered_key().expect("the first of the two forms is whole");
/// let signer = Signer::from_jwk(key.jwk.expect("it is the JWK").expose_secret())?;
/// assert_eq!(Some(signer.key_id()), key.id.as_deref());
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecoveredKey {
    /// The key's id, where the answer had one. The JWK's `kid` is the same.
    pub id: Option<String>,
    /// The private key as PEM in base64, as it came.
    pub pem: Option<Secret>,
    /// The private key as JWK in base64, as it came.
    pub jwk: Option<Secret>,
}

impl RecoveredKey {
    /// Looks for key material in an answer of any form: no matter what stands before it or is missing behind it, a
    /// member `pem` or `jwk` with a whole string counts.
    pub(crate) fn find(answer: &[u8]) -> Option<Self> {
        let (pem, jwk) = (member(answer, "pem"), member(answer, "jwk"));
        let id = member(answer, "id").map(|id| id.expose_secret().to_string());
        (pem.is_some() || jwk.is_some()).then_some(Self { id, pem, jwk })
    }
}

/// The first member of that name whose value is a whole string and not empty.
fn member(json: &[u8], name: &str) -> Option<Secret> {
    let name = format!("\"{name}\"");
    let positions = json.windows(name.len()).enumerate().filter(|(_, window)| *window == name.as_bytes());
    positions.map(|(at, _)| json[at + name.len()..].trim_ascii_start()).find_map(|rest| {
        let value = rest.strip_prefix(b":")?;
        let value = Secret::deserialize(&mut serde_json::Deserializer::from_slice(value)).ok()?;
        (!value.expose_secret().is_empty()).then_some(value)
    })
}
