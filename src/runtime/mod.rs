//! Stands in for the crates that generated code names, reqwest and progenitor_client, on top of ureq.
//!
//! It knows HTTP and JSON, but nothing of signing keys, credentials or retry policies. [`Client::send`] is one exchange;
//! the crate's implementation of [`ClientHooks`] decides whether there is another.

// A Result is moved a few times per call, which is cheap next to an exchange over the network; boxing would cost more.
#![allow(clippy::result_large_err)]

mod body;
mod client;
mod error;
mod hooks;
mod request;
mod response;
mod secret_value;
mod values;
mod wire_log_guard;

pub use ureq::http::header;

pub use self::body::Body;
pub use self::client::{Client, SendOptions};
pub use self::error::{DecodeError, Error, InvalidRequest, TransportError};
pub use self::hooks::{ClientHooks, ClientInfo, OperationInfo};
#[allow(unused_imports)] // The spec decides which of them are needed.
pub use self::request::{QueryParam, Request, RequestBuilder, RequestBuilderExt, encode_path};
pub use self::response::{Response, ResponseHead, ResponseValue};
pub use self::secret_value::SecretValue;
pub use self::values::{ConstBool, Timestamp};
