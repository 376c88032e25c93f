//! RSA keys for RS256, the signature algorithm of playback tokens.

use crate::crypto::backend;
use backend::error::{KeyRejected, Unspecified};
use backend::rand::SystemRandom;
use backend::rsa::KeyPair;
pub(super) use backend::rsa::{KeyPairComponents, PublicKeyComponents};
use backend::signature::RSA_PKCS1_SHA256;

/// A private key that was tested by signing once.
pub(super) struct RsaKey(KeyPair);

impl RsaKey {
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, String> {
        Self::tested(KeyPair::from_der(der))
    }

    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, String> {
        Self::tested(KeyPair::from_pkcs8(der))
    }

    pub(super) fn from_components(components: &KeyPairComponents<&[u8]>) -> Result<Self, String> {
        Self::tested(KeyPair::from_components(components))
    }

    fn tested(key: Result<KeyPair, KeyRejected>) -> Result<Self, String> {
        let key = Self(key.map_err(|e| e.to_string())?);
        // ring checks some components of a key only when signing.
        key.sign(b"").map_err(|Unspecified| "InconsistentComponents")?;
        Ok(key)
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256, which is deterministic.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        #[allow(deprecated)] // aws-lc-rs does not have ring's replacement for this method.
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
        Ok(signature)
    }
}
