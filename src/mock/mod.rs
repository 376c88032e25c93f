//! For the tests of programs that use this crate: [`FakeServer`], a stateful stand-in for the service, and [`MockServerExt`],
//! typed helpers for [httpmock](https://docs.rs/httpmock) to say answer by answer what a server expects and sends.
//!
//! Both speak real HTTP on loopback. Needs feature `mock`; put it into your `[dev-dependencies]` only.
//!
//! ```
//! use cloudflare_stream_keys::mock::httpmock::MockServer;
//! use cloudflare_stream_keys::mock::{MockServerExt, types};
//! use cloudflare_stream_keys::{Client, Credentials};
//!
//! let server = MockServer::start();
//! let list = server.list_signing_keys(|when, then| {
//!     when.account_id(&"acct-123".to_string().into());
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
mod rsa_key;
mod verify;

#[allow(missing_docs, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/mock.rs"));
}

pub use fake_server::{FakeServer, Fault, RecordedRequest};
pub use generated::{MockServerExt, operations, types};
/// The very version of httpmock that [`MockServerExt`] extends.
pub use httpmock;
pub use verify::TokenError;
