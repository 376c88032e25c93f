use std::io::{self, Read};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use ureq::http::{self, Method};
use ureq::{Agent, AsSendBody, SendBody};

use super::wire_log_guard::WireLogGuard;
use super::{Request, RequestBuilder, Response, ResponseHead, TransportError};

/// ureq panics where a deadline lies beyond what an `Instant` can hold. A year is as good as forever.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// In bytes: more than a new key takes up, in both its forms.
const ONE_TIME_ANSWER: u64 = 16 * 1024;

/// Sends requests over a ureq agent, whose connections all clones share.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) agent: Agent,
}

/// What one exchange may cost.
#[derive(Clone, Copy, Debug)]
pub struct SendOptions {
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// In bytes, after decompression.
    pub(crate) max_response_size: u64,
}

impl Client {
    pub fn request(&self, method: Method, url: String) -> RequestBuilder {
        RequestBuilder::new(method, url)
    }

    /// One request and its answer, read to the end. Redirects are not followed: credentials go nowhere else.
    pub(crate) fn send(&self, request: &Request, budget: SendOptions) -> Result<Response, TransportError> {
        let Some(body) = &request.body else {
            return self.exchange(request, (), budget).map_err(|(cause, partial)| {
                let sent = !TransportError::is_connect(&cause);
                TransportError { cause, sent, partial }
            });
        };
        let mut body = TrackedBody { bytes: body, was_read: false };
        let result = self.exchange(request, SendBody::from_reader(&mut body), budget);
        // ureq reads the body only once it has handed over the head. A body that nobody read was never sent, and without
        // it the service does not have the request.
        result.map_err(|(cause, partial)| TransportError { cause, sent: body.was_read, partial })
    }

    fn exchange(
        &self,
        request: &Request,
        body: impl AsSendBody,
        budget: SendOptions,
    ) -> Result<Response, (ureq::Error, Option<Response>)> {
        let _trace_off = WireLogGuard::new();
        let idempotent = request.method.is_idempotent();
        let mut outgoing = http::Request::new(body);
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = request.uri.clone();
        *outgoing.headers_mut() = request.headers.clone();
        // A request that cannot be repeated gets a connection of its own: an idle one may be closed by the server at this
        // very moment, and then nobody could tell whether the request was carried out. ureq keeps connections apart
        // whose buffers differ.
        let buffer = self.agent.config().input_buffer_size() + usize::from(!idempotent);
        let outgoing = self
            .agent
            .configure_request(outgoing)
            .input_buffer_size(buffer)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(budget.timeout.min(LONGEST_TIMEOUT)))
            .timeout_connect(Some(budget.connect_timeout.min(LONGEST_TIMEOUT)))
            .build();

        let (parts, body) = self.agent.run(outgoing).map_err(|cause| (cause, None))?.into_parts();
        // Room for all of it at once: a growing vector leaves copies behind, and they are not wiped.
        let least = if idempotent { 0 } else { ONE_TIME_ANSWER };
        let room = body.content_length().unwrap_or(0).max(least).min(budget.max_response_size);
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or(0)));
        let end = body.into_with_config().limit(budget.max_response_size).reader().read_to_end(&mut bytes);
        let head = ResponseHead { status: parts.status, headers: parts.headers, repeated: false };
        let response = Response { head, body: bytes };
        match end {
            // Of a refusal the status tells what matters: half a body of it is as good as a whole one.
            Ok(_) => Ok(response),
            Err(_) if !response.head.status.is_success() => Ok(response),
            Err(cause) => Err((cause.into(), Some(response))),
        }
    }
}

/// A request's body that knows whether anybody has begun to read it.
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
