use std::time::Duration;

use ureq::http::header::HeaderMap;

use crate::{Credentials, RetryPolicy};

/// What a client or a handle sends its requests with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) credentials: Credentials,
    pub(crate) headers: HeaderMap,
    /// Added to every URL. Already encoded; empty by default.
    pub(crate) query: String,
    /// For a whole call: all attempts, and the waits between them.
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) retry_policy: RetryPolicy,
    /// In bytes, after decompression.
    pub(crate) max_response_size: u64,
}
