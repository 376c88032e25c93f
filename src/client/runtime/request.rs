use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ureq::http::{Method, Uri};

use super::body::Body;
use super::error::{Error, InvalidRequest};
use super::secret_value::with_secrets;

/// A request that can be sent more than once.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Body>,
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

/// The builder methods that generated code calls. The spec decides which of them are needed.
#[allow(dead_code)]
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

    pub fn query<T: Serialize>(self, parameter: &QueryParam<'_, T>) -> Self {
        Self(self.0.and_then(|mut request| {
            let joined = parameter.name.strip_suffix(',');
            let pair = [(joined.unwrap_or(parameter.name), parameter.value)];
            let mut query = with_secrets(|| serde_html_form::to_string(pair)).map_err(InvalidRequest::new)?;
            if let (Some(_), Some((name, _))) = (joined, query.split_once('=')) {
                // Values are encoded, so `&` only separates pairs.
                query = query.replace(&format!("&{name}="), ",");
            }
            request.append_query(&query)?;
            Ok(request)
        }))
    }

    pub fn json(self, body: &impl Serialize) -> Self {
        let body = with_secrets(|| serde_json::to_vec(body)).map_err(InvalidRequest::new);
        self.serialized("application/json", body)
    }

    pub fn body(mut self, body: impl Into<Body>) -> Self {
        if let Ok(request) = &mut self.0 {
            request.body = Some(body.into());
        }
        self
    }

    fn serialized(self, media_type: &'static str, body: Result<Vec<u8>, InvalidRequest>) -> Self {
        match body {
            Ok(body) => self.header(CONTENT_TYPE, HeaderValue::from_static(media_type)).body(body),
            Err(e) => Self(self.0.and(Err(e))),
        }
    }

    pub fn build(self) -> Result<Request, InvalidRequest> {
        let mut request = self.0?;
        // RFC 9110, section 8.6: a request with a method that usually has a body sends the length of an empty one.
        let expects_body = matches!(request.method, Method::POST | Method::PUT | Method::PATCH);
        let length = request.body.as_ref().map(|body| body.len()).or(expects_body.then_some(0));
        if let Some(length) = length {
            request.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Ok(request)
    }
}

/// The builder method that generated code calls for a form.
#[allow(dead_code)] // The spec decides whether there are forms.
pub trait RequestBuilderExt<E>: Sized {
    fn form_urlencoded<T: Serialize + ?Sized>(self, body: &T) -> Result<Self, Error<E>>;
}

impl<E> RequestBuilderExt<E> for RequestBuilder {
    fn form_urlencoded<T: Serialize + ?Sized>(self, body: &T) -> Result<Self, Error<E>> {
        let body = with_secrets(|| serde_html_form::to_string(body)).map_err(InvalidRequest::new);
        Ok(self.serialized("application/x-www-form-urlencoded", body.map(String::into_bytes)))
    }
}

/// A query parameter. A list becomes one pair for each item, or one pair with commas between the items if the name ends
/// with a comma. `None` becomes nothing.
#[derive(Debug)]
pub struct QueryParam<'a, T> {
    name: &'a str,
    value: &'a T,
}

#[allow(dead_code)] // The spec decides whether there are query parameters.
impl<'a, T> QueryParam<'a, T> {
    pub fn new(name: &'a str, value: &'a T) -> Self {
        Self { name, value }
    }
}

fn parse_uri(url: String) -> Result<Uri, InvalidRequest> {
    Uri::from_maybe_shared(url).map_err(InvalidRequest::new)
}

/// All characters except RFC 3986's unreserved ones.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes one segment of a path.
pub fn encode_path(segment: &str) -> String {
    utf8_percent_encode(segment, RESERVED).to_string()
}
