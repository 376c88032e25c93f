mod generated {
    #![allow(missing_debug_implementations, missing_docs, clippy::all)] // httpmock's types have no Debug.

    include!(concat!(env!("OUT_DIR"), "/mock.rs"));
}

pub use generated::{MockServerExt, operations, types};
/// httpmock 0.9. [`MockServerExt`] extends its [`MockServer`](httpmock::MockServer).
pub use httpmock;
use httpmock::MockServer;

use super::FakeServer;
use crate::{Client, Credentials, SigningKeys};

/// Creates a handle for the keys of [`FakeServer::ACCOUNT_ID`] on an httpmock server, with the default settings.
///
/// ```
/// use cloudflare_stream_keys::mock::httpmock::MockServer;
/// use cloudflare_stream_keys::mock::{self, MockServerExt, types};
///
/// let server = MockServer::start();
/// let list = server.list_signing_keys(|_, then| {
///     then.ok(&types::StreamKeyResponseCollection { result: Some(vec![]), ..Default::default() });
/// });
/// assert!(mock::signing_keys(&server).list()?.is_empty());
/// list.assert();
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
pub fn signing_keys(server: &MockServer) -> SigningKeys {
    let client = Client::builder(Credentials::api_token(FakeServer::API_TOKEN));
    let client = client.base_url(server.base_url()).build().expect("valid settings");
    client.signing_keys(FakeServer::ACCOUNT_ID).expect("a valid account ID")
}

impl types::StreamApiResponseCommonFailure {
    /// Creates the envelope of an error response with one error.
    ///
    /// ```
    /// use cloudflare_stream_keys::mock::httpmock::MockServer;
    /// use cloudflare_stream_keys::mock::{self, MockServerExt, types};
    ///
    /// let server = MockServer::start();
    /// server.create_signing_keys(|_, then| {
    ///     let failure = types::StreamApiResponseCommonFailure::new(10000, "Authentication error");
    ///     then.client_error(403, &failure);
    /// });
    /// assert!(mock::signing_keys(&server).create().unwrap_err().is_forbidden());
    /// ```
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        let error = types::StreamMessagesItem { code: Some(code), message: Some(message.into()), ..Default::default() };
        Self { errors: Some(types::StreamMessages(vec![error])), ..Default::default() }
    }
}
