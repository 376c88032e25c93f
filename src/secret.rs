use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A string that must not be shown, such as a private key or an API token.
///
/// It implements neither `Display` nor `Serialize`, its `Debug` output is redacted, and its memory is wiped on drop.
/// [`expose_secret`](Self::expose_secret) is the only way to read it, so you can search your code for every use. It has
/// no `==`, because the time that a comparison takes reveals how much of two secrets is equal.
///
/// ```
/// use cloudflare_stream_keys::Secret;
///
/// let secret = Secret::from("correct horse");
/// assert_eq!(format!("{secret:?}"), "Secret([REDACTED])");
/// assert_eq!(secret.expose_secret(), "correct horse");
/// ```
///
/// A struct that derives `Serialize` needs a `String` instead. This does not compile:
///
/// ```compile_fail
/// #[derive(serde::Serialize)]
/// struct StoredKey {
///     jwk: cloudflare_stream_keys::Secret,
/// }
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<str>>);

impl Secret {
    /// Returns the secret itself.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Box::<str>::from(text).into())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text.into_boxed_str()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([REDACTED])")
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// Copies the text directly into its own memory. An intermediate `String` would be freed without being wiped.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecretVisitor;
        impl Visitor<'_> for SecretVisitor {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::from(text))
            }
        }
        deserializer.deserialize_str(SecretVisitor)
    }
}
