use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::client::header;
use crate::env;
use crate::error::Operation;
use crate::generated::{self, types};
use crate::parse_id::parse_id;
use crate::{Client, Error, RetryPolicy, Secret};

/// The signing keys of one account.
///
/// A handle is cheap to make, to clone and to send to other threads; all handles of a [`Client`] share its connections.
/// The `with_…` methods change one handle only, for a single call or for many:
///
/// ```
/// # use cloudflare_stream_keys::mock::FakeServer;
/// # use std::time::Duration;
/// # let fake = FakeServer::start();
/// # let client = fake.client();
/// let keys = client.signing_keys("023e105f4ecef8ad9ca31a8372d0c353")?;
/// let all = keys.clone().with_timeout(Duration::from_secs(5)).list()?;
/// # assert!(all.is_empty());
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SigningKeys {
    raw: generated::Client,
    account: types::StreamIdentifier2,
}

/// A new signing key, with its secrets: the only time that they are shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SigningKey {
    /// What the service, and the header of a token, call the key.
    pub id: String,
    /// When it was created; `None` where the service did not say, or not as a date-time.
    pub created: Option<Timestamp>,
    /// The RSA private key as PKCS#1 PEM, in base64, as the service sent it.
    pub pem: Secret,
    /// The RSA private key as a JSON Web Key, in base64, as the service sent it.
    pub jwk: Secret,
}

/// A signing key as the list shows it, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SigningKeyInfo {
    /// What the service, and the header of a token, call the key.
    pub id: String,
    /// When it was created; `None` where the service did not say, or not as a date-time.
    pub created: Option<Timestamp>,
    /// The id once more, where the service repeats it.
    pub key_id: Option<String>,
}

impl SigningKeys {
    pub(crate) fn new(raw: generated::Client, account_id: &str) -> Result<Self, Error> {
        Ok(Self { raw, account: parse_id("account id", account_id)? })
    }

    /// The keys of the account in `CLOUDFLARE_ACCOUNT_ID`, with all else as in [`Client::from_env`].
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
    /// `InvalidInput`, naming the variable that is missing or cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        let account_id = env::required(env::ACCOUNT_ID)?;
        let raw = Client::from_env()?.raw().clone();
        Ok(Self { raw, account: parse_id(env::ACCOUNT_ID, &account_id)? })
    }

    /// Creates a key. Store it before anything else: its secrets are not shown again.
    ///
    /// An account can have 1,000 keys. The request is sent once; it is repeated only where the first certainly had no
    /// effect (see [`RetryPolicy`]).
    ///
    /// ```
    /// # let fake = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = fake.signing_keys();
    /// # let store = |id: &str, pem: &str| assert!(!id.is_empty() && !pem.is_empty());
    /// let key = keys.create()?;
    /// store(&key.id, key.pem.expose_secret());
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Of any kind. Where [`Error::outcome_unknown`] is true there may be a key that nobody holds; where
    /// [`Error::recovered_key`] has something, part of the key arrived.
    pub fn create(&self) -> Result<SigningKey, Error> {
        self.create_with(&serde_json::json!({}))
    }

    /// Creates a key with a request body of the caller's, in place of `{}`. The service has no use for one as yet.
    ///
    /// ```
    /// # let fake = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = fake.signing_keys();
    /// let key = keys.create_with(&std::collections::BTreeMap::from([("note", "spring 2026")]))?;
    /// # assert_eq!(fake.requests()[0].body, r#"{"note":"spring 2026"}"#);
    /// # let _ = key;
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`create`](Self::create); `InvalidInput` for a body that has no JSON form.
    pub fn create_with(&self, body: &(impl Serialize + ?Sized)) -> Result<SigningKey, Error> {
        let body = serde_json::to_value(body).map_err(|_| Error::invalid_input("request body", "has no JSON form"))?;
        let answer = self.raw.create_signing_keys(&self.account, &body);
        let (envelope, response) = answer.map_err(|e| Error::from_generated(Operation::Create, e))?.into_parts();
        let types::StreamKeys { id, created, pem, jwk } = envelope.result.unwrap_or_default();
        match (id.map(|id| id.0).filter(|id| !id.is_empty()), pem, jwk) {
            (Some(id), Some(pem), Some(jwk)) => {
                Ok(SigningKey { id, created: created.and_then(|created| created.0), pem, jwk })
            }
            _ => Err(Error::incomplete(Operation::Create, &response, "the answer lacks the key or a part of it")),
        }
    }

    /// All keys of the account, in the service's order, without their secrets.
    ///
    /// ```
    /// # let fake = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = fake.signing_keys();
    /// for key in keys.list()? {
    ///     println!("{} of {:?}", key.id, key.created);
    /// }
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Of any kind but `InvalidInput`.
    pub fn list(&self) -> Result<Vec<SigningKeyInfo>, Error> {
        let answer = self.raw.list_signing_keys(&self.account);
        let (envelope, response) = answer.map_err(|e| Error::from_generated(Operation::List, e))?.into_parts();
        let keys = envelope.result.unwrap_or_default().into_iter().map(|item| {
            let id = item.id.map(|id| id.0).or_else(|| item.key_id.clone())?;
            Some(SigningKeyInfo { id, created: item.created.and_then(|created| created.0), key_id: item.key_id })
        });
        keys.collect::<Option<_>>()
            .ok_or_else(|| Error::incomplete(Operation::List, &response, "the answer lists a key without its id"))
    }

    /// Deletes a key and with it revokes every token it signed. Gives the service's word for it, such as `Revoked`.
    ///
    /// ```
    /// # let fake = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = fake.signing_keys();
    /// # fake.seed("5213cfa121f70b8c1380686ffc371ba3");
    /// match keys.delete("5213cfa121f70b8c1380686ffc371ba3") {
    ///     Err(error) if error.is_not_found() => println!("there was none"),
    ///     result => println!("{:?}", result?),
    /// }
    /// # assert!(keys.list()?.is_empty());
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Of any kind. [`Error::is_not_found`] for a key that there is not; but where an earlier attempt of this same call
    /// lost its answer, that one did it, and it is no error.
    pub fn delete(&self, id: &str) -> Result<Option<String>, Error> {
        let id = parse_id("key id", id)?;
        match self.raw.delete_signing_keys(&self.account, &id) {
            Ok(answer) => Ok(answer.into_inner().result),
            Err(e) => match Error::from_generated(Operation::Delete, e) {
                e if e.is_not_found() && e.is_of_repeated_call() => Ok(None),
                e => Err(e),
            },
        }
    }

    /// The path of the collection, below the base URL. See [`path_for`](Self::path_for).
    pub fn path(&self) -> String {
        format!("accounts/{}/stream/keys", *self.account)
    }

    /// The path of one key, below the base URL.
    ///
    /// ```
    /// # let fake = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let client = fake.client();
    /// let keys = client.signing_keys("acct-123")?;
    /// assert_eq!(keys.path(), "accounts/acct-123/stream/keys");
    /// assert_eq!(keys.path_for("key-1")?, "accounts/acct-123/stream/keys/key-1");
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` for an id that cannot be one.
    pub fn path_for(&self, id: &str) -> Result<String, Error> {
        Ok(format!("{}/{}", self.path(), *parse_id("key id", id)?))
    }

    /// The account whose keys these are.
    pub fn account_id(&self) -> &str {
        &self.account
    }

    /// Sets the deadline of a call, over all its attempts and waits.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.raw.inner.timeout = timeout;
        self
    }

    /// Sets when a request is sent again.
    pub fn with_retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.raw.inner.retry = policy;
        self
    }

    /// Sends one more header with each request, or another value of one.
    ///
    /// ```
    /// # let fake = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = fake.signing_keys();
    /// let traced = keys.clone().with_header("x-request-id", "7f3a")?;
    /// traced.list()?;
    /// # assert_eq!(fake.requests()[0].header("x-request-id"), Some("7f3a"));
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` for what is no header, and for one that belongs to the client (such as `Authorization`).
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let (name, value) = header(name, value)?;
        self.raw.inner.headers.insert(name, value);
        Ok(self)
    }

    /// The generated client beneath, with this handle's settings: for an answer's status, headers and remarks.
    ///
    /// ```
    /// # use cloudflare_stream_keys::mock::FakeServer;
    /// # let fake = FakeServer::start();
    /// # let keys = fake.signing_keys();
    /// let answer = keys.raw().list_signing_keys(&keys.account_id().to_string().into())?;
    /// assert_eq!(answer.status(), 200);
    /// assert!(answer.ray_id().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn raw(&self) -> &generated::Client {
        &self.raw
    }
}
