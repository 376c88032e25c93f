use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

use crate::decode_error::DecodeError;
use crate::{Error, Secret};

/// The version of the text that [`SigningKey::to_json`] returns.
const VERSION: u64 = 1;

/// A new signing key with its private key, which Cloudflare returns only once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SigningKey {
    /// The key's ID. It is also the `kid` of the tokens that the key signs.
    pub id: String,
    /// When the key was created. `None` if the response has no valid date.
    pub created: Option<Timestamp>,
    /// The RSA private key as base64-encoded PKCS#1 PEM, as received.
    pub pem: Secret,
    /// The RSA private key as a base64-encoded JSON Web Key, as received.
    pub jwk: Secret,
}

impl SigningKey {
    /// Creates a key from its parts, for tests. `pem` and `jwk` are base64-encoded, as in the API's responses.
    ///
    /// For a key that can sign, use [`FakeServer`](crate::mock::FakeServer).
    ///
    /// ```
    /// let key = cloudflare_stream_keys::SigningKey::new("key-1", "cGVt", "andr");
    /// assert_eq!((key.id.as_str(), key.created), ("key-1", None));
    /// ```
    pub fn new(id: impl Into<String>, pem: impl Into<Secret>, jwk: impl Into<Secret>) -> Self {
        Self { id: id.into(), created: None, pem: pem.into(), jwk: jwk.into() }
    }

    /// Returns the whole key as JSON text, to be stored. [`from_json`](Self::from_json) reads it.
    ///
    /// The text contains the private key, so it belongs in a secret manager, an encrypted file or an encrypted column,
    /// not in a log or a repository. Store it under the key's ID, before anything else can fail. Whoever has it can sign
    /// tokens for every video of the account until the key is deleted.
    ///
    /// It is an object with the members `version` (1), `id`, `created` (an RFC 3339 date or null), `pem` and `jwk`.
    /// Later versions of this crate can read it too.
    ///
    /// ```
    /// use cloudflare_stream_keys::SigningKey;
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("key.json");
    ///
    /// let key = keys.create()?;
    /// std::fs::write(&path, key.to_json().expose_secret())?; // in a folder that only this program can read
    ///
    /// let key = SigningKey::from_json(&std::fs::read_to_string(&path)?)?;
    /// # #[cfg(feature = "sign")]
    /// let signer = cloudflare_stream_keys::Signer::new(&key)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> Secret {
        let stored = StoredKey {
            version: VERSION,
            id: &self.id,
            created: self.created.map(|created| created.to_string()),
            pem: self.pem.expose_secret(),
            jwk: self.jwk.expose_secret(),
        };
        // Memory that is wiped on drop, and large enough that it need not grow, which would leave a copy behind. Escaping
        // makes a character at most six times as long.
        let longest = 6 * (stored.id.len() + stored.pem.len() + stored.jwk.len()) + 200;
        let mut text = Zeroizing::new(Vec::with_capacity(longest));
        // Writing strings and numbers into memory cannot fail.
        let _ = serde_json::to_writer(&mut *text, &stored);
        Secret::from(&*String::from_utf8_lossy(&text))
    }

    /// Reads the text that [`to_json`](Self::to_json) returned.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the text is not a stored key, lacks a
    /// part of it, or has a version that this version of the crate does not know. The message contains no part of the
    /// text.
    ///
    /// ```
    /// let error = cloudflare_stream_keys::SigningKey::from_json(r#"{"version": 2}"#).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "stored key has version 2, but this version of the crate reads only version 1"
    /// );
    /// ```
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let invalid = |e| Error::invalid_input(format!("stored key is {}", DecodeError::from(e)));
        let StoredVersion { version } = serde_json::from_str(text).map_err(invalid)?;
        if version != VERSION {
            return Err(Error::invalid_input(format!(
                "stored key has version {version}, but this version of the crate reads only version {VERSION}"
            )));
        }
        let StoredKey { id, created, pem, jwk, .. } =
            serde_json::from_str::<StoredKey<String, Secret>>(text).map_err(invalid)?;
        if id.is_empty() || pem.expose_secret().is_empty() || jwk.expose_secret().is_empty() {
            return Err(Error::invalid_input("stored key has an empty id, pem or jwk"));
        }
        let created = created.map(|created| created.parse()).transpose();
        let created = created.map_err(|_| Error::invalid_input("stored key has an invalid creation date"))?;
        Ok(Self { id, created, pem, jwk })
    }
}

/// A key as [`SigningKey::to_json`] writes it.
#[derive(Serialize, Deserialize)]
struct StoredKey<Text, SecretText> {
    version: u64,
    id: Text,
    created: Option<String>,
    pem: SecretText,
    jwk: SecretText,
}

#[derive(Deserialize)]
struct StoredVersion {
    version: u64,
}
