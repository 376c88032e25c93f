use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use ureq::http::StatusCode;

use crate::RecoveredKey;
use crate::generated::{self, types};
use crate::runtime::{DecodeError, Response};

/// Anything that can go wrong with a call.
///
/// It is opaque: ask [`kind`](Self::kind) and the predicates. `Display` is one line that says what was tried, what came
/// back and, where it is known, what to do. No secret and no text of an answer's body appears in it, in `Debug` or in
/// [`source`](StdError::source), but for the service's own error messages.
///
/// ```
/// use cloudflare_stream_keys::{Client, Credentials, ErrorKind};
///
/// let error = Client::builder().credentials(Credentials::api_token("pasted with its newline\n")).build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert!(!error.to_string().contains("pasted"));
/// ```
#[derive(Debug)]
pub struct Error(Box<Details>);

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or an argument cannot be used. Nothing was sent.
    InvalidInput,
    /// No connection: the name was not found, the connection refused, the certificate not accepted. Nothing was sent.
    Connect,
    /// No answer within the call's deadline.
    Timeout,
    /// The connection broke off, before the answer or within it.
    Transport,
    /// The service answered, and refused or failed.
    Api,
    /// The service answered with success, but with something that is not an answer to the request.
    Decode,
}

/// What a call was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    List,
    Delete,
}

#[derive(Debug)]
struct Details {
    kind: ErrorKind,
    operation: Option<Operation>,
    what: Cow<'static, str>,
    status: Option<StatusCode>,
    errors: Vec<ApiMessage>,
    messages: Vec<ApiMessage>,
    ray_id: Option<String>,
    retry_after: Option<Duration>,
    outcome_unknown: bool,
    /// An earlier attempt of the call may have taken effect.
    repeated: bool,
    recovered: Option<RecoveredKey>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// An error or remark of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiMessage {
    /// Cloudflare's number for it, such as 10003 for an unknown key.
    pub code: Option<i64>,
    /// The same in words.
    pub message: String,
    /// Where to read more.
    pub documentation_url: Option<String>,
    /// A JSON Pointer to what in the request it is about.
    pub pointer: Option<String>,
    /// What is behind it, from the outside in: a code and a message each.
    pub error_chain: Vec<ApiMessage>,
}

/// The service's code for a key that it does not know.
const UNKNOWN_KEY: i64 = 10003;
/// The service's code for an `Authorization` header of the wrong form, in the error chain of a 400.
const MALFORMED_AUTHORIZATION: i64 = 6111;

impl Error {
    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status, where the service answered.
    pub fn status(&self) -> Option<u16> {
        self.0.status.map(|status| status.as_u16())
    }

    /// The errors that the service names. Empty where it named none, as with an HTML page.
    pub fn errors(&self) -> &[ApiMessage] {
        &self.0.errors
    }

    /// What else the service had to say.
    pub fn messages(&self) -> &[ApiMessage] {
        &self.0.messages
    }

    /// The answer's `cf-ray`, which Cloudflare's support asks for.
    pub fn ray_id(&self) -> Option<&str> {
        self.0.ray_id.as_deref()
    }

    /// How long the service asks to wait before the next call. Cloudflare's limit is 1,200 requests in five minutes.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether one of the service's errors, or what is behind it, has this code.
    pub fn has_code(&self, code: i64) -> bool {
        self.0.errors.iter().any(|e| e.code == Some(code) || e.error_chain.iter().any(|e| e.code == Some(code)))
    }

    /// There is no such key, or no such account.
    pub fn is_not_found(&self) -> bool {
        self.0.status == Some(StatusCode::NOT_FOUND) || self.has_code(UNKNOWN_KEY)
    }

    /// The service does not accept the credentials.
    ///
    /// # Troubleshooting
    /// The token may be expired, revoked or mistyped. Cloudflare answers a token of the wrong form with 400 and code
    /// 6111, which counts as well.
    pub fn is_unauthorized(&self) -> bool {
        self.0.status == Some(StatusCode::UNAUTHORIZED) || self.has_code(MALFORMED_AUTHORIZATION)
    }

    /// The credentials are good, but not for this.
    ///
    /// # Troubleshooting
    /// The token needs the permission *Stream Write* (*Stream Read* is enough to list), on this account; and the account
    /// needs a Stream subscription.
    pub fn is_forbidden(&self) -> bool {
        self.0.status == Some(StatusCode::FORBIDDEN)
    }

    /// Too many requests; see [`retry_after`](Self::retry_after).
    pub fn is_rate_limited(&self) -> bool {
        self.0.status == Some(StatusCode::TOO_MANY_REQUESTS)
    }

    /// No answer within the call's deadline.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// A create may have taken effect although no key came back.
    ///
    /// # Troubleshooting
    /// First see [`into_recovered_key`](Self::into_recovered_key). If there is none, compare
    /// [`list`](crate::SigningKeys::list) with the keys you know, and delete the one that nobody holds.
    pub fn outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// What could be saved of a key whose creation was answered in a way that could not be read in full.
    pub fn recovered_key(&self) -> Option<&RecoveredKey> {
        self.0.recovered.as_ref()
    }

    /// Takes out what [`recovered_key`](Self::recovered_key) shows.
    pub fn into_recovered_key(self) -> Option<RecoveredKey> {
        self.0.recovered
    }

    /// Whether an earlier attempt of the same call may have taken effect.
    pub(crate) fn is_of_repeated_call(&self) -> bool {
        self.0.repeated
    }

    fn new(kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Details {
            kind,
            operation: None,
            what: what.into(),
            status: None,
            errors: Vec::new(),
            messages: Vec::new(),
            ray_id: None,
            retry_after: None,
            outcome_unknown: false,
            repeated: false,
            recovered: None,
            source: None,
        }))
    }

    pub(crate) fn invalid_input(setting: &str, problem: &str) -> Self {
        Self::new(ErrorKind::InvalidInput, format!("{setting} {problem}"))
    }

    /// An answer whose JSON is as documented, and that yet lacks what was asked for.
    pub(crate) fn incomplete(operation: Operation, response: &Response, what: &'static str) -> Self {
        let mut error = Self::new(ErrorKind::Decode, what).of(operation).answered(response);
        error.0.outcome_unknown = operation == Operation::Create;
        error
    }

    /// What a generated method's error means.
    pub(crate) fn from_generated(
        operation: Operation,
        error: generated::Error<types::StreamApiResponseCommonFailure>,
    ) -> Self {
        use generated::Error as Raw;
        match error {
            Raw::InvalidRequest(cause) => {
                Self::new(ErrorKind::InvalidInput, "the request cannot be made").of(operation).caused_by(cause)
            }
            Raw::CommunicationError(e) => {
                let kind = match e.cause {
                    ureq::Error::Timeout(_) => ErrorKind::Timeout,
                    _ if e.is_unreadable() => ErrorKind::Decode,
                    _ if e.sent => ErrorKind::Transport,
                    _ => ErrorKind::Connect,
                };
                let mut error = Self::new(kind, e.to_string()).of(operation);
                error.0.outcome_unknown = e.sent && operation == Operation::Create;
                if let Some(partial) = &e.partial {
                    error = error.answered(partial);
                }
                error.caused_by(e.cause)
            }
            Raw::ErrorResponse(answer) => {
                let (failure, response) = answer.into_parts();
                Self::from_failure(operation, &response, failure)
            }
            Raw::InvalidResponsePayload(response, cause) => {
                Self::unexpected_response(operation, &response, Some(cause))
            }
            Raw::UnexpectedResponse(response) => Self::unexpected_response(operation, &response, None),
        }
    }

    /// An answer that is not what its status promises: a failure with a success's status, or no envelope at all.
    fn unexpected_response(operation: Operation, response: &Response, cause: Option<DecodeError>) -> Self {
        if let Ok(failure) = response.decode() {
            return Self::from_failure(operation, response, failure);
        }
        let status = response.head.status;
        let error = match cause {
            Some(cause) if status.is_success() => {
                Self::new(ErrorKind::Decode, format!("the answer is {cause}")).caused_by(cause)
            }
            _ => Self::new(ErrorKind::Api, "the service answered"),
        };
        let mut error = error.of(operation).answered(response);
        let unknown = status.is_success() || status.is_server_error();
        error.0.outcome_unknown = operation == Operation::Create && unknown;
        error
    }

    /// The service's own word that it did not do what was asked.
    fn from_failure(operation: Operation, response: &Response, failure: types::StreamApiResponseCommonFailure) -> Self {
        let mut error = Self::new(ErrorKind::Api, "the service answered").of(operation).answered(response);
        error.0.errors = failure.errors.map_or_else(Vec::new, |errors| api_messages(errors.0));
        error.0.messages = failure.messages.map_or_else(Vec::new, |messages| api_messages(messages.0));
        error.0.outcome_unknown = operation == Operation::Create && response.head.status.is_server_error();
        error
    }

    fn of(mut self, operation: Operation) -> Self {
        self.0.operation = Some(operation);
        self
    }

    /// Takes over what the answer's head says; and, after a create, what its body holds of a key.
    fn answered(mut self, response: &Response) -> Self {
        let head = &response.head;
        self.0.status = Some(head.status);
        self.0.ray_id = head.ray_id().map(String::from);
        self.0.retry_after = head.retry_after();
        self.0.repeated = head.repeated;
        if self.0.operation == Some(Operation::Create) {
            self.0.recovered = RecoveredKey::find(&response.body);
        }
        self
    }

    fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(cause));
        self
    }

    /// What to do, where it is known.
    fn advice(&self) -> Option<&'static str> {
        if self.0.recovered.is_some() {
            return Some("the answer held key material, take it with into_recovered_key()");
        }
        if self.0.outcome_unknown {
            return Some("the key may have been made, compare list() with the keys you know");
        }
        match self.0.operation? {
            _ if self.is_unauthorized() => Some("check the credentials"),
            Operation::List if self.is_forbidden() => Some(
                "the token needs Stream Read or Stream Write on this account, and the account a Stream subscription",
            ),
            _ if self.is_forbidden() => {
                Some("the token needs Stream Write on this account, and the account a Stream subscription")
            }
            _ if self.0.status.is_some_and(|status| status.is_redirection()) => {
                Some("redirects are not followed, check the base URL")
            }
            _ => None,
        }
    }
}

fn api_messages(items: Vec<types::StreamMessagesItem>) -> Vec<ApiMessage> {
    let link = |link: types::StreamMessagesItemErrorChainItem| ApiMessage {
        code: link.code,
        message: link.message.unwrap_or_default(),
        documentation_url: None,
        pointer: None,
        error_chain: Vec::new(),
    };
    let message = |item: types::StreamMessagesItem| ApiMessage {
        code: item.code,
        message: item.message.unwrap_or_default(),
        documentation_url: item.documentation_url,
        pointer: item.source.and_then(|source| source.pointer),
        error_chain: item.error_chain.unwrap_or_default().into_iter().map(link).collect(),
    };
    items.into_iter().map(message).collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &self.0;
        if let Some(operation) = details.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&details.what)?;
        if details.kind == ErrorKind::Api
            && let Some(status) = details.status
        {
            write!(f, " {status}")?;
        }
        for (i, error) in details.errors.iter().enumerate() {
            write!(f, "{}{error}", if i == 0 { ": " } else { ", " })?;
        }
        if let Some(cause) = details.source.as_ref().filter(|_| details.kind == ErrorKind::Connect) {
            write!(f, " ({cause})")?;
        }
        if let Some(wait) = details.retry_after {
            write!(f, "; wait {} s", wait.as_secs())?;
        }
        if let Some(advice) = self.advice() {
            write!(f, "; {advice}")?;
        }
        if let Some(ray_id) = &details.ray_id {
            write!(f, " [cf-ray {ray_id}]")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

impl fmt::Display for ApiMessage {
    /// The code and the message, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code {
            write!(f, "{code} ")?;
        }
        f.write_str(&self.message.replace(char::is_control, " "))?;
        for link in &self.error_chain {
            write!(f, " < {link}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "creating a signing key",
            Self::List => "listing the signing keys",
            Self::Delete => "deleting a signing key",
        })
    }
}
