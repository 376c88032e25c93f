use std::fmt;
use std::io::ErrorKind;

use ureq::http;

use super::connector::ConnectError;
use super::response::{CallProgress, Response, ResponseValue};
use crate::decode_error::DecodeError;

/// An error of a generated method.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error<E> {
    /// The request could not be built. Nothing was sent.
    InvalidRequest(InvalidRequest),
    /// No response arrived, or only a part of one.
    CommunicationError(TransportError),
    /// An error response that the spec defines.
    ErrorResponse(ResponseValue<E>),
    /// A response whose status code the spec defines, but whose body could not be decoded.
    InvalidResponsePayload(Response, DecodeError),
    /// A response whose status code the spec does not define.
    UnexpectedResponse(Response),
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(e) => e.fmt(f),
            Self::CommunicationError(e) => e.fmt(f),
            Self::ErrorResponse(response) => write!(f, "HTTP status {}", response.status()),
            Self::InvalidResponsePayload(response, e) => {
                write!(f, "HTTP status {}, response body is {e}", response.status())
            }
            Self::UnexpectedResponse(response) => write!(f, "unexpected HTTP status {}", response.status()),
        }
    }
}

impl<E: fmt::Debug> std::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InvalidRequest(e) => e.source(),
            Self::CommunicationError(e) => e.source(),
            // Display shows the decoding error.
            Self::ErrorResponse(_) | Self::InvalidResponsePayload(..) | Self::UnexpectedResponse(_) => None,
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

impl<E> From<http::header::InvalidHeaderValue> for Error<E> {
    fn from(e: http::header::InvalidHeaderValue) -> Self {
        Self::InvalidRequest(InvalidRequest::new(e))
    }
}

/// A request that could not be built: an invalid URL or header, or a parameter or body that cannot be serialized.
#[derive(Debug)]
pub struct InvalidRequest(Box<dyn std::error::Error + Send + Sync>);

impl InvalidRequest {
    pub(super) fn new(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(cause))
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("request could not be built")
    }
}

impl std::error::Error for InvalidRequest {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// A request that got no response, or only part of one.
#[derive(Debug)]
pub struct TransportError {
    pub(crate) cause: ureq::Error,
    /// Whether the failure precedes the request: name lookup, connection, proxy or TLS.
    pub(crate) is_connect: bool,
    /// Whether the request may have reached the service.
    pub(crate) sent: bool,
    /// The part of the response that arrived.
    pub(crate) partial: Option<Response>,
    /// Why an earlier attempt failed, if this one timed out.
    pub(crate) earlier: Option<String>,
    pub(crate) call: CallProgress,
}

impl TransportError {
    /// Creates the error for a request that may have been sent. `is_later` is true if an error that the connector did
    /// not mark happened while it was sent, or later.
    pub(super) fn new(cause: ureq::Error, partial: Option<Response>, is_later: bool) -> Self {
        let (cause, is_marked) = ConnectError::unmark(cause);
        let is_connect = is_marked || (!is_later && is_connect(&cause));
        Self { cause, is_connect, sent: true, partial, earlier: None, call: CallProgress::default() }
    }

    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self.cause, ureq::Error::Timeout(_))
    }

    /// Returns whether a response arrived that is too large or cannot be decompressed.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self.cause, ureq::Error::BodyExceedsLimit(_) | ureq::Error::Decompress(..))
    }

    /// Returns whether Display shows the whole cause, so that `source` need not repeat it.
    pub(crate) fn shows_cause(&self) -> bool {
        let is_tls = matches!(&self.cause, ureq::Error::Io(e) if is_tls(e));
        !self.sent || self.is_timeout() || is_tls || matches!(self.cause, ureq::Error::BodyExceedsLimit(_))
    }
}

/// Returns whether an error that the connector did not mark means that no connection was made.
fn is_connect(cause: &ureq::Error) -> bool {
    match cause {
        ureq::Error::Io(e) => [ErrorKind::AddrNotAvailable, ErrorKind::ConnectionRefused].contains(&e.kind()),
        ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect)
        | ureq::Error::BadUri(_)
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::ConnectionFailed
        | ureq::Error::HostNotFound
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::RequireHttpsOnly(_)
        | ureq::Error::Tls(_)
        | ureq::Error::TlsRequired => true,
        _ => false,
    }
}

fn is_tls(e: &std::io::Error) -> bool {
    e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            ureq::Error::Timeout(_) if self.is_connect => f.write_str("timed out while connecting")?,
            ureq::Error::Timeout(_) => f.write_str("timed out waiting for the response")?,
            ureq::Error::BodyExceedsLimit(limit) => write!(f, "response body exceeds {limit} bytes")?,
            ureq::Error::Io(e) if !self.sent => write!(f, "could not connect: {e}")?,
            e if !self.sent => write!(f, "could not connect: {e}")?,
            ureq::Error::Io(e) if is_tls(e) => write!(f, "connection failed: {e}")?,
            ureq::Error::Decompress(..) => f.write_str("response body could not be decompressed")?,
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) if self.partial.is_none() => {
                f.write_str("invalid HTTP response")?;
            }
            _ if self.partial.is_some() => f.write_str("connection closed before the response was complete")?,
            _ => f.write_str("connection closed before a response was received")?,
        }
        match &self.earlier {
            Some(earlier) => write!(f, " (an earlier attempt failed: {earlier})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        (!self.shows_cause()).then_some(&self.cause)
    }
}
