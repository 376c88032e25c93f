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
