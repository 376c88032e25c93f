use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use crate::RecoveredKey;

/// The error type of this crate.
///
/// The type is opaque: use [`kind`](Self::kind) and the predicates. `Display` prints one line with what was attempted,
/// what went wrong and, if known, what to do. `Debug` prints the same line, so that an error returned from `main` is
/// readable. `{:#?}` prints the fields.
///
/// None of these prints a secret, nor does [`source`](StdError::source). The only parts of a response body that they
/// print are Cloudflare's error messages and, with `{:#?}`, a recovered key's ID.
///
/// ```
/// use cloudflare_stream_keys::{Client, Credentials, ErrorKind};
///
/// let credentials = Credentials::api_token("pasted with its newline\n");
/// let error = Client::builder(credentials).build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert_eq!(
///     error.to_string(),
///     "API token contains whitespace; check for a trailing newline"
/// );
/// ```
///
/// # After a failed create
///
/// A create can fail after the service has created the key. If the private key arrived, or a part of it,
/// [`recovered_key`](Self::recovered_key) returns it: save it first. If not, and
/// [`outcome_unknown`](Self::outcome_unknown) is true, the account may have a key whose private key is lost. Nobody can
/// use such a key, so it does no harm. List the keys, and delete a new key by hand if no program has stored it.
pub struct Error(pub(crate) Box<Details>);

/// The kind of an [`Error`].
///
/// | kind | what happened | did the call take effect? |
/// | --- | --- | --- |
/// | `InvalidInput` | a setting or an argument is invalid | no, the request was not sent |
/// | `Connect` | no connection was made | no, the request was not sent |
/// | `Timeout` | no complete response arrived in time | maybe |
/// | `Transport` | the connection broke | maybe |
/// | `Api` | the service responded with an error | no; after a 3xx, 408 or 5xx, maybe |
/// | `Decode` | the service responded with a 2xx, but the response cannot be used | probably |
/// | `Store` | a key store failed | no, unless `outcome_unknown` is true: then a key was created but not saved |
///
/// [`Error::outcome_unknown`] is false if the call certainly had no effect, and [`Error::is_retryable`] is true if the
/// same call can succeed later:
///
/// ```
/// # use cloudflare_stream_keys::mock::FakeServer;
/// use cloudflare_stream_keys::ErrorKind;
/// # let server = FakeServer::start();
/// # let keys = server.signing_keys();
///
/// let error = keys.delete("5213cfa121f70b8c1380686ffc371ba3").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Api);
/// assert!(error.is_not_found() && !error.is_retryable());
/// assert!(!error.outcome_unknown(), "nothing was deleted");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or an argument is invalid. The request was not sent.
    InvalidInput,
    /// No connection was made, for example because the host was not found, the connection was refused, or the
    /// certificate is invalid. The request was not sent.
    ///
    /// [`source`](StdError::source) is a [`ureq::Error`](crate::ureq::Error) that tells these apart: `HostNotFound` or
    /// an `Io` of the kind `NotFound`, an `Io` of the kind `ConnectionRefused`, an `Io` that contains a rustls error,
    /// or a `Timeout`.
    Connect,
    /// No complete response arrived before the deadline of the call, or connecting took too long.
    Timeout,
    /// The connection broke before or during the response, or the response was not valid HTTP. Further attempts, if
    /// there were any, did not get a response either.
    Transport,
    /// The service responded with an error: a status code other than 2xx, or `success: false`.
    Api,
    /// The service responded with a 2xx, but the response cannot be decoded, or lacks a required part.
    Decode,
    /// A [`KeyStore`](crate::KeyStore) failed. [`source`](StdError::source) is its error.
    Store,
}

impl ErrorKind {
    /// Returns the kind in snake case, such as `invalid_input`, for labels of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::Api => "api",
            Self::Decode => "decode",
            Self::Store => "store",
        }
    }
}

impl fmt::Display for ErrorKind {
    /// Writes what [`as_str`](Self::as_str) returns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The fields of an [`Error`]. The client sets those about requests.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) kind: ErrorKind,
    /// What was attempted, such as `failed to list the signing keys`. Empty if no call was made.
    pub(crate) attempt: Cow<'static, str>,
    pub(crate) message: Cow<'static, str>,
    /// What to do. Empty if unknown.
    pub(crate) hint: &'static str,
    pub(crate) status: Option<StatusCode>,
    pub(crate) errors: Vec<ApiMessage>,
    pub(crate) messages: Vec<ApiMessage>,
    pub(crate) ray_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) is_timeout: bool,
    pub(crate) is_retryable: bool,
    /// Whether a list does not contain the key in question.
    pub(crate) is_unlisted: bool,
    pub(crate) outcome_unknown: bool,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    pub(crate) recovered_key: Option<RecoveredKey>,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

/// An error or an informational message in a response.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct ApiMessage {
    /// Cloudflare's code, such as 10003 for a key that does not exist.
    pub code: Option<i64>,
    /// The message's text.
    pub message: String,
    /// The URL of the message's documentation.
    pub documentation_url: Option<String>,
    /// A JSON Pointer to the part of the request that the message is about.
    pub pointer: Option<String>,
    /// The causes, outermost first. Each cause has only a code and a message.
    pub error_chain: Vec<ApiMessage>,
}

/// The code for a key that does not exist.
pub(crate) const UNKNOWN_KEY: i64 = 10003;
/// The code for a path without an operation.
pub(crate) const NO_ROUTE: i64 = 7000;
/// The code for a malformed `Authorization` header, in the error chain of a 400.
const MALFORMED_AUTHORIZATION: i64 = 6111;

impl Error {
    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the HTTP status code, if there was a response.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// Returns the errors in the response. Empty if the response has none, for example if it is an HTML page.
    pub fn errors(&self) -> &[ApiMessage] {
        &self.0.errors
    }

    /// Returns the informational messages in the response.
    pub fn messages(&self) -> &[ApiMessage] {
        &self.0.messages
    }

    /// Returns the `cf-ray` header of the response, which identifies the request to Cloudflare's support.
    pub fn ray_id(&self) -> Option<&str> {
        self.0.ray_id.as_deref()
    }

    /// Returns how long to wait before the next call, according to the `Retry-After` header of the response.
    ///
    /// Cloudflare allows each user 1,200 requests in five minutes.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the codes of the errors in the response and of their causes.
    pub fn codes(&self) -> impl Iterator<Item = i64> + '_ {
        self.0.errors.iter().flat_map(|error| std::iter::once(error).chain(&error.error_chain)).filter_map(|e| e.code)
    }

    /// Returns whether one of the errors in the response, or one of their causes, has this code.
    pub fn has_code(&self, code: i64) -> bool {
        self.codes().any(|other| other == code)
    }

    /// Returns how many attempts the call made. 0 if it failed before the first attempt.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns how long the call took, up to the end of its last attempt.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// Returns whether the same call can succeed later, and can be made again without harm.
    ///
    /// A create whose outcome is unknown is never retryable: it could create a second key.
    pub fn is_retryable(&self) -> bool {
        self.0.is_retryable
    }

    /// Returns whether the service says that the key or the account does not exist.
    ///
    /// This is a 404 with one of Cloudflare's codes, or code 10003. It is also true if
    /// [`revoke`](crate::SigningKeys::revoke) does not find the key in the list. A 404 without a code, or with code 7000 ("No route for
    /// that URI"), does not count: the base URL may be wrong.
    pub fn is_not_found(&self) -> bool {
        self.0.is_unlisted
            || match self.0.status {
                Some(StatusCode::NOT_FOUND) => self.codes().next().is_some() && !self.has_code(NO_ROUTE),
                Some(status) => {
                    (status == StatusCode::BAD_REQUEST || status.is_success()) && self.has_code(UNKNOWN_KEY)
                }
                None => false,
            }
    }

    /// Returns whether the credentials were rejected.
    ///
    /// The token may be expired, revoked or mistyped. This includes malformed tokens, for which Cloudflare responds
    /// with status code 400 and error code 6111.
    pub fn is_unauthorized(&self) -> bool {
        self.0.status == Some(StatusCode::UNAUTHORIZED) || self.has_code(MALFORMED_AUTHORIZATION)
    }

    /// Returns whether the credentials lack a permission.
    ///
    /// The token needs the *Stream Write* permission on this account, or *Stream Read* to list keys. The account needs
    /// a Stream subscription.
    pub fn is_forbidden(&self) -> bool {
        self.0.status == Some(StatusCode::FORBIDDEN)
    }

    /// Returns whether the request was rate limited. See [`retry_after`](Self::retry_after).
    pub fn is_rate_limited(&self) -> bool {
        self.0.status == Some(StatusCode::TOO_MANY_REQUESTS)
    }

    /// Returns whether no complete response arrived before the deadline of the call, or connecting took too long.
    pub fn is_timeout(&self) -> bool {
        self.0.is_timeout
    }

    /// Returns whether a failed create may have created a key, or a failed delete may have deleted it.
    ///
    /// False only if no request was sent, or if the service definitely rejected every request: with a 4xx other than
    /// 408 Request Timeout, or with `success: false` and a 2xx. A response that contains key material does not count as
    /// a rejection. Always false for a list, which changes nothing.
    ///
    /// See what to do [after a failed create](Self#after-a-failed-create). To be sure that a key is deleted, call
    /// [`revoke`](crate::SigningKeys::revoke).
    pub fn outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// Returns the key material that was found in the response to a failed create.
    pub fn recovered_key(&self) -> Option<&RecoveredKey> {
        self.0.recovered_key.as_ref()
    }

    /// Converts the error into the key material that [`recovered_key`](Self::recovered_key) returns.
    pub fn into_recovered_key(self) -> Option<RecoveredKey> {
        self.0.recovered_key
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Details {
            kind,
            attempt: Cow::Borrowed(""),
            message: message.into(),
            hint: "",
            status: None,
            errors: Vec::new(),
            messages: Vec::new(),
            ray_id: None,
            retry_after: None,
            is_timeout: false,
            is_retryable: false,
            is_unlisted: false,
            outcome_unknown: false,
            attempts: 0,
            elapsed: Duration::ZERO,
            recovered_key: None,
            source: None,
        }))
    }

    /// Creates the error for a store that failed.
    pub(crate) fn store(message: &str, source: impl StdError + Send + Sync + 'static) -> Self {
        let mut error = Self::new(ErrorKind::Store, format!("{message}: {source}"));
        error.0.source = Some(Box::new(source));
        error
    }

    pub(crate) fn invalid_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if !inner.attempt.is_empty() {
            write!(f, "{}: ", inner.attempt)?;
        }
        f.write_str(&inner.message)?;
        if inner.kind == ErrorKind::Api
            && let Some(status) = inner.status
        {
            write!(f, " {status}")?;
        }
        for (i, error) in inner.errors.iter().enumerate() {
            write!(f, "{}{error}", if i == 0 { ": " } else { ", " })?;
        }
        if let Some(wait) = inner.retry_after {
            write!(f, "; retry after {} s", wait.as_secs())?;
        }
        if !inner.hint.is_empty() {
            write!(f, "; {}", inner.hint)?;
        }
        if let Some(ray_id) = &inner.ray_id {
            write!(f, " [cf-ray {ray_id}]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { f.debug_tuple("Error").field(&self.0).finish() } else { fmt::Display::fmt(self, f) }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

impl fmt::Display for ApiMessage {
    /// Writes the code, the message and the causes on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code {
            write!(f, "{code} ")?;
        }
        f.write_str(&self.message.replace(char::is_control, " "))?;
        for cause in &self.error_chain {
            write!(f, " (caused by {cause})")?;
        }
        Ok(())
    }
}
