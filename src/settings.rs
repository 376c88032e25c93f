use std::time::Duration;

use ureq::http::header::HeaderMap;

use crate::{Credentials, RetryPolicy};

/// The settings of a client or a handle.
#[derive(Clone, Debug)]
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
