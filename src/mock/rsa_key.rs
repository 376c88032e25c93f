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

/// How many keys a process makes before it uses them again: each takes a good part of a tenth of a second.
const FRESH_KEYS: usize = 16;

static MADE: Mutex<Vec<Pkcs8V1Der<'static>>> = Mutex::new(Vec::new());

/// An RSA key of 2048 bits.
pub(super) struct RsaKey {
    /// Base64 of its PKCS#1 PEM.
    pub(super) pem: String,
    /// Base64 of its JWK.
    pub(super) jwk: String,
    /// The public half, PKCS#1 DER.
    pub(super) public: Vec<u8>,
}

/// A key with this id.
pub(super) fn generate(id: &str) -> Result<RsaKey, Box<dyn Error>> {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.len() < FRESH_KEYS {
        made.push(KeyPair::generate(KeySize::Rsa2048)?.as_der()?);
    } else {
        made.rotate_left(1);
    }
    let pkcs8 = made.last().ok_or("no key was made")?;
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
        public: key.public_key().to_der().map_err(|e| e.to_string())?,
    })
}
