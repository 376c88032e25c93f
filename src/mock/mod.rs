//! Test helpers for programs that use this crate: [`FakeServer`], a stateful fake server, and helpers for
//! [httpmock](https://docs.rs/httpmock) to set up single responses.
//!
//! Both are real HTTP servers on loopback. The fake server needs the feature `mock`. The helpers need the feature
//! `httpmock`, and depend on an async runtime. Enable either in your `[dev-dependencies]` only.

mod fake_server;
mod fault;
mod http_server;
#[cfg(feature = "httpmock")]
mod httpmock_helpers;
mod request;
mod rsa_key;
mod service;
mod verify;

pub use fake_server::FakeServer;
pub use fault::{Fault, Operation};
#[cfg(feature = "httpmock")]
pub use httpmock_helpers::{MockServerExt, httpmock, operations, signing_keys, types};
pub use request::RecordedRequest;
pub use verify::{TokenError, Viewer};
