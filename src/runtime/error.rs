use std::fmt;

use serde_json::error::Category;
use ureq::http;

use super::response::{Response, ResponseValue};

/// Why a generated method gave no answer of the documented kind.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error<E> {
    /// The request could not be made; nothing was sent.
    InvalidRequest(InvalidRequest),
    /// There was no answer, or not all of it.
    CommunicationError(TransportError),
    /// A refusal of the documented kind.
    ErrorResponse(ResponseValue<E>),
    /// An answer with a documented status, but of another shape.
    InvalidResponsePayload(Response, DecodeError),
    /// An answer with a status that the document does not mention.
    UnexpectedResponse(Response),
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(_) => write!(f, "the request cannot be made"),
            Self::CommunicationError(e) => e.fmt(f),
            Self::ErrorResponse(answer) => write!(f, "the service refused with {}", answer.status()),
            Self::InvalidResponsePayload(answer, e) => write!(f, "the answer with {} is {e}", answer.status()),
            Self::UnexpectedResponse(answer) => write!(f, "the service answered {}", answer.status()),
        }
    }
}

impl<E: fmt::Debug> std::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InvalidRequest(e) => Some(e),
            Self::CommunicationError(e) => e.source(),
            Self::InvalidResponsePayload(_, e) => Some(e),
            Self::ErrorResponse(_) | Self::UnexpectedResponse(_) => None,
        }
    }
}

impl<E> From<InvalidRequest> for Error<E> {
    fn from(e: InvalidRequest) -> Self {
        Self::InvalidRequest(e)
    }
}

impl<E> From<TransportError> for Error<E> {
    fn from(e: TransportError) -> Self {
        Self::CommunicationError(e)
    }
}

/// A URL that is not one, or a body that has no JSON form.
#[derive(Debug)]
pub struct InvalidRequest(Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for InvalidRequest {}

impl From<http::Error> for InvalidRequest {
    fn from(e: http::Error) -> Self {
        Self(e.into())
    }
}

impl From<serde_json::Error> for InvalidRequest {
    fn from(e: serde_json::Error) -> Self {
        Self(e.into())
    }
}

/// An exchange that broke off.
#[derive(Debug)]
pub struct TransportError {
    pub(crate) cause: ureq::Error,
    /// Whether the request may have reached the service.
    pub(crate) sent: bool,
    /// What had arrived of the answer.
    pub(crate) partial: Option<Response>,
}

impl TransportError {
    /// Whether the cause lies before the request: no address, no connection, no TLS.
    pub(crate) fn is_connect(cause: &ureq::Error) -> bool {
        use std::io::ErrorKind::{
            AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable, NotConnected,
        };
        match cause {
            ureq::Error::Io(e) => {
                let no_way = [AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable];
                let no_tls = e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
                no_tls || e.kind() == NotConnected || no_way.contains(&e.kind())
            }
            ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect)
            | ureq::Error::BadUri(_)
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::HostNotFound
            | ureq::Error::InvalidProxyUrl
            | ureq::Error::RequireHttpsOnly(_)
            | ureq::Error::Rustls(_)
            | ureq::Error::Tls(_)
            | ureq::Error::TlsRequired => true,
            _ => false,
        }
    }

    /// Whether an answer came, but one that is too large or cannot be unpacked.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self.cause, ureq::Error::BodyExceedsLimit(_) | ureq::Error::Decompress(..))
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => write!(f, "no connection in time"),
            ureq::Error::Timeout(_) => write!(f, "no answer in time"),
            ureq::Error::BodyExceedsLimit(limit) => write!(f, "the answer is larger than {limit} bytes"),
            ureq::Error::Decompress(..) => write!(f, "the answer cannot be unpacked"),
            _ if !self.sent => write!(f, "no connection"),
            _ if self.partial.is_some() => write!(f, "the connection broke off within the answer"),
            _ => write!(f, "the connection broke off before an answer"),
        }
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// An answer that cannot be decoded: what is wrong, and where. serde_json's own error is not kept, for it quotes the
/// answer, and the answer can hold a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    what: &'static str,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Byte(usize),
    LineAndColumn(usize, usize),
}

impl From<std::str::Utf8Error> for DecodeError {
    fn from(e: std::str::Utf8Error) -> Self {
        Self { what: "not UTF-8", place: Place::Byte(e.valid_up_to()) }
    }
}

impl From<serde_json::Error> for DecodeError {
    fn from(e: serde_json::Error) -> Self {
        let what = match e.classify() {
            Category::Data => "JSON of another shape",
            Category::Eof => "cut short",
            Category::Syntax | Category::Io => "not JSON",
        };
        Self { what, place: Place::LineAndColumn(e.line(), e.column()) }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Byte(byte) => write!(f, "{} (byte {byte})", self.what),
            Place::LineAndColumn(line, column) => write!(f, "{} (line {line}, column {column})", self.what),
        }
    }
}

impl std::error::Error for DecodeError {}
