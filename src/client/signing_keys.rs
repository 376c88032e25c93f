use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::IgnoredAny;
use ureq::http::StatusCode;
use ureq::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

use super::failure::{self, Operation};
use super::generated::{self, SecretValue, types};
use super::headers::parse_header;
use super::recovery;
use super::runtime::Response;
use super::{Client, RetryPolicy, SigningKeyInfo};
use crate::env::{ReadVar, optional};
use crate::validate::validate_id;
use crate::{Error, KeyStore, SigningKey, key_store};

const ACCOUNT_ID: &str = "CLOUDFLARE_ACCOUNT_ID";

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

impl SigningKeys {
    pub(crate) fn new(raw: generated::Client, account_id: &str) -> Result<Self, Error> {
        validate_id("account ID", account_id)?;
        Ok(Self { raw, account_id: account_id.to_string() })
    }

    /// Creates a handle for the account in `CLOUDFLARE_ACCOUNT_ID`, with a client from [`Client::from_env`]. For other
    /// settings, use [`Client::signing_keys_from_env`].
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
        Client::from_env()?.signing_keys_from_env()
    }

    /// Loads a store, creates a signing key, and saves it to the store. If the store is not writable, no key is created.
    ///
    /// Each call creates another key. To create a key only if one is due, use [`rotate`](Self::rotate). The key is not tested,
    /// unless a part of it had to be derived: see [`create`](Self::create).
    ///
    /// ```
    /// use cloudflare_stream_keys::FileStore;
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path().join("keys");
    ///
    /// let key = keys.create_in(&mut FileStore::new(folder))?;
    /// # let _ = key;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`create`](Self::create), and [`ErrorKind::Store`](crate::ErrorKind::Store) if the store
    /// fails. If the store fails after the key was created, [`Error::into_recovered_key`] returns the key.
    pub fn create_in<S: KeyStore + ?Sized>(&self, store: &mut S) -> Result<SigningKey, Error> {
        let stored = key_store::load(store)?;
        self.create_and_save(store, &stored, &Timestamp::now)
    }

    pub(super) fn create_and_save<S: KeyStore + ?Sized>(
        &self,
        store: &mut S,
        stored: &[SigningKey],
        clock: &dyn Fn() -> Timestamp,
    ) -> Result<SigningKey, Error> {
        store.prepare().map_err(|e| Error::store("key store is not writable", e))?;
        let key = self.create()?;
        // Programs sign with the key that was saved last, so its date must be the latest, whatever the clock of another
        // program was.
        let last = stored.iter().filter_map(|key| key.saved).max();
        let after_last = last.and_then(|last| last.checked_add(Duration::from_nanos(1)).ok());
        let saved = SigningKey { saved: Some(clock().max(after_last.unwrap_or(Timestamp::MIN))), ..key.clone() };
        match store.save(&saved) {
            Ok(()) => Ok(saved),
            Err(e) => Err(failure::not_saved(key, e)),
        }
    }

    /// Creates a signing key. Save it before you do anything else: the private key cannot be retrieved again.
    /// [`create_in`](Self::create_in) does both.
    ///
    /// The call succeeds if the private key arrived, even if the rest of the response is damaged. A missing PEM or JWK
    /// is then derived from the other form, and the key is tested by signing once. A key from a complete response is
    /// returned untested.
    ///
    /// An account can have up to 1,000 keys. The request is retried only if the failed attempt certainly had no effect.
    /// See [`RetryPolicy`].
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// let key = keys.create()?;
    /// println!("created {}", key.id);
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::Api`](crate::ErrorKind::Api) if the service responds with an error,
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) if the response cannot be used, or
    /// [`ErrorKind::Connect`](crate::ErrorKind::Connect), [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) if no complete response arrives.
    ///
    /// If [`Error::outcome_unknown`] is true, the key may exist. See what to do
    /// [after a failed create](Error#after-a-failed-create).
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
        let (envelope, response) = match self.raw.create_signing_keys(&self.account_id, &body) {
            Ok(response) => response.into_parts(),
            Err(e) => {
                let rescued = damaged_response(&e).and_then(recovery::rescue);
                return rescued.ok_or_else(|| failure::from_generated(Operation::Create, e));
            }
        };
        let types::StreamKeys { id, created, pem, jwk, .. } = envelope.result.unwrap_or_default();
        let is_complete = |secret: &SecretValue| !secret.expose_secret().is_empty();
        match (id.filter(|id| !id.is_empty()), pem.filter(is_complete), jwk.filter(is_complete)) {
            (Some(id), Some(pem), Some(jwk)) => Ok(SigningKey {
                id,
                created: created.and_then(|created| created.0),
                saved: None,
                pem: pem.0,
                jwk: jwk.0,
            }),
            _ => recovery::rescue(&response).ok_or_else(|| {
                let message = "response is missing the key or part of it";
                failure::incomplete(Operation::Create, &response, envelope.errors, message)
            }),
        }
    }

    /// Lists the keys of the account, without their private keys, in the order of the response.
    ///
    /// Cloudflare responds with `"result": null` if there are no keys. This counts as an empty list, unless the
    /// response has errors. A response without a `result` is an error.
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
        let response = response.map_err(|e| failure::from_generated(Operation::List, e))?;
        let (envelope, response) = response.into_parts();
        let has_errors = envelope.errors.as_ref().is_some_and(|errors| !errors.is_empty());
        let items = match envelope.result {
            Some(items) if !(items.is_empty() && has_errors) => items,
            None if !has_errors && has_result(&response) => Vec::new(),
            _ => {
                let message = "response has no list of keys";
                return Err(failure::incomplete(Operation::List, &response, envelope.errors, message));
            }
        };
        let keys = items.into_iter().map(|item| {
            let is_id = |id: &String| !id.is_empty();
            let id = item.id.filter(is_id).or(item.key_id.filter(is_id))?;
            Some(SigningKeyInfo { id, created: item.created.and_then(|created| created.0) })
        });
        keys.collect::<Option<_>>()
            .ok_or_else(|| failure::incomplete(Operation::List, &response, None, "response lists a key without an ID"))
    }

    /// Deletes a key, which revokes every token that it signed.
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
    /// If the key does not exist, [`Error::is_not_found`] is true. If an earlier attempt of the same call may have
    /// deleted the key, or if no definite response arrives, [`Error::outcome_unknown`] is true.
    pub fn delete(&self, id: &str) -> Result<Option<String>, Error> {
        validate_id("key ID", id)?;
        match self.raw.delete_signing_keys(&self.account_id, id) {
            Ok(response) => {
                let (envelope, response) = response.into_parts();
                match envelope.errors {
                    Some(errors) if !errors.is_empty() => {
                        let message = "response has errors despite a success status";
                        Err(failure::incomplete(Operation::Delete(id), &response, Some(errors), message))
                    }
                    _ => Ok(envelope.result),
                }
            }
            Err(generated::Error::InvalidResponsePayload(response, _)) if is_empty_success(&response) => Ok(None),
            Err(e) => Err(failure::from_generated(Operation::Delete(id), e)),
        }
    }

    /// Deletes a key, and lists the keys before and after to make sure that it is gone. Call this for a leaked key.
    ///
    /// Success means that the key was listed before and is not listed afterwards. If the key is not listed before, nothing is
    /// deleted. After an error, fix the cause and
    /// call this again. If the outcome was unknown and the second call does not find the key, the key is revoked.
    ///
    /// Then call [`rotate`](Self::rotate), which creates a successor at once if programs sign with the revoked key.
    ///
    /// ```
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let keys = server.signing_keys();
    /// # server.seed("5213cfa121f70b8c1380686ffc371ba3");
    /// keys.revoke("5213cfa121f70b8c1380686ffc371ba3")?;
    /// # assert!(keys.revoke("5213cfa121f70b8c1380686ffc371ba3").unwrap_err().is_not_found());
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`list`](Self::list) and [`delete`](Self::delete). If the key is not listed,
    /// [`Error::is_not_found`] is true: the key is already revoked, or the key ID or the account ID is wrong. If the
    /// key may have been deleted, [`Error::outcome_unknown`] is true.
    pub fn revoke(&self, id: &str) -> Result<(), Error> {
        validate_id("key ID", id)?;
        let is_id = |key: &SigningKeyInfo| key.id == id;
        if !self.list()?.iter().any(is_id) {
            return Err(failure::not_listed(&self.account_id, id));
        }
        let mut deleted = self.delete(id);
        if deleted.as_ref().is_err_and(Error::outcome_unknown) {
            deleted = self.delete(id);
        }
        let is_confirmed = deleted.as_ref().map_or_else(Error::is_not_found, |_| true);
        match (deleted, self.list()) {
            (Err(error), _) if !is_confirmed && !error.outcome_unknown() => Err(error),
            (_, Err(error)) => Err(failure::not_confirmed(error)),
            // An empty list can be a mistake, so it confirms nothing.
            (_, Ok(keys)) if !keys.iter().any(is_id) && (is_confirmed || !keys.is_empty()) => Ok(()),
            (Err(error), Ok(_)) if !is_confirmed => Err(failure::not_confirmed(error)),
            (_, Ok(_)) => Err(failure::still_listed(id)),
        }
    }

    /// Returns the path of the account's keys, relative to the base URL. See also [`path_for`](Self::path_for).
    pub fn path(&self) -> String {
        generated::paths::list_signing_keys(&self.account_id)
    }

    /// Returns the path of a key, relative to the base URL.
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

    /// Sets the timeout of a call, including all attempts and the waits between them. See
    /// [`ClientBuilder::timeout`](crate::ClientBuilder::timeout).
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

    /// Adds a header to every request. Replaces an earlier header of the same name.
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
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the name or the value is invalid, or if
    /// the client sets this header itself, such as `Authorization`.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let (name, value) = parse_header(name, value)?;
        self.raw.inner.headers.insert(name, value);
        Ok(self)
    }

    /// Adds a query parameter to every request. The name and the value are URL-encoded.
    ///
    /// The current operations have no query parameters, but Cloudflare may add some. A parameter that is added twice is
    /// sent twice.
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

    /// Returns the generated client, which uses this handle's settings and also returns a response's status code,
    /// headers and messages.
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

pub(super) fn account_id_from(read: ReadVar) -> Result<String, Error> {
    let id = optional(read, ACCOUNT_ID)?.ok_or_else(|| Error::invalid_input(format!("{ACCOUNT_ID} is not set")))?;
    validate_id(ACCOUNT_ID, &id)?;
    Ok(id)
}

/// Returns whether a success explicitly has no body. A response whose body did not arrive can look the same.
fn is_empty_success(response: &Response) -> bool {
    let is_framed = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| response.headers().contains_key(name));
    let has_no_content = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT].contains(&response.status());
    response.body.is_empty() && (has_no_content || response.status() == StatusCode::OK && is_framed)
}

/// Returns the response that could not be decoded, or the part of it that arrived.
fn damaged_response<E>(error: &generated::Error<E>) -> Option<&Response> {
    match error {
        generated::Error::InvalidResponsePayload(response, _) => Some(response),
        generated::Error::CommunicationError(e) => e.partial.as_ref(),
        _ => None,
    }
}

/// Returns whether a response has a `result`, even if it is null.
fn has_result(response: &Response) -> bool {
    response.decode::<BTreeMap<String, IgnoredAny>>().is_ok_and(|members| members.contains_key("result"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::tests::reader;

    #[test]
    fn missing_account_id_is_named() {
        for variables in [&[][..], &[(ACCOUNT_ID, "")]] {
            let error = account_id_from(&reader(variables)).unwrap_err();
            assert_eq!(error.to_string(), "CLOUDFLARE_ACCOUNT_ID is not set");
        }
    }
}
