use jiff::Timestamp;

use crate::private_key::PrivateKey;
use crate::validate::validate_id;
use crate::{Secret, SigningKey};

/// Key material that arrived, although the create failed or the key could not be saved.
///
/// Cloudflare returns the private key only once. If it arrives with an error status, without its ID, or cannot be saved,
/// the error contains what arrived. If [`into_signing_key`](Self::into_signing_key) fails, save the fields as they are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecoveredKey {
    /// The key's ID, if the response contains one. It is also the JWK's `kid`.
    pub id: Option<String>,
    /// When the key was created, if the response says so.
    pub created: Option<Timestamp>,
    /// The private key as base64-encoded PEM, as received.
    pub pem: Option<Secret>,
    /// The private key as a base64-encoded JWK, as received.
    pub jwk: Option<Secret>,
}

impl RecoveredKey {
    /// Returns the signing key, if one form of its private key is complete and its ID is known. The other form is
    /// derived, and the key is tested by signing once.
    ///
    /// ```
    /// use cloudflare_stream_keys::Error;
    ///
    /// /// Returns the key in an error, for storage.
    /// fn recover(error: Error) -> Option<cloudflare_stream_keys::SigningKey> {
    ///     error.into_recovered_key()?.into_signing_key().ok()
    /// }
    /// # assert!(recover(cloudflare_stream_keys::Signer::from_jwk("").unwrap_err()).is_none());
    /// ```
    ///
    /// # Errors
    /// Returns the unchanged key material if it is incomplete, or if its parts contradict each other.
    pub fn into_signing_key(self) -> Result<SigningKey, Self> {
        match self.complete() {
            Some(key) => Ok(key),
            None => Err(self),
        }
    }

    fn complete(&self) -> Option<SigningKey> {
        // A form that cannot sign is damaged.
        let jwk = self.jwk.as_ref().and_then(|text| {
            let (kid, key) = PrivateKey::from_jwk(text.expose_secret()).ok()?;
            key.test("JWK").is_ok().then_some((text.clone(), kid, key))
        });
        let pem = self.pem.as_ref().and_then(|text| {
            let key = PrivateKey::from_pem(text.expose_secret()).ok()?;
            key.test("PEM").is_ok().then_some((text.clone(), key))
        });
        let id = self.id.clone().or_else(|| jwk.as_ref().map(|(_, kid, _)| kid.clone()))?;
        validate_id("key ID", &id).ok()?;
        let (jwk, pem) = match (jwk, pem) {
            (Some((jwk, kid, key)), pem) if kid == id => {
                let pem = pem.filter(|(_, other)| *other == key).map(|(pem, _)| pem);
                (jwk, pem.map_or_else(|| key.to_pem().ok(), Some)?)
            }
            // The same key with another ID.
            (Some((_, _, key)), Some((_, other))) if key == other => return None,
            (_, Some((pem, key))) => (key.to_jwk(&id).ok()?, pem),
            _ => return None,
        };
        Some(SigningKey { id, created: self.created, saved: None, pem, jwk })
    }
}
