use std::net::IpAddr;

use ureq::http::Uri;

use crate::Error;

const SETTING: &str = "base URL";

/// Takes a URL that credentials may be sent to, without the slash at its end: https, or http where the host is this very
/// machine.
pub(crate) fn base_url(text: &str) -> Result<String, Error> {
    let refuse = |problem| Err(Error::config(SETTING, problem));
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
    match scheme {
        "https" => {}
        "http" if is_loopback(authority.host()) => {}
        "http" => return refuse("is http, which sends credentials in clear; use https"),
        _ => return refuse("is neither https nor http"),
    }
    Ok(text.trim_end_matches('/').to_string())
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
