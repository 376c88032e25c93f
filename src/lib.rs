#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod credentials;
mod crypto;
mod env;
mod error;
mod execute;
pub mod generated;
#[cfg(feature = "mock")]
#[cfg_attr(docsrs, doc(cfg(feature = "mock")))]
pub mod mock;
mod parse_id;
mod recovered_key;
mod retry;
#[allow(missing_docs)]
mod runtime;
mod secret;
#[cfg(feature = "sign")]
mod sign;
mod signing_keys;
mod validate;

pub use client::{Client, ClientBuilder};
pub use credentials::Credentials;
pub use error::{ApiMessage, Error, ErrorKind};
pub use recovered_key::RecoveredKey;
pub use retry::RetryPolicy;
pub use secret::Secret;
#[cfg(feature = "sign")]
#[cfg_attr(docsrs, doc(cfg(feature = "sign")))]
pub use sign::{AccessRule, PlaybackToken, PlaybackTokenBuilder, Signer};
pub use signing_keys::{SigningKey, SigningKeyInfo, SigningKeys};
/// The versions of the crates whose types stand in this crate's interface: [`jiff::Timestamp`] for times,
/// [`ureq::Agent`] for a connection of the caller's, and [`ureq::http`] for an answer's headers.
pub use {jiff, ureq};
