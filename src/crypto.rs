//! RSA keys for RS256, the signature algorithm of playback tokens, with the backend that a feature selects. Both
//! backends have the same API.

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc_rs as backend;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub(crate) use ring as backend;

use backend::error::Unspecified;
use backend::rand::SystemRandom;
use backend::rsa::KeyPair;
use backend::signature::RSA_PKCS1_SHA256;

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("cloudflare-stream-keys needs a crypto backend: enable the feature `aws-lc-rs` or the feature `ring`");

/// A private key that was tested by signing once.
pub(crate) struct RsaKey(KeyPair);

impl RsaKey {
    /// Reads PKCS#1 DER.
    pub(crate) fn from_pkcs1(der: &[u8]) -> Result<Self, String> {
        let key = Self(KeyPair::from_der(der).map_err(|e| e.to_string())?);
        // ring checks some components of a key only when signing.
        key.sign(b"").map_err(|Unspecified| "InconsistentComponents")?;
        Ok(key)
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256, which is deterministic.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        #[allow(deprecated)] // aws-lc-rs does not have ring's replacement for this method.
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
        Ok(signature)
    }
}
