//! The raw layer: what progenitor wrote from `openapi/stream-keys.json`, made blocking by `build.rs`.
//!
//! [`Client`] has a method for each endpoint. It answers with a [`ResponseValue`], which has the status and headers
//! beside the decoded body, and fails with an [`Error`] that tells documented from unexpected_response answers. Get one with
//! [`crate::Client::raw`] or [`crate::SigningKeys::raw`]: credentials, headers, deadline and retries are the same as for
//! the facade's calls. Ids are percent-encoded but not checked here; prefer [`crate::SigningKeys`] unless something of
//! the answer is needed that it does not give.
#![allow(missing_docs, unused_mut)]

include!(concat!(env!("OUT_DIR"), "/client.rs"));
