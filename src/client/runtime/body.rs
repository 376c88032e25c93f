use std::fmt;
use std::str::Utf8Error;

use zeroize::Zeroizing;

/// The bytes of a request body, or of a response body that is not JSON.
///
/// A body may contain a secret, so it is never printed, and is wiped on drop. A response body is read up to
/// [`max_response_size`](crate::ClientBuilder::max_response_size).
#[derive(Clone, Default)]
pub struct Body(pub(super) Zeroizing<Vec<u8>>);

impl Body {
    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bytes as text.
    ///
    /// # Errors
    /// Returns [`Utf8Error`] if they are not valid UTF-8.
    pub fn to_str(&self) -> Result<&str, Utf8Error> {
        str::from_utf8(&self.0)
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

impl<T: Into<Vec<u8>>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }
}
