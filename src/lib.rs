#![doc = include_str!("../README.md")]
// Not in Cargo.toml, because tests, examples and the fake server may panic and print.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::panic, clippy::unwrap_used))]
#![warn(clippy::print_stderr, clippy::print_stdout)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "client")]
mod client;
mod crypto;
mod decode_error;
mod env;
mod error;
mod file_store;
mod key_store;
#[cfg(feature = "mock")]
#[allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
pub mod mock;
mod private_key;
mod recovered_key;
mod secret;
pub mod sign;
mod signing_key;
mod validate;

#[cfg(feature = "client")]
pub use client::{
    Client, ClientBuilder, Credentials, RetryPolicy, RotateError, RotateFailure, Rotation, RotationPlan,
    RotationPolicy, RotationReport, SigningKeyInfo, SigningKeys, TlsVersion, generated,
};
pub use error::{ApiMessage, Error, ErrorKind};
pub use file_store::{FileStore, FileStoreError};
/// http 1. [`Error::status`] returns its [`StatusCode`](http::StatusCode).
pub use http;
/// jiff 1. This crate uses its [`Timestamp`](jiff::Timestamp).
pub use jiff;
pub use key_store::KeyStore;
pub use recovered_key::RecoveredKey;
pub use secret::Secret;
#[doc(no_inline)]
pub use sign::{AccessRule, CustomerCode, PlaybackToken, PlaybackTokenBuilder, Signer};
pub use signing_key::SigningKey;
/// ureq 3, to configure your own [`Agent`](ureq::Agent).
#[cfg(feature = "client")]
pub use ureq;

#[cfg(doctest)]
#[doc = include_str!("elixir_table.md")]
struct ElixirTable;
