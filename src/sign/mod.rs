//! Playback tokens, signed offline. Facts and limits are those of Cloudflare's guide "Secure your Stream".

mod access_rule;
mod playback;
mod rsa;
mod signer;
mod token;

pub use access_rule::AccessRule;
pub use signer::Signer;
pub use token::{Token, TokenBuilder};
