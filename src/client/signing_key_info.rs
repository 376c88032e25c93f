use jiff::Timestamp;

/// A signing key without its private key, as returned by [`SigningKeys::list`](crate::SigningKeys::list).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SigningKeyInfo {
    /// The key's ID. It is also the `kid` of the tokens that the key signs.
    pub id: String,
    /// When the key was created. `None` if the response has no valid date.
    pub created: Option<Timestamp>,
}

impl SigningKeyInfo {
    /// Creates a key without its private key, for tests.
    ///
    /// ```
    /// use cloudflare_stream_keys::SigningKeyInfo;
    ///
    /// let mut key = SigningKeyInfo::new("key-1");
    /// key.created = Some("2026-01-01T00:00:00Z".parse()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), created: None }
    }
}
