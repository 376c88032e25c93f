//! Request headers: those that the client sets itself, and those that callers add.

use ureq::http::header::{self as names, HeaderName, HeaderValue};

use crate::Error;

pub(super) const X_AUTH_EMAIL: HeaderName = HeaderName::from_static("x-auth-email");
pub(super) const X_AUTH_KEY: HeaderName = HeaderName::from_static("x-auth-key");

/// Headers that the client sets itself, because they control how a request is routed, authenticated, encoded and
/// framed.
const RESERVED_HEADERS: [HeaderName; 10] = [
    names::ACCEPT_ENCODING,
    names::AUTHORIZATION,
    names::CONNECTION,
    names::CONTENT_LENGTH,
    names::CONTENT_TYPE,
    names::EXPECT,
    names::HOST,
    names::TRANSFER_ENCODING,
    X_AUTH_EMAIL,
    X_AUTH_KEY,
];

/// Parses a header that the caller adds. Marks its value as sensitive, because it may be a credential.
pub(super) fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(Error::invalid_input("header name is invalid"));
    };
    if RESERVED_HEADERS.contains(&name) {
        return Err(Error::invalid_input(format!("header {name} is set by the client; remove it")));
    }
    let mut value = parse_header_value(&format!("header {name}"), value)?;
    value.set_sensitive(true);
    Ok((name, value))
}

pub(super) fn parse_header_value(setting: &str, value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value)
        .map_err(|_| Error::invalid_input(format!("{setting} contains a line break or another control character")))
}
