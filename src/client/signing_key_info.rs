use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A signing key without its private key, as returned by [`SigningKeys::list`](crate::SigningKeys::list).
///
/// In JSON, this is an object with the members `id` and `created`, which is an RFC 3339 date or null. Keys are ordered
/// by ID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SigningKeyInfo {
    /// The key's ID. It is also the `kid` of the tokens that the key signs.
    pub id: String,
    /// When the key was created. `None` if the response has no valid date.
    pub created: Option<Timestamp>,
}

impl SigningKeyInfo {
    /// Creates a key with this ID and without a date.
    ///
    /// ```
    /// use cloudflare_stream_keys::SigningKeyInfo;
    ///
    /// let mut key = SigningKeyInfo::new("key-1");
    /// key.created = Some("2026-01-01T00:00:00Z".parse()?);
    /// assert_eq!(serde_json::to_string(&key)?, r#"{"id":"key-1","created":"2026-01-01T00:00:00Z"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), created: None }
    }
}
