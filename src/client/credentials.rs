use std::fmt;

use ureq::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::headers::{X_AUTH_EMAIL, X_AUTH_KEY};
use crate::env::{self, ReadVar, optional};
use crate::{Error, Secret};

const API_TOKEN: &str = "CLOUDFLARE_API_TOKEN";
const EMAIL: &str = "CLOUDFLARE_EMAIL";
const API_KEY: &str = "CLOUDFLARE_API_KEY";

/// Credentials for Cloudflare's API: an API token, or an email address and a global API key.
///
/// Prefer a token with the *Stream Write* permission, or *Stream Read* to only list keys. A global API key can do
/// everything that its user can.
///
/// ```
/// use cloudflare_stream_keys::Credentials;
///
/// let token = Credentials::api_token("v1.0-0123456789abcdef");
/// let global = Credentials::global_api_key("ops@example.com", "0123456789abcdef");
/// assert_eq!(format!("{token:?}"), "ApiToken([REDACTED])");
/// assert_eq!(format!("{global:?}"), "GlobalApiKey([REDACTED])");
/// ```
#[derive(Clone)]
pub struct Credentials(Kind);

#[derive(Clone)]
enum Kind {
    ApiToken(Secret),
    GlobalApiKey { email: Secret, key: Secret },
}

impl Credentials {
    /// Creates credentials from an API token, which is sent as `Authorization: Bearer`.
    pub fn api_token(token: impl Into<Secret>) -> Self {
        Self(Kind::ApiToken(token.into()))
    }

    /// Creates credentials from a user's email address and global API key. They are sent as `X-Auth-Email` and
    /// `X-Auth-Key`.
    pub fn global_api_key(email: impl Into<Secret>, key: impl Into<Secret>) -> Self {
        Self(Kind::GlobalApiKey { email: email.into(), key: key.into() })
    }

    /// Reads credentials from the environment: `CLOUDFLARE_API_TOKEN`, or `CLOUDFLARE_EMAIL` together with
    /// `CLOUDFLARE_API_KEY`.
    ///
    /// The token takes precedence. An empty variable counts as unset.
    ///
    /// ```no_run
    /// use cloudflare_stream_keys::{Client, Credentials};
    ///
    /// let client = Client::builder(Credentials::from_env()?).build()?;
    /// # let _ = client;
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a variable is missing or invalid. The
    /// message names the variable.
    pub fn from_env() -> Result<Self, Error> {
        from_vars(&env::var)
    }

    /// Rejects credentials that cannot be valid, such as a token with a trailing newline, before a request is sent.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        match &self.0 {
            Kind::ApiToken(token) => validate("API token", token),
            Kind::GlobalApiKey { email, key } => validate("email address", email).and(validate("global API key", key)),
        }
    }

    /// Adds the credentials' headers, marked as sensitive so that `Debug` redacts them.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        match &self.0 {
            Kind::ApiToken(token) => insert(headers, AUTHORIZATION, &format!("Bearer {}", token.expose_secret())),
            Kind::GlobalApiKey { email, key } => {
                insert(headers, X_AUTH_EMAIL, email.expose_secret());
                insert(headers, X_AUTH_KEY, key.expose_secret());
            }
        }
    }
}

/// Prefers the token, because its permissions can be limited.
fn from_vars(read: ReadVar) -> Result<Credentials, Error> {
    let secret = |name| {
        let value = optional(read, name)?.map(Secret::from);
        value.iter().try_for_each(|value| validate(name, value))?;
        Ok(value)
    };
    if let Some(token) = secret(API_TOKEN)? {
        return Ok(Credentials::api_token(token));
    }
    match (secret(EMAIL)?, secret(API_KEY)?) {
        (Some(email), Some(key)) => Ok(Credentials::global_api_key(email, key)),
        (Some(_), None) => Err(Error::invalid_input(format!("{API_KEY} is not set, but {EMAIL} is; set both"))),
        (None, Some(_)) => Err(Error::invalid_input(format!("{EMAIL} is not set, but {API_KEY} is; set both"))),
        (None, None) => {
            Err(Error::invalid_input(format!("{API_TOKEN} is not set; set it, or {EMAIL} together with {API_KEY}")))
        }
    }
}

fn validate(name: &str, value: &Secret) -> Result<(), Error> {
    match value.expose_secret() {
        "" => Err(Error::invalid_input(format!("{name} is empty"))),
        text if text.bytes().any(|b| b.is_ascii_whitespace()) => {
            Err(Error::invalid_input(format!("{name} contains whitespace; check for a trailing newline")))
        }
        text if !text.bytes().all(|b| b.is_ascii_graphic()) => {
            Err(Error::invalid_input(format!("{name} contains a control character or a non-ASCII character")))
        }
        _ => Ok(()),
    }
}

/// Inserts a header. Its value cannot be invalid, because it was validated when the client was built.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::ApiToken(_) => "ApiToken([REDACTED])",
            Kind::GlobalApiKey { .. } => "GlobalApiKey([REDACTED])",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::tests::reader;

    fn headers(variables: &[(&str, &str)]) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        from_vars(&reader(variables)).map_err(|e| e.to_string())?.apply(&mut headers);
        Ok(headers)
    }

    #[test]
    fn token_is_preferred_to_global_api_key() {
        let token = (API_TOKEN, "token");
        let global_key = [(EMAIL, "ops@example.com"), (API_KEY, "key")];
        assert_eq!(headers(&[token]).unwrap()["authorization"], "Bearer token");
        assert_eq!(headers(&[token, global_key[0], global_key[1]]).unwrap()["authorization"], "Bearer token");
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
    }

    #[test]
    fn invalid_variables_are_named_and_not_shown() {
        for name in [API_TOKEN, EMAIL, API_KEY] {
            let others = [(EMAIL, "ops@example.com"), (API_KEY, "key")];
            let others = others.into_iter().filter(|(other, _)| *other != name);
            let problem = headers(&others.chain([(name, "hunter2\n")]).collect::<Vec<_>>()).unwrap_err();
            assert_eq!(problem, format!("{name} contains whitespace; check for a trailing newline"));
        }
    }
}
