use std::net::IpAddr;

use ureq::http::Uri;
use ureq::http::uri::{Authority, Scheme};

use crate::Error;

/// A base URL that is safe to send credentials to.
#[derive(Debug)]
pub(super) struct BaseUrl {
    /// Without a trailing slash.
    pub(super) url: String,
    pub(super) uri: Uri,
    pub(super) is_loopback: bool,
}

impl BaseUrl {
    /// Accepts https, and http if the host is loopback. An error names the setting.
    pub(super) fn parse(setting: &str, text: &str) -> Result<Self, Error> {
        let invalid = |problem| Err(Error::invalid_input(format!("{setting} {problem}")));
        if text.contains('#') {
            return invalid("has a fragment; remove the '#' and what follows");
        }
        let Ok(uri) = text.parse::<Uri>() else {
            return invalid("is not a valid URL; write https://HOST/PATH");
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
        Ok(Self { url: text.trim_end_matches('/').to_string(), uri, is_loopback })
    }

    pub(super) fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }
}

/// Checks the port, which [`Uri`] does not: an invalid port would be ignored, and credentials sent to the default port.
pub(super) fn has_valid_port(authority: &Authority) -> bool {
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    match host_and_port.strip_prefix(authority.host()) {
        Some("") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|port| {
            port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
        }),
        None => false,
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
