//! The integration tests, one module per theme. See tests/README.md.

#[path = "../support/mod.rs"]
mod support;

mod access_rules;
mod changed_spec;
mod claims;
mod common_traits;
mod connections;
mod contract;
mod example_key;
mod examples;
mod file_store;
mod foreign_tokens;
mod jose;
mod mocking;
mod playback_urls;
mod private_keys;
mod raw_layer;
mod recovery;
mod requests;
mod responses;
mod revoke;
mod robustness;
mod rotation;
mod secrets;
mod settings;
mod simulation;
mod stored_keys;
mod tls;
mod tokens;
mod transport_faults;
