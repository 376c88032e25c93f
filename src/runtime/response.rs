use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use serde::de::DeserializeOwned;
use ureq::http::StatusCode;
use ureq::http::header::{HeaderMap, HeaderName, RETRY_AFTER};

use super::error::{DecodeError, Error};

/// What Cloudflare's support asks for.
const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");

/// Status and headers of an answer.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// An earlier attempt of the same call may have taken effect, and its answer did not arrive.
    pub(crate) repeated: bool,
}

impl ResponseHead {
    pub(crate) fn ray_id(&self) -> Option<&str> {
        self.text(&CF_RAY)
    }

    /// How long the service asks to wait. Cloudflare gives seconds, never a date.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.text(&RETRY_AFTER)?.trim().parse().ok().map(Duration::from_secs)
    }

    fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer as it came, its body still bytes. The body can hold a key: it is never printed, and wiped on drop.
#[derive(Clone)]
pub struct Response {
    pub(crate) head: ResponseHead,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Response {
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The body as JSON. That it is UTF-8 is seen to once, and not again for each of its strings.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let text = str::from_utf8(&self.body).map_err(DecodeError::from)?;
        serde_json::from_str(text).map_err(DecodeError::from)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("head", &self.head).field("body_bytes", &self.body.len()).finish()
    }
}

/// A decoded answer, with its status and headers. It dereferences to what was decoded.
#[derive(Clone, Debug)]
pub struct ResponseValue<T> {
    inner: T,
    response: Response,
}

impl<T> ResponseValue<T> {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.response.head.status
    }

    /// All headers of the answer.
    pub fn headers(&self) -> &HeaderMap {
        &self.response.head.headers
    }

    /// The answer's `cf-ray`, which Cloudflare's support asks for.
    pub fn ray_id(&self) -> Option<&str> {
        self.response.head.ray_id()
    }

    /// The decoded body alone.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// What was decoded, and what it was decoded from.
    pub(crate) fn into_parts(self) -> (T, Response) {
        (self.inner, self.response)
    }
}

impl<T: DeserializeOwned> ResponseValue<T> {
    pub(crate) fn from_response<E>(response: Response) -> Result<Self, Error<E>> {
        match response.decode() {
            Ok(inner) => Ok(Self { inner, response }),
            Err(cause) => Err(Error::InvalidResponsePayload(response, cause)),
        }
    }
}

impl<T> Deref for ResponseValue<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}
