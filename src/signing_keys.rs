use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::error::Operation;
use crate::generated::{self, types};
use crate::validate::{parse_header, validate_id};
use crate::{Client, Error, RetryPolicy, Secret, env};

/// A handle for the signing keys of one account.
///
/// It is cheap to create and to clone, and can be shared between threads. All handles of a [`Client`] share its
/// connection pool. The `with_…` methods change the settings of one handle:
///
/// ```
/// # use cloudflare_stream_keys::mock::FakeServer;
/// # use std::time::Duration;
/// # let server = FakeServer::start();
/// # let client = server.client();
/// let keys = client.signing_keys("023e105f4ecef8ad9ca31a8372d0c353")?;
/// let all = keys.clone().with_timeout(Duration::from_secs(5)).list()?;
/// # assert!(all.is_empty());
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SigningKeys {
    raw: generated::Client,
    account_id: String,
}

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

/// A signing key without its private key, as returned by [`SigningKeys::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SigningKeyInfo {
    /// The key's ID. It is also the `kid` of the tokens that the key signs.
    pub id: String,
    /// When the key was created. `None` if the response has no valid date.
    pub created: Option<Timestamp>,
    /// The key's ID again, if the response repeats it.
    pub key_id: Option<String>,
}

#[cfg(feature = "mock")]
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
}

#[cfg(feature = "mock")]
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
        Self { id: id.into(), created: None, key_id: None }
    }
}

impl SigningKeys {
    pub(crate) fn new(raw: generated::Client, account_id: &str) -> Result<Self, Error> {
        validate_id("account ID", account_id)?;
        Ok(Self { raw, account_id: account_id.to_string() })
    }

    /// Creates a handle for the account in `CLOUDFLARE_ACCOUNT_ID`, with a client from [`Client::from_env`].
    ///
    /// ```no_run
    /// use cloudflare_stream_keys::SigningKeys;
    ///
    /// for key in SigningKeys::from_env()?.list()? {
    ///     println!("{}", key.id);
    /// }
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a variable is missing or invalid. The
    /// message names the variable.
    pub fn from_env() -> Result<Self, Error> {
        let account_id = env::account_id()?;
        Client::from_env()?.signing_keys(&account_id)
    }

    /// Creates a signing key. Store it before you do anything else: the private key cannot be retrieved again.
    ///
    /// An account can have up to 1,000 keys. The request is retried only if the failed attempt certainly had no effect.
    /// See [`RetryPolicy`].
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// # let store = |id: &str, pem: &str| assert!(!id.is_empty() && !pem.is_empty());
    /// let key = keys.create()?;
    /// store(&key.id, key.pem.expose_secret());
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::Api`](crate::ErrorKind::Api) if the service responds with an error,
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) if the response cannot be used, or
    /// [`ErrorKind::Connect`](crate::ErrorKind::Connect), [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) if no complete response arrives.
    ///
    /// If [`Error::recovered_key`] is not `None`, store that key. If [`Error::outcome_unknown`] is true, the key may
    /// exist. See [how to recover](Error#recovering-from-a-failed-create).
    pub fn create(&self) -> Result<SigningKey, Error> {
        self.create_with(&serde_json::json!({}))
    }

    /// Creates a signing key with your own request body instead of `{}`. Cloudflare currently ignores the body.
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// use std::collections::BTreeMap;
    ///
    /// let key = keys.create_with(&BTreeMap::from([("note", "spring 2026")]))?;
    /// # assert_eq!(server.requests()[0].body, r#"{"note":"spring 2026"}"#);
    /// # let _ = key;
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`create`](Self::create), and
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the body cannot be serialized as JSON.
    pub fn create_with(&self, body: &(impl Serialize + ?Sized)) -> Result<SigningKey, Error> {
        let body = serde_json::to_value(body)
            .map_err(|_| Error::invalid_input("request body cannot be serialized as JSON"))?;
        let response = self.raw.create_signing_keys(&self.account_id, &body);
        let response = response.map_err(|e| Error::from_generated(Operation::Create, e))?;
        let (envelope, response) = response.into_parts();
        let types::StreamKeys { id, created, pem, jwk, .. } = envelope.result.unwrap_or_default();
        match (id.filter(|id| !id.is_empty()), pem, jwk) {
            (Some(id), Some(pem), Some(jwk)) => {
                Ok(SigningKey { id, created: created.and_then(|created| created.0), pem: pem.0, jwk: jwk.0 })
            }
            _ => Err(Error::incomplete(Operation::Create, &response, "response is missing the key or part of it")),
        }
    }

    /// Lists the keys of the account, without their private keys, in the order of the response.
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// for key in keys.list()? {
    ///     println!("{} created {:?}", key.id, key.created);
    /// }
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::Api`](crate::ErrorKind::Api) if the service responds with an error,
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) if the response cannot be used, or
    /// [`ErrorKind::Connect`](crate::ErrorKind::Connect), [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) if no complete response arrives.
    pub fn list(&self) -> Result<Vec<SigningKeyInfo>, Error> {
        let response = self.raw.list_signing_keys(&self.account_id);
        let response = response.map_err(|e| Error::from_generated(Operation::List, e))?;
        let (envelope, response) = response.into_parts();
        let keys = envelope.result.unwrap_or_default().into_iter().map(|item| {
            let id = item.id.or_else(|| item.key_id.clone())?;
            Some(SigningKeyInfo { id, created: item.created.and_then(|created| created.0), key_id: item.key_id })
        });
        keys.collect::<Option<_>>()
            .ok_or_else(|| Error::incomplete(Operation::List, &response, "response lists a key without an ID"))
    }

    /// Deletes a key, and thereby revokes every token that it signed.
    ///
    /// Returns the confirmation in the response, such as `Revoked`, if there is one.
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// # server.seed("5213cfa121f70b8c1380686ffc371ba3");
    /// match keys.delete("5213cfa121f70b8c1380686ffc371ba3") {
    ///     Err(error) if error.is_not_found() => println!("no such key"),
    ///     result => println!("{:?}", result?),
    /// }
    /// # assert!(keys.list()?.is_empty());
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the ID is invalid, and the same errors as
    /// [`list`](Self::list).
    ///
    /// If the key does not exist, [`Error::is_not_found`] is true. The call succeeds instead if an earlier attempt of
    /// the same call may have deleted the key.
    pub fn delete(&self, id: &str) -> Result<Option<String>, Error> {
        validate_id("key ID", id)?;
        match self.raw.delete_signing_keys(&self.account_id, id) {
            Ok(response) => Ok(response.into_inner().result),
            Err(e) => match Error::from_generated(Operation::Delete, e) {
                e if e.is_not_found() && e.follows_lost_attempt() => Ok(None),
                e => Err(e),
            },
        }
    }

    /// Returns the path of the account's keys, relative to the base URL. See also [`path_for`](Self::path_for).
    pub fn path(&self) -> String {
        generated::paths::list_signing_keys(&self.account_id)
    }

    /// Returns the path of one key, relative to the base URL.
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let client = server.client();
    /// let keys = client.signing_keys("acct-123")?;
    /// assert_eq!(keys.path(), "accounts/acct-123/stream/keys");
    /// assert_eq!(keys.path_for("key-1")?, "accounts/acct-123/stream/keys/key-1");
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the ID is empty, is `.` or `..`, or
    /// contains a character other than letters, digits, `-`, `.`, `_` and `~`.
    pub fn path_for(&self, id: &str) -> Result<String, Error> {
        validate_id("key ID", id)?;
        Ok(generated::paths::delete_signing_keys(&self.account_id, id))
    }

    /// Returns the account's ID.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Sets the timeout of a call, including all attempts and the waits between them.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.raw.inner.timeout = timeout;
        self
    }

    /// Sets the retry policy.
    #[must_use]
    pub fn with_retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.raw.inner.retry_policy = policy;
        self
    }

    /// Adds a header to every request. Replaces a header of the same name that was added before.
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// let traced = keys.clone().with_header("x-request-id", "7f3a")?;
    /// traced.list()?;
    /// # assert_eq!(server.requests()[0].header("x-request-id"), Some("7f3a"));
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the name or the value is invalid, or if the
    /// client sets this header itself, such as `Authorization`.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let (name, value) = parse_header(name, value)?;
        self.raw.inner.headers.insert(name, value);
        Ok(self)
    }

    /// Adds a query parameter to every request. The name and the value are URL-encoded.
    ///
    /// The current operations have no query parameters; this is for ones that Cloudflare may add. A parameter that is
    /// added twice is sent twice.
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// keys.clone().with_query("search", "spring & summer").list()?;
    /// # assert_eq!(server.requests()[0].query, "search=spring+%26+summer");
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        form_urlencoded::Serializer::new(&mut self.raw.inner.query).append_pair(name, value);
        self
    }

    /// Returns the generated client, to get the status code, headers and messages of a response. It uses this handle's
    /// settings.
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// let response = keys.raw().list_signing_keys(keys.account_id())?;
    /// assert_eq!(response.status(), 200);
    /// println!("{:?}", response.headers().get("ratelimit"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn raw(&self) -> &generated::Client {
        &self.raw
    }
}
