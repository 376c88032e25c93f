//! The raw layer: the client that progenitor generates from `openapi/stream-keys.json`, made blocking by `build.rs`.
//!
//! [`Client`] has a method for each operation of the spec. It returns a [`ResponseValue`], which has the status and the
//! headers beside the decoded body, or an [`Error`]. Get a client from [`SigningKeys::raw`](crate::SigningKeys::raw) or
//! [`Client::raw`](crate::Client::raw): credentials, headers, deadline and retries are those of the handle or the client.
//!
//! Prefer [`SigningKeys`](crate::SigningKeys) unless you need something that it does not return. The raw layer
//! percent-encodes ids but does not check them, and does not recover keys from responses that cannot be decoded.

mod code {
    #![allow(missing_docs, unreachable_patterns, unused_imports, unused_mut)]

    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

pub(crate) use code::{BASE_URL, paths};
pub use code::{Client, types};

pub use crate::runtime::{
    Body, ConstBool, DecodeError, Error, InvalidRequest, Response, ResponseValue, SecretValue, Timestamp,
    TransportError,
};
