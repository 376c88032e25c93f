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

const PEM: &str = "pem";
const JWK: &str = "jwk";

/// A signing key that is ready to sign playback tokens, without any connection.
///
/// The key is parsed once; keep the signer, and share it between threads.
///
/// ```
/// # use cloudflare_stream_keys::mock::FakeServer;
/// use std::time::Duration;
/// use cloudflare_stream_keys::Signer;
///
/// # let fake = FakeServer::start();
/// # let keys = fake.signing_keys();
/// let signer = Signer::new(&keys.create()?)?;
/// let token = signer.token("5d5bc37ffcf54c9b82e996823bffbb81").expires_in(Duration::from_secs(3600)).sign()?;
/// println!("{}", token.hls_url("f33zs165nr7gyfy4")?);
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
pub struct Signer {
    key_id: String,
    key: RsaKey,
    /// The token's first part, the same for all: the header in base64 and a dot.
    pub(super) header: String,
}

impl Signer {
    /// From a key as [`create`](crate::SigningKeys::create) gives it.
    ///
    /// # Errors
    /// As [`from_jwk`](Self::from_jwk), and where the JWK names another id than the key's.
    pub fn new(key: &SigningKey) -> Result<Self, Error> {
        let signer = Self::from_jwk(key.jwk.expose_secret())?;
        if signer.key_id != key.id {
            return Err(Error::invalid_input(JWK, "has a kid that is not the key's id"));
        }
        Ok(signer)
    }

    /// From a key's id and its private half as PEM: in base64 as the API gives it, or the PEM itself, PKCS#1 or PKCS#8.
    ///
    /// # Errors
    /// `InvalidInput`, saying what is wrong with it: not base64, not PEM, no private key, not RSA, shorter than 2,048 bits, or
    /// broken.
    pub fn from_pem(key_id: impl Into<String>, pem: &str) -> Result<Self, Error> {
        let key_id = key_id.into();
        if key_id.is_empty() {
            return Err(Error::invalid_input("key id", "is empty"));
        }
        let pem = decoded(PEM, pem, "-----BEGIN")?;
        let key = match PrivateKeyDer::from_pem_slice(&pem) {
            Ok(PrivateKeyDer::Pkcs1(der)) => RsaKey::from_pkcs1(der.secret_pkcs1_der()),
            Ok(PrivateKeyDer::Pkcs8(der)) => RsaKey::from_pkcs8(der.secret_pkcs8_der()),
            Ok(_) => return Err(Error::invalid_input(PEM, "is not an RSA key")),
            // The cause is not kept: it quotes the text.
            Err(_) => return Err(Error::invalid_input(PEM, without_private_key(&pem))),
        };
        let key = key.map_err(|e| Error::invalid_input(PEM, &format!("is not an RSA key that can sign: {e}")))?;
        Self::with(key_id, key)
    }

    /// From a JSON Web Key: in base64 as the API gives it, or the JSON itself. Its `kid` is the key's id.
    ///
    /// # Errors
    /// `InvalidInput`, saying what is wrong with it: not base64, not a JWK, without `kid`, not RSA, only a public key, shorter
    /// than 2,048 bits, or broken.
    pub fn from_jwk(jwk: &str) -> Result<Self, Error> {
        let refuse = |problem: &str| Error::invalid_input(JWK, problem);
        let json = decoded(JWK, jwk, "{")?;
        // The cause is not kept: it quotes the text.
        let jwk: Jwk<'_> = serde_json::from_slice(&json).map_err(|_| refuse("is not a JSON Web Key"))?;
        if jwk.kty != "RSA" {
            return Err(refuse("is not an RSA key"));
        }
        let kid = jwk.kid.filter(|kid| !kid.is_empty()).ok_or_else(|| refuse("has no kid"))?.into_owned();

        let number = |name: &str, text: Option<&str>| match text {
            None if name == "d" => Err(refuse("is only a public key")),
            None => Err(refuse(&format!("has no {name}"))),
            Some(text) => URL_SAFE_NO_PAD
                .decode(text.trim_end_matches('='))
                .map(Zeroizing::new)
                .map_err(|_| refuse(&format!("has a {name} that is not base64url"))),
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
        let key = key.map_err(|e| refuse(&format!("is not an RSA key that can sign: {e}")))?;
        Self::with(kid, key)
    }

    /// What the service calls the key; the `kid` of every token.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Begins a token for a video or live input, by its uid. Unless set otherwise it is good for an hour.
    pub fn token(&self, video_uid: impl Into<String>) -> PlaybackTokenBuilder<'_> {
        PlaybackTokenBuilder::new(self, video_uid.into())
    }

    fn with(key_id: String, key: RsaKey) -> Result<Self, Error> {
        let header = serde_json::to_vec(&Header { alg: "RS256", kid: &key_id })
            .map_err(|_| Error::invalid_input("key id", "has no JSON form"))?;
        Ok(Self { header: URL_SAFE_NO_PAD.encode(header) + ".", key_id, key })
    }

    /// The token's last part.
    pub(super) fn signature(&self, message: &str) -> Result<String, Error> {
        let signature = self.key.sign(message.as_bytes()).map_err(|_| Error::invalid_input("key", "cannot sign"))?;
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

/// RFC 7517 and 7518: the members of a private RSA key. All but the id are letters, digits, '-' and '_', and so stand in
/// the JSON as they are.
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

/// The text itself where it begins as it should, else what its base64 stands for.
fn decoded(setting: &'static str, text: &str, start: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid_input(setting, "is empty"));
    }
    if text.starts_with(start) {
        return Ok(Zeroizing::new(text.as_bytes().to_vec()));
    }
    let bytes = STANDARD.decode(text).map_err(|_| Error::invalid_input(setting, "is not base64"))?;
    Ok(Zeroizing::new(bytes))
}

/// Why there is no private key in what should be PEM.
fn without_private_key(pem: &[u8]) -> &'static str {
    let has = |label: &[u8]| pem.windows(label.len()).any(|window| window == label);
    if has(b"ENCRYPTED PRIVATE KEY-----") {
        "is encrypted"
    } else if has(b" PRIVATE KEY-----") {
        "is broken PEM"
    } else if has(b"PUBLIC KEY-----") {
        "is only a public key"
    } else {
        "is not a private key in PEM"
    }
}
