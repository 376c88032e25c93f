use std::net::IpAddr;

use ureq::http::Uri;

use crate::Error;

const SETTING: &str = "base URL";

/// A URL that credentials may be sent to.
pub(crate) struct BaseUrl {
    /// Without the slash at its end.
    pub(crate) url: String,
    /// Whether the host is this very machine.
    pub(crate) is_loopback: bool,
}

/// Takes https, or http where the host is this very machine.
pub(crate) fn base_url(text: &str) -> Result<BaseUrl, Error> {
    let refuse = |problem| Err(Error::invalid_input(SETTING, problem));
    if text.contains('#') {
        return refuse("has a fragment");
    }
    let Ok(uri) = text.parse::<Uri>() else {
        return refuse("is not a URL");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return refuse("has no scheme or no host");
    };
    if authority.as_str().contains('@') {
        return refuse("has user info; give credentials to the builder");
    }
    if uri.query().is_some() {
        return refuse("has a query");
    }
    if authority.host().is_empty() {
        return refuse("has no host");
    }
    let is_loopback = is_loopback(authority.host());
    match scheme {
        "https" => {}
        "http" if is_loopback => {}
        "http" => return refuse("is http, which sends credentials in clear; use https"),
        _ => return refuse("is neither https nor http"),
    }
    Ok(BaseUrl { url: text.trim_end_matches('/').to_string(), is_loopback })
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
