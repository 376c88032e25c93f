//! Playback tokens. They are compared with tokens signed by OpenSSL. Every limit is tested at, below and above its value.

use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::mock::{FakeServer, TokenError};
use cloudflare_stream_keys::sign::PlaybackTokenBuilder;
use cloudflare_stream_keys::{AccessRule, PlaybackToken, Signer};
use serde_json::{Value, json};

use crate::example_key::*;

const HOUR: u64 = 3600;

fn claims_of(token: PlaybackTokenBuilder<'_>) -> Value {
    decode_claims(&token.signing_time(new_year()).sign().unwrap())
}

fn decode_claims(token: &PlaybackToken) -> Value {
    let claims = token.as_str().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[test]
fn tokens_equal_those_signed_by_openssl() {
    let (vectors, signer) = (vectors(), example_signer());
    let plain = signer.token(VIDEO).signing_time(new_year()).sign().unwrap();
    assert_eq!(plain.as_str(), str_of(&vectors["tokens"]["plain"]["token"]));
    assert_eq!(full_token(&signer).sign().unwrap().as_str(), str_of(&vectors["tokens"]["full"]["token"]));
}

#[test]
fn claims_match_the_documentation() {
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
            AccessRule::block_ips(["203.0.113.0/24"]).unwrap(),
            json!({ "type": "ip.src", "action": "block", "ip": ["203.0.113.0/24"] }),
        ),
    ];
    for (rule, claim) in rules {
        // A list must not end with a rule for allowed viewers.
        let is_any = claim["type"] == "any";
        let (rules, claims) = match is_any {
            true => (vec![rule], json!([claim])),
            false => (vec![rule, AccessRule::block_any()], json!([claim, { "type": "any", "action": "block" }])),
        };
        assert_eq!(claims_of(signer.token(VIDEO).access_rules(rules)), with("accessRules", claims));
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
    assert_eq!(decode_claims(&token)["exp"], new_year().as_second() + DAY as i64);
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
fn video_id_must_be_a_valid_path_segment() {
    let signer = example_signer();
    for id in ["", ".", "..", "a/b", "../x", "a?b", "a#b", "a b", "a%2f", "ü"] {
        assert_rejected(signer.token(id).sign(), "video UID", "");
    }
    assert!(signer.token("live-1_a.b~c").sign().is_ok());
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
fn signer_can_be_shared_between_threads() {
    let signer = example_signer();
    let expected = full_token(&signer).sign().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(full_token(&signer).sign().unwrap(), expected)));
        }
    });
}
