//! Integration tests, a module for each theme. README.md in tests/ maps the promises to the tests.

#[path = "../support/mod.rs"]
mod support;

mod build_script;
mod contract;
mod mocking;
mod raw_layer;
mod refresh_spec;
mod requests;
mod responses;
mod robustness;
mod secrets;
mod settings;
mod tls;
mod tokens;
mod transport_faults;
