use std::time::Duration;

use ureq::http::header::HeaderMap;

use super::{Client, Error, Request, Response, TransportError};
use crate::credentials::Credentials;
use crate::retry::RetryPolicy;

/// Which operation a call is for.
#[derive(Clone, Copy, Debug)]
pub struct OperationInfo {
    pub operation_id: &'static str,
}

/// What a client is and was made with. The generated client implements it.
pub trait ClientInfo<Inner> {
    /// The version of the API that the document describes.
    fn api_version() -> &'static str;
    /// The URL that all paths are appended to.
    fn baseurl(&self) -> &str;
    /// What carries the requests.
    fn client(&self) -> &Client;
    /// What goes with every request.
    fn inner(&self) -> &Inner;
}

/// Where the crate takes part in a generated call.
pub trait ClientHooks<Inner>: ClientInfo<Inner> {
    /// Completes a request before it is sent.
    fn pre<E>(&self, request: &mut Request, info: &OperationInfo) -> Result<(), Error<E>>;

    /// Sends a request until there is an answer, or no sense in another attempt.
    fn exec(&self, request: Request, info: &OperationInfo) -> Result<Response, TransportError>;

    /// Sees what came of it.
    fn post<E>(&self, _: &Result<Response, TransportError>, _: &OperationInfo) -> Result<(), Error<E>> {
        Ok(())
    }
}

/// What goes with every request of one client or handle.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) credentials: Credentials,
    pub(crate) headers: HeaderMap,
    /// For a whole call: all attempts and the waits between them.
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) retry: RetryPolicy,
    /// In bytes, after decompression.
    pub(crate) max_response_size: u64,
}
