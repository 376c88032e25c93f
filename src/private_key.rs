//! Reads private keys in common storage formats, and converts them.

use std::fmt::Write;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pkcs1::der::asn1::{AnyRef, OctetStringRef, UintRef};
use pkcs1::der::{Decode, Reader, SliceReader};
use pkcs1::{EncodeRsaPrivateKey, LineEnding, RsaPrivateKeyRef};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::crypto::RsaKey;
use crate::{Error, Secret};

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const PEM_START: &str = "-----BEGIN ";

/// An RSA private key in PKCS#1 DER.
#[derive(PartialEq)]
pub(crate) struct PrivateKey(Zeroizing<Vec<u8>>);

impl PrivateKey {
    /// Reads a PEM, either base64-encoded as in the API's response or decoded. Skips text before it.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, Error> {
        let invalid = |problem: &str| Error::invalid_input(format!("PEM {problem}"));
        let decoded = decode("PEM", pem)?;
        let text = std::str::from_utf8(&decoded).map_err(|_| invalid("has no private key"))?;
        let Some(start) = text.find(PEM_START) else {
            return Err(invalid(name_json(text).unwrap_or("has no private key")));
        };
        let mut pem = Zeroizing::new(String::with_capacity(text.len() + 1));
        for line in lines(&text[start..]) {
            pem.push_str(line);
            pem.push('\n');
        }
        // The cause is dropped because it may quote the private key.
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| invalid(why_no_private_key(&pem)))?;
        let der = Zeroizing::new(der);
        match &*der {
            PrivateKeyDer::Pkcs1(der) => Ok(Self(der.secret_pkcs1_der().to_vec().into())),
            PrivateKeyDer::Pkcs8(der) => {
                let key = unwrap_pkcs8(der.secret_pkcs8_der()).map_err(|_| invalid("is malformed"))?;
                Ok(Self(key.to_vec().into()))
            }
            _ => Err(invalid("is not an RSA key")),
        }
    }

    /// Reads a JSON Web Key, either base64-encoded as in the API's response or decoded. Returns its `kid` too.
    pub(crate) fn from_jwk(jwk: &str) -> Result<(String, Self), Error> {
        let invalid = |problem: &str| Error::invalid_input(format!("JWK {problem}"));
        let json = decode("JWK", jwk)?;
        if json.starts_with(PEM_START.as_bytes()) {
            return Err(invalid("is a PEM; use Signer::from_pem"));
        }
        // The cause is dropped because it may quote the private key.
        let jwk = parse_jwk(&json).ok_or_else(|| {
            let name = std::str::from_utf8(&json).ok().and_then(name_json);
            invalid(name.filter(|name| !name.contains("from_jwk")).unwrap_or("is not a JSON Web Key"))
        })?;
        if jwk.kty != "RSA" {
            return Err(invalid("is not an RSA key"));
        }
        let kid = jwk.kid.filter(|kid| !kid.is_empty()).ok_or_else(|| invalid("has no kid"))?;

        let number = |name: &str, text: Option<Secret>| match text {
            None if name == "d" => Err(invalid("contains only a public key")),
            None => Err(invalid(&format!("has no {name}"))),
            Some(text) => decode_base64(text.expose_secret())
                .ok_or_else(|| invalid(&format!("member {name} is not valid base64url"))),
        };
        let (n, e, d) = (number("n", jwk.n)?, number("e", jwk.e)?, number("d", jwk.d)?);
        let (p, q) = (number("p", jwk.p)?, number("q", jwk.q)?);
        let (dp, dq, qi) = (number("dp", jwk.dp)?, number("dq", jwk.dq)?, number("qi", jwk.qi)?);
        let key = || {
            Self::new(&RsaPrivateKeyRef {
                modulus: UintRef::new(&n)?,
                public_exponent: UintRef::new(&e)?,
                private_exponent: UintRef::new(&d)?,
                prime1: UintRef::new(&p)?,
                prime2: UintRef::new(&q)?,
                exponent1: UintRef::new(&dp)?,
                exponent2: UintRef::new(&dq)?,
                coefficient: UintRef::new(&qi)?,
                other_prime_infos: None,
            })
        };
        Ok((kid, key().map_err(|_| invalid("has numbers that are too long"))?))
    }

    /// Encodes the numbers of a key.
    pub(crate) fn new(key: &RsaPrivateKeyRef<'_>) -> pkcs1::Result<Self> {
        Ok(Self(key.to_pkcs1_der()?.to_bytes()))
    }

    /// Returns the key as base64-encoded PKCS#1 PEM.
    pub(crate) fn to_pem(&self) -> pkcs1::Result<Secret> {
        let pem = RsaPrivateKeyRef::from_der(&self.0)?.to_pkcs1_pem(LineEnding::LF)?;
        Ok(Secret::from(STANDARD.encode(pem.as_bytes())))
    }

    /// Returns the key as a base64-encoded JWK. The ID must be valid.
    pub(crate) fn to_jwk(&self, id: &str) -> pkcs1::Result<Secret> {
        let key = RsaPrivateKeyRef::from_der(&self.0)?;
        let mut jwk = Zeroizing::new(String::with_capacity(2 * self.0.len()));
        let _ = write!(jwk, r#"{{"use":"sig","kty":"RSA","kid":"{id}","alg":"RS256""#);
        for (name, number) in [
            ("n", key.modulus),
            ("e", key.public_exponent),
            ("d", key.private_exponent),
            ("p", key.prime1),
            ("q", key.prime2),
            ("dp", key.exponent1),
            ("dq", key.exponent2),
            ("qi", key.coefficient),
        ] {
            let number = Zeroizing::new(URL_SAFE_NO_PAD.encode(number.as_bytes()));
            let _ = write!(jwk, r#","{name}":"{}""#, *number);
        }
        jwk.push('}');
        Ok(Secret::from(STANDARD.encode(jwk.as_bytes())))
    }

    /// Tests the key by signing once. An error names the format that the key was read from.
    pub(crate) fn test(&self, format: &str) -> Result<RsaKey, Error> {
        RsaKey::from_pkcs1(&self.0)
            .map_err(|e| Error::invalid_input(format!("{format} is not an RSA key that can sign: {e}")))
    }
}

/// Returns the PKCS#1 DER in a PKCS#8 DER.
fn unwrap_pkcs8(der: &[u8]) -> pkcs1::der::Result<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|reader| {
        u8::decode(reader)?;
        AnyRef::decode(reader)?;
        let key = <&OctetStringRef>::decode(reader)?;
        // Skips the attributes, which are not needed.
        while !reader.is_finished() {
            AnyRef::decode(reader)?;
        }
        Ok(key.as_bytes())
    })
}

/// Names the format of a JSON text, and the function that reads it.
fn name_json(text: &str) -> Option<&'static str> {
    let has = |member: &str| text.contains(&format!("\"{member}\""));
    match text.starts_with('{') {
        true if has("pem") || has("jwk") => Some("is a stored key or a response; use Signer::from_json"),
        true if has("kty") => Some("is a JSON Web Key; use Signer::from_jwk"),
        _ => None,
    }
}

/// The members of an RSA private key, from RFC 7517 and 7518.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    n: Option<Secret>,
    e: Option<Secret>,
    d: Option<Secret>,
    p: Option<Secret>,
    q: Option<Secret>,
    dp: Option<Secret>,
    dq: Option<Secret>,
    qi: Option<Secret>,
}

/// Parses the JSON. Unescapes it first if it is the content of a JSON string, as in `{\"kty\":\"RSA\"}`.
fn parse_jwk(json: &[u8]) -> Option<Jwk> {
    let as_string = || {
        let quoted = Zeroizing::new([b"\"", json, b"\""].concat());
        let inside: Secret = serde_json::from_slice(&quoted).ok()?;
        serde_json::from_str(inside.expose_secret()).ok()
    };
    serde_json::from_slice(json).ok().or_else(as_string)
}

/// Removes surrounding whitespace, quotes and a byte order mark, which editors and `.env` files add.
pub(crate) fn unquote(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || "\"'\u{feff}".contains(c))
}

/// Returns the text of a PEM or a JWK, which can be base64-encoded.
fn decode(format: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let text = unquote(text);
    if text.is_empty() {
        return Err(Error::invalid_input(format!("{format} is empty")));
    }
    if text.contains(PEM_START) || text.starts_with('{') {
        return Ok(Zeroizing::new(text.as_bytes().to_vec()));
    }
    decode_base64(text)
        .ok_or_else(|| Error::invalid_input(format!("{format} is neither {format} text nor valid base64")))
}

/// Splits the text into trimmed lines. A line also ends at the two characters `\n`, which stand for a line break in
/// environment variables and JSON.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split("\\n").flat_map(str::lines).map(|line| line.trim().trim_end_matches("\\r"))
}

/// Decodes base64 in either alphabet, with or without padding, line breaks and spaces.
pub(crate) fn decode_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    let url_safe_to_standard = |c| match c {
        '-' => '+',
        '_' => '/',
        c => c,
    };
    let characters = lines(text).flat_map(str::chars).filter(|c| !c.is_whitespace());
    base64.extend(characters.map(url_safe_to_standard));
    BASE64.decode(base64.as_bytes()).ok().map(Zeroizing::new)
}

/// Returns why a PEM has no usable private key.
fn why_no_private_key(pem: &str) -> &'static str {
    if pem.contains("ENCRYPTED PRIVATE KEY-----") {
        "is encrypted"
    } else if pem.contains(" PRIVATE KEY-----") {
        "is malformed; check its line breaks"
    } else if pem.contains("PUBLIC KEY-----") {
        "contains only a public key"
    } else {
        "has no private key"
    }
}
