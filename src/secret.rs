use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::Visitor;
use serde::ser::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that must not be shown: a private key, an API token.
///
/// It has no `Display`, its `Debug` says `[REDACTED]`, and its memory is wiped when it is dropped. The one way to the
/// text is [`expose_secret`](Self::expose_secret), so that a search for that name finds every place where it comes out.
///
/// ```
/// use cloudflare_stream_keys::Secret;
///
/// let secret = Secret::from("correct horse");
/// assert_eq!(format!("{secret:?}"), "Secret([REDACTED])");
/// assert_eq!(secret.expose_secret(), "correct horse");
/// ```
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The text itself.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Box::<str>::from(text).into())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([REDACTED])")
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// Copies the text straight into its own memory, without a `String` on the way that nobody would wipe.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::from(text))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// ConstBool fails. The generated types derive `Serialize`, and a secret must not slip out with them; nor may a
/// placeholder be stored in its place.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("a Secret is not serialized: take its text out with expose_secret()"))
    }
}
