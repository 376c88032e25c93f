use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{self, Method};
use ureq::{Agent, AsSendBody, SendBody};

use super::read_body::{Step, decompress, read_body};
use super::wire_log_guard::WireLogGuard;
use super::{Body, CallProgress, Request, RequestBuilder, Response, ResponseHead, TransportError};

/// ureq panics if a timeout exceeds what an `Instant` can hold. A year is as good as no timeout.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Sends requests through a ureq agent. All clones share its connection pool.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) agent: Agent,
    /// Whether the agent's connector marks the errors that precede a request.
    pub(crate) marks_connect_errors: bool,
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

#[allow(dead_code)] // The spec decides which of them are called.
impl Client {
    request_methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE, head HEAD, options OPTIONS, trace TRACE);
}

impl Client {
    /// Sends a request once and reads the whole response. Does not follow redirects, so that credentials go nowhere else.
    pub(crate) fn send(&self, request: &Request, options: SendOptions) -> Result<Response, TransportError> {
        let _wire_log_guard = WireLogGuard::new();
        let Some(body) = request.body.as_ref().filter(|body| !body.is_empty()) else {
            return self.exchange(request, (), options).map_err(|(cause, partial)| {
                let error = TransportError::new(cause, partial, self.marks_connect_errors);
                TransportError { sent: !error.is_connect, ..error }
            });
        };
        let mut body = TrackedBody { bytes: body.as_bytes(), was_read: false };
        let result = self.exchange(request, SendBody::from_reader(&mut body), options);
        // ureq reads the body only after it has sent the head. If it has not read the body, the service cannot have the
        // whole request.
        result.map_err(|(cause, partial)| {
            let is_later = self.marks_connect_errors || body.was_read;
            TransportError { sent: body.was_read, ..TransportError::new(cause, partial, is_later) }
        })
    }

    fn exchange(
        &self,
        request: &Request,
        body: impl AsSendBody,
        options: SendOptions,
    ) -> Result<Response, (ureq::Error, Option<Response>)> {
        let idempotent = request.method.is_idempotent();
        let mut outgoing = http::Request::new(body);
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = request.uri.clone();
        *outgoing.headers_mut() = request.headers.clone();
        // A request that is not idempotent gets a connection of its own. The server may be closing an idle one at this
        // very moment, and then nobody could tell whether the request was carried out. ureq does not reuse a connection
        // whose input buffer has another size.
        let buffer = self.agent.config().input_buffer_size() + usize::from(!idempotent);
        // Its response is small. Without compression, a framing error costs no more of it than it must.
        let accept_encoding = if idempotent { "gzip" } else { "identity" };
        let outgoing = self
            .agent
            .configure_request(outgoing)
            .input_buffer_size(buffer)
            .accept_encoding(accept_encoding)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(options.timeout.min(LONGEST_TIMEOUT)))
            .timeout_connect(Some(options.connect_timeout.min(LONGEST_TIMEOUT)))
            .build();

        let (parts, body) = self.agent.run(outgoing).map_err(|cause| (cause, None))?.into_parts();
        let content_length = body.content_length();
        let reader = body.into_with_config().limit(options.max_response_size).reader();
        let step = if idempotent { Step::Buffer } else { Step::Byte };
        let (bytes, end) = read_body(reader, content_length, step);
        let (bytes, decompressed) = decompress(bytes, options.max_response_size);
        let head = ResponseHead { status: parts.status, headers: parts.headers, call: CallProgress::default() };
        let response = Response { head, body: Body::new(bytes) };
        match end.map_err(ureq::Error::from).and(decompressed) {
            Ok(()) => Ok(response),
            // The status of an error response says what matters, even if its body is incomplete.
            Err(_) if !response.head.status.is_success() => Ok(response),
            Err(cause) => Err((cause, Some(response))),
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
