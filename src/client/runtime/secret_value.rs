use std::cell::Cell;
use std::ops::Deref;

use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};

use crate::Secret;

/// A secret in a generated type. Dereferences to [`Secret`].
///
/// Generated types implement `Serialize`. Serializing a type with a secret fails, except while this crate builds a
/// request from it: a secret must not leave the program by accident.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct SecretValue(pub Secret);

impl Deref for SecretValue {
    type Target = Secret;

    fn deref(&self) -> &Secret {
        &self.0
    }
}

impl<T: Into<Secret>> From<T> for SecretValue {
    fn from(secret: T) -> Self {
        Self(secret.into())
    }
}

impl Serialize for SecretValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if BUILDS_REQUEST.get() {
            return serializer.serialize_str(self.expose_secret());
        }
        Err(S::Error::custom("a secret cannot be serialized; use expose_secret()"))
    }
}

thread_local! {
    static BUILDS_REQUEST: Cell<bool> = const { Cell::new(false) };
}

/// Lets `serialize` serialize secrets, for a request that is about to be sent.
pub(super) fn with_secrets<T>(serialize: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            BUILDS_REQUEST.set(false);
        }
    }
    let _reset = Reset;
    BUILDS_REQUEST.set(true);
    serialize()
}
