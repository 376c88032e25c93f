//! Replaces reqwest and progenitor_client, the crates that generated code uses, on top of ureq.
//!
//! This module handles HTTP and JSON only: signing keys, credentials and retry policies are outside it.
//! [`Client::send`] makes one attempt. The crate's implementation of [`ClientHooks`] adds credentials, makes retries,
//! and writes what it knows about the call into the response or error, as a [`CallProgress`]. A create is special only
//! because of its method: a POST is not idempotent.

// A Result is moved a few times per call, which is cheap compared to a network round trip.
#![allow(clippy::result_large_err)]

mod body;
mod client;
mod error;
mod hooks;
mod read_body;
mod request;
mod response;
mod secret_value;
mod unversioned;
mod values;
mod wire_log_guard;

pub use ureq::http::header;

pub use self::body::Body;
pub(crate) use self::client::LONGEST_TIMEOUT;
pub use self::client::{Client, SendOptions};

pub use self::error::{Error, InvalidRequest, TransportError};
pub use self::hooks::{ClientHooks, ClientInfo, OperationInfo};
#[allow(unused_imports)] // The spec decides which of them are needed.
pub use self::request::{QueryParam, Request, RequestBuilder, RequestBuilderExt, encode_path};
pub use self::response::{CallProgress, Response, ResponseHead, ResponseValue};
pub use self::secret_value::SecretValue;
pub(crate) use self::unversioned::{has_crypto_provider, lazy_agent, tls_config_with};
pub use self::values::{Code, ConstBool, Timestamp};
