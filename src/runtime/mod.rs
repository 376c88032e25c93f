//! What generated code names instead of reqwest and progenitor_client, built on ureq.
//!
//! It knows HTTP and JSON, and nothing of signing keys. One [`Client::send`] is one exchange; when to send again is
//! decided by the crate's implementation of [`ClientHooks`].

// A Result is moved a few times a call, next to an exchange over the network; a box would cost more than it saves.
#![allow(clippy::result_large_err)]

mod client;
mod error;
mod hooks;
mod request;
mod response;
mod values;
mod wire_log_guard;

pub use ureq::http::{Method, header};

pub use self::client::{Client, SendOptions};
pub use self::error::{DecodeError, Error, TransportError};
pub use self::hooks::{ClientHooks, ClientInfo, OperationInfo, Settings};
pub use self::request::{Request, RequestBuilder, encode_path};
pub use self::response::{Response, ResponseHead, ResponseValue};
pub use self::values::{ConstBool, Timestamp};
