use std::ops::Deref;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::de::DeserializeOwned;
use ureq::http::StatusCode;
use ureq::http::header::{HeaderMap, HeaderName, RETRY_AFTER};

use super::body::Body;
use crate::decode_error::DecodeError;

const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");

/// The status code and the headers of a response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) call: CallProgress,
}

impl ResponseHead {
    pub(crate) fn ray_id(&self) -> Option<&str> {
        self.header(&CF_RAY)
    }

    /// Parses `Retry-After`, which is a number of seconds or a date.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let value = self.header(&RETRY_AFTER)?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = rfc2822::parse(value).ok()?.timestamp();
        Some(Duration::try_from(date.duration_since(Timestamp::now())).unwrap_or_default())
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What the implementation of [`ClientHooks`](super::ClientHooks) knows about a call after an attempt, that attempt
/// included.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallProgress {
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    /// Whether an earlier attempt may have taken effect without a response that says so.
    pub(crate) earlier_may_have_taken_effect: bool,
}

/// A response that has not been decoded.
#[derive(Clone, Debug)]
pub struct Response {
    pub(crate) head: ResponseHead,
    pub(crate) body: Body,
}

impl Response {
    /// Returns the HTTP status code.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Returns the `cf-ray` header, which identifies the request to Cloudflare's support.
    pub fn ray_id(&self) -> Option<&str> {
        self.head.ray_id()
    }

    /// Returns the body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Decodes the body as JSON. An empty body decodes like `null`.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        // Checking UTF-8 once is cheaper than letting serde_json check every string.
        let text = self.body.to_str().map_err(DecodeError::from)?;
        match serde_json::from_str(text) {
            Ok(value) => Ok(value),
            Err(e) => match serde_json::from_str("null") {
                Ok(value) if text.is_empty() => Ok(value),
                _ => Err(DecodeError::from_json(e)),
            },
        }
    }
}

/// A decoded response body, with the response's status code and headers. It dereferences to the body.
#[derive(Clone, Debug)]
pub struct ResponseValue<T> {
    inner: T,
    response: Response,
}

impl<T> ResponseValue<T> {
    pub(super) fn new(inner: T, response: Response) -> Self {
        Self { inner, response }
    }

    /// Returns the HTTP status code.
    pub fn status(&self) -> StatusCode {
        self.response.head.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.response.head.headers
    }

    /// Returns the `cf-ray` header, which identifies the request to Cloudflare's support.
    pub fn ray_id(&self) -> Option<&str> {
        self.response.head.ray_id()
    }

    /// Returns the decoded body.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// Returns the decoded body and the response that it was decoded from.
    pub(crate) fn into_parts(self) -> (T, Response) {
        (self.inner, self.response)
    }
}

#[allow(dead_code)] // The spec decides whether a response has no content.
impl ResponseValue<()> {
    pub(crate) fn empty(response: Response) -> Self {
        Self { inner: (), response }
    }
}

#[allow(dead_code)] // The spec decides whether a response has content other than JSON.
impl ResponseValue<Body> {
    pub(crate) fn stream(mut response: Response) -> Self {
        Self { inner: std::mem::take(&mut response.body), response }
    }
}

impl<T> Deref for ResponseValue<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}
