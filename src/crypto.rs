//! Selects the crypto backend for TLS and signing by feature. Both crates have the same API.

#[cfg(feature = "aws-lc-rs")]
#[cfg_attr(not(feature = "sign"), allow(unused_imports))]
pub(crate) use {aws_lc_rs as backend, rustls::crypto::aws_lc_rs::default_provider as tls_provider};
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
#[cfg_attr(not(feature = "sign"), allow(unused_imports))]
pub(crate) use {ring as backend, rustls::crypto::ring::default_provider as tls_provider};

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("cloudflare-stream-keys needs a crypto backend: enable the feature `aws-lc-rs` or the feature `ring`");
