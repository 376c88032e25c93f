//! RSA as JOSE's RS256 has it.

use crate::crypto::backend;
use backend::error::{KeyRejected, Unspecified};
use backend::rand::SystemRandom;
pub(super) use backend::rsa::{KeyPairComponents, PublicKeyComponents};
use backend::signature::RSA_PKCS1_SHA256;

/// A private key, parsed and checked.
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

    /// RS256: RSASSA-PKCS1-v1_5 with SHA-256. The same message gives the same signature.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        #[allow(deprecated)] // in ring, whose new way aws-lc-rs does not have
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
        Ok(signature)
    }
}
