//! How the fake server verifies tokens that the signer would not sign.

use std::net::IpAddr;
use std::panic::catch_unwind;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cloudflare_stream_keys::mock::{FakeServer, TokenError, Viewer};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SigningKey;
use serde_json::{Value, json};

use crate::support::tls::provider;

/// A fake server with a key that signs anything.
struct TokenCase {
    server: FakeServer,
    key_id: String,
    signing_key: Arc<dyn SigningKey>,
}

impl TokenCase {
    fn new() -> Self {
        let server = FakeServer::start();
        let key = server.signing_keys().create().unwrap();
        let der = PrivateKeyDer::from_pem_slice(&STANDARD.decode(key.pem.expose_secret()).unwrap()).unwrap();
        Self { server, key_id: key.id, signing_key: provider().key_provider.load_private_key(der).unwrap() }
    }

    fn header(&self) -> Value {
        json!({ "alg": "RS256", "kid": self.key_id })
    }

    /// Returns the claims of a token for the next minute, with others added or replaced.
    fn claims(&self, others: Value) -> Value {
        let mut claims = json!({ "sub": "video", "kid": self.key_id, "exp": self.server.now().as_second() + 60 });
        claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        claims
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signer = self.signing_key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signer.sign(message.as_bytes()).unwrap()))
    }

    fn verify(&self, header: &Value, claims: &Value) -> Result<(), TokenError> {
        self.server.verify_token(&self.sign(header, claims))
    }

    fn verify_claims(&self, others: Value) -> Result<(), TokenError> {
        self.verify(&self.header(), &self.claims(others))
    }
}

#[test]
fn token_times_can_be_numbers_or_strings_of_digits() {
    let case = TokenCase::new();
    let verify = |exp: Value, nbf: Value| case.verify_claims(json!({ "exp": exp, "nbf": nbf }));
    let now = case.server.now().as_second();
    let number = |offset: i64| json!(now + offset);
    let digits = |offset: i64| json!((now + offset).to_string());
    assert_eq!(verify(number(60), number(-60)), Ok(()));
    assert_eq!(verify(json!(now as f64 + 60.5), json!(now as f64 - 0.5)), Ok(()));
    assert_eq!(verify(digits(60), digits(-60)), Ok(()));
    assert_eq!(verify(digits(60), Value::Null), Ok(()));
    assert_eq!(verify(digits(-60), digits(-120)), Err(TokenError::Expired));
    assert_eq!(verify(digits(120), digits(60)), Err(TokenError::NotYetValid));
    assert_eq!(verify(number(24 * 60 * 60), Value::Null), Ok(()));
    for too_late in [number(24 * 60 * 60 + 60), json!((now + 60) * 1000), json!(i64::MAX)] {
        assert_eq!(verify(too_late, Value::Null), Err(TokenError::LifetimeTooLong));
    }
    for invalid in [json!(""), json!("soon"), json!("+1"), json!(" 1"), json!("99999999999999999999"), json!([1])] {
        assert_eq!(verify(invalid.clone(), Value::Null), Err(TokenError::Malformed), "{invalid}");
    }
}

#[test]
fn malformed_tokens_are_rejected_despite_a_valid_signature() {
    let case = TokenCase::new();
    let id = &case.key_id;
    assert_eq!(case.verify_claims(json!({})), Ok(()));
    for header in [
        json!({ "alg": "RS256" }),
        json!({ "alg": "RS512", "kid": id }),
        json!({ "alg": "RS256", "kid": "another" }),
        json!({ "alg": "RS256", "kid": id, "crit": ["x"] }),
        json!(["RS256", id, null]),
    ] {
        assert_eq!(case.verify(&header, &case.claims(json!({}))), Err(TokenError::Malformed), "{header}");
    }
    for others in [
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 5 }),
        json!({ "sub": "video/manifest/video.m3u8" }),
        json!({ "kid": "another" }),
        json!({ "accessRules": null }),
        json!({ "accessRules": vec![json!({ "type": "any", "action": "allow" }); 6] }),
        json!({ "accessRules": [{ "type": "any" }] }),
        json!({ "accessRules": [{ "type": "any", "action": "Block" }] }),
        json!({ "accessRules": [{ "type": "any", "action": { "block": null } }] }),
        json!({ "accessRules": [{ "action": "block" }] }),
        json!({ "accessRules": [{ "type": 0, "action": "block" }] }),
        json!({ "accessRules": [["any", "block"]] }),
        json!({ "accessRules": [{ "type": "ip.geoip.continent", "action": "block", "country": ["EU"] }] }),
        json!({ "accessRules": [{ "type": "ip.geoip.country", "action": "block" }] }),
        json!({ "accessRules": [{ "type": "ip.geoip.country", "action": "block", "country": "DE" }] }),
        json!({ "accessRules": [{ "type": "ip.src", "action": "block", "ip": ["203.0.113.0/33"] }] }),
    ] {
        assert_eq!(case.verify_claims(others.clone()), Err(TokenError::Malformed), "{others}");
    }
    let claims = json!(["video", id, case.server.now().as_second() + 60, null, []]);
    assert_eq!(case.verify(&case.header(), &claims), Err(TokenError::Malformed));
}

#[test]
fn rules_of_other_programs_are_evaluated() {
    let case = TokenCase::new();
    let rules = json!([
        { "type": "ip.src", "action": "allow", "ip": ["203.0.113.7", "2001:db8::/32"] },
        { "type": "ip.geoip.country", "action": "block", "country": ["DE", "XX"], "comment": "x" },
    ]);
    let token = case.sign(&case.header(), &case.claims(json!({ "accessRules": rules })));
    let verify = |ip: &str, country| {
        let viewer = Viewer::new(ip.parse::<IpAddr>().unwrap(), country);
        case.server.verify_token_for(&token, &viewer)
    };
    for (ip, country) in [("203.0.113.7", "de"), ("::ffff:203.0.113.7", "DE"), ("2001:db8::1", "XX"), ("::1", "GB")] {
        assert_eq!(verify(ip, country), Ok(()), "{ip} {country}");
    }
    for (ip, country) in [("203.0.113.8", "de"), ("2001:db9::1", "XX")] {
        assert_eq!(verify(ip, country), Err(TokenError::Blocked), "{ip} {country}");
    }
}

#[test]
fn viewer_of_an_unknown_country_is_a_mistake_in_the_test() {
    for country in ["UK", "Germany", ""] {
        assert!(catch_unwind(|| Viewer::new([203, 0, 113, 7], country)).is_err(), "{country}");
    }
}
