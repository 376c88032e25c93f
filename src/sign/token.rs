use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::CustomerCode;
use super::access_rule::{AccessRule, find_unreachable};
use super::signer::Signer;
use super::urls::PlaybackUrls;
use crate::Error;
use crate::validate::validate_id;

/// Long enough for most videos.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// From Cloudflare's guide "Secure your Stream".
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// From the same guide.
pub(crate) const MAX_RULES: usize = 5;

/// Builds a [`PlaybackToken`] for one video. Settings are validated by [`sign`](Self::sign).
///
/// ```
/// # use cloudflare_stream_keys::mock::FakeServer;
/// use std::time::Duration;
/// use cloudflare_stream_keys::{AccessRule, Signer};
///
/// # let server = FakeServer::start();
/// # let signer = Signer::new(&server.signing_keys().create()?)?;
/// let token = signer
///     .token("5d5bc37ffcf54c9b82e996823bffbb81")
///     .expires_in(Duration::from_secs(4 * 60 * 60))
///     .downloadable(true)
///     .access_rule(AccessRule::block_countries(["FR"])?)
///     .sign()?;
/// # let _ = token;
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PlaybackTokenBuilder<'a> {
    signer: &'a Signer,
    video_uid: String,
    expiry: Expiry,
    not_before: Option<Timestamp>,
    downloadable: Option<bool>,
    rules: Vec<AccessRule>,
    signing_time: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
enum Expiry {
    In(Duration),
    At(Timestamp),
}

/// The payload. The members are serialized in this order, so that the same input gives the same token.
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

impl Signer {
    /// Creates a builder for a token that plays a video or a live input. The token expires after an hour by default.
    pub fn token(&self, video_uid: impl Into<String>) -> PlaybackTokenBuilder<'_> {
        PlaybackTokenBuilder {
            signer: self,
            video_uid: video_uid.into(),
            expiry: Expiry::In(DEFAULT_LIFETIME),
            not_before: None,
            downloadable: None,
            rules: Vec::new(),
            signing_time: None,
        }
    }
}

impl PlaybackTokenBuilder<'_> {
    /// Sets the token's lifetime from the time of signing, at most 24 hours. Defaults to one hour.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expiry = Expiry::In(lifetime);
        self
    }

    /// Sets when the token expires, at most 24 hours from now. Replaces [`expires_in`](Self::expires_in).
    pub fn expires_at(mut self, time: Timestamp) -> Self {
        self.expiry = Expiry::At(time);
        self
    }

    /// Sets when the token becomes valid. By default, it is valid immediately.
    pub fn not_before(mut self, time: Timestamp) -> Self {
        self.not_before = Some(time);
        self
    }

    /// Sets whether the token allows downloads. By default, the claim is omitted.
    pub fn downloadable(mut self, downloadable: bool) -> Self {
        self.downloadable = Some(downloadable);
        self
    }

    /// Adds an access rule. Rules are evaluated in the order in which they are added. A token can have up to 5.
    pub fn access_rule(mut self, rule: AccessRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds several access rules, such as those from [`AccessRule::only_countries`].
    pub fn access_rules(mut self, rules: impl IntoIterator<Item = AccessRule>) -> Self {
        self.rules.extend(rules);
        self
    }

    /// Sets the time to use as the current time, for reproducible tokens. Defaults to the system's time.
    pub fn signing_time(mut self, time: Timestamp) -> Self {
        self.signing_time = Some(time);
        self
    }

    /// Signs the token. Times are rounded down to whole seconds. The same input gives the same token.
    ///
    /// All settings are checked here. A program that reads them from a file can sign a token when it starts, to check
    /// them.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if:
    /// - the video UID is empty, is `.` or `..`, or contains a character other than letters, digits, `-`, `.`, `_` and
    ///   `~`,
    /// - the expiry is in the past, more than 24 hours from now, or not after the token becomes valid, or
    /// - there are more than 5 access rules, a rule can never match because earlier rules match all its viewers, or the
    ///   last rule has no effect because it allows some viewers and no rule blocks the others.
    pub fn sign(self) -> Result<PlaybackToken, Error> {
        validate_id("video UID", &self.video_uid)?;
        let now = self.signing_time.unwrap_or_else(Timestamp::now);
        let expires_at = self.checked_expiry(now)?;
        let (exp, nbf) = (expires_at.as_second(), self.not_before.map(Timestamp::as_second));
        if nbf.is_some_and(|nbf| nbf >= exp) {
            return Err(Error::invalid_input("not-before time must be earlier than the expiry"));
        }
        if self.rules.len() > MAX_RULES {
            return Err(Error::invalid_input("token has more than 5 access rules"));
        }
        if let Some(position) = find_unreachable(&self.rules) {
            return Err(Error::invalid_input(format!(
                "access rule {} can never match, because earlier rules match all its viewers; only the first rule that \
                 matches applies",
                position + 1
            )));
        }
        if self.rules.last().is_some_and(AccessRule::is_redundant_as_last) {
            return Err(Error::invalid_input(
                "last access rule has no effect, because viewers who match no rule are allowed; add \
                 AccessRule::block_any()",
            ));
        }

        let claims = Claims {
            sub: &self.video_uid,
            kid: self.signer.key_id(),
            exp,
            nbf,
            downloadable: self.downloadable,
            access_rules: &self.rules,
        };
        let claims =
            serde_json::to_vec(&claims).map_err(|_| Error::invalid_input("token cannot be serialized as JSON"))?;
        let mut text = self.signer.header().to_string();
        URL_SAFE_NO_PAD.encode_string(claims, &mut text);
        let signature = self.signer.signature(&text)?;
        text.push('.');
        text.push_str(&signature);
        Ok(PlaybackToken { text, expires_at, downloadable: self.downloadable == Some(true) })
    }

    /// Returns the expiry, rounded down to whole seconds.
    fn checked_expiry(&self, now: Timestamp) -> Result<Timestamp, Error> {
        let invalid = |message| Err(Error::invalid_input(message));
        let latest = now.saturating_add(MAX_LIFETIME).unwrap_or(Timestamp::MAX);
        let time = match self.expiry {
            Expiry::At(time) => time,
            Expiry::In(lifetime) => now.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
        };
        let whole = Timestamp::from_second(time.as_second()).unwrap_or(time);
        if whole <= now {
            return invalid("expiry is in the past");
        }
        if time > latest {
            return invalid("expiry is more than 24 hours from now");
        }
        Ok(whole)
    }
}

/// A signed playback token: a compact JWS (RFC 7515) to give to viewers.
///
/// The token replaces the video's UID in a URL, and is valid until it expires or its key is deleted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PlaybackToken {
    text: String,
    expires_at: Timestamp,
    pub(super) downloadable: bool,
}

impl PlaybackToken {
    /// Returns the token as a string.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the video's URLs with this token, on the account's host name.
    ///
    /// ```
    /// # use cloudflare_stream_keys::mock::FakeServer;
    /// # use cloudflare_stream_keys::Signer;
    /// # let server = FakeServer::start();
    /// # let signer = Signer::new(&server.signing_keys().create()?)?;
    /// let token = signer.token("5d5bc37ffcf54c9b82e996823bffbb81").sign()?;
    /// println!("{}", token.urls(&"f33zs165nr7gyfy4".parse()?).hls());
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    pub fn urls<'a>(&'a self, customer: &'a CustomerCode) -> PlaybackUrls<'a> {
        PlaybackUrls::new(self, customer)
    }

    /// Returns when the token expires.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl fmt::Display for PlaybackToken {
    /// Writes the token itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for PlaybackToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlaybackToken({} characters, expires {})", self.text.len(), self.expires_at)
    }
}

impl AsRef<str> for PlaybackToken {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl Serialize for PlaybackToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl From<PlaybackToken> for String {
    fn from(token: PlaybackToken) -> Self {
        token.text
    }
}
