//! Validates what callers pass in: IDs, base URLs and headers.

use std::net::IpAddr;

use ureq::Proxy;
use ureq::http::Uri;
use ureq::http::header::{self as names, HeaderName, HeaderValue};
use ureq::http::uri::Authority;

use crate::Error;
use crate::credentials::{X_AUTH_EMAIL, X_AUTH_KEY};

/// Checks that an ID is safe as one segment of a path: it has only RFC 3986's unreserved characters, and is neither `.`
/// nor `..`. With an empty ID, the URL that deletes a key would be the URL of the collection.
pub(crate) fn validate_id(argument: &str, id: &str) -> Result<(), Error> {
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    match id {
        "" => Err(Error::invalid_input(format!("{argument} is empty"))),
        "." | ".." => Err(Error::invalid_input(format!("{argument} must not be \".\" or \"..\""))),
        _ if !id.bytes().all(is_unreserved) => Err(Error::invalid_input(format!(
            "{argument} contains a character other than letters, digits, '-', '.', '_' and '~'"
        ))),
        _ => Ok(()),
    }
}

/// A base URL that is safe to send credentials to.
#[derive(Debug)]
pub(crate) struct BaseUrl {
    /// Without a trailing slash.
    pub(crate) url: String,
    pub(crate) is_loopback: bool,
}

impl BaseUrl {
    /// Accepts https, and http if the host is loopback.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |problem| Err(Error::invalid_input(format!("base URL {problem}")));
        if text.contains('#') {
            return invalid("has a fragment; remove the '#' and what follows");
        }
        let Ok(uri) = text.parse::<Uri>() else {
            return invalid("is not a valid URL");
        };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return invalid("is missing a scheme or host; write https://HOST/PATH");
        };
        if authority.as_str().contains('@') {
            return invalid("contains user info; pass credentials to the builder instead");
        }
        if uri.query().is_some() {
            return invalid("has a query; remove the '?' and what follows");
        }
        if !has_valid_port(authority) {
            return invalid("has an invalid port; write a number from 1 to 65535");
        }
        if authority.host().is_empty() {
            return invalid("has no host; write https://HOST/PATH");
        }
        let is_loopback = is_loopback(authority.host());
        match scheme {
            "https" => {}
            "http" if is_loopback => {}
            "http" => return invalid("would send credentials unencrypted; use https"),
            _ => return invalid("has a scheme other than https"),
        }
        Ok(Self { url: text.trim_end_matches('/').to_string(), is_loopback })
    }
}

/// Parses a proxy URL. The error does not say what is wrong: the URL may contain a password.
pub(crate) fn parse_proxy(url: &str) -> Result<Proxy, Error> {
    let proxy = Proxy::new(url).ok().filter(|proxy| proxy.uri().authority().is_some_and(has_valid_port));
    proxy.ok_or_else(|| Error::invalid_input("proxy is not a valid URL; write http://HOST:PORT or socks5://HOST:PORT"))
}

/// Checks the port, which [`Uri`] does not: it would be ignored, and credentials sent to the default port.
fn has_valid_port(authority: &Authority) -> bool {
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    match host_and_port.strip_prefix(authority.host()) {
        Some("") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|port| {
            port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
        }),
        None => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

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
pub(crate) fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
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

pub(crate) fn parse_header_value(setting: &str, value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value)
        .map_err(|_| Error::invalid_input(format!("{setting} contains a line break or another control character")))
}
