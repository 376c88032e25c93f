use pkcs1::RsaPrivateKeyRef;
use pkcs1::der::{Decode, Encode, Reader, SliceReader};

use crate::Secret;
use crate::private_key::PrivateKey;

/// 16 RSA keys of 2,048 bits in PKCS#1 DER, one after the other, made with `openssl genrsa`. They are published with
/// this crate, so they protect nothing. They are not PEM, because secret scanners would report PEM.
const KEYS: &[u8] = include_bytes!("keys.der");

/// An RSA key in the formats of the service.
pub(super) struct RsaKey {
    /// The private key as base64-encoded PKCS#1 PEM.
    pub(super) pem: Secret,
    /// The private key as a base64-encoded JWK.
    pub(super) jwk: Secret,
    /// The public key as PKCS#1 DER.
    pub(super) public_key: Vec<u8>,
}

impl RsaKey {
    /// Returns one of the keys, whose JWK has this ID as its `kid`. The same number is always the same key.
    pub(super) fn new(number: usize, id: &str) -> pkcs1::Result<Self> {
        let mut reader = SliceReader::new(KEYS)?;
        let mut keys = Vec::new();
        while !reader.is_finished() {
            keys.push(RsaPrivateKeyRef::decode(&mut reader)?);
        }
        let key = &keys[number % keys.len()];
        let private_key = PrivateKey::new(key)?;
        Ok(Self { pem: private_key.to_pem()?, jwk: private_key.to_jwk(id)?, public_key: key.public_key().to_der()? })
    }
}
