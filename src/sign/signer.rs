use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

use super::rsa::{KeyPairComponents, PublicKeyComponents, RsaKey};
use super::token::PlaybackTokenBuilder;
use crate::{Error, SigningKey};

/// Signs playback tokens with a signing key, offline.
///
/// The key is parsed once, so create one signer and reuse it. It can be shared between threads.
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
/// println!("{}", token.hls_url("f33zs165nr7gyfy4")?);
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
pub struct Signer {
    key_id: String,
    key: RsaKey,
    /// The first part of every token: the encoded JOSE header and a dot.
    pub(super) header: String,
}

impl Signer {
    /// Creates a signer from a key that [`create`](crate::SigningKeys::create) returned. It uses the key's JWK.
    ///
    /// # Errors
    /// Returns the same errors as [`from_jwk`](Self::from_jwk), and
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the JWK's `kid` differs from the key's ID.
    pub fn new(key: &SigningKey) -> Result<Self, Error> {
        let signer = Self::from_jwk(key.jwk.expose_secret())?;
        if signer.key_id != key.id {
            return Err(Error::invalid_input("JWK's kid differs from the key's ID"));
        }
        Ok(signer)
    }

    /// Creates a signer from a key's ID and its private key as PEM, either base64-encoded as in the API's response or
    /// decoded. Accepts PKCS#1 and PKCS#8.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the ID is empty, or if the PEM is not a
    /// valid RSA private key of at least 2,048 bits. The message gives the reason.
    pub fn from_pem(key_id: impl Into<String>, pem: &str) -> Result<Self, Error> {
        let key_id = key_id.into();
        if key_id.is_empty() {
            return Err(Error::invalid_input("key ID is empty"));
        }
        let pem = decode("PEM", pem, "-----BEGIN")?;
        let key = match PrivateKeyDer::from_pem_slice(&pem) {
            Ok(PrivateKeyDer::Pkcs1(der)) => RsaKey::from_pkcs1(der.secret_pkcs1_der()),
            Ok(PrivateKeyDer::Pkcs8(der)) => RsaKey::from_pkcs8(der.secret_pkcs8_der()),
            Ok(_) => return Err(Error::invalid_input("PEM is not an RSA key")),
            // The cause is dropped because it may quote the private key.
            Err(_) => return Err(Error::invalid_input(format!("PEM {}", why_no_private_key(&pem)))),
        };
        let key = key.map_err(|e| Error::invalid_input(format!("PEM is not an RSA key that can sign: {e}")))?;
        Self::with(key_id, key)
    }

    /// Creates a signer from a private key as a JSON Web Key, either base64-encoded as in the API's response or
    /// decoded. Its `kid` is the key's ID.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the JWK is not a valid RSA private key of
    /// at least 2,048 bits, or has no `kid`. The message gives the reason.
    pub fn from_jwk(jwk: &str) -> Result<Self, Error> {
        let invalid = |problem: &str| Error::invalid_input(format!("JWK {problem}"));
        let json = decode("JWK", jwk, "{")?;
        // The cause is dropped because it may quote the private key.
        let jwk: Jwk<'_> = serde_json::from_slice(&json).map_err(|_| invalid("is not a JSON Web Key"))?;
        if jwk.kty != "RSA" {
            return Err(invalid("is not an RSA key"));
        }
        let kid = jwk.kid.filter(|kid| !kid.is_empty()).ok_or_else(|| invalid("has no kid"))?.into_owned();

        let number = |name: &str, text: Option<&str>| match text {
            None if name == "d" => Err(invalid("contains only a public key")),
            None => Err(invalid(&format!("has no {name}"))),
            Some(text) => URL_SAFE_NO_PAD
                .decode(text.trim_end_matches('='))
                .map(Zeroizing::new)
                .map_err(|_| invalid(&format!("member {name} is not valid base64url"))),
        };
        let (n, e, d) = (number("n", jwk.n)?, number("e", jwk.e)?, number("d", jwk.d)?);
        let (p, q) = (number("p", jwk.p)?, number("q", jwk.q)?);
        let (dp, dq, qi) = (number("dp", jwk.dp)?, number("dq", jwk.dq)?, number("qi", jwk.qi)?);
        let key = RsaKey::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n: &n, e: &e },
            d: &d,
            p: &p,
            q: &q,
            dP: &dp,
            dQ: &dq,
            qInv: &qi,
        });
        let key = key.map_err(|e| invalid(&format!("is not an RSA key that can sign: {e}")))?;
        Self::with(kid, key)
    }

    /// Returns the key's ID, which is the `kid` of every token.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Creates a builder for a token that plays a video or a live input. The token expires after an hour by default.
    pub fn token(&self, video_uid: impl Into<String>) -> PlaybackTokenBuilder<'_> {
        PlaybackTokenBuilder::new(self, video_uid.into())
    }

    fn with(key_id: String, key: RsaKey) -> Result<Self, Error> {
        let header = serde_json::to_vec(&Header { alg: "RS256", kid: &key_id })
            .map_err(|_| Error::invalid_input("key ID cannot be serialized as JSON"))?;
        Ok(Self { header: URL_SAFE_NO_PAD.encode(header) + ".", key_id, key })
    }

    /// Returns the last part of a token, which is the encoded signature.
    pub(super) fn signature(&self, message: &str) -> Result<String, Error> {
        let signature = self.key.sign(message.as_bytes()).map_err(|_| Error::invalid_input("signing failed"))?;
        Ok(URL_SAFE_NO_PAD.encode(signature))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// The JOSE header.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
}

/// The members of an RSA private key, from RFC 7517 and 7518. All but the `kid` are plain ASCII, so they can be
/// borrowed from the JSON.
#[derive(Deserialize)]
struct Jwk<'a> {
    kty: &'a str,
    #[serde(borrow)]
    kid: Option<Cow<'a, str>>,
    n: Option<&'a str>,
    e: Option<&'a str>,
    d: Option<&'a str>,
    p: Option<&'a str>,
    q: Option<&'a str>,
    dp: Option<&'a str>,
    dq: Option<&'a str>,
    qi: Option<&'a str>,
}

/// Decodes the text from base64, unless it starts with `start` and so is decoded already.
fn decode(format: &str, text: &str, start: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid_input(format!("{format} is empty")));
    }
    if text.starts_with(start) {
        return Ok(Zeroizing::new(text.as_bytes().to_vec()));
    }
    let plain = if format == "JWK" { "JSON" } else { "PEM text" };
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| Error::invalid_input(format!("{format} is neither {plain} nor valid base64")))?;
    Ok(Zeroizing::new(bytes))
}

/// Returns why a PEM has no usable private key.
fn why_no_private_key(pem: &[u8]) -> &'static str {
    let contains = |label: &[u8]| pem.windows(label.len()).any(|window| window == label);
    if contains(b"ENCRYPTED PRIVATE KEY-----") {
        "is encrypted"
    } else if contains(b" PRIVATE KEY-----") {
        "is malformed"
    } else if contains(b"PUBLIC KEY-----") {
        "contains only a public key"
    } else {
        "has no private key"
    }
}
