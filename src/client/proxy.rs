use ureq::Proxy;

use super::base_url::{BaseUrl, has_valid_port};
use crate::env::{self, ReadVar, optional};
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
            Self::Url(url) => parse_proxy(url.expose_secret()).map(Some),
            // A request to loopback must not go through a proxy: it would leave the machine, unencrypted.
            Self::Environment if !base_url.is_loopback => {
                // ureq skips an invalid variable, and would connect directly.
                validate_variables(&env::var)?;
                Ok(Proxy::try_from_env())
            }
            Self::Environment | Self::None => Ok(None),
        }
    }
}

fn validate_variables(read: ReadVar) -> Result<(), Error> {
    for name in VARIABLES {
        if let Some(url) = optional(read, name)? {
            return parse_proxy(&url).map(drop).map_err(|e| Error::invalid_input(format!("{name}: {e}")));
        }
    }
    Ok(())
}

/// Parses a proxy URL. The error does not say what is wrong: the URL may contain a password.
fn parse_proxy(url: &str) -> Result<Proxy, Error> {
    let proxy = Proxy::new(url).ok().filter(|proxy| proxy.uri().authority().is_some_and(has_valid_port));
    proxy.ok_or_else(|| Error::invalid_input("proxy is not a valid URL; write http://HOST:PORT or socks5://HOST:PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::tests::reader;

    #[test]
    fn malformed_proxy_is_named_and_not_shown() {
        let problem = |variables: &[(&str, &str)]| validate_variables(&reader(variables)).map_err(|e| e.to_string());
        for url in ["http://", "://user:hunter2@x", "ftp://user:hunter2@example.com", "http://example.com:hunter2"] {
            let problem = problem(&[("HTTPS_PROXY", url)]).unwrap_err();
            assert!(problem.starts_with("HTTPS_PROXY: proxy is not a valid URL") && !problem.contains("hunter2"));
        }
        assert_eq!(problem(&[]), Ok(()));
        assert_eq!(problem(&[("ALL_PROXY", ""), ("http_proxy", "proxy.example.com:3128")]), Ok(()));
        assert_eq!(problem(&[("ALL_PROXY", "socks5://127.0.0.1:1080"), ("HTTP_PROXY", "://")]), Ok(()), "not used");
    }
}
