//! Reads environment variables. An empty variable counts as unset.

use std::env::{self, VarError};

#[cfg(feature = "sign")]
use secrecy::zeroize::Zeroizing;
use ureq::Proxy;

#[cfg(feature = "sign")]
use crate::Signer;
#[cfg(feature = "sign")]
use crate::sign::private_key::unquote;
use crate::validate::{parse_proxy, validate_id};
use crate::{Credentials, Error};

const API_TOKEN: &str = "CLOUDFLARE_API_TOKEN";
const EMAIL: &str = "CLOUDFLARE_EMAIL";
const API_KEY: &str = "CLOUDFLARE_API_KEY";
const ACCOUNT_ID: &str = "CLOUDFLARE_ACCOUNT_ID";
const BASE_URL: &str = "CLOUDFLARE_BASE_URL";
#[cfg(feature = "sign")]
const SIGNING_KEY_ID: &str = "CLOUDFLARE_STREAM_SIGNING_KEY_ID";
#[cfg(feature = "sign")]
const SIGNING_KEY_PEM: &str = "CLOUDFLARE_STREAM_SIGNING_KEY_PEM";
#[cfg(feature = "sign")]
const SIGNING_KEY_JWK: &str = "CLOUDFLARE_STREAM_SIGNING_KEY_JWK";
/// In the order in which ureq reads them.
const PROXIES: [&str; 6] = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// A function that reads a variable: [`std::env::var`], or a replacement in tests.
type ReadVar<'a> = &'a dyn Fn(&str) -> Result<String, VarError>;

pub(crate) fn credentials() -> Result<Credentials, Error> {
    credentials_from(&|name| env::var(name))
}

pub(crate) fn account_id() -> Result<String, Error> {
    account_id_from(&|name| env::var(name))
}

pub(crate) fn base_url() -> Result<Option<String>, Error> {
    optional(&|name| env::var(name), BASE_URL)
}

/// Returns the proxy in `ALL_PROXY`, `HTTPS_PROXY` or `HTTP_PROXY`, with the exceptions in `NO_PROXY`.
pub(crate) fn proxy() -> Result<Option<Proxy>, Error> {
    // ureq skips an invalid variable, and would connect directly.
    validate_proxy(&|name| env::var(name))?;
    Ok(Proxy::try_from_env())
}

#[cfg(feature = "sign")]
pub(crate) fn signer() -> Result<Signer, Error> {
    signer_from(&|name| env::var(name))
}

fn validate_proxy(read: ReadVar) -> Result<(), Error> {
    for name in PROXIES {
        if let Some(url) = optional(read, name)? {
            return parse_proxy(&url).map(drop).map_err(|e| Error::invalid_input(format!("{name}: {e}")));
        }
    }
    Ok(())
}

/// Prefers the token, because its permissions can be limited.
fn credentials_from(read: ReadVar) -> Result<Credentials, Error> {
    if let Some(token) = optional(read, API_TOKEN)? {
        return Ok(Credentials::api_token(token));
    }
    match (optional(read, EMAIL)?, optional(read, API_KEY)?) {
        (Some(email), Some(key)) => Ok(Credentials::global_api_key(email, key)),
        (Some(_), None) => Err(Error::invalid_input(format!("{API_KEY} is not set, but {EMAIL} is; set both"))),
        (None, Some(_)) => Err(Error::invalid_input(format!("{EMAIL} is not set, but {API_KEY} is; set both"))),
        (None, None) => {
            Err(Error::invalid_input(format!("{API_TOKEN} is not set; set it, or {EMAIL} together with {API_KEY}")))
        }
    }
}

fn account_id_from(read: ReadVar) -> Result<String, Error> {
    let id = optional(read, ACCOUNT_ID)?.ok_or_else(|| Error::invalid_input(format!("{ACCOUNT_ID} is not set")))?;
    validate_id(ACCOUNT_ID, &id)?;
    Ok(id)
}

/// Prefers the JWK, because it contains the key ID.
#[cfg(feature = "sign")]
fn signer_from(read: ReadVar) -> Result<Signer, Error> {
    let id = optional(read, SIGNING_KEY_ID)?.map(|id| unquote(&id).to_string());
    if let Some(id) = &id {
        validate_id(SIGNING_KEY_ID, id)?;
    }
    let jwk = optional(read, SIGNING_KEY_JWK)?.map(Zeroizing::new);
    let pem = optional(read, SIGNING_KEY_PEM)?.map(Zeroizing::new);
    let named = |name| move |e| Error::invalid_input(format!("{name}: {e}"));
    match (jwk, pem, id) {
        (Some(jwk), _, id) => {
            let signer = Signer::from_jwk(&jwk).map_err(named(SIGNING_KEY_JWK))?;
            if id.is_some_and(|id| id != signer.key_id()) {
                return Err(Error::invalid_input(format!(
                    "{SIGNING_KEY_ID} differs from the kid of {SIGNING_KEY_JWK}"
                )));
            }
            Ok(signer)
        }
        (None, Some(pem), Some(id)) => Signer::from_pem(id, &pem).map_err(named(SIGNING_KEY_PEM)),
        (None, Some(_), None) => {
            Err(Error::invalid_input(format!("{SIGNING_KEY_ID} is not set, but {SIGNING_KEY_PEM} is; set both")))
        }
        (None, None, Some(_)) => Err(Error::invalid_input(format!(
            "{SIGNING_KEY_PEM} is not set, but {SIGNING_KEY_ID} is; set both, or set {SIGNING_KEY_JWK}"
        ))),
        (None, None, None) => Err(Error::invalid_input(format!(
            "{SIGNING_KEY_JWK} is not set; set it, or {SIGNING_KEY_ID} together with {SIGNING_KEY_PEM}"
        ))),
    }
}

fn optional(read: ReadVar, name: &str) -> Result<Option<String>, Error> {
    match read(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Error::invalid_input(format!("{name} is not valid UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderMap;

    use super::*;

    const TOKEN: (&str, &str) = (API_TOKEN, "token");

    fn headers(variables: &[(&str, &str)]) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        credentials_from(&reader(variables)).map_err(|e| e.to_string())?.apply(&mut headers);
        Ok(headers)
    }

    fn reader(variables: &[(&str, &str)]) -> impl Fn(&str) -> Result<String, VarError> {
        move |name| {
            let value = variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
            value.ok_or(VarError::NotPresent)
        }
    }

    #[test]
    fn token_is_preferred_to_global_api_key() {
        let global_key = [(EMAIL, "ops@example.com"), (API_KEY, "key")];
        assert_eq!(headers(&[TOKEN]).unwrap()["authorization"], "Bearer token");
        assert_eq!(headers(&[TOKEN, global_key[0], global_key[1]]).unwrap()["authorization"], "Bearer token");
        assert_eq!(headers(&global_key).unwrap()["x-auth-key"], "key");
        assert_eq!(headers(&[(API_TOKEN, ""), global_key[0], global_key[1]]).unwrap()["x-auth-key"], "key");
    }

    #[test]
    fn missing_variables_are_named() {
        let problem = |variables: &[(&str, &str)]| headers(variables).unwrap_err();
        assert!(problem(&[]).starts_with("CLOUDFLARE_API_TOKEN is not set"));
        assert!(problem(&[(API_TOKEN, "")]).starts_with("CLOUDFLARE_API_TOKEN is not set"));
        assert!(problem(&[(EMAIL, "ops@example.com")]).starts_with("CLOUDFLARE_API_KEY is not set"));
        assert!(problem(&[(API_KEY, "key")]).starts_with("CLOUDFLARE_EMAIL is not set"));
        for variables in [&[][..], &[(ACCOUNT_ID, "")]] {
            let error = account_id_from(&reader(variables)).unwrap_err();
            assert_eq!(error.to_string(), "CLOUDFLARE_ACCOUNT_ID is not set");
        }
    }

    #[test]
    fn malformed_proxy_is_named_and_not_shown() {
        let problem = |variables: &[(&str, &str)]| validate_proxy(&reader(variables)).map_err(|e| e.to_string());
        for url in ["http://", "://user:hunter2@x", "ftp://user:hunter2@example.com", "http://example.com:hunter2"] {
            let problem = problem(&[("HTTPS_PROXY", url)]).unwrap_err();
            assert!(problem.starts_with("HTTPS_PROXY: proxy is not a valid URL") && !problem.contains("hunter2"));
        }
        assert_eq!(problem(&[]), Ok(()));
        assert_eq!(problem(&[("ALL_PROXY", ""), ("http_proxy", "proxy.example.com:3128")]), Ok(()));
        assert_eq!(problem(&[("ALL_PROXY", "socks5://127.0.0.1:1080"), ("HTTP_PROXY", "://")]), Ok(()), "not used");
    }

    #[cfg(feature = "mock")]
    #[test]
    fn signer_is_made_from_a_jwk_or_from_an_id_and_a_pem() {
        let key = crate::mock::FakeServer::start().signing_keys().create().unwrap();
        let id = (SIGNING_KEY_ID, key.id.as_str());
        let (pem, jwk) = ((SIGNING_KEY_PEM, key.pem.expose_secret()), (SIGNING_KEY_JWK, key.jwk.expose_secret()));
        let other_id = (SIGNING_KEY_ID, "other");
        let quoted = (format!("\"{}\"\r", key.id), format!("'{}'", key.pem.expose_secret()));
        let (quoted_id, quoted_pem) = ((SIGNING_KEY_ID, &*quoted.0), (SIGNING_KEY_PEM, &*quoted.1));
        for variables in [
            &[jwk][..],
            &[id, pem],
            &[id, jwk],
            &[id, pem, jwk],
            &[jwk, (SIGNING_KEY_PEM, "invalid")],
            &[quoted_id, quoted_pem],
            &[quoted_id, jwk],
        ] {
            assert_eq!(signer_from(&reader(variables)).unwrap().key_id(), key.id);
        }
        assert_eq!(signer_from(&reader(&[other_id, pem])).unwrap().key_id(), "other");

        let problem = |variables: &[(&str, &str)]| signer_from(&reader(variables)).map(drop).unwrap_err().to_string();
        assert!(problem(&[]).starts_with("CLOUDFLARE_STREAM_SIGNING_KEY_JWK is not set; set it, or"));
        for variables in [&[id][..], &[id, (SIGNING_KEY_PEM, "")]] {
            assert!(problem(variables).starts_with("CLOUDFLARE_STREAM_SIGNING_KEY_PEM is not set, but"));
        }
        assert!(problem(&[pem]).starts_with("CLOUDFLARE_STREAM_SIGNING_KEY_ID is not set, but"));
        assert!(
            problem(&[(SIGNING_KEY_ID, "a b"), pem])
                .starts_with("CLOUDFLARE_STREAM_SIGNING_KEY_ID contains a character")
        );
        assert_eq!(
            problem(&[other_id, jwk]),
            "CLOUDFLARE_STREAM_SIGNING_KEY_ID differs from the kid of CLOUDFLARE_STREAM_SIGNING_KEY_JWK"
        );
        assert_eq!(
            problem(&[(SIGNING_KEY_JWK, "{}"), id, pem]),
            "CLOUDFLARE_STREAM_SIGNING_KEY_JWK: JWK is not a JSON Web Key"
        );
        assert_eq!(
            problem(&[id, (SIGNING_KEY_PEM, "hunter2!")]),
            "CLOUDFLARE_STREAM_SIGNING_KEY_PEM: PEM is neither PEM text nor valid base64"
        );
    }

    #[test]
    fn variable_that_is_not_utf8_is_named() {
        let read = |_: &str| Err(VarError::NotUnicode("hunter2".into()));
        let mut errors = vec![credentials_from(&read).unwrap_err(), account_id_from(&read).unwrap_err()];
        #[cfg(feature = "sign")]
        errors.push(signer_from(&read).unwrap_err());
        for error in errors {
            assert!(error.to_string().ends_with("is not valid UTF-8"), "{error}");
            assert!(!format!("{error:?} {error:#?}").contains("hunter2"));
        }
    }
}
