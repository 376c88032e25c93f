use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use ureq::http::header::TRANSFER_ENCODING;
use ureq::http::{self, Method, Uri};
use ureq::{Agent, AsSendBody, SendBody};

use super::body::Body;
use super::error::{is_connect, with_kind};
use super::read_body::{Step, decompress, read_body};
use super::wire_log_guard::WireLogGuard;
use super::{CallProgress, Request, RequestBuilder, Response, ResponseHead, TransportError, unversioned};

/// ureq panics if a timeout exceeds what an `Instant` can hold. A year is as good as no timeout.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Sends requests through a ureq agent. All clones share its connection pool.
#[derive(Clone)]
pub struct Client {
    pub(crate) agent: Agent,
    /// Whether it is a [`lazy_agent`](super::lazy_agent).
    pub(crate) is_lazy: bool,
}

impl fmt::Debug for Client {
    /// Leaves out the agent, whose output is long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
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
    /// Sends a request once and reads the whole response. Does not follow redirects, so that credentials go nowhere
    /// else.
    pub(crate) fn send(&self, request: &Request, options: SendOptions) -> Result<Response, TransportError> {
        let _wire_log_guard = WireLogGuard::new();
        let body = request.body.as_ref().filter(|body| !body.is_empty());
        let mut body = body.map(|body| TrackedBody { bytes: body.as_bytes(), was_read: false });
        let result = self.exchange(request, body.as_mut(), options);
        // ureq reads the body only after it has sent the head. If it has not read the body, the service cannot have the
        // whole request.
        result.map_err(|e| TransportError { sent: body.map_or(e.sent, |body| body.was_read), ..e })
    }

    /// Names the host, and the proxy if any, that a request to this URL is sent to.
    fn peer(&self, uri: &Uri) -> String {
        let host = uri.authority().map_or("", |authority| authority.as_str());
        match self.agent.config().proxy().filter(|proxy| !proxy.is_no_proxy(uri)) {
            Some(proxy) => format!("{host} through the proxy {}:{}", proxy.host(), proxy.port()),
            None => host.to_string(),
        }
    }

    fn exchange(
        &self,
        request: &Request,
        mut body: Option<&mut TrackedBody>,
        options: SendOptions,
    ) -> Result<Response, TransportError> {
        let mut run = || match &mut body {
            Some(body) => self.run(request, SendBody::from_reader(*body), options),
            None => self.run(request, (), options),
        };
        let response = if self.is_lazy { unversioned::exchange(run) } else { run().map_err(|cause| (cause, false)) };
        let (parts, body) = response
            .map_err(|(cause, precedes_request)| {
                let cause = with_kind(cause);
                let sent = !precedes_request && (self.is_lazy || !is_connect(&cause));
                TransportError::new(cause, self.peer(&request.uri), sent, None)
            })?
            .into_parts();

        let content_length = body.content_length();
        let reader = body.into_with_config().limit(options.max_response_size).reader();
        let has_framing = content_length.is_some() || parts.headers.contains_key(TRANSFER_ENCODING);
        let step = if request.method.is_idempotent() || !has_framing { Step::Buffer } else { Step::Byte };
        let (bytes, end) = read_body(reader, content_length, step);
        let (bytes, decompressed) = decompress(bytes, options.max_response_size);
        let head = ResponseHead { status: parts.status, headers: parts.headers, call: CallProgress::default() };
        let response = Response { head, body: Body(bytes) };
        match end.map_err(ureq::Error::from).and(decompressed) {
            Ok(()) => Ok(response),
            // The status of an error response says what matters, even if its body is incomplete.
            Err(_) if !response.head.status.is_success() => Ok(response),
            Err(cause) => Err(TransportError::new(cause, self.peer(&request.uri), true, Some(response))),
        }
    }

    fn run(
        &self,
        request: &Request,
        body: impl AsSendBody,
        options: SendOptions,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let idempotent = request.method.is_idempotent();
        // A request that is not idempotent gets a connection of its own. The server may be closing an idle connection
        // at this moment, and then it is unknown whether the request was carried out. ureq does not reuse a connection
        // whose input buffer has another size.
        let buffer = self.agent.config().input_buffer_size() + usize::from(!idempotent);
        // Its response is small. Without compression, a framing error loses as little of it as possible.
        let accept_encoding = if idempotent { "gzip" } else { "identity" };
        let connect_timeout = Some(options.connect_timeout.min(LONGEST_TIMEOUT));
        let mut outgoing = http::Request::new(body);
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = request.uri.clone();
        *outgoing.headers_mut() = request.headers.clone();
        let outgoing = self
            .agent
            .configure_request(outgoing)
            .input_buffer_size(buffer)
            .accept_encoding(accept_encoding)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(options.timeout.min(LONGEST_TIMEOUT)))
            .timeout_resolve(connect_timeout)
            .timeout_connect(connect_timeout)
            .build();
        self.agent.run(outgoing)
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
