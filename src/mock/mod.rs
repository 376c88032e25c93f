//! Test helpers for programs that use this crate: [`FakeServer`], a stateful fake server, and [`MockServerExt`], typed
//! helpers for [httpmock](https://docs.rs/httpmock) to set up single responses.
//!
//! Both use a real HTTP server on loopback. They need the `mock` feature. Enable it in your `[dev-dependencies]` only,
//! because httpmock depends on an async runtime.
//!
//! ```
//! use cloudflare_stream_keys::mock::httpmock::MockServer;
//! use cloudflare_stream_keys::mock::{MockServerExt, types};
//! use cloudflare_stream_keys::{Client, Credentials};
//!
//! let server = MockServer::start();
//! let list = server.list_signing_keys(|when, then| {
//!     when.account_id("acct-123");
//!     then.ok(&types::StreamKeyResponseCollection {
//!         success: true,
//!         result: Some(vec![]),
//!         errors: None,
//!         messages: None,
//!     });
//! });
//!
//! let client = Client::builder()
//!     .credentials(Credentials::api_token("token"))
//!     .base_url(server.base_url())
//!     .build()?;
//! assert!(client.signing_keys("acct-123")?.list()?.is_empty());
//! list.assert();
//! # Ok::<(), cloudflare_stream_keys::Error>(())
//! ```

mod fake_server;
mod fault_proxy;
mod rsa_key;
mod verify;

#[allow(missing_docs, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/mock.rs"));
}

pub use fake_server::{FakeServer, Fault, RecordedRequest};
pub use generated::{MockServerExt, operations, types};
/// httpmock 0.9. [`MockServerExt`] extends its [`MockServer`](httpmock::MockServer).
pub use httpmock;
pub use verify::{TokenError, Viewer};
