use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ureq::http::{Method, Uri};

use super::error::InvalidRequest;

/// A request that can be sent more than once.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
}

impl Request {
    /// Appends an encoded query to the URL's query.
    pub(crate) fn append_query(&mut self, query: &str) -> Result<(), InvalidRequest> {
        if !query.is_empty() {
            let separator = if self.uri.query().is_some() { '&' } else { '?' };
            self.uri = parse_uri(format!("{}{separator}{query}", self.uri))?;
        }
        Ok(())
    }
}

/// Builds a [`Request`]. Errors are returned by [`RequestBuilder::build`].
#[derive(Debug)]
pub struct RequestBuilder(Result<Request, InvalidRequest>);

impl RequestBuilder {
    pub(super) fn new(method: Method, url: String) -> Self {
        Self(parse_uri(url).map(|uri| Request { method, uri, headers: HeaderMap::new(), body: None }))
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

fn parse_uri(url: String) -> Result<Uri, InvalidRequest> {
    Uri::from_maybe_shared(url).map_err(|e| InvalidRequest::from(ureq::http::Error::from(e)))
}

/// All characters except RFC 3986's unreserved ones.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes one segment of a path.
pub fn encode_path(segment: &str) -> String {
    Cow::from(utf8_percent_encode(segment, RESERVED)).into_owned()
}
