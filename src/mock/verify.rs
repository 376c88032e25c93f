use std::fmt;
use std::net::{AddrParseError, IpAddr};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a token is not valid. See [`FakeServer::verify_token`](super::FakeServer::verify_token).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// The token is not a JWS, lacks a required header or claim, or has an invalid access rule.
    Malformed,
    /// No key has the token's `kid`, or the key was deleted.
    UnknownKey,
    /// The signature does not match the key.
    InvalidSignature,
    /// The token has expired.
    Expired,
    /// The token is not valid yet.
    NotYetValid,
    /// An access rule blocks the viewer.
    Blocked,
}

/// A viewer for [`FakeServer::verify_token_for`](super::FakeServer::verify_token_for).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    ip: IpAddr,
    country: String,
}

impl Viewer {
    /// Creates a viewer with this IP address and country. The country is a code such as `GB`, `T1` or `XX`.
    ///
    /// ```
    /// use cloudflare_stream_keys::mock::Viewer;
    ///
    /// let viewer = Viewer::new([203, 0, 113, 7], "GB");
    /// # assert_eq!(viewer, Viewer::new("203.0.113.7".parse::<std::net::IpAddr>().unwrap(), "gb"));
    /// ```
    pub fn new(ip: impl Into<IpAddr>, country: &str) -> Self {
        Self { ip: ip.into(), country: country.to_ascii_uppercase() }
    }
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
    #[serde(default, rename = "accessRules")]
    access_rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    action: Action,
    #[serde(flatten)]
    matcher: Matcher,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Allow,
    Block,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Matcher {
    #[serde(rename = "any")]
    Any,
    #[serde(rename = "ip.geoip.country")]
    Country { country: Vec<String> },
    #[serde(rename = "ip.src")]
    Ip { ip: Vec<Range> },
}

/// An address or a range.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Range(IpNet);

impl TryFrom<String> for Range {
    type Error = AddrParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).or_else(|_| text.parse::<IpAddr>().map(|ip| Self(ip.into())))
    }
}

impl Rule {
    fn matches(&self, viewer: &Viewer) -> bool {
        match &self.matcher {
            Matcher::Any => true,
            Matcher::Country { country } => country.contains(&viewer.country),
            Matcher::Ip { ip } => ip.iter().any(|range| range.0.contains(&viewer.ip)),
        }
    }
}

/// From Cloudflare's guide "Secure your Stream".
const MAX_RULES: usize = 5;

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

/// Verifies a token at the given time. Evaluates access rules only if `viewer` is given. `find_key` returns the public
/// key with the given ID as PKCS#1 DER.
pub(super) fn verify(
    token: &str,
    now: Timestamp,
    viewer: Option<&Viewer>,
    find_key: impl FnOnce(&str) -> Option<Vec<u8>>,
) -> Result<(), TokenError> {
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
    let (header, claims): (Header, Claims) = (decode(header)?, decode(claims)?);
    if header.alg != "RS256" || header.kid != claims.kid || claims.access_rules.len() > MAX_RULES {
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
    let first_match = viewer.and_then(|viewer| claims.access_rules.iter().find(|rule| rule.matches(viewer)));
    match first_match {
        Some(Rule { action: Action::Block, .. }) => Err(TokenError::Blocked),
        _ => Ok(()),
    }
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
            Self::Blocked => "access rule blocks the viewer",
        })
    }
}

impl std::error::Error for TokenError {}
