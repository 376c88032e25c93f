//! Playback tokens. They are compared with tokens signed by OpenSSL and verified by an independent library. Every limit
//! is tested at, below and above its value.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cloudflare_stream_keys::mock::{FakeServer, TokenError};
use cloudflare_stream_keys::{AccessRule, Error, ErrorKind, PlaybackToken, PlaybackTokenBuilder, Signer};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

const VIDEO: &str = "5d5bc37ffcf54c9b82e996823bffbb81";
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/tokens.json")).unwrap()
}

fn str_of(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Returns a signer for the example key in Cloudflare's OpenAPI document.
fn example_signer() -> Signer {
    Signer::from_jwk(str_of(&vectors()["key"]["jwk"])).unwrap()
}

fn example_pem() -> String {
    String::from_utf8(STANDARD.decode(str_of(&vectors()["key"]["pem"])).unwrap()).unwrap()
}

fn example_jwk() -> Value {
    serde_json::from_slice(&STANDARD.decode(str_of(&vectors()["key"]["jwk"])).unwrap()).unwrap()
}

/// Returns the start of 2026, the signing time of the test vectors.
fn new_year() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Verifies the signature with an independent library, and returns the claims.
fn verify(token: &str, jwk: &Value) -> Value {
    let key = DecodingKey::from_rsa_components(str_of(&jwk["n"]), str_of(&jwk["e"])).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    (validation.validate_exp, validation.validate_nbf) = (false, false);
    validation.required_spec_claims = HashSet::new();
    let data = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap();
    assert_eq!(data.header.kid.as_deref(), jwk["kid"].as_str());
    assert_eq!(data.header.alg, Algorithm::RS256);
    data.claims
}

fn claims_of(token: PlaybackTokenBuilder<'_>) -> Value {
    verify(token.signing_time(new_year()).sign().unwrap().as_str(), &example_jwk())
}

fn assert_rejected(result: Result<impl std::fmt::Debug, Error>, setting: &str, reason: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with(setting) && error.to_string().contains(reason), "{error}");
}

/// Returns a token with every claim set, the `full` one of the test vectors.
fn full_token(signer: &Signer) -> PlaybackTokenBuilder<'_> {
    signer
        .token(VIDEO)
        .expires_in(seconds(DAY))
        .not_before(new_year())
        .downloadable(true)
        .access_rule(AccessRule::allow_countries(["US", "MX"]).unwrap())
        .access_rule(AccessRule::allow_ips(["93.184.216.0/24", "2400:cb00::/32"]).unwrap())
        .access_rule(AccessRule::block_any())
        .signing_time(new_year())
}

#[test]
fn tokens_equal_those_signed_by_openssl() {
    let (vectors, signer) = (vectors(), example_signer());
    let plain = signer.token(VIDEO).signing_time(new_year()).sign().unwrap();
    assert_eq!(plain.as_str(), str_of(&vectors["tokens"]["plain"]["token"]));
    assert_eq!(full_token(&signer).sign().unwrap().as_str(), str_of(&vectors["tokens"]["full"]["token"]));
}

#[test]
fn every_key_format_gives_the_same_token() {
    let key = &vectors()["key"];
    let id = str_of(&key["id"]);
    let expected = full_token(&example_signer()).sign().unwrap();
    for signer in [
        Signer::from_pem(id, str_of(&key["pem"])),
        Signer::from_pem(id, &example_pem()),
        Signer::from_pem(id, include_str!("../vectors/example-pkcs8.pem")),
        Signer::from_pem(id, &STANDARD.encode(include_str!("../vectors/example-pkcs8.pem"))),
        Signer::from_pem(id, &format!("\n {}\n", str_of(&key["pem"]))),
        Signer::from_jwk(&example_jwk().to_string()),
        Signer::from_jwk(&serde_json::to_string_pretty(&example_jwk()).unwrap()),
    ] {
        let signer = signer.unwrap();
        assert_eq!(signer.key_id(), id);
        assert_eq!(full_token(&signer).sign().unwrap(), expected);
    }
}

#[test]
fn claims_match_the_documentation_and_verify_with_another_library() {
    let (vectors, signer) = (vectors(), example_signer());
    assert_eq!(claims_of(signer.token(VIDEO)), vectors["tokens"]["plain"]["claims"]);
    assert_eq!(claims_of(full_token(&signer)), vectors["tokens"]["full"]["claims"]);

    let now = new_year().as_second();
    let base = json!({ "sub": VIDEO, "kid": signer.key_id(), "exp": now + 3600 });
    let with = |name: &str, value: Value| {
        let mut claims = base.clone();
        claims[name] = value;
        claims
    };
    assert_eq!(claims_of(signer.token(VIDEO).expires_in(seconds(60))), with("exp", json!(now + 60)));
    assert_eq!(claims_of(signer.token(VIDEO).expires_at(new_year() + seconds(90))), with("exp", json!(now + 90)));
    assert_eq!(claims_of(signer.token(VIDEO).not_before(new_year() + seconds(5))), with("nbf", json!(now + 5)));
    assert_eq!(claims_of(signer.token(VIDEO).downloadable(false)), with("downloadable", json!(false)));

    let rules: [(AccessRule, Value); 6] = [
        (AccessRule::allow_any(), json!({ "type": "any", "action": "allow" })),
        (AccessRule::block_any(), json!({ "type": "any", "action": "block" })),
        (
            AccessRule::allow_countries(["gb", "IE"]).unwrap(),
            json!({ "type": "ip.geoip.country", "action": "allow", "country": ["GB", "IE"] }),
        ),
        (
            AccessRule::block_countries(["FR"]).unwrap(),
            json!({ "type": "ip.geoip.country", "action": "block", "country": ["FR"] }),
        ),
        (
            AccessRule::allow_ips(["203.0.113.7", "2001:db8::1"]).unwrap(),
            json!({ "type": "ip.src", "action": "allow", "ip": ["203.0.113.7/32", "2001:db8::1/128"] }),
        ),
        (
            AccessRule::block_ips(["10.0.0.0/8"]).unwrap(),
            json!({ "type": "ip.src", "action": "block", "ip": ["10.0.0.0/8"] }),
        ),
    ];
    for (rule, claim) in rules {
        assert_eq!(claims_of(signer.token(VIDEO).access_rule(rule)), with("accessRules", json!([claim])));
    }
}

#[test]
fn created_key_signs_tokens_that_the_fake_server_accepts() {
    let fake = FakeServer::start();
    let keys = fake.signing_keys();
    let key = keys.create().unwrap();
    let signer = Signer::new(&key).unwrap();
    let token = signer.token(VIDEO).sign().unwrap();
    assert_eq!(fake.verify_token(token.as_str()), Ok(()));
    let jwk: Value = serde_json::from_slice(&STANDARD.decode(key.jwk.expose_secret()).unwrap()).unwrap();
    assert_eq!(verify(token.as_str(), &jwk)["sub"], VIDEO);
    let from_pem = Signer::from_pem(&key.id, key.pem.expose_secret()).unwrap();
    let now = new_year();
    assert_eq!(
        from_pem.token(VIDEO).signing_time(now).sign().unwrap(),
        signer.token(VIDEO).signing_time(now).sign().unwrap()
    );

    let later = signer.token(VIDEO).not_before(fake.now() + seconds(60)).sign().unwrap();
    assert_eq!(fake.verify_token(later.as_str()), Err(TokenError::NotYetValid));
    fake.advance(seconds(HOUR - 10));
    assert_eq!((fake.verify_token(token.as_str()), fake.verify_token(later.as_str())), (Ok(()), Ok(())));
    fake.advance(seconds(10));
    assert_eq!(fake.verify_token(token.as_str()), Err(TokenError::Expired));
    keys.delete(&key.id).unwrap();
    assert_eq!(fake.verify_token(token.as_str()), Err(TokenError::UnknownKey));
}

#[test]
fn fake_server_rejects_forged_tokens() {
    let fake = FakeServer::start();
    let keys = fake.signing_keys();
    let (key, other_key) = (keys.create().unwrap(), keys.create().unwrap());
    let token = Signer::new(&key).unwrap().token(VIDEO).sign().unwrap();
    let [header, claims, signature]: [&str; 3] = token.as_str().split('.').collect::<Vec<_>>().try_into().unwrap();
    let wrong_key = Signer::from_pem(&key.id, other_key.pem.expose_secret()).unwrap().token(VIDEO).sign().unwrap();
    assert_eq!(fake.verify_token(wrong_key.as_str()), Err(TokenError::InvalidSignature));
    let forged = URL_SAFE_NO_PAD.encode(json!({ "sub": "x", "kid": key.id, "exp": 9_999_999_999_i64 }).to_string());
    assert_eq!(fake.verify_token(&format!("{header}.{forged}.{signature}")), Err(TokenError::InvalidSignature));
    let unsigned = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "kid": key.id }).to_string());
    assert_eq!(fake.verify_token(&format!("{unsigned}.{claims}.")), Err(TokenError::Malformed));
    for malformed in ["", "a", "a.b", "a.b.c", "..", &format!("{header}.{claims}")] {
        assert_eq!(fake.verify_token(malformed), Err(TokenError::Malformed), "{malformed}");
    }
}

#[test]
fn expiry_is_limited_to_24_hours_and_not_in_the_past() {
    let signer = example_signer();
    let with = |change: fn(PlaybackTokenBuilder<'_>) -> PlaybackTokenBuilder<'_>| {
        change(signer.token(VIDEO).signing_time(new_year())).sign()
    };
    assert!(with(|token| token.expires_in(seconds(1))).is_ok());
    assert!(with(|token| token.expires_in(seconds(DAY) - Duration::from_nanos(1))).is_ok());
    assert!(with(|token| token.expires_in(seconds(DAY))).is_ok());
    assert!(with(|token| token.expires_at(new_year() + seconds(DAY))).is_ok());
    assert!(with(|token| token.expires_at(new_year() + seconds(1))).is_ok());
    for lifetime in [seconds(DAY) + Duration::from_nanos(1), seconds(DAY + 1), Duration::MAX] {
        assert_rejected(signer.token(VIDEO).expires_in(lifetime).signing_time(new_year()).sign(), "expiry", "24 hours");
    }
    assert_rejected(with(|token| token.expires_at(new_year() + seconds(DAY + 1))), "expiry", "24 hours");
    assert_rejected(with(|token| token.expires_at(Timestamp::MAX)), "expiry", "24 hours");
    assert_rejected(with(|token| token.expires_in(Duration::ZERO)), "expiry", "past");
    assert_rejected(with(|token| token.expires_in(Duration::from_millis(999))), "expiry", "past");
    assert_rejected(with(|token| token.expires_at(new_year())), "expiry", "past");
    assert_rejected(with(|token| token.expires_at(Timestamp::MIN)), "expiry", "past");
    assert!(signer.token(VIDEO).signing_time(Timestamp::MAX).sign().is_err());
}

#[test]
fn expiry_is_rounded_down_to_whole_seconds() {
    let signer = example_signer();
    let now = new_year() + Duration::from_millis(600);
    let token = signer.token(VIDEO).expires_in(Duration::from_millis(1500)).signing_time(now).sign().unwrap();
    assert_eq!(token.expires_at(), new_year() + seconds(2));
    let token = signer.token(VIDEO).expires_in(seconds(DAY)).signing_time(now).sign().unwrap();
    assert_eq!(verify(token.as_str(), &example_jwk())["exp"], new_year().as_second() + DAY as i64);
}

#[test]
fn not_before_must_be_earlier_than_expiry() {
    let signer = example_signer();
    let with = |offset: i64| {
        let nbf = Timestamp::from_second(new_year().as_second() + offset).unwrap();
        signer.token(VIDEO).expires_in(seconds(60)).not_before(nbf).signing_time(new_year()).sign()
    };
    assert!(with(-1000).is_ok() && with(0).is_ok() && with(59).is_ok());
    assert_rejected(with(60), "not-before time", "expiry");
    assert_rejected(with(61), "not-before time", "expiry");
}

#[test]
fn access_rules_are_limited_to_5_and_must_be_reachable() {
    let signer = example_signer();
    let country = || AccessRule::allow_countries(["GB"]).unwrap();
    let with = |rules: Vec<AccessRule>| {
        rules.into_iter().fold(signer.token(VIDEO), |token, rule| token.access_rule(rule)).sign()
    };
    assert!(with(vec![]).is_ok());
    assert!(with(vec![country(); 4]).is_ok() && with(vec![country(); 5]).is_ok());
    assert_rejected(with(vec![country(); 6]), "token has more", "5 access rules");
    for any in [AccessRule::allow_any(), AccessRule::block_any()] {
        assert!(with(vec![country(), any.clone()]).is_ok());
        assert_rejected(with(vec![any.clone(), country()]), "access rule", "never match");
        assert_rejected(with(vec![country(), any.clone(), any]), "access rule", "never match");
    }
}

#[test]
fn invalid_countries_and_addresses_are_rejected() {
    for code in ["", "G", "GBR", "G1", "  ", "ÄÖ", "é", "G ", "GB "] {
        assert_rejected(AccessRule::allow_countries(["GB", code]), "country", "two-letter code");
        assert_rejected(AccessRule::block_countries([code]), "country", "ISO 3166-1");
    }
    for address in
        ["", "203.0.113", "203.0.113.256", "203.0.113.0/33", "2001:db8::/129", "example.com", "1.2.3.4/-1", "1.2.3.4 "]
    {
        assert_rejected(AccessRule::allow_ips(["203.0.113.7", address]), "address", "IP address");
        assert_rejected(AccessRule::block_ips([address]), "address", "range");
    }
    for range in ["203.0.113.0/0", "203.0.113.0/32", "::/0", "::1/128"] {
        assert!(AccessRule::allow_ips([range]).is_ok(), "{range}");
    }
    let empty: [&str; 0] = [];
    assert_rejected(AccessRule::allow_countries(empty), "access rule", "no country");
    assert_rejected(AccessRule::block_countries(empty), "access rule", "no country");
    assert_rejected(AccessRule::allow_ips(empty), "access rule", "no address");
    assert_rejected(AccessRule::block_ips(empty), "access rule", "no address");
}

#[test]
fn video_id_must_be_a_valid_path_segment() {
    let signer = example_signer();
    for id in ["", ".", "..", "a/b", "../x", "a?b", "a#b", "a b", "a%2f", "ü"] {
        assert_rejected(signer.token(id).sign(), "video UID", "");
    }
    assert!(signer.token("live-1_a.b~c").sign().is_ok());
}

#[test]
fn urls_contain_the_token_in_place_of_the_video_uid() {
    let signer = example_signer();
    let token = signer.token(VIDEO).downloadable(true).sign().unwrap();
    let base = format!("https://customer-f33zs165nr7gyfy4.cloudflarestream.com/{token}");
    let code = "f33zs165nr7gyfy4";
    assert_eq!(token.hls_url(code).unwrap(), format!("{base}/manifest/video.m3u8"));
    assert_eq!(token.dash_url(code).unwrap(), format!("{base}/manifest/video.mpd"));
    assert_eq!(token.iframe_url(code).unwrap(), format!("{base}/iframe"));
    assert_eq!(token.thumbnail_url(code).unwrap(), format!("{base}/thumbnails/thumbnail.jpg"));
    assert_eq!(token.download_url(code).unwrap(), format!("{base}/downloads/default.mp4"));
    for token in [signer.token(VIDEO).sign().unwrap(), signer.token(VIDEO).downloadable(false).sign().unwrap()] {
        assert_rejected(token.download_url(code), "token", "downloadable(true)");
        assert!(token.hls_url(code).is_ok());
    }
    type Url = fn(&PlaybackToken, &str) -> Result<String, Error>;
    let urls: [Url; 5] = [
        PlaybackToken::hls_url,
        PlaybackToken::dash_url,
        PlaybackToken::iframe_url,
        PlaybackToken::thumbnail_url,
        PlaybackToken::download_url,
    ];
    for url in urls {
        for code in ["", "a.b", "a/b", "evil.example.com/", "a b", "a-b"] {
            assert_rejected(url(&token, code), "customer code", "letters and digits");
        }
    }
}

#[test]
fn token_is_complete_in_display_and_redacted_in_debug() {
    let token = full_token(&example_signer()).sign().unwrap();
    assert_eq!(token.to_string(), token.as_str());
    assert_eq!(token.as_ref() as &str, token.as_str());
    let debug = format!("{token:?}");
    assert!(debug.len() < 60 && debug.contains("2026-01-02T00:00:00Z"), "{debug}");
    assert_eq!(String::from(token.clone()), token.to_string());
}

#[test]
fn unusable_pem_keys_are_rejected_with_the_reason() {
    let weak = include_str!("../vectors/weak.pem");
    let corrupted = example_pem().replace("pLUi", "pLUj");
    let truncated = &example_pem()[..800];
    for (pem, reason) in [
        ("", "empty"),
        ("  \n", "empty"),
        ("not base64!", "nor valid base64"),
        (&STANDARD.encode("no pem"), "has no private key"),
        (&STANDARD.encode([0xff, 0xfe, 0]), "has no private key"),
        (include_str!("../vectors/public.pem"), "only a public key"),
        (&STANDARD.encode(include_str!("../vectors/public.pem")), "only a public key"),
        (include_str!("../vectors/encrypted.pem"), "encrypted"),
        (include_str!("../vectors/ec-sec1.pem"), "not an RSA key"),
        (include_str!("../vectors/ec-pkcs8.pem"), "not an RSA key"),
        (weak, "not an RSA key that can sign: TooSmall"),
        (truncated, "malformed"),
        (&corrupted, "not an RSA key that can sign"),
    ] {
        assert_rejected(Signer::from_pem("id", pem), "PEM", reason);
    }
    assert_rejected(Signer::from_pem("", &example_pem()), "key ID", "empty");
}

#[test]
fn unusable_jwks_are_rejected_with_the_reason() {
    let with = |name: &str, value: Value| {
        let mut jwk = example_jwk();
        jwk[name] = value;
        jwk.to_string()
    };
    let with_bit_flipped = |name: &str| {
        let mut value = URL_SAFE_NO_PAD.decode(str_of(&example_jwk()[name])).unwrap();
        value[50] ^= 1;
        with(name, json!(URL_SAFE_NO_PAD.encode(value)))
    };
    let short_modulus = URL_SAFE_NO_PAD.encode([0xc3; 128]);
    for (jwk, reason) in [
        (String::new(), "empty"),
        ("?".to_string(), "nor valid base64"),
        (STANDARD.encode("no json"), "not a JSON Web Key"),
        ("{".to_string(), "not a JSON Web Key"),
        ("{}".to_string(), "not a JSON Web Key"),
        (with("kty", json!("EC")), "not an RSA key"),
        (with("kid", Value::Null), "no kid"),
        (with("kid", json!("")), "no kid"),
        (with("d", Value::Null), "only a public key"),
        (with("p", Value::Null), "no p"),
        (with("qi", Value::Null), "no qi"),
        (with("n", json!("***")), "member n is not valid base64url"),
        (with("n", json!(short_modulus)), "not an RSA key that can sign"),
        (with_bit_flipped("n"), "not an RSA key that can sign"),
        (with_bit_flipped("p"), "not an RSA key that can sign"),
        (with_bit_flipped("dp"), "not an RSA key that can sign"),
    ] {
        assert_rejected(Signer::from_jwk(&jwk), "JWK", reason);
    }
}

#[test]
fn key_id_that_differs_from_the_jwks_kid_is_rejected() {
    let fake = FakeServer::start();
    let mut key = fake.signing_keys().create().unwrap();
    key.id = "another".to_string();
    assert_rejected(Signer::new(&key), "JWK", "kid differs from the key's ID");
}

#[test]
fn signers_and_key_errors_do_not_show_the_key() {
    let key = vectors()["key"].clone();
    let secrets = [
        str_of(&key["pem"]).to_string(),
        example_pem(),
        example_jwk()["d"].to_string(),
        example_jwk()["p"].to_string(),
    ];
    let signer = example_signer();
    let mut outputs = vec![format!("{signer:?} {signer:#?}"), format!("{:?}", full_token(&signer))];
    for pem in
        [example_pem().replace("pLUi", "pLUj"), example_pem()[..800].to_string(), example_pem().replace('A', "?")]
    {
        let error = Signer::from_pem("id", &pem).unwrap_err();
        outputs.push(format!("{error} {error:?}"));
    }
    for jwk in [example_jwk().to_string().replace(',', "?"), example_jwk().to_string().replace("\"d\":\"", "\"d\":\"?")]
    {
        let error = Signer::from_jwk(&jwk).unwrap_err();
        outputs.push(format!("{error} {error:?}"));
    }
    for (output, secret) in outputs.iter().flat_map(|output| secrets.iter().map(move |secret| (output, secret))) {
        let parts: Vec<_> = secret.as_bytes().windows(16).filter(|part| part.is_ascii()).collect();
        for part in
            parts.iter().map(|part| std::str::from_utf8(part).unwrap()).filter(|part| !part.contains("RSA PRIVATE"))
        {
            assert!(!output.contains(part), "{output}");
        }
    }
}

#[test]
fn signer_can_be_shared_between_threads() {
    let signer = example_signer();
    let expected = full_token(&signer).sign().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(full_token(&signer).sign().unwrap(), expected)));
        }
    });
}
