//! RSA keys for RS256, the signature algorithm of playback tokens.

use crate::crypto::backend;
use backend::error::{KeyRejected, Unspecified};
use backend::rand::SystemRandom;
pub(super) use backend::rsa::{KeyPairComponents, PublicKeyComponents};
use backend::signature::RSA_PKCS1_SHA256;

/// A parsed and validated private key.
pub(super) struct RsaKey(backend::rsa::KeyPair);

impl RsaKey {
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, KeyRejected> {
        backend::rsa::KeyPair::from_der(der).map(Self)
    }

    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyRejected> {
        backend::rsa::KeyPair::from_pkcs8(der).map(Self)
    }

    pub(super) fn from_components(components: &KeyPairComponents<&[u8]>) -> Result<Self, KeyRejected> {
        backend::rsa::KeyPair::from_components(components).map(Self)
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256, which is deterministic.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        #[allow(deprecated)] // aws-lc-rs does not have ring's replacement for this method.
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
        Ok(signature)
    }
}
