use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use ureq::http::StatusCode;

use crate::RecoveredKey;
use crate::generated::{self, types};
use crate::runtime::{CallProgress, DecodeError, Response, TransportError};

/// The error type of this crate.
///
/// The type is opaque: use [`kind`](Self::kind) and the predicates. `Display` prints one line with what was attempted,
/// what went wrong and, if it is known, what to do. `Debug` prints the same line, so that an error returned from `main`
/// is readable. `{:#?}` prints the fields.
///
/// None of them prints a secret, and neither does [`source`](StdError::source). The only parts of a response body that
/// are printed are Cloudflare's error messages and, by `{:#?}`, a recovered key's ID.
///
/// ```
/// use cloudflare_stream_keys::{Client, Credentials, ErrorKind};
///
/// let credentials = Credentials::api_token("pasted with its newline\n");
/// let error = Client::builder().credentials(credentials).build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert_eq!(
///     error.to_string(),
///     "API token contains whitespace; check for a trailing newline"
/// );
/// ```
///
/// # Recovering from a failed create
///
/// A create can fail after the service has created the key. Then [`outcome_unknown`](Self::outcome_unknown) is true. If
/// the response contained key material, [`recovered_key`](Self::recovered_key) returns it, and you can store the key.
/// If not, the account may have a key whose private key is lost, which [`LostKey`](crate::LostKey) finds. Delete it only
/// if no other program creates keys in this account:
///
/// ```
/// # use cloudflare_stream_keys::mock::{FakeServer, Fault};
/// use cloudflare_stream_keys::jiff::Timestamp;
/// use cloudflare_stream_keys::{Error, LostKey, RecoveredKey, Secret, SigningKeys};
/// use std::collections::BTreeMap;
///
/// /// Creates a key and stores its JWK by its ID. `store` stands in for a secret store.
/// fn create(keys: &SigningKeys, store: &mut BTreeMap<String, Secret>) -> Result<(), Error> {
///     let before = keys.list()?;
///     let start = Timestamp::now();
///     let error = match keys.create() {
///         Ok(key) => return Ok(drop(store.insert(key.id, key.jwk))),
///         Err(error) => error,
///     };
///     let end = Timestamp::now();
///     match error.recovered_key() {
///         Some(RecoveredKey { id: Some(id), jwk: Some(jwk), .. }) => {
///             return Ok(drop(store.insert(id.clone(), jwk.clone())));
///         }
///         Some(_) => return Err(error), // the caller stores the PEM
///         None => {}
///     }
///     if error.outcome_unknown() {
///         match LostKey::find(&before, &keys.list()?, start..=end, |id| store.contains_key(id)) {
///             LostKey::None => {}
///             LostKey::Found(key) => drop(keys.delete(&key.id)?),
///             LostKey::Unclear(candidates) => eprintln!("check these keys by hand: {candidates:?}"),
///         }
///     }
///     Err(error)
/// }
/// # let server = FakeServer::start();
/// # let keys = server.signing_keys();
/// # server.seed("in-use");
/// # let mut store = BTreeMap::new();
/// # create(&keys, &mut store)?;
/// # server.inject_on("POST", Fault::TruncateResponse);
/// # create(&keys, &mut store)?;
/// # assert_eq!((store.len(), keys.list()?.len()), (2, 3));
/// # server.inject_on("POST", Fault::BadGatewayAfterEffect);
/// # assert!(create(&keys, &mut store).is_err());
/// # assert_eq!((store.len(), keys.list()?.len()), (2, 3));
/// # Ok::<(), Error>(())
/// ```
///
/// `examples/recover.rs` runs each of these cases against a fake server.
pub struct Error(Box<Inner>);

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
///
/// [`Error::outcome_unknown`] is false if the call certainly had no effect, and [`Error::is_retryable`] is true if the
/// same call can succeed later:
///
/// ```
/// # use cloudflare_stream_keys::mock::FakeServer;
/// use cloudflare_stream_keys::{Error, ErrorKind};
/// use std::time::Duration;
///
/// enum Decision {
///     TryAgainIn(Duration),
///     /// A key may exist or be deleted: list the keys first.
///     CheckFirst,
///     Fix(&'static str),
/// }
/// use Decision::*;
///
/// fn decide(error: &Error) -> Decision {
///     let pause = error.retry_after().unwrap_or(Duration::from_secs(60));
///     match error.kind() {
///         ErrorKind::InvalidInput => Fix("the call or the configuration"),
///         ErrorKind::Connect => TryAgainIn(pause),
///         // For a create or a delete, this includes `Decode` and most cases of `Timeout` and `Transport`.
///         _ if error.outcome_unknown() => CheckFirst,
///         ErrorKind::Timeout | ErrorKind::Transport => TryAgainIn(pause),
///         ErrorKind::Api if error.is_retryable() => TryAgainIn(pause),
///         ErrorKind::Api if error.is_unauthorized() || error.is_forbidden() => Fix("the credentials"),
///         ErrorKind::Api if error.is_not_found() => Fix("the key ID or the account ID"),
///         ErrorKind::Api | ErrorKind::Decode => Fix("what the message says"),
///         _ => CheckFirst, // kinds may be added
///     }
/// }
/// # let error = FakeServer::start().signing_keys().delete("unknown").unwrap_err();
/// # assert!(matches!(decide(&error), Fix("the key ID or the account ID")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or an argument is invalid. The request was not sent.
    InvalidInput,
    /// No connection was made, for example because the host was not found, the connection was refused, or the
    /// certificate is invalid. The request was not sent.
    Connect,
    /// No complete response arrived before the deadline of the call, or connecting took too long.
    Timeout,
    /// The connection broke before or during the response, or the response was not valid HTTP.
    Transport,
    /// The service responded with an error: a status code other than 2xx, or `success: false`.
    Api,
    /// The service responded with a 2xx, but the response cannot be decoded, or lacks a required part.
    Decode,
}

/// The operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    List,
    Delete,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    operation: Option<Operation>,
    message: Cow<'static, str>,
    status: Option<StatusCode>,
    errors: Vec<ApiMessage>,
    messages: Vec<ApiMessage>,
    ray_id: Option<String>,
    retry_after: Option<Duration>,
    is_timeout: bool,
    outcome_unknown: bool,
    call: CallProgress,
    recovered_key: Option<RecoveredKey>,
    /// Whether the response contains key material, even if none of it can be recovered.
    contains_key: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// An error or an informational message in a response.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The causes, outermost first. Each has only a code and a message.
    pub error_chain: Vec<ApiMessage>,
}

/// The code for a key that does not exist.
const UNKNOWN_KEY: i64 = 10003;
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

    /// Returns the errors in the response. Empty if it contains none, for example if it is an HTML page.
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

    /// Returns how many attempts the call made. 0 if it failed before the first.
    pub fn attempts(&self) -> u32 {
        self.0.call.attempts
    }

    /// Returns how long the call took, up to the end of its last attempt.
    pub fn elapsed(&self) -> Duration {
        self.0.call.elapsed
    }

    /// Returns whether the same call can succeed later, and can be made again without harm.
    ///
    /// A create whose outcome is unknown is never retryable: it could create a second key.
    pub fn is_retryable(&self) -> bool {
        if self.0.operation == Some(Operation::Create) && self.0.outcome_unknown {
            return false;
        }
        let is_temporary = |status: StatusCode| {
            status.is_server_error() || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
        };
        matches!(self.0.kind, ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Transport)
            || self.0.kind == ErrorKind::Api && self.0.status.is_some_and(is_temporary)
    }

    /// Returns whether the key or the account does not exist.
    pub fn is_not_found(&self) -> bool {
        self.0.status == Some(StatusCode::NOT_FOUND) || self.has_code(UNKNOWN_KEY)
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
    /// False only if no request was sent, or if the service definitely rejected all that were: with a 4xx, except for
    /// 408 Request Timeout and for a response that contains key material, or with `success: false` and a 2xx. Always
    /// false for a list, which changes nothing.
    ///
    /// See how to recover from a [failed create](Self#recovering-from-a-failed-create), and how to be sure that a
    /// [key is deleted](crate::SigningKeys::delete).
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

    /// Returns whether a delete found no key because an earlier attempt of the same call deleted it.
    pub(crate) fn is_completed_delete(&self) -> bool {
        let is_unknown_key = self.0.status == Some(StatusCode::NOT_FOUND)
            && self.0.errors.iter().any(|error| error.code == Some(UNKNOWN_KEY));
        is_unknown_key && self.0.call.follows_lost_attempt
    }

    fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: None,
            message: message.into(),
            status: None,
            errors: Vec::new(),
            messages: Vec::new(),
            ray_id: None,
            retry_after: None,
            is_timeout: false,
            outcome_unknown: false,
            call: CallProgress::default(),
            recovered_key: None,
            contains_key: false,
            source: None,
        }))
    }

    pub(crate) fn invalid_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// Creates the error for a response that says `success: true`, but lacks a required part.
    pub(crate) fn incomplete(
        operation: Operation,
        response: &Response,
        errors: Option<types::StreamMessages>,
        message: &'static str,
    ) -> Self {
        let mut error = Self::new(ErrorKind::Decode, message).with_operation(operation).with_response(response);
        error.0.errors = api_messages(errors);
        error.0.outcome_unknown = operation != Operation::List;
        error
    }

    pub(crate) fn from_generated(
        operation: Operation,
        error: generated::Error<types::StreamApiResponseCommonFailure>,
    ) -> Self {
        use generated::Error as Generated;
        let mut error = match error {
            Generated::InvalidRequest(cause) => Self::new(ErrorKind::InvalidInput, "request could not be built")
                .with_operation(operation)
                .with_source(cause),
            Generated::CommunicationError(e) => Self::from_transport(operation, e),
            Generated::ErrorResponse(response) => {
                let (failure, response) = response.into_parts();
                Self::from_failure(operation, &response, failure)
            }
            Generated::InvalidResponsePayload(response, e) => Self::unexpected_response(operation, &response, Some(e)),
            Generated::UnexpectedResponse(response) => Self::unexpected_response(operation, &response, None),
        };
        let inner = &mut error.0;
        // A new key shows that the request took effect, whatever the status code is. And the last response says nothing
        // about an earlier attempt that may have taken effect.
        inner.outcome_unknown |= inner.contains_key || inner.call.follows_lost_attempt;
        // A list changes nothing.
        inner.outcome_unknown &= operation != Operation::List;
        error
    }

    fn from_transport(operation: Operation, e: TransportError) -> Self {
        let kind = match () {
            _ if e.is_connect => ErrorKind::Connect,
            _ if e.is_timeout() => ErrorKind::Timeout,
            _ if e.is_unreadable() => ErrorKind::Decode,
            _ if e.sent => ErrorKind::Transport,
            _ => ErrorKind::Connect,
        };
        let mut error = Self::new(kind, e.to_string()).with_operation(operation);
        error.0.is_timeout = e.is_timeout();
        error.0.outcome_unknown = e.sent;
        if let Some(partial) = &e.partial {
            error = error.with_response(partial);
        }
        error.0.call = e.call;
        if e.shows_cause() { error } else { error.with_source(e.cause) }
    }

    /// Creates the error for a response that does not match its status code, such as `success: false` with a 200, or a
    /// gateway's HTML page.
    fn unexpected_response(operation: Operation, response: &Response, decode_error: Option<DecodeError>) -> Self {
        if let Ok(failure) = response.decode() {
            return Self::from_failure(operation, response, failure);
        }
        let status = response.head.status;
        let mut error = match decode_error {
            Some(e) if status.is_success() => Self::new(ErrorKind::Decode, format!("response body is {e}")),
            _ => Self::new(ErrorKind::Api, "HTTP status"),
        }
        .with_operation(operation)
        .with_response(response);
        error.0.outcome_unknown = !is_definite_error(status);
        error
    }

    /// Creates the error for a response with Cloudflare's error envelope.
    fn from_failure(operation: Operation, response: &Response, failure: types::StreamApiResponseCommonFailure) -> Self {
        let mut error = Self::new(ErrorKind::Api, "HTTP status").with_operation(operation).with_response(response);
        error.0.errors = api_messages(failure.errors);
        error.0.messages = api_messages(failure.messages);
        let status = response.head.status;
        error.0.outcome_unknown = !(is_definite_error(status) || status.is_success());
        error
    }

    fn with_operation(mut self, operation: Operation) -> Self {
        self.0.operation = Some(operation);
        self
    }

    /// Adds the response's status code and headers and, after a create, the key material in its body.
    fn with_response(mut self, response: &Response) -> Self {
        let head = &response.head;
        self.0.status = Some(head.status);
        self.0.ray_id = head.ray_id().map(String::from);
        self.0.retry_after = head.retry_after();
        self.0.call = head.call;
        if self.0.operation == Some(Operation::Create) {
            self.0.recovered_key = RecoveredKey::find(response.body.as_bytes());
            self.0.contains_key = RecoveredKey::is_hinted(response.body.as_bytes());
        }
        self
    }

    fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// Returns what to do, if it is known.
    fn hint(&self) -> Option<&'static str> {
        if self.0.recovered_key.is_some() {
            return Some("the response contained key material; take it with into_recovered_key()");
        }
        match self.0.operation? {
            _ if self.0.status.is_some_and(|status| status.is_redirection()) => {
                Some("redirects are not followed; check the base URL")
            }
            Operation::Create if self.0.outcome_unknown => {
                Some("the key may exist; compare list() with your stored keys")
            }
            Operation::Delete if self.0.outcome_unknown => Some("the key may be deleted already; check with list()"),
            _ if self.is_unauthorized() => Some("check the credentials"),
            Operation::List if self.is_forbidden() => Some(
                "the token needs the Stream Read or Stream Write permission on this account, and the account needs a Stream \
                 subscription",
            ),
            _ if self.is_forbidden() => Some(
                "the token needs the Stream Write permission on this account, and the account needs a Stream subscription",
            ),
            _ => None,
        }
    }
}

/// Returns whether a status says that the request had no effect.
fn is_definite_error(status: StatusCode) -> bool {
    status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT
}

fn api_messages(messages: Option<types::StreamMessages>) -> Vec<ApiMessage> {
    let cause = |item: types::StreamMessagesItemErrorChainItem| ApiMessage {
        code: item.code.and_then(|code| code.0),
        message: item.message.unwrap_or_default(),
        documentation_url: None,
        pointer: None,
        error_chain: Vec::new(),
    };
    let message = |item: types::StreamMessagesItem| ApiMessage {
        code: item.code.and_then(|code| code.0),
        message: item.message.unwrap_or_default(),
        documentation_url: item.documentation_url,
        pointer: item.source.and_then(|source| source.pointer),
        error_chain: item.error_chain.unwrap_or_default().into_iter().map(cause).collect(),
    };
    messages.into_iter().flat_map(|messages| messages.0).map(message).collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if let Some(operation) = inner.operation {
            write!(f, "{operation}: ")?;
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
        if let Some(hint) = self.hint() {
            write!(f, "; {hint}")?;
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

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "failed to create a signing key",
            Self::List => "failed to list the signing keys",
            Self::Delete => "failed to delete a signing key",
        })
    }
}
