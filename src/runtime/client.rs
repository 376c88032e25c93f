use std::io::{self, Read};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use ureq::http::{self, Method};
use ureq::{Agent, AsSendBody, SendBody};

use super::wire_log_guard::WireLogGuard;
use super::{Request, RequestBuilder, Response, ResponseHead, TransportError};

/// ureq panics if a timeout exceeds what an `Instant` can hold. A year is as good as no timeout.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// In bytes. The response to a create is smaller.
const ONE_TIME_RESPONSE_SIZE: u64 = 16 * 1024;

/// Sends requests through a ureq agent. All clones share its connection pool.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) agent: Agent,
}

/// The limits of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct SendOptions {
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// In bytes, after decompression.
    pub(crate) max_response_size: u64,
}

/// Defines a method for each HTTP method that generated code calls.
macro_rules! request_methods {
    ($($name:ident $method:ident),*) => {
        $(pub fn $name(&self, url: String) -> RequestBuilder {
            RequestBuilder::new(Method::$method, url)
        })*
    };
}

#[allow(dead_code)] // The spec determines which of them are called.
impl Client {
    request_methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE, head HEAD, options OPTIONS, trace TRACE);
}

impl Client {
    /// Sends a request once and reads the whole response. Does not follow redirects, so that credentials are sent to no
    /// other host.
    pub(crate) fn send(&self, request: &Request, options: SendOptions) -> Result<Response, TransportError> {
        let Some(body) = request.body.as_ref().filter(|body| !body.is_empty()) else {
            return self.exchange(request, (), options).map_err(|(cause, partial)| {
                let sent = !TransportError::is_connect(&cause);
                TransportError { cause, sent, partial }
            });
        };
        let mut body = TrackedBody { bytes: body.as_bytes(), was_read: false };
        let result = self.exchange(request, SendBody::from_reader(&mut body), options);
        // ureq reads the body only after it has sent the head. If the body was not read, the service cannot have
        // received the whole request.
        result.map_err(|(cause, partial)| TransportError { cause, sent: body.was_read, partial })
    }

    fn exchange(
        &self,
        request: &Request,
        body: impl AsSendBody,
        options: SendOptions,
    ) -> Result<Response, (ureq::Error, Option<Response>)> {
        let _wire_log_guard = WireLogGuard::new();
        let idempotent = request.method.is_idempotent();
        let mut outgoing = http::Request::new(body);
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = request.uri.clone();
        *outgoing.headers_mut() = request.headers.clone();
        // A request that is not idempotent gets a new connection. If the server closed an idle connection just as the
        // request was sent, its outcome would be unknown. ureq does not reuse a connection whose input buffer has
        // another size.
        let buffer = self.agent.config().input_buffer_size() + usize::from(!idempotent);
        let outgoing = self
            .agent
            .configure_request(outgoing)
            .input_buffer_size(buffer)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(options.timeout.min(LONGEST_TIMEOUT)))
            .timeout_connect(Some(options.connect_timeout.min(LONGEST_TIMEOUT)))
            .build();

        let (parts, body) = self.agent.run(outgoing).map_err(|cause| (cause, None))?.into_parts();
        // Allocated up front: a vector that grows leaves copies behind, and these are not wiped.
        let minimum = if idempotent { 0 } else { ONE_TIME_RESPONSE_SIZE };
        let capacity = body.content_length().unwrap_or(0).max(minimum).min(options.max_response_size);
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(capacity).unwrap_or(0)));
        let end = body.into_with_config().limit(options.max_response_size).reader().read_to_end(&mut bytes);
        let head = ResponseHead { status: parts.status, headers: parts.headers, follows_lost_attempt: false };
        let response = Response { head, body: bytes.into() };
        match end {
            Ok(_) => Ok(response),
            // The status code of an error response is what matters, even if the body is incomplete.
            Err(_) if !response.head.status.is_success() => Ok(response),
            Err(cause) => Err((cause.into(), Some(response))),
        }
    }
}

/// A request body that records whether any of it was read.
struct TrackedBody<'a> {
    bytes: &'a [u8],
    was_read: bool,
}

impl Read for TrackedBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.was_read = true;
        self.bytes.read(buffer)
    }
}
