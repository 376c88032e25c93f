use std::fmt;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Why a token does not play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no token, or one without what a playback token has.
    Malformed,
    /// There is no key of that id, or no longer.
    UnknownKey,
    /// The signature is not the key's.
    BadSignature,
    /// It has expired.
    Expired,
    /// Its time has not come yet.
    NotYetValid,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    kid: String,
    exp: i64,
    nbf: Option<i64>,
}

/// Checks a token as the service would at this time; `public_key` gives the PKCS#1 DER of a living key.
pub(super) fn check(
    token: &str,
    now: Timestamp,
    public_key: impl FnOnce(&str) -> Option<Vec<u8>>,
) -> Result<(), Refusal> {
    let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(Refusal::Malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refusal::Malformed)?;
    let (header, claims): (Header, Claims) = (part(header)?, part(claims)?);
    if header.alg != "RS256" || header.kid != claims.kid {
        return Err(Refusal::Malformed);
    }
    let public_key = public_key(&header.kid).ok_or(Refusal::UnknownKey)?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key)
        .verify(message.as_bytes(), &signature)
        .map_err(|_| Refusal::BadSignature)?;
    let now = now.as_second();
    if now >= claims.exp {
        return Err(Refusal::Expired);
    }
    if claims.nbf.is_some_and(|nbf| now < nbf) {
        return Err(Refusal::NotYetValid);
    }
    Ok(())
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| Refusal::Malformed)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a playback token",
            Self::UnknownKey => "no such key",
            Self::BadSignature => "the signature is not the key's",
            Self::Expired => "expired",
            Self::NotYetValid => "not valid yet",
        })
    }
}

impl std::error::Error for Refusal {}
