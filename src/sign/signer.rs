use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::crypto::RsaKey;
use crate::env::{self, ReadVar, named, optional};
use crate::key_store::{self, KeyStore, newest_first};
use crate::private_key::{PrivateKey, unquote};
use crate::validate::validate_id;
use crate::{Error, ErrorKind, SigningKey};

const KEY_ID: &str = "CLOUDFLARE_STREAM_SIGNING_KEY_ID";
const PEM: &str = "CLOUDFLARE_STREAM_SIGNING_KEY_PEM";
const JWK: &str = "CLOUDFLARE_STREAM_SIGNING_KEY_JWK";

/// Signs playback tokens with a signing key, offline.
///
/// The key is parsed once, so create one signer and reuse it. It is cheap to clone and can be shared between threads.
///
/// ```
/// # use cloudflare_stream_keys::mock::FakeServer;
/// use std::time::Duration;
/// use cloudflare_stream_keys::Signer;
///
/// # let server = FakeServer::start();
/// # let keys = server.signing_keys();
/// let signer = Signer::new(&keys.create()?)?;
/// let token = signer
///     .token("5d5bc37ffcf54c9b82e996823bffbb81")
///     .expires_in(Duration::from_secs(4 * 60 * 60))
///     .sign()?;
/// println!("{}", token.urls(&"f33zs165nr7gyfy4".parse()?).hls());
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    key_id: String,
    key: RsaKey,
    header: String,
}

impl Signer {
    /// Creates a signer from a signing key. Uses the key's JWK.
    ///
    /// # Errors
    /// Returns the same errors as [`from_jwk`](Self::from_jwk), and
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the JWK's `kid` differs from the key's ID.
    pub fn new(key: &SigningKey) -> Result<Self, Error> {
        let signer = Self::from_jwk(key.jwk.expose_secret())?;
        if signer.key_id() != key.id {
            return Err(Error::invalid_input("JWK's kid differs from the key's ID"));
        }
        Ok(signer)
    }

    /// Creates a signer from a key's ID and its private key as PEM, either base64-encoded as in the API's response or
    /// decoded. Accepts PKCS#1 and PKCS#8, and the variations that [`from_jwk`](Self::from_jwk) lists.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the ID is empty or contains a character
    /// other than letters, digits, `-`, `.`, `_` and `~`, or if the PEM is not a valid RSA private key of at least
    /// 2,048 bits. The message says why.
    pub fn from_pem(key_id: impl Into<String>, pem: &str) -> Result<Self, Error> {
        let key_id = key_id.into();
        validate_id("key ID", &key_id)?;
        Self::with(key_id, PrivateKey::from_pem(pem)?.test("PEM")?)
    }

    /// Creates a signer from a private key as a JSON Web Key, either base64-encoded as in the API's response or
    /// decoded. Its `kid` is the key's ID.
    ///
    /// Files, environment variables and databases can alter a key. These variations are accepted too:
    /// - base64 with line breaks or spaces, without padding, or in the URL-safe alphabet,
    /// - a PEM with Windows line breaks, with the two characters `\n` for each line break, or after other text,
    /// - a JWK with escapes, such as `\u0041` or a backslash before every quote, and
    /// - quotes, spaces and line breaks around any of these.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the JWK is not a valid RSA private key of
    /// at least 2,048 bits, or if its `kid` is missing or invalid as a key ID. The message says why.
    pub fn from_jwk(jwk: &str) -> Result<Self, Error> {
        let (key_id, key) = PrivateKey::from_jwk(jwk)?;
        validate_id("JWK's kid", &key_id)?;
        Self::with(key_id, key.test("JWK")?)
    }

    /// Creates a signer from text that [`SigningKey::from_json`] accepts: a stored key, or the response to a create.
    ///
    /// # Errors
    /// Returns the errors of [`SigningKey::from_json`] and [`new`](Self::new).
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::new(&SigningKey::from_json(text)?)
    }

    /// Creates a signer with the key that was last saved to a store, without a request. Skips a key that cannot sign:
    /// an older key still works, and [`rotate`](crate::SigningKeys::rotate) reports the problem.
    ///
    /// Call this again at least once an hour, and replace the signer. [`RotationPolicy`](crate::RotationPolicy) relies
    /// on that.
    ///
    /// ```
    /// use cloudflare_stream_keys::{FileStore, Signer};
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path().join("keys");
    /// # let server = cloudflare_stream_keys::mock::FakeServer::start();
    /// # let policy = cloudflare_stream_keys::RotationPolicy::default();
    /// # server.signing_keys().rotate(&policy, &mut FileStore::new(&folder))?;
    ///
    /// let signer = Signer::from_store(&mut FileStore::new(folder))?;
    /// # let _ = signer;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::Store`](crate::ErrorKind::Store) if the store cannot be loaded or is empty, and the error
    /// of [`new`](Self::new) for the newest key if none of the keys can sign.
    pub fn from_store<S: KeyStore + ?Sized>(store: &mut S) -> Result<Self, Error> {
        let mut keys = key_store::load(store)?;
        newest_first(&mut keys);
        let mut first_error = None;
        for key in &keys {
            match Self::new(key) {
                Ok(signer) => return Ok(signer),
                Err(e) => drop(first_error.get_or_insert(e)),
            }
        }
        Err(first_error.unwrap_or_else(|| {
            Error::new(ErrorKind::Store, "key store has no keys; create one, or check that it is the right store")
        }))
    }

    /// Creates a signer from environment variables: `CLOUDFLARE_STREAM_SIGNING_KEY_JWK`, or
    /// `CLOUDFLARE_STREAM_SIGNING_KEY_ID` together with `CLOUDFLARE_STREAM_SIGNING_KEY_PEM`. The JWK takes
    /// precedence. An empty variable counts as unset.
    ///
    /// Cloudflare does not define these names, but they are common in programs that sign tokens.
    ///
    /// ```no_run
    /// let signer = cloudflare_stream_keys::Signer::from_env()?;
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a variable is missing or is not valid
    /// UTF-8, if the key ID differs from the JWK's `kid`, or if [`from_jwk`](Self::from_jwk) or
    /// [`from_pem`](Self::from_pem) rejects the key. The message names the variable.
    pub fn from_env() -> Result<Self, Error> {
        from_vars(&env::var)
    }

    /// Returns the key's ID, which is the `kid` of every token.
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    fn with(key_id: String, key: RsaKey) -> Result<Self, Error> {
        let header = serde_json::to_vec(&Header { alg: "RS256", kid: &key_id })
            .map_err(|_| Error::invalid_input("key ID cannot be serialized as JSON"))?;
        Ok(Self(Arc::new(Inner { header: URL_SAFE_NO_PAD.encode(header) + ".", key_id, key })))
    }

    /// Returns the first part of every token: the encoded JOSE header and a dot.
    pub(super) fn header(&self) -> &str {
        &self.0.header
    }

    /// Returns the last part of a token, which is the encoded signature.
    pub(super) fn signature(&self, message: &str) -> Result<String, Error> {
        let signature = self.0.key.sign(message.as_bytes()).map_err(|_| Error::invalid_input("signing failed"))?;
        Ok(URL_SAFE_NO_PAD.encode(signature))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

/// The JOSE header.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
}

/// Prefers the JWK, because it contains the key ID.
fn from_vars(read: ReadVar) -> Result<Signer, Error> {
    let id = optional(read, KEY_ID)?.map(|id| unquote(&id).to_string());
    if let Some(id) = &id {
        validate_id(KEY_ID, id)?;
    }
    let jwk = optional(read, JWK)?.map(Zeroizing::new);
    let pem = optional(read, PEM)?.map(Zeroizing::new);
    match (jwk, pem, id) {
        (Some(jwk), _, id) => {
            let signer = Signer::from_jwk(&jwk).map_err(named(JWK))?;
            if id.is_some_and(|id| id != signer.key_id()) {
                return Err(Error::invalid_input(format!("{KEY_ID} differs from the kid of {JWK}")));
            }
            Ok(signer)
        }
        (None, Some(pem), Some(id)) => Signer::from_pem(id, &pem).map_err(named(PEM)),
        (None, Some(_), None) => Err(Error::invalid_input(format!("{KEY_ID} is not set, but {PEM} is; set both"))),
        (None, None, Some(_)) => {
            Err(Error::invalid_input(format!("{PEM} is not set, but {KEY_ID} is; set both, or set {JWK}")))
        }
        (None, None, None) => {
            Err(Error::invalid_input(format!("{JWK} is not set; set it, or {KEY_ID} together with {PEM}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::tests::reader;

    #[test]
    fn signer_is_made_from_a_jwk_or_from_an_id_and_a_pem() {
        let key = crate::mock::FakeServer::start().signing_keys().create().unwrap();
        let id = (KEY_ID, key.id.as_str());
        let (pem, jwk) = ((PEM, key.pem.expose_secret()), (JWK, key.jwk.expose_secret()));
        let other_id = (KEY_ID, "other");
        let quoted = (format!("\"{}\"\r", key.id), format!("'{}'", key.pem.expose_secret()));
        let (quoted_id, quoted_pem) = ((KEY_ID, &*quoted.0), (PEM, &*quoted.1));
        for variables in [
            &[jwk][..],
            &[id, pem],
            &[id, jwk],
            &[id, pem, jwk],
            &[jwk, (PEM, "invalid")],
            &[quoted_id, quoted_pem],
            &[quoted_id, jwk],
        ] {
            assert_eq!(from_vars(&reader(variables)).unwrap().key_id(), key.id);
        }
        assert_eq!(from_vars(&reader(&[other_id, pem])).unwrap().key_id(), "other");

        let problem = |variables: &[(&str, &str)]| from_vars(&reader(variables)).map(drop).unwrap_err().to_string();
        assert!(problem(&[]).starts_with("CLOUDFLARE_STREAM_SIGNING_KEY_JWK is not set; set it, or"));
        for variables in [&[id][..], &[id, (PEM, "")]] {
            assert!(problem(variables).starts_with("CLOUDFLARE_STREAM_SIGNING_KEY_PEM is not set, but"));
        }
        assert!(problem(&[pem]).starts_with("CLOUDFLARE_STREAM_SIGNING_KEY_ID is not set, but"));
        assert!(problem(&[(KEY_ID, "a b"), pem]).starts_with("CLOUDFLARE_STREAM_SIGNING_KEY_ID contains a character"));
        assert_eq!(
            problem(&[other_id, jwk]),
            "CLOUDFLARE_STREAM_SIGNING_KEY_ID differs from the kid of CLOUDFLARE_STREAM_SIGNING_KEY_JWK"
        );
        assert_eq!(problem(&[(JWK, "{}"), id, pem]), "CLOUDFLARE_STREAM_SIGNING_KEY_JWK: JWK is not a JSON Web Key");
        assert_eq!(
            problem(&[id, (PEM, "hunter2!")]),
            "CLOUDFLARE_STREAM_SIGNING_KEY_PEM: PEM is neither PEM text nor valid base64"
        );
    }
}
