use std::fmt;
use std::io::{self, ErrorKind};

use rustls::CertificateError;
use serde::de::DeserializeOwned;
use ureq::http;

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

impl<T: DeserializeOwned> ResponseValue<T> {
    pub(crate) fn from_response<E>(response: Response) -> Result<Self, Error<E>> {
        match response.decode() {
            Ok(inner) => Ok(Self::new(inner, response)),
            Err(cause) => Err(Error::InvalidResponsePayload(response, cause)),
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
    /// Where the request was sent: the host, and the proxy if any.
    pub(super) peer: String,
    /// Whether the request may have reached the service. If not, the lookup, the connection, the proxy or TLS failed.
    pub(crate) sent: bool,
    /// The part of the response that arrived.
    pub(crate) partial: Option<Response>,
    /// Why an earlier attempt failed, if this attempt timed out.
    pub(crate) earlier: Option<String>,
    pub(crate) call: CallProgress,
}

impl TransportError {
    pub(super) fn new(cause: ureq::Error, peer: String, sent: bool, partial: Option<Response>) -> Self {
        Self { cause, peer, sent, partial, earlier: None, call: CallProgress::default() }
    }

    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self.cause, ureq::Error::Timeout(_))
    }

    /// Returns whether a response arrived that is too large or cannot be decompressed.
    pub(crate) fn is_unreadable(&self) -> bool {
        match &self.cause {
            ureq::Error::BodyExceedsLimit(_) => true,
            // Otherwise, the response is incomplete.
            ureq::Error::Decompress(_, e) => e.kind() != ErrorKind::UnexpectedEof,
            _ => false,
        }
    }

    /// Returns whether another attempt would fail in the same way.
    pub(crate) fn is_permanent(&self) -> bool {
        let is_untrusted = matches!(tls_error(&self.cause), Some(rustls::Error::InvalidCertificate(_)));
        self.is_unreadable() || is_untrusted
    }

    /// Returns whether the certificate is of an authority that is not trusted.
    pub(crate) fn has_unknown_issuer(&self) -> bool {
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        tls_error(&self.cause) == Some(&unknown)
    }
}

/// Returns whether an error of any agent means that no connection was made.
pub(super) fn is_connect(cause: &ureq::Error) -> bool {
    match cause {
        ureq::Error::Io(e) => {
            [ErrorKind::AddrNotAvailable, ErrorKind::ConnectionRefused, ErrorKind::NotFound].contains(&e.kind())
        }
        ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect)
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::ConnectionFailed
        | ureq::Error::HostNotFound
        | ureq::Error::Tls(_) => true,
        _ => false,
    }
}

/// Gives std's error for an unknown host name a kind that can be matched. The error is recognized by its text, because
/// its own kind is unstable. On Windows, the error has neither, and is left as it is.
pub(super) fn with_kind(cause: ureq::Error) -> ureq::Error {
    match cause {
        ureq::Error::Io(e) if e.to_string().starts_with("failed to lookup address information") => {
            ureq::Error::Io(io::Error::new(ErrorKind::NotFound, e))
        }
        cause => cause,
    }
}

fn tls_error(cause: &ureq::Error) -> Option<&rustls::Error> {
    match cause {
        ureq::Error::Io(e) => e.get_ref()?.downcast_ref(),
        _ => None,
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = &self.peer;
        match &self.cause {
            ureq::Error::Timeout(_) if !self.sent => write!(f, "timed out while connecting to {peer}")?,
            ureq::Error::Timeout(_) => write!(f, "timed out waiting for the response from {peer}")?,
            ureq::Error::BodyExceedsLimit(limit) => write!(f, "response body exceeds {limit} bytes")?,
            ureq::Error::Io(e) if !self.sent => write!(f, "could not connect to {peer}: {e}")?,
            e if !self.sent => write!(f, "could not connect to {peer}: {e}")?,
            ureq::Error::Io(e) if tls_error(&self.cause).is_some() => write!(f, "connection to {peer} failed: {e}")?,
            _ if self.is_unreadable() => f.write_str("response body could not be decompressed")?,
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) if self.partial.is_none() => {
                write!(f, "invalid HTTP response from {peer}")?;
            }
            _ if self.partial.is_some() => write!(f, "incomplete response from {peer}")?,
            _ => write!(f, "connection to {peer} closed before a response was received")?,
        }
        match &self.earlier {
            Some(earlier) => write!(f, " (an earlier attempt failed: {earlier})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TransportError {
    /// Returns ureq's error, which tells a failed lookup, a refused connection, a certificate and a timeout apart.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
