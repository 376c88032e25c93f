use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkcs1::der::asn1::UintRef;
use pkcs1::der::{Decode, Encode, Reader, SliceReader};
use pkcs1::{EncodeRsaPrivateKey, LineEnding, RsaPrivateKeyRef};
use serde_json::json;

/// 16 RSA keys of 2,048 bits in PKCS#1 DER, one after the other, made with `openssl genrsa`. They are published with this
/// crate, so they protect nothing. They are not PEM, because secret scanners would report it.
const KEYS: &[u8] = include_bytes!("keys.der");

/// An RSA key in the formats of the service.
pub(super) struct RsaKey {
    /// The private key as base64-encoded PKCS#1 PEM.
    pub(super) pem: String,
    /// The private key as a base64-encoded JWK.
    pub(super) jwk: String,
    /// The public key as PKCS#1 DER.
    pub(super) public_key: Vec<u8>,
}

impl RsaKey {
    /// Returns one of the keys, whose JWK has this ID as its `kid`. The same number is always the same key.
    pub(super) fn new(number: usize, id: &str) -> Self {
        let keys = all();
        let key = &keys[number % keys.len()];
        let text = |n: UintRef| URL_SAFE_NO_PAD.encode(n.as_bytes());
        let jwk = json!({
            "use": "sig", "kty": "RSA", "kid": id, "alg": "RS256",
            "n": text(key.modulus), "e": text(key.public_exponent), "d": text(key.private_exponent),
            "p": text(key.prime1), "q": text(key.prime2),
            "dp": text(key.exponent1), "dq": text(key.exponent2), "qi": text(key.coefficient),
        });
        let pem = key.to_pkcs1_pem(LineEnding::LF).expect("a key that was decoded");
        Self {
            pem: STANDARD.encode(pem.as_bytes()),
            jwk: STANDARD.encode(jwk.to_string()),
            public_key: key.public_key().to_der().expect("a key that was decoded"),
        }
    }
}

fn all() -> Vec<RsaPrivateKeyRef<'static>> {
    let mut reader = SliceReader::new(KEYS).expect("less than 256 MiB");
    let mut keys = Vec::new();
    while !reader.is_finished() {
        keys.push(RsaPrivateKeyRef::decode(&mut reader).expect("PKCS#1 DER"));
    }
    keys
}
