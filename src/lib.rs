//! Creates, lists and deletes signing keys of [Cloudflare Stream](https://developers.cloudflare.com/stream/), and signs
//! playback tokens with them offline. Calls block, and no async runtime is needed.
//!
//! ```no_run
//! use cloudflare_stream_keys::{FileStore, Signer, SigningKeys};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Once, with CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID in the environment:
//! let mut store = FileStore::new("/var/lib/my-program/keys");
//! SigningKeys::from_env()?.create_in(&mut store)?;
//!
//! // In every program that signs, offline:
//! let signer = Signer::from_store(&mut store)?;
//! let token = signer.token("5d5bc37ffcf54c9b82e996823bffbb81").sign()?;
//! println!("{}", token.urls(&"f33zs165nr7gyfy4".parse()?).hls());
//! # Ok(())
//! # }
//! ```
//!
//! The guides are [`sign`] for playback tokens, with [common mistakes](sign::mistakes), [`rotation`] for replacing
//! keys, and [`mock`] for tests. [`Error`] explains what can go wrong, and [`RetryPolicy`] what is retried.
//!
//! Without the default feature `client`, the crate only signs. The feature `ring` is the alternative to `aws-lc-rs`,
//! the default crypto backend. `mock` and `httpmock` are for tests.

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
    Client, ClientBuilder, Credentials, RetryPolicy, SigningKeyInfo, SigningKeys, TlsVersion, generated, rotation,
};
pub use error::{ApiMessage, Error, ErrorKind};
pub use file_store::{FileStore, FileStoreError};
/// http 1. [`Error::status`] returns its [`StatusCode`](http::StatusCode).
pub use http;
/// jiff 1. This crate uses its [`Timestamp`](jiff::Timestamp).
pub use jiff;
pub use key_store::KeyStore;
pub use recovered_key::RecoveredKey;
#[cfg(feature = "client")]
#[doc(inline)]
pub use rotation::{RotateError, RotationPolicy};
pub use secret::Secret;
#[doc(inline)]
pub use sign::{AccessRule, CustomerCode, PlaybackToken, Signer};
pub use signing_key::SigningKey;
/// ureq 3, to configure your own [`Agent`](ureq::Agent).
#[cfg(feature = "client")]
pub use ureq;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("elixir_table.md")]
struct Readme;
