#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod agent;
mod client;
mod credentials;
mod crypto;
mod env;
mod error;
mod execute;
pub mod generated;
mod lost_key;
#[cfg(feature = "mock")]
pub mod mock;
mod recovered_key;
mod retry;
mod rotation;
#[allow(missing_docs)]
mod runtime;
mod secret;
mod settings;
#[cfg(feature = "sign")]
pub mod sign;
mod signing_key;
mod signing_keys;
mod validate;

pub use agent::TlsVersion;
pub use client::{Client, ClientBuilder};
pub use credentials::Credentials;
pub use error::{ApiMessage, Error, ErrorKind};
/// jiff 1. This crate uses its [`Timestamp`](jiff::Timestamp).
pub use jiff;
pub use lost_key::LostKey;
pub use recovered_key::RecoveredKey;
pub use retry::RetryPolicy;
pub use rotation::{RotationPlan, RotationPolicy};
pub use secret::Secret;
#[cfg(feature = "sign")]
#[doc(no_inline)]
pub use sign::{AccessRule, CustomerCode, PlaybackToken, PlaybackTokenBuilder, Signer};
pub use signing_key::{SigningKey, SigningKeyInfo};
pub use signing_keys::SigningKeys;
/// ureq 3.5, to configure your own [`Agent`](ureq::Agent), and for the status code and header types in [`ureq::http`].
pub use ureq;

#[cfg(doctest)]
#[doc = include_str!("elixir_table.md")]
struct ElixirTable;
