//! The raw layer: a blocking client generated from Cloudflare's OpenAPI document.
//!
//! This module has its own `Client`, `Error` and `Timestamp`. [`Client`] has a method for each operation of the spec.
//! Each method returns a [`ResponseValue`] with the decoded body, the status code and the headers, or an [`Error`].
//! [`SigningKeys::raw`](crate::SigningKeys::raw) and [`Client::raw`](crate::Client::raw) return a client with the same
//! credentials, headers, timeout and retry policy.
//!
//! Prefer [`SigningKeys`](crate::SigningKeys) unless you need something that its methods do not return. The raw layer
//! percent-encodes IDs but does not validate them, and does not recover keys from responses that cannot be decoded. Its
//! [`Error`] does not convert to [`crate::Error`]. `StatusCode` and `HeaderMap` are those of [`ureq::http`].
//!
//! Response types are `#[non_exhaustive]`, because Cloudflare may add members.
//!
//! ```
//! # let server = cloudflare_stream_keys::mock::FakeServer::start();
//! # let keys = server.signing_keys();
//! use cloudflare_stream_keys::generated::Error;
//!
//! match keys.raw().list_signing_keys(keys.account_id()) {
//!     Ok(response) => println!("{} {:?}", response.status(), response.ray_id()),
//!     Err(Error::ErrorResponse(response)) => println!("{:?}", response.errors),
//!     Err(error) => println!("{error}"),
//! }
//! ```

mod code {
    #![allow(missing_docs, unreachable_patterns, unused_imports, unused_mut)]

    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

pub(crate) use code::{BASE_URL, paths};
pub use code::{Client, types};

pub use super::runtime::{
    Body, Code, ConstBool, Error, InvalidRequest, Response, ResponseValue, SecretValue, Timestamp, TransportError,
};
pub use crate::decode_error::DecodeError;
