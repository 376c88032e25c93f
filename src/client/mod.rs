//! The client: the facade over the generated code, and the runtime under it.

mod agent;
mod base_url;
mod builder;
mod credentials;
mod execute;
mod failure;
pub mod generated;
mod headers;
mod proxy;
mod recovery;
mod retry;
pub mod rotation;
#[allow(missing_docs)]
mod runtime;
mod settings;
mod signing_key_info;
mod signing_keys;

pub use agent::TlsVersion;
pub use builder::ClientBuilder;
pub use credentials::Credentials;
pub use retry::RetryPolicy;
pub use signing_key_info::SigningKeyInfo;
pub use signing_keys::SigningKeys;

use crate::{Error, env};
use runtime::ClientInfo;

/// A client for Cloudflare's API: a connection pool, credentials and settings.
///
/// Create one client and reuse it. It is cheap to clone and can be shared between threads.
///
/// ```
/// use cloudflare_stream_keys::{Client, Credentials};
///
/// # let token = "v1.0-0123456789abcdef";
/// let client = Client::builder(Credentials::api_token(token))
///     .build()?;
/// let keys = client.signing_keys("023e105f4ecef8ad9ca31a8372d0c353")?;
/// # let _ = keys;
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    raw: generated::Client,
}

impl Client {
    /// Creates a builder with these credentials. All other settings have defaults.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder::new(credentials)
    }

    /// Creates a client from the environment, with the default settings. See [`ClientBuilder::from_env`].
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a variable is missing or invalid. The
    /// message names the variable.
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.build()
    }

    /// Returns a handle for the signing keys of an account.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the ID is empty, is `.` or `..`, or
    /// contains a character other than letters, digits, `-`, `.`, `_` and `~`.
    pub fn signing_keys(&self, account_id: &str) -> Result<SigningKeys, Error> {
        SigningKeys::new(self.raw.clone(), account_id)
    }

    /// Returns a handle for the signing keys of the account in `CLOUDFLARE_ACCOUNT_ID`.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use cloudflare_stream_keys::ClientBuilder;
    ///
    /// let client = ClientBuilder::from_env()?.timeout(Duration::from_secs(5)).build()?;
    /// let keys = client.signing_keys_from_env()?;
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the variable is missing or invalid. The
    /// message names the variable.
    pub fn signing_keys_from_env(&self) -> Result<SigningKeys, Error> {
        self.signing_keys(&signing_keys::account_id_from(&env::var)?)
    }

    /// Returns the base URL, without a trailing slash.
    pub fn base_url(&self) -> &str {
        self.raw.baseurl()
    }

    /// Returns the generated client, which uses this client's settings.
    pub fn raw(&self) -> &generated::Client {
        &self.raw
    }
}
