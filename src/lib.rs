#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("cloudflare-stream-keys needs a crypto library: enable the feature `aws-lc-rs` or the feature `ring`");

mod base_url;
mod call;
mod client;
mod credentials;
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

pub use client::{Client, ClientBuilder};
pub use credentials::Credentials;
pub use error::{ApiMessage, Error, ErrorKind};
pub use keys::{SigningKey, SigningKeyInfo, SigningKeys};
pub use recovered::RecoveredKey;
pub use retry::RetryPolicy;
pub use secret::Secret;
