#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod base_url;
mod call;
mod client;
mod credentials;
mod crypto;
mod env;
mod error;
pub mod generated;
mod identifier;
mod keys;
#[cfg(feature = "mock")]
#[cfg_attr(docsrs, doc(cfg(feature = "mock")))]
pub mod mock;
mod recovered;
mod retry;
#[allow(missing_docs)]
mod runtime;
mod secret;
#[cfg(feature = "sign")]
mod sign;

pub use client::{Client, ClientBuilder};
pub use credentials::Credentials;
pub use error::{ApiMessage, Error, ErrorKind};
pub use keys::{SigningKey, SigningKeyInfo, SigningKeys};
pub use recovered::RecoveredKey;
pub use retry::RetryPolicy;
pub use secret::Secret;
#[cfg(feature = "sign")]
#[cfg_attr(docsrs, doc(cfg(feature = "sign")))]
pub use sign::{AccessRule, Signer, Token, TokenBuilder};
/// The versions of the crates whose types stand in this crate's interface: [`jiff::Timestamp`] for times,
/// [`ureq::Agent`] for a connection of the caller's, and [`ureq::http`] for an answer's headers.
pub use {jiff, ureq};
