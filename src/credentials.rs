use std::fmt;

use ureq::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::{Error, Secret, env};

pub(crate) const X_AUTH_EMAIL: HeaderName = HeaderName::from_static("x-auth-email");
pub(crate) const X_AUTH_KEY: HeaderName = HeaderName::from_static("x-auth-key");

/// Credentials for Cloudflare's API: an API token, or an email address and a global API key.
///
/// Prefer a token with the *Stream Write* permission, or *Stream Read* if it only lists keys. A global API key can do
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
    /// Creates credentials from an API token. It is sent as `Authorization: Bearer`.
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
    /// let client = Client::builder().credentials(Credentials::from_env()?).build()?;
    /// # let _ = client;
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a variable is missing or is not valid
    /// UTF-8. The message names the variable.
    pub fn from_env() -> Result<Self, Error> {
        env::credentials()
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
