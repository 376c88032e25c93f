use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ureq::http::{Method, Uri};

use super::error::InvalidRequest;

/// A request that is ready to be sent, any number of times.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
}

/// Builds a [`Request`]; a mistake on the way is kept until [`RequestBuilder::build`].
#[derive(Debug)]
pub struct RequestBuilder(Result<Request, InvalidRequest>);

impl RequestBuilder {
    pub(super) fn new(method: Method, url: String) -> Self {
        let uri = Uri::from_maybe_shared(url).map_err(|e| InvalidRequest::from(ureq::http::Error::from(e)));
        Self(uri.map(|uri| Request { method, uri, headers: HeaderMap::new(), body: None }))
    }

    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if let Ok(request) = &mut self.0 {
            request.headers.insert(name, value);
        }
        self
    }

    pub fn headers(mut self, headers: HeaderMap) -> Self {
        if let Ok(request) = &mut self.0 {
            request.headers.extend(headers);
        }
        self
    }

    pub fn json(self, body: &impl Serialize) -> Self {
        let builder = self.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self(builder.0.and_then(|mut request| {
            let body = serde_json::to_vec(body)?;
            request.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            request.body = Some(body);
            Ok(request)
        }))
    }

    pub fn build(self) -> Result<Request, InvalidRequest> {
        self.0
    }
}

/// RFC 3986's unreserved characters stand for themselves in a path, all others are encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes one segment of a path.
pub fn encode_path(segment: &str) -> String {
    Cow::from(utf8_percent_encode(segment, RESERVED)).into_owned()
}
