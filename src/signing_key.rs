use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::decode_error::DecodeError;
use crate::private_key::{decode_base64, unquote};
use crate::{Error, RecoveredKey, Secret};

/// The version of the text that [`SigningKey::to_json`] returns.
const VERSION: u64 = 1;

/// A signing key with its private key, which Cloudflare returns only once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SigningKey {
    /// The key's ID. It is also the `kid` of the tokens that the key signs.
    pub id: String,
    /// When the key was created, by the service's clock. `None` if the response has no valid date.
    pub created: Option<Timestamp>,
    /// When the key was first saved, by the clock of the program that saved it. `None` if the key has not been saved.
    ///
    /// Programs can use a key only after it is saved, so its age counts from this time. [`to_json`](Self::to_json)
    /// writes the current time if this is `None`, so call it when you save the key, not before.
    pub saved: Option<Timestamp>,
    /// The RSA private key as base64-encoded PKCS#1 PEM.
    pub pem: Secret,
    /// The RSA private key as a base64-encoded JSON Web Key.
    pub jwk: Secret,
}

impl SigningKey {
    /// Creates a key from its parts. `pem` and `jwk` are base64-encoded, as in the API's responses, and are not
    /// checked.
    ///
    /// ```
    /// let key = cloudflare_stream_keys::SigningKey::new("key-1", "cGVt", "andr");
    /// assert_eq!((key.id.as_str(), key.created), ("key-1", None));
    /// ```
    pub fn new(id: impl Into<String>, pem: impl Into<Secret>, jwk: impl Into<Secret>) -> Self {
        Self { id: id.into(), created: None, saved: None, pem: pem.into(), jwk: jwk.into() }
    }

    /// Returns the whole key as JSON, for storage. [`from_json`](Self::from_json) reads it.
    ///
    /// The text contains the private key, so it belongs in a [`KeyStore`](crate::KeyStore) or a secret manager, not in
    /// a log or a repository. Anyone who has it can sign tokens for every video in the account until the key is
    /// deleted.
    ///
    /// The text is an object with the members `version` (1), `id`, `created` (an RFC 3339 date or null), `saved` (an
    /// RFC 3339 date), `pem` and `jwk`. If the key was not [saved](Self::saved) before, `saved` is the current time.
    /// Later versions of this crate can read the text too.
    ///
    /// ```
    /// use cloudflare_stream_keys::SigningKey;
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    ///
    /// let text = keys.create()?.to_json();
    /// let key = SigningKey::from_json(text.expose_secret())?;
    /// # assert!(key.saved.is_some());
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    pub fn to_json(&self) -> Secret {
        let stored = StoredKey {
            version: VERSION,
            id: &self.id,
            created: self.created,
            saved: self.saved.unwrap_or_else(Timestamp::now),
            pem: self.pem.expose_secret(),
            jwk: self.jwk.expose_secret(),
        };
        // This memory is wiped on drop, and large enough never to grow, which would leave a copy behind. Escaping makes
        // a character at most six times as long.
        let longest = 6 * (stored.id.len() + stored.pem.len() + stored.jwk.len()) + 300;
        let mut text = Zeroizing::new(Vec::with_capacity(longest));
        // Writing strings and numbers into memory cannot fail.
        let _ = serde_json::to_writer(&mut *text, &stored);
        Secret::from(&*String::from_utf8_lossy(&text))
    }

    /// Reads a key from the text that [`to_json`](Self::to_json) returned, or from the response to a create: the whole
    /// JSON or its `result`, as saved with curl.
    ///
    /// If the text has only one of `pem` and `jwk`, the other is derived, and the key is tested by signing once. A
    /// complete key is not checked; [`Signer::new`](crate::Signer::new) does that.
    ///
    /// ```
    /// use cloudflare_stream_keys::SigningKey;
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let key = server.signing_keys().create()?;
    /// # let response = format!(r#"{{"success": true, "result": {{"id": "{}", "pem": "{}"}}}}"#, key.id, key.pem.expose_secret());
    ///
    /// let key = SigningKey::from_json(&response)?;
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the text is not a key, lacks a part that
    /// cannot be derived, or has a version that this version of the crate does not know. If the text has another
    /// format, the message names the function that reads it. The message contains no part of the text.
    ///
    /// ```
    /// let error = cloudflare_stream_keys::SigningKey::from_json(r#"{"version": 2}"#).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "stored key has version 2, but this version of the crate reads only version 1"
    /// );
    /// ```
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let text = unquote(text);
        let decoded = if text.starts_with('{') { None } else { decode_base64(text) };
        let text = decoded.as_ref().and_then(|decoded| std::str::from_utf8(decoded).ok()).unwrap_or(text);
        let alone = |function| Error::invalid_input(format!("stored key is only a private key; use {function}"));
        if text.contains("-----BEGIN ") && !text.starts_with('{') {
            return Err(alone("Signer::from_pem"));
        }
        let invalid = |e| Error::invalid_input(format!("stored key is {}", DecodeError::from_json(e)));
        let StoredText { version, success, result, kty } = serde_json::from_str(text).map_err(invalid)?;
        if kty.is_some() {
            return Err(alone("Signer::from_jwk"));
        }
        if let Some(version) = version.filter(|version| *version != VERSION) {
            return Err(Error::invalid_input(format!(
                "stored key has version {version}, but this version of the crate reads only version {VERSION}"
            )));
        }
        if success == Some(false) {
            return Err(Error::invalid_input("stored key is an error response"));
        }
        let parts: Parts = match result.is_some() {
            true => serde_json::from_str::<Response>(text).map_err(invalid)?.result,
            false => serde_json::from_str(text).map_err(invalid)?,
        };
        parts.into_key(version.is_some())
    }

    /// Returns whether both have the same ID and, in one form at least, the same private key.
    pub(crate) fn has_same_private_key(&self, other: &Self) -> bool {
        let is_same = |one: &Secret, other: &Secret| {
            !one.expose_secret().is_empty() && one.expose_secret() == other.expose_secret()
        };
        self.id == other.id && (is_same(&self.pem, &other.pem) || is_same(&self.jwk, &other.jwk))
    }
}

/// A key as [`SigningKey::to_json`] writes it.
#[derive(Serialize)]
struct StoredKey<'a> {
    version: u64,
    id: &'a str,
    created: Option<Timestamp>,
    saved: Timestamp,
    pem: &'a str,
    jwk: &'a str,
}

/// The members that tell the formats apart.
#[derive(Deserialize)]
struct StoredText {
    version: Option<u64>,
    success: Option<bool>,
    result: Option<IgnoredAny>,
    /// The type of a JSON Web Key.
    kty: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Response {
    result: Parts,
}

/// A key in a stored text or a response.
#[derive(Deserialize)]
struct Parts {
    id: Option<String>,
    created: Option<String>,
    saved: Option<String>,
    pem: Option<Secret>,
    jwk: Option<Secret>,
}

impl Parts {
    /// Dates must be valid in a stored key. A response with an invalid date still has a key.
    fn into_key(self, checks_dates: bool) -> Result<SigningKey, Error> {
        let date = |text: Option<String>, name: &str| match text.map(|text| text.parse::<Timestamp>()) {
            Some(Err(_)) if checks_dates => {
                Err(Error::invalid_input(format!("stored key has an invalid `{name}` date")))
            }
            date => Ok(date.and_then(Result::ok)),
        };
        let (created, saved) = (date(self.created, "created")?, date(self.saved, "saved")?);
        let is_complete = |text: &Secret| !text.expose_secret().is_empty();
        let (id, pem, jwk) =
            (self.id.filter(|id| !id.is_empty()), self.pem.filter(is_complete), self.jwk.filter(is_complete));
        match (id, pem, jwk) {
            (Some(id), Some(pem), Some(jwk)) => Ok(SigningKey { id, created, saved, pem, jwk }),
            (_, None, None) => Err(Error::invalid_input("stored key has neither a `pem` nor a `jwk`")),
            (id, pem, jwk) => match (RecoveredKey { id, created, pem, jwk }).into_signing_key() {
                Ok(key) => Ok(SigningKey { saved, ..key }),
                Err(RecoveredKey { id: None, jwk: None, .. }) => Err(Error::invalid_input("stored key has no `id`")),
                Err(_) => Err(Error::invalid_input("stored key is incomplete, and the missing part cannot be derived")),
            },
        }
    }
}
