//! The environment variables that Cloudflare's own tools use. An empty one counts as unset.

use std::env;

use crate::{Credentials, Error};

pub(crate) const API_TOKEN: &str = "CLOUDFLARE_API_TOKEN";
pub(crate) const EMAIL: &str = "CLOUDFLARE_EMAIL";
pub(crate) const API_KEY: &str = "CLOUDFLARE_API_KEY";
pub(crate) const ACCOUNT_ID: &str = "CLOUDFLARE_ACCOUNT_ID";
pub(crate) const BASE_URL: &str = "CLOUDFLARE_BASE_URL";

pub(crate) fn optional(name: &'static str) -> Result<Option<String>, Error> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Error::invalid_input(name, "is not UTF-8")),
    }
}

pub(crate) fn required(name: &'static str) -> Result<String, Error> {
    optional(name)?.ok_or_else(|| Error::invalid_input(name, "is not set"))
}

/// A token where there is one, for it can do less harm; else the e-mail address with the global key.
pub(crate) fn credentials() -> Result<Credentials, Error> {
    if let Some(token) = optional(API_TOKEN)? {
        return Ok(Credentials::api_token(token));
    }
    match (optional(EMAIL)?, optional(API_KEY)?) {
        (Some(email), Some(key)) => Ok(Credentials::global_api_key(email, key)),
        (Some(_), None) => Err(Error::invalid_input(API_KEY, "is not set, though CLOUDFLARE_EMAIL is")),
        (None, Some(_)) => Err(Error::invalid_input(EMAIL, "is not set, though CLOUDFLARE_API_KEY is")),
        (None, None) => {
            Err(Error::invalid_input(API_TOKEN, "is not set; nor are CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY"))
        }
    }
}
