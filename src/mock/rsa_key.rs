use std::error::Error;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkcs1::der::Encode;
use pkcs1::der::asn1::UintRef;
use pkcs1::{EncodeRsaPrivateKey, LineEnding, RsaPrivateKey};
use pkcs8::PrivateKeyInfoRef;
use serde_json::json;

/// The number of keys that a process generates before it reuses them. Generating one takes up to 0.1 s.
const DISTINCT_KEYS: usize = 16;

static GENERATED: Mutex<Vec<Pkcs8V1Der<'static>>> = Mutex::new(Vec::new());

/// A 2,048-bit RSA key.
pub(super) struct RsaKey {
    /// The private key as base64-encoded PKCS#1 PEM.
    pub(super) pem: String,
    /// The private key as a base64-encoded JWK.
    pub(super) jwk: String,
    /// The public key as PKCS#1 DER.
    pub(super) public_key: Vec<u8>,
}

/// Returns a key whose JWK has this ID as its `kid`.
pub(super) fn generate(id: &str) -> Result<RsaKey, Box<dyn Error>> {
    let mut generated = GENERATED.lock().unwrap_or_else(PoisonError::into_inner);
    if generated.len() < DISTINCT_KEYS {
        generated.push(KeyPair::generate(KeySize::Rsa2048)?.as_der()?);
    } else {
        generated.rotate_left(1);
    }
    let pkcs8 = generated.last().ok_or("no key was generated")?;
    let info = PrivateKeyInfoRef::try_from(pkcs8.as_ref()).map_err(|e| e.to_string())?;
    let key = RsaPrivateKey::try_from(info.private_key.as_bytes()).map_err(|e| e.to_string())?;

    let number = |n: UintRef| URL_SAFE_NO_PAD.encode(n.as_bytes());
    let jwk = json!({
        "use": "sig", "kty": "RSA", "kid": id, "alg": "RS256",
        "n": number(key.modulus), "e": number(key.public_exponent), "d": number(key.private_exponent),
        "p": number(key.prime1), "q": number(key.prime2),
        "dp": number(key.exponent1), "dq": number(key.exponent2), "qi": number(key.coefficient),
    });
    let pem = key.to_pkcs1_pem(LineEnding::LF).map_err(|e| e.to_string())?;
    Ok(RsaKey {
        pem: STANDARD.encode(pem.as_bytes()),
        jwk: STANDARD.encode(jwk.to_string()),
        public_key: key.public_key().to_der().map_err(|e| e.to_string())?,
    })
}
