use std::fmt;

use ureq::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::{Error, Secret};

pub(crate) const X_AUTH_EMAIL: HeaderName = HeaderName::from_static("x-auth-email");
pub(crate) const X_AUTH_KEY: HeaderName = HeaderName::from_static("x-auth-key");

/// Who is calling: an API token, or an e-mail address with the global API key.
///
/// Prefer a token. It needs the permission *Stream Write* to create and delete keys; *Stream Read* is enough to list
/// them. A global key can do all that its user can.
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
    /// An API token, sent as `Authorization: Bearer`.
    pub fn api_token(token: impl Into<Secret>) -> Self {
        Self(Kind::ApiToken(token.into()))
    }

    /// An account's e-mail address and its global API key, sent as `X-Auth-Email` and `X-Auth-Key`.
    pub fn global_api_key(email: impl Into<Secret>, key: impl Into<Secret>) -> Self {
        Self(Kind::GlobalApiKey { email: email.into(), key: key.into() })
    }

    /// Refuses what cannot be credentials: a token pasted with its newline would only come back as a 400.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.0 {
            Kind::ApiToken(token) => check("API token", token),
            Kind::GlobalApiKey { email, key } => check("e-mail address", email).and(check("global API key", key)),
        }
    }

    /// Adds the headers that identify the caller, marked as sensitive.
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

fn check(setting: &'static str, value: &Secret) -> Result<(), Error> {
    match value.expose_secret() {
        "" => Err(Error::invalid_input(setting, "is empty")),
        text if text.bytes().any(|b| !b.is_ascii_graphic()) => {
            Err(Error::invalid_input(setting, "has a space, a line break or another character that it cannot have"))
        }
        _ => Ok(()),
    }
}

/// The value was checked when the client was built, and is left out rather than sent wrong.
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
