use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::AccessRule;
use crate::crypto::backend::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use crate::sign::access_rule::{Action, Kind};
use crate::sign::countries;
use crate::sign::token::{MAX_LIFETIME, MAX_RULES};
use crate::validate::validate_id;

/// Why a token is not valid. See [`FakeServer::verify_token`](super::FakeServer::verify_token).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// The token is not a JWS, or a header or claim is missing or invalid, such as more than 5 access rules, or a rule that
    /// [`AccessRule`] would reject. Cloudflare may accept some of these.
    Malformed,
    /// No key has the token's `kid`, or the key was deleted.
    UnknownKey,
    /// The signature does not match the key.
    InvalidSignature,
    /// The token has expired.
    Expired,
    /// The token is not valid yet.
    NotYetValid,
    /// The token expires more than 24 hours from now.
    LifetimeTooLong,
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
    /// Creates a viewer with this IP address and country. The country is a code such as `GB`, `T1` or `XX`. An
    /// IPv4-mapped IPv6 address means the IPv4 address.
    ///
    /// # Panics
    /// Panics if no access rule can name the country, such as `UK`: otherwise, a test that expects a blocked viewer
    /// could pass for the wrong reason.
    ///
    /// ```
    /// use cloudflare_stream_keys::mock::Viewer;
    ///
    /// let viewer = Viewer::new([203, 0, 113, 7], "GB");
    /// # assert_eq!(viewer, Viewer::new("203.0.113.7".parse::<std::net::IpAddr>().unwrap(), "gb"));
    /// ```
    pub fn new(ip: impl Into<IpAddr>, country: &str) -> Self {
        let country = country.to_ascii_uppercase();
        assert!(countries::is_known(&country), "{country:?} is not an ISO 3166-1 alpha-2 code, T1 or XX");
        Self { ip: ip.into().to_canonical(), country }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    /// Extensions that the verifier must understand (RFC 7515, section 4.1.11). There are none.
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    kid: String,
    exp: Seconds,
    nbf: Option<Seconds>,
    /// Objects, because serde would also accept an array as a rule.
    #[serde(default, rename = "accessRules")]
    access_rules: Vec<Map<String, Value>>,
}

fn matches(rule: &AccessRule, viewer: &Viewer) -> bool {
    match rule.kind {
        Kind::Any => true,
        Kind::Country => rule.country.contains(&viewer.country),
        Kind::Ip => rule.ip.iter().any(|range| range.contains(&viewer.ip)),
    }
}

/// A Unix time: a number, which is rounded down, or a string of digits as in tokens of Cloudflare's `/token` endpoint.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct Seconds(i64);

impl TryFrom<Value> for Seconds {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let seconds = match &value {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64)),
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
    let is_valid_header = header.alg == "RS256" && header.crit.is_none() && header.kid == claims.kid;
    if !is_valid_header || validate_id("sub", &claims.sub).is_err() || claims.access_rules.len() > MAX_RULES {
        return Err(TokenError::Malformed);
    }
    let rules = claims.access_rules.into_iter().map(|mut rule| {
        rule.retain(|member, _| ["type", "action", "country", "ip"].contains(&member.as_str()));
        AccessRule::deserialize(Value::Object(rule))
    });
    let rules: Vec<AccessRule> = rules.collect::<Result<_, _>>().map_err(|_| TokenError::Malformed)?;
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
    if claims.exp.0.saturating_sub(now) > MAX_LIFETIME.as_secs() as i64 {
        return Err(TokenError::LifetimeTooLong);
    }
    let first_match = viewer.and_then(|viewer| rules.iter().find(|rule| matches(rule, viewer)));
    if first_match.is_some_and(|rule| rule.action == Action::Block) { Err(TokenError::Blocked) } else { Ok(()) }
}

fn decode<T: DeserializeOwned>(text: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
    // Serde would also accept an array as the struct.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(TokenError::Malformed);
    }
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
            Self::LifetimeTooLong => "token expires more than 24 hours from now",
            Self::Blocked => "access rule blocks the viewer",
        })
    }
}

impl std::error::Error for TokenError {}
