use ureq::{Proxy, ProxyProtocol};

use super::base_url::{BaseUrl, has_valid_port, is_loopback};
use crate::env::{self, ReadVar, named, optional};
use crate::{Error, Secret};

/// In the order in which ureq reads them.
const VARIABLES: [&str; 6] = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

#[derive(Clone, Debug, Default)]
pub(super) enum ProxySetting {
    /// The proxy in `ALL_PROXY`, `HTTPS_PROXY` or `HTTP_PROXY`, with the exceptions in `NO_PROXY`.
    #[default]
    Environment,
    None,
    /// May contain a password.
    Url(Secret),
}

impl ProxySetting {
    pub(super) fn resolve(&self, base_url: &BaseUrl) -> Result<Option<Proxy>, Error> {
        match self {
            Self::Url(url) => {
                let proxy = parse_proxy(url.expose_secret())?;
                validate_proxy(&proxy, base_url)?;
                Ok(Some(proxy))
            }
            // A request to loopback must not go through a proxy: it would leave the machine unencrypted.
            Self::Environment if !base_url.is_loopback => {
                // ureq skips an invalid variable, and would connect directly.
                validate_variables(&env::var)?;
                Ok(Proxy::try_from_env())
            }
            Self::Environment | Self::None => Ok(None),
        }
    }
}

/// Checks that a proxy does not get credentials unencrypted, unless it is on loopback, such as a debugging proxy.
pub(super) fn validate_proxy(proxy: &Proxy, base_url: &BaseUrl) -> Result<(), Error> {
    match base_url.is_https() || is_loopback(proxy.host()) || proxy.is_no_proxy(&base_url.uri) {
        true => Ok(()),
        false => Err(Error::invalid_input(
            "proxy would get credentials unencrypted, because the base URL is http; use no proxy, or a loopback proxy",
        )),
    }
}

fn validate_variables(read: ReadVar) -> Result<(), Error> {
    for name in VARIABLES {
        if let Some(url) = optional(read, name)? {
            return parse_proxy(&url).map(drop).map_err(named(name));
        }
    }
    Ok(())
}

/// Parses a proxy URL. The error does not say what is wrong: the URL may contain a password.
fn parse_proxy(url: &str) -> Result<Proxy, Error> {
    let is_complete = |proxy: &Proxy| !proxy.host().is_empty() && proxy.uri().authority().is_some_and(has_valid_port);
    let Some(proxy) = Proxy::new(url).ok().filter(is_complete) else {
        return Err(Error::invalid_input("proxy is not a valid URL; write http://HOST:PORT or socks5://HOST:PORT"));
    };
    // ureq would not send the user name.
    if matches!(proxy.protocol(), ProxyProtocol::Socks4 | ProxyProtocol::Socks4A) && proxy.username().is_some() {
        return Err(Error::invalid_input("proxy URL has a user name, which is not supported with SOCKS4; use socks5"));
    }
    Ok(proxy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::tests::reader;

    #[test]
    fn malformed_proxy_is_named_and_not_shown() {
        let problem = |variables: &[(&str, &str)]| validate_variables(&reader(variables)).map_err(|e| e.to_string());
        for url in [
            "http://",
            "http://user:hunter2@:3128",
            "://user:hunter2@x",
            "ftp://user:hunter2@example.com",
            "http://example.com:hunter2",
        ] {
            let problem = problem(&[("HTTPS_PROXY", url)]).unwrap_err();
            assert!(problem.starts_with("HTTPS_PROXY: proxy is not a valid URL") && !problem.contains("hunter2"));
        }
        assert_eq!(problem(&[]), Ok(()));
        assert_eq!(problem(&[("ALL_PROXY", ""), ("http_proxy", "proxy.example.com:3128")]), Ok(()));
        assert_eq!(problem(&[("ALL_PROXY", "socks5://127.0.0.1:1080"), ("HTTP_PROXY", "://")]), Ok(()), "not used");
    }
}
