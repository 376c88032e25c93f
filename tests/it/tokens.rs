//! Playback tokens: verified by others, equal to the byte with OpenSSL's, and every limit at, below and above it.

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

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The key that Cloudflare's document publishes.
fn example() -> Signer {
    Signer::from_jwk(text(&vectors()["key"]["jwk"])).unwrap()
}

fn example_pem() -> String {
    String::from_utf8(STANDARD.decode(text(&vectors()["key"]["pem"])).unwrap()).unwrap()
}

fn example_jwk() -> Value {
    serde_json::from_slice(&STANDARD.decode(text(&vectors()["key"]["jwk"])).unwrap()).unwrap()
}

/// The first second of 2026.
fn new_year() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The claims, once an independent library has verified the signature.
fn verified(token: &str, jwk: &Value) -> Value {
    let key = DecodingKey::from_rsa_components(text(&jwk["n"]), text(&jwk["e"])).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    (validation.validate_exp, validation.validate_nbf) = (false, false);
    validation.required_spec_claims = HashSet::new();
    let data = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap();
    assert_eq!(data.header.kid.as_deref(), jwk["kid"].as_str());
    assert_eq!(data.header.alg, Algorithm::RS256);
    data.claims
}

fn claims_of(token: PlaybackTokenBuilder<'_>) -> Value {
    verified(token.signing_time(new_year()).sign().unwrap().as_str(), &example_jwk())
}

fn refusal(result: Result<impl std::fmt::Debug, Error>, setting: &str, words: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with(setting) && error.to_string().contains(words), "{error}");
}

fn full(signer: &Signer) -> PlaybackTokenBuilder<'_> {
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
fn tokens_are_openssls_to_the_byte() {
    let (vectors, signer) = (vectors(), example());
    let plain = signer.token(VIDEO).signing_time(new_year()).sign().unwrap();
    assert_eq!(plain.as_str(), text(&vectors["tokens"]["plain"]["token"]));
    assert_eq!(full(&signer).sign().unwrap().as_str(), text(&vectors["tokens"]["full"]["token"]));
}

#[test]
fn every_form_of_a_key_gives_the_same_tokens() {
    let key = &vectors()["key"];
    let id = text(&key["id"]);
    let expected = full(&example()).sign().unwrap();
    for signer in [
        Signer::from_pem(id, text(&key["pem"])),
        Signer::from_pem(id, &example_pem()),
        Signer::from_pem(id, include_str!("../vectors/example-pkcs8.pem")),
        Signer::from_pem(id, &STANDARD.encode(include_str!("../vectors/example-pkcs8.pem"))),
        Signer::from_pem(id, &format!("\n {}\n", text(&key["pem"]))),
        Signer::from_jwk(&example_jwk().to_string()),
        Signer::from_jwk(&serde_json::to_string_pretty(&example_jwk()).unwrap()),
    ] {
        let signer = signer.unwrap();
        assert_eq!(signer.key_id(), id);
        assert_eq!(full(&signer).sign().unwrap(), expected);
    }
}

#[test]
fn claims_are_those_of_the_guide_and_verified_by_another_library() {
    let (vectors, signer) = (vectors(), example());
    assert_eq!(claims_of(signer.token(VIDEO)), vectors["tokens"]["plain"]["claims"]);
    assert_eq!(claims_of(full(&signer)), vectors["tokens"]["full"]["claims"]);

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
fn a_key_just_created_signs_tokens_that_play() {
    let fake = FakeServer::start();
    let keys = fake.signing_keys();
    let key = keys.create().unwrap();
    let signer = Signer::new(&key).unwrap();
    let token = signer.token(VIDEO).sign().unwrap();
    assert_eq!(fake.verify_token(token.as_str()), Ok(()));
    let jwk: Value = serde_json::from_slice(&STANDARD.decode(key.jwk.expose_secret()).unwrap()).unwrap();
    assert_eq!(verified(token.as_str(), &jwk)["sub"], VIDEO);
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
fn the_player_refuses_what_is_forged() {
    let fake = FakeServer::start();
    let keys = fake.signing_keys();
    let (one, two) = (keys.create().unwrap(), keys.create().unwrap());
    let token = Signer::new(&one).unwrap().token(VIDEO).sign().unwrap();
    let [header, claims, signature]: [&str; 3] = token.as_str().split('.').collect::<Vec<_>>().try_into().unwrap();
    let other = Signer::from_pem(&one.id, two.pem.expose_secret()).unwrap().token(VIDEO).sign().unwrap();
    assert_eq!(fake.verify_token(other.as_str()), Err(TokenError::InvalidSignature));
    let forged = URL_SAFE_NO_PAD.encode(json!({ "sub": "x", "kid": one.id, "exp": 9_999_999_999_i64 }).to_string());
    assert_eq!(fake.verify_token(&format!("{header}.{forged}.{signature}")), Err(TokenError::InvalidSignature));
    let none = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "kid": one.id }).to_string());
    assert_eq!(fake.verify_token(&format!("{none}.{claims}.")), Err(TokenError::Malformed));
    for text in ["", "a", "a.b", "a.b.c", "..", &format!("{header}.{claims}")] {
        assert_eq!(fake.verify_token(text), Err(TokenError::Malformed), "{text}");
    }
}

#[test]
fn expiry_at_below_and_above_its_limits() {
    let signer = example();
    let with = |change: fn(PlaybackTokenBuilder<'_>) -> PlaybackTokenBuilder<'_>| {
        change(signer.token(VIDEO).signing_time(new_year())).sign()
    };
    assert!(with(|token| token.expires_in(seconds(1))).is_ok());
    assert!(with(|token| token.expires_in(seconds(DAY) - Duration::from_nanos(1))).is_ok());
    assert!(with(|token| token.expires_in(seconds(DAY))).is_ok());
    assert!(with(|token| token.expires_at(new_year() + seconds(DAY))).is_ok());
    assert!(with(|token| token.expires_at(new_year() + seconds(1))).is_ok());
    for ahead in [seconds(DAY) + Duration::from_nanos(1), seconds(DAY + 1), Duration::MAX] {
        refusal(signer.token(VIDEO).expires_in(ahead).signing_time(new_year()).sign(), "expiry", "24 hours");
    }
    refusal(with(|token| token.expires_at(new_year() + seconds(DAY + 1))), "expiry", "24 hours");
    refusal(with(|token| token.expires_at(Timestamp::MAX)), "expiry", "24 hours");
    refusal(with(|token| token.expires_in(Duration::ZERO)), "expiry", "past");
    refusal(with(|token| token.expires_in(Duration::from_millis(999))), "expiry", "past");
    refusal(with(|token| token.expires_at(new_year())), "expiry", "past");
    refusal(with(|token| token.expires_at(Timestamp::MIN)), "expiry", "past");
    assert!(signer.token(VIDEO).signing_time(Timestamp::MAX).sign().is_err());
}

#[test]
fn a_part_of_a_second_is_rounded_down() {
    let signer = example();
    let now = new_year() + Duration::from_millis(600);
    let token = signer.token(VIDEO).expires_in(Duration::from_millis(1500)).signing_time(now).sign().unwrap();
    assert_eq!(token.expires_at(), new_year() + seconds(2));
    let token = signer.token(VIDEO).expires_in(seconds(DAY)).signing_time(now).sign().unwrap();
    assert_eq!(verified(token.as_str(), &example_jwk())["exp"], new_year().as_second() + DAY as i64);
}

#[test]
fn not_before_at_below_and_above_its_limit() {
    let signer = example();
    let with = |ahead: i64| {
        let nbf = Timestamp::from_second(new_year().as_second() + ahead).unwrap();
        signer.token(VIDEO).expires_in(seconds(60)).not_before(nbf).signing_time(new_year()).sign()
    };
    assert!(with(-1000).is_ok() && with(0).is_ok() && with(59).is_ok());
    refusal(with(60), "not-before time", "expiry");
    refusal(with(61), "not-before time", "expiry");
}

#[test]
fn rules_at_below_and_above_their_limits() {
    let signer = example();
    let country = || AccessRule::allow_countries(["GB"]).unwrap();
    let with = |rules: Vec<AccessRule>| {
        rules.into_iter().fold(signer.token(VIDEO), |token, rule| token.access_rule(rule)).sign()
    };
    assert!(with(vec![]).is_ok());
    assert!(with(vec![country(); 4]).is_ok() && with(vec![country(); 5]).is_ok());
    refusal(with(vec![country(); 6]), "access rules", "more than 5");
    for any in [AccessRule::allow_any(), AccessRule::block_any()] {
        assert!(with(vec![country(), any.clone()]).is_ok());
        refusal(with(vec![any.clone(), country()]), "access rules", "never match");
        refusal(with(vec![country(), any.clone(), any]), "access rules", "never match");
    }
}

#[test]
fn countries_and_addresses_that_are_none_are_refused() {
    for code in ["", "G", "GBR", "G1", "  ", "ÄÖ", "é", "G ", "GB "] {
        refusal(AccessRule::allow_countries(["GB", code]), "country", "two letters");
        refusal(AccessRule::block_countries([code]), "country", "ISO 3166-1");
    }
    for address in
        ["", "203.0.113", "203.0.113.256", "203.0.113.0/33", "2001:db8::/129", "example.com", "1.2.3.4/-1", "1.2.3.4 "]
    {
        refusal(AccessRule::allow_ips(["203.0.113.7", address]), "address", "IP address");
        refusal(AccessRule::block_ips([address]), "address", "range");
    }
    for range in ["203.0.113.0/0", "203.0.113.0/32", "::/0", "::1/128"] {
        assert!(AccessRule::allow_ips([range]).is_ok(), "{range}");
    }
    let nothing: [&str; 0] = [];
    refusal(AccessRule::allow_countries(nothing), "access rule", "no country");
    refusal(AccessRule::block_countries(nothing), "access rule", "no country");
    refusal(AccessRule::allow_ips(nothing), "access rule", "no address");
    refusal(AccessRule::block_ips(nothing), "access rule", "no address");
}

#[test]
fn a_video_id_must_be_able_to_stand_in_a_path() {
    let signer = example();
    for id in ["", ".", "..", "a/b", "../x", "a?b", "a#b", "a b", "a%2f", "ü"] {
        refusal(signer.token(id).sign(), "video id", "");
    }
    assert!(signer.token("live-1_a.b~c").sign().is_ok());
}

#[test]
fn urls_hold_the_token_in_the_videos_place() {
    let signer = example();
    let token = signer.token(VIDEO).downloadable(true).sign().unwrap();
    let base = format!("https://customer-f33zs165nr7gyfy4.cloudflarestream.com/{token}");
    let code = "f33zs165nr7gyfy4";
    assert_eq!(token.hls_url(code).unwrap(), format!("{base}/manifest/video.m3u8"));
    assert_eq!(token.dash_url(code).unwrap(), format!("{base}/manifest/video.mpd"));
    assert_eq!(token.iframe_url(code).unwrap(), format!("{base}/iframe"));
    assert_eq!(token.thumbnail_url(code).unwrap(), format!("{base}/thumbnails/thumbnail.jpg"));
    assert_eq!(token.download_url(code).unwrap(), format!("{base}/downloads/default.mp4"));
    for token in [signer.token(VIDEO).sign().unwrap(), signer.token(VIDEO).downloadable(false).sign().unwrap()] {
        refusal(token.download_url(code), "token", "downloadable(true)");
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
            refusal(url(&token, code), "customer code", "letters and digits");
        }
    }
}

#[test]
fn a_token_is_shown_whole_and_debugged_short() {
    let token = full(&example()).sign().unwrap();
    assert_eq!(token.to_string(), token.as_str());
    assert_eq!(token.as_ref() as &str, token.as_str());
    let debug = format!("{token:?}");
    assert!(debug.len() < 60 && debug.contains("2026-01-02T00:00:00Z"), "{debug}");
    assert_eq!(String::from(token.clone()), token.to_string());
}

#[test]
fn keys_that_cannot_sign_are_refused_with_the_reason() {
    let weak = include_str!("../vectors/weak.pem");
    let broken = example_pem().replace("pLUi", "pLUj");
    let cut = &example_pem()[..800];
    for (pem, reason) in [
        ("", "empty"),
        ("  \n", "empty"),
        ("not base64!", "not base64"),
        (&STANDARD.encode("no pem"), "not a private key in PEM"),
        (&STANDARD.encode([0xff, 0xfe, 0]), "not a private key in PEM"),
        (include_str!("../vectors/public.pem"), "only a public key"),
        (&STANDARD.encode(include_str!("../vectors/public.pem")), "only a public key"),
        (include_str!("../vectors/encrypted.pem"), "encrypted"),
        (include_str!("../vectors/ec-sec1.pem"), "not an RSA key"),
        (include_str!("../vectors/ec-pkcs8.pem"), "not an RSA key"),
        (weak, "not an RSA key that can sign: TooSmall"),
        (cut, "broken PEM"),
        (&broken, "not an RSA key that can sign"),
    ] {
        refusal(Signer::from_pem("id", pem), "pem", reason);
    }
    refusal(Signer::from_pem("", &example_pem()), "key id", "empty");
}

#[test]
fn jwks_that_cannot_sign_are_refused_with_the_reason() {
    let with = |name: &str, value: Value| {
        let mut jwk = example_jwk();
        jwk[name] = value;
        jwk.to_string()
    };
    let flipped = |name: &str| {
        let mut number = URL_SAFE_NO_PAD.decode(text(&example_jwk()[name])).unwrap();
        number[50] ^= 1;
        with(name, json!(URL_SAFE_NO_PAD.encode(number)))
    };
    let short = URL_SAFE_NO_PAD.encode([0xc3; 128]);
    for (jwk, reason) in [
        (String::new(), "empty"),
        ("?".to_string(), "not base64"),
        (STANDARD.encode("no json"), "not a JSON Web Key"),
        ("{".to_string(), "not a JSON Web Key"),
        ("{}".to_string(), "not a JSON Web Key"),
        (with("kty", json!("EC")), "not an RSA key"),
        (with("kid", Value::Null), "no kid"),
        (with("kid", json!("")), "no kid"),
        (with("d", Value::Null), "only a public key"),
        (with("p", Value::Null), "no p"),
        (with("qi", Value::Null), "no qi"),
        (with("n", json!("***")), "n that is not base64url"),
        (with("n", json!(short)), "not an RSA key that can sign"),
        (flipped("n"), "not an RSA key that can sign"),
        (flipped("p"), "not an RSA key that can sign"),
        (flipped("dp"), "not an RSA key that can sign"),
    ] {
        refusal(Signer::from_jwk(&jwk), "jwk", reason);
    }
}

#[test]
fn a_key_whose_jwk_names_another_is_refused() {
    let fake = FakeServer::start();
    let mut key = fake.signing_keys().create().unwrap();
    key.id = "another".to_string();
    refusal(Signer::new(&key), "jwk", "kid that is not the key's id");
}

#[test]
fn nothing_about_a_signer_shows_its_key() {
    let key = vectors()["key"].clone();
    let secrets =
        [text(&key["pem"]).to_string(), example_pem(), example_jwk()["d"].to_string(), example_jwk()["p"].to_string()];
    let signer = example();
    let mut shown = vec![format!("{signer:?} {signer:#?}"), format!("{:?}", full(&signer))];
    for pem in
        [example_pem().replace("pLUi", "pLUj"), example_pem()[..800].to_string(), example_pem().replace('A', "?")]
    {
        let error = Signer::from_pem("id", &pem).unwrap_err();
        shown.push(format!("{error} {error:?}"));
    }
    for jwk in [example_jwk().to_string().replace(',', "?"), example_jwk().to_string().replace("\"d\":\"", "\"d\":\"?")]
    {
        let error = Signer::from_jwk(&jwk).unwrap_err();
        shown.push(format!("{error} {error:?}"));
    }
    for (shown, secret) in shown.iter().flat_map(|shown| secrets.iter().map(move |secret| (shown, secret))) {
        let parts: Vec<_> = secret.as_bytes().windows(16).filter(|part| part.is_ascii()).collect();
        for part in
            parts.iter().map(|part| std::str::from_utf8(part).unwrap()).filter(|part| !part.contains("RSA PRIVATE"))
        {
            assert!(!shown.contains(part), "{shown}");
        }
    }
}

#[test]
fn a_signer_is_shared_between_threads() {
    let signer = example();
    let expected = full(&signer).sign().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(full(&signer).sign().unwrap(), expected)));
        }
    });
}
