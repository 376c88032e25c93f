//! Selects the crypto backend by feature. Both crates have the same API.

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc_rs as backend;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub(crate) use ring as backend;

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("cloudflare-stream-keys needs a crypto backend: enable the feature `aws-lc-rs` or the feature `ring`");
