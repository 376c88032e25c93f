//! Signs playback tokens offline. The claims and limits are from Cloudflare's guide "Secure your Stream".

mod access_rule;
mod rsa;
mod signer;
mod token;
mod urls;

pub use access_rule::AccessRule;
pub use signer::Signer;
pub use token::{PlaybackToken, PlaybackTokenBuilder};
