use std::fmt;
use std::time::Duration;

use ureq::http::header::HeaderMap;

use super::{Credentials, RetryPolicy};

/// The settings of a client or a handle.
#[derive(Clone)]
pub struct Settings {
    pub(crate) credentials: Credentials,
    pub(crate) headers: HeaderMap,
    /// The query that is added to every URL, already encoded. Empty by default.
    pub(crate) query: String,
    /// The timeout of a call, including all attempts and the waits between them.
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) retry_policy: RetryPolicy,
    /// In bytes, after decompression.
    pub(crate) max_response_size: u64,
}

impl fmt::Debug for Settings {
    /// Leaves out the query, in which callers may put secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("credentials", &self.credentials)
            .field("headers", &self.headers)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("retry_policy", &self.retry_policy)
            .field("max_response_size", &self.max_response_size)
            .finish_non_exhaustive()
    }
}
