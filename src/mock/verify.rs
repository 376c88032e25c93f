use std::fmt;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a token is not valid. See [`FakeServer::verify_token`](super::FakeServer::verify_token).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// The token is not a JWS, or lacks a required header or claim.
    Malformed,
    /// No key has the token's `kid`, or the key was deleted.
    UnknownKey,
    /// The signature does not match the key.
    InvalidSignature,
    /// The token has expired.
    Expired,
    /// The token is not valid yet.
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
    exp: Seconds,
    nbf: Option<Seconds>,
}

/// A Unix time: a number, or a string of digits as in the tokens of Cloudflare's `/token` endpoint.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct Seconds(i64);

impl TryFrom<Value> for Seconds {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let seconds = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        };
        seconds.map(Self).ok_or("not a Unix time")
    }
}

/// Verifies a token at the given time. `find_key` returns the public key with the given ID as PKCS#1 DER.
pub(super) fn verify(
    token: &str,
    now: Timestamp,
    find_key: impl FnOnce(&str) -> Option<Vec<u8>>,
) -> Result<(), TokenError> {
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
    let (header, claims): (Header, Claims) = (decode(header)?, decode(claims)?);
    if header.alg != "RS256" || header.kid != claims.kid {
        return Err(TokenError::Malformed);
    }
    let public_key = find_key(&header.kid).ok_or(TokenError::UnknownKey)?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key)
        .verify(message.as_bytes(), &signature)
        .map_err(|_| TokenError::InvalidSignature)?;
    let now = now.as_second();
    if now >= claims.exp.0 {
        return Err(TokenError::Expired);
    }
    if claims.nbf.is_some_and(|nbf| now < nbf.0) {
        return Err(TokenError::NotYetValid);
    }
    Ok(())
}

fn decode<T: DeserializeOwned>(text: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "token is malformed",
            Self::UnknownKey => "key does not exist",
            Self::InvalidSignature => "signature is invalid",
            Self::Expired => "token has expired",
            Self::NotYetValid => "token is not valid yet",
        })
    }
}

impl std::error::Error for TokenError {}
