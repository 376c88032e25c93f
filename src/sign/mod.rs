#![doc = include_str!("guide.md")]

mod access_rule;
pub(crate) mod countries;
mod customer_code;
mod signer;
mod token;
mod url_options;
mod urls;

pub use access_rule::AccessRule;
pub use customer_code::CustomerCode;
pub use signer::Signer;
pub use token::{PlaybackToken, PlaybackTokenBuilder};
pub use url_options::{ManifestOptions, ThumbnailFit, ThumbnailOptions};

#[doc = include_str!("mistakes.md")]
pub mod mistakes {
    #[cfg(doc)]
    use super::*;
}
