#![doc = include_str!("guide.md")]

pub(crate) mod access_rule;
pub(crate) mod countries;
mod customer_code;
mod signer;
pub(crate) mod token;
pub mod urls;

pub use access_rule::AccessRule;
pub use customer_code::CustomerCode;
pub use signer::Signer;
pub use token::{PlaybackToken, PlaybackTokenBuilder};

#[doc = include_str!("mistakes.md")]
pub mod mistakes {
    #[cfg(doc)]
    use super::*;
}
