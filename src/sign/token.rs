use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;

use super::{AccessRule, Signer};
use crate::Error;
use crate::parse_id::parse_id;

/// An hour, as long as most videos.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// 24 hours, by Cloudflare's guide "Secure your Stream".
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// By the same guide.
const MAX_RULES: usize = 5;

/// A token to be, for one video. Everything is checked in [`sign`](Self::sign).
#[derive(Clone, Debug)]
#[must_use]
pub struct PlaybackTokenBuilder<'a> {
    signer: &'a Signer,
    video_uid: String,
    expiry: Expiry,
    not_before: Option<Timestamp>,
    downloadable: Option<bool>,
    rules: Vec<AccessRule>,
    now: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
enum Expiry {
    In(Duration),
    At(Timestamp),
}

/// The payload. The order of its members is that of the token, so that equal input gives an equal token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    sub: &'a str,
    kid: &'a str,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    downloadable: Option<bool>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    access_rules: &'a [AccessRule],
}

impl<'a> PlaybackTokenBuilder<'a> {
    pub(super) fn new(signer: &'a Signer, video_uid: String) -> Self {
        let expiry = Expiry::In(DEFAULT_LIFETIME);
        Self { signer, video_uid, expiry, not_before: None, downloadable: None, rules: Vec::new(), now: None }
    }

    /// How long it is good: up to 24 hours. One hour unless set.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expiry = Expiry::In(lifetime);
        self
    }

    /// Until when it is good: up to 24 hours ahead.
    pub fn expires_at(mut self, time: Timestamp) -> Self {
        self.expiry = Expiry::At(time);
        self
    }

    /// From when on it is good. At once unless set.
    pub fn not_before(mut self, time: Timestamp) -> Self {
        self.not_before = Some(time);
        self
    }

    /// Whether the video may be downloaded as a file. The service's own setting counts unless set.
    pub fn downloadable(mut self, downloadable: bool) -> Self {
        self.downloadable = Some(downloadable);
        self
    }

    /// Adds a rule, to be tried after those before it. Up to 5.
    pub fn access_rule(mut self, rule: AccessRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Takes this for the present time, in place of the clock's: for tests, and to sign the same token again.
    pub fn signing_time(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Checks and signs it. Times count in whole seconds, rounded down. The same input gives the same token.
    ///
    /// # Errors
    /// `InvalidInput`, naming the limit that does not hold.
    pub fn sign(self) -> Result<PlaybackToken, Error> {
        parse_id("video id", &self.video_uid)?;
        let now = self.now.unwrap_or_else(Timestamp::now);
        let expires_at = self.checked_expiry(now)?;
        let (exp, nbf) = (expires_at.as_second(), self.not_before.map(Timestamp::as_second));
        if nbf.is_some_and(|nbf| nbf >= exp) {
            return Err(Error::invalid_input("not-before time", "is not before the expiry"));
        }
        if self.rules.len() > MAX_RULES {
            return Err(Error::invalid_input("access rules", "are more than 5"));
        }
        if self.rules.iter().rev().skip(1).any(AccessRule::matches_everybody) {
            return Err(Error::invalid_input("access rules", "go on after one for everybody, and could never match"));
        }

        let claims = Claims {
            sub: &self.video_uid,
            kid: self.signer.key_id(),
            exp,
            nbf,
            downloadable: self.downloadable,
            access_rules: &self.rules,
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| Error::invalid_input("token", "has no JSON form"))?;
        let mut text = self.signer.header.clone();
        URL_SAFE_NO_PAD.encode_string(claims, &mut text);
        let signature = self.signer.signature(&text)?;
        text.push('.');
        text.push_str(&signature);
        Ok(PlaybackToken { text, expires_at, downloadable: self.downloadable == Some(true) })
    }

    /// The expiry, rounded down to a second.
    fn checked_expiry(&self, now: Timestamp) -> Result<Timestamp, Error> {
        let refuse = |problem| Err(Error::invalid_input("expiry", problem));
        let latest = now.saturating_add(MAX_LIFETIME).unwrap_or(Timestamp::MAX);
        let time = match self.expiry {
            Expiry::At(time) => time,
            Expiry::In(lifetime) if lifetime > MAX_LIFETIME => return refuse("is more than 24 hours ahead"),
            Expiry::In(lifetime) => now.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
        };
        let whole = Timestamp::from_second(time.as_second()).unwrap_or(time);
        if whole <= now {
            return refuse("is in the past");
        }
        if time > latest {
            return refuse("is more than 24 hours ahead");
        }
        Ok(whole)
    }
}

/// A signed playback token: a compact JWS, made to be handed out.
///
/// It takes the place of the video's uid in a URL, and plays that video until it expires, or until its key is deleted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PlaybackToken {
    text: String,
    expires_at: Timestamp,
    pub(super) downloadable: bool,
}

impl PlaybackToken {
    /// The token's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Until when it is good.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl fmt::Display for PlaybackToken {
    /// The token itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for PlaybackToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} characters, until {})", self.text.len(), self.expires_at)
    }
}

impl AsRef<str> for PlaybackToken {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl From<PlaybackToken> for String {
    fn from(token: PlaybackToken) -> Self {
        token.text
    }
}
