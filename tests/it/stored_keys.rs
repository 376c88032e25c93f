//! A key as text, to be stored: `SigningKey::to_json` and `from_json`, and which text belongs to which function.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{ErrorKind, Signer, SigningKey};
use serde_json::{Value, json};

use crate::example_key::{example_jwk, example_pem, example_signer, full_token, str_of, vectors};
use crate::support::{KEY_ID, created_body};

#[test]
fn stored_key_signs_like_the_key_itself() {
    let server = FakeServer::start();
    let key = server.signing_keys().create().unwrap();
    let before = Timestamp::now();
    let stored = key.to_json();
    let read = SigningKey::from_json(stored.expose_secret()).unwrap();
    assert_eq!((&read.id, read.created), (&key.id, key.created));
    assert_eq!(read.pem.expose_secret(), key.pem.expose_secret());
    assert_eq!(read.jwk.expose_secret(), key.jwk.expose_secret());
    let saved = read.saved.unwrap();
    assert!(before <= saved && saved <= Timestamp::now());
    let again = SigningKey::from_json(read.to_json().expose_secret()).unwrap();
    assert_eq!(again.saved, Some(saved), "the first time counts");
    let token = Signer::new(&read).unwrap().token("5d5bc37ffcf54c9b82e996823bffbb81").sign().unwrap();
    assert_eq!(server.verify_token(token.as_str()), Ok(()));
}

#[test]
fn stored_key_is_a_json_object_with_a_version() {
    let mut key = SigningKey::new("key-1", "p\n\u{1}\"", "ü");
    key.saved = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let value: Value = serde_json::from_str(key.to_json().expose_secret()).unwrap();
    let saved = "2026-01-01T00:00:00Z";
    let expected =
        json!({ "version": 1, "id": "key-1", "created": null, "saved": saved, "pem": "p\n\u{1}\"", "jwk": "ü" });
    assert_eq!(value, expected);
}

/// People save the whole response of a create with curl, its result, or a part of that.
#[test]
fn texts_of_other_programs_are_read() {
    let (pem, jwk) = (vectors()["key"]["pem"].clone(), vectors()["key"]["jwk"].clone());
    let response = created_body(str_of(&pem), str_of(&jwk));
    let result: Value = serde_json::from_str(&response).unwrap();
    let expected = full_token(&example_signer()).sign().unwrap();
    for text in [
        response.clone(),
        format!("\u{feff}{response}\r\n"),
        result["result"].to_string(),
        json!({ "id": KEY_ID, "pem": pem }).to_string(),
        json!({ "id": KEY_ID, "pem": example_pem() }).to_string(),
        json!({ "id": KEY_ID, "jwk": jwk }).to_string(),
        json!({ "id": KEY_ID, "jwk": example_jwk().to_string() }).to_string(),
        json!({ "jwk": jwk }).to_string(),
        json!({ "version": 1, "jwk": jwk, "created": null }).to_string(),
        json!({ "id": KEY_ID, "created": "in spring", "pem": pem, "jwk": jwk }).to_string(),
        STANDARD.encode(&response),
    ] {
        let key = SigningKey::from_json(&text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((key.id.as_str(), key.saved), (KEY_ID, None));
        for signer in [
            Signer::new(&key).unwrap(),
            Signer::from_pem(KEY_ID, key.pem.expose_secret()).unwrap(),
            Signer::from_json(&text).unwrap(),
        ] {
            assert_eq!(full_token(&signer).sign().unwrap(), expected);
        }
    }
}

#[test]
fn text_of_another_format_is_named_with_the_function_that_takes_it() {
    let (pem, jwk) = (example_pem(), example_jwk().to_string());
    for (text, function) in [
        (pem.clone(), "Signer::from_pem"),
        (STANDARD.encode(&pem), "Signer::from_pem"),
        (jwk.clone(), "Signer::from_jwk"),
        (STANDARD.encode(&jwk), "Signer::from_jwk"),
    ] {
        let error = SigningKey::from_json(&text).unwrap_err().to_string();
        assert_eq!(error, format!("stored key is only a private key; use {function}"));
    }
    let stored = SigningKey::new(KEY_ID, STANDARD.encode(&pem), STANDARD.encode(&jwk)).to_json();
    let response = created_body("cGVt", "andr");
    for text in [stored.expose_secret(), &response] {
        let errors = [Signer::from_pem(KEY_ID, text).unwrap_err(), Signer::from_jwk(text).unwrap_err()];
        for error in errors {
            assert!(error.to_string().ends_with("is a stored key or a response; use Signer::from_json"), "{error}");
        }
    }
}

#[test]
fn invalid_stored_key_is_refused_without_showing_it() {
    let with = |name: &str, value: Value| {
        let mut stored =
            json!({ "version": 1, "id": "key-1", "created": "2026-01-01T00:00:00Z", "pem": "cGVt", "jwk": "andr" });
        stored[name] = value;
        stored.to_string()
    };
    assert!(SigningKey::from_json(&with("note", json!("kept by hand"))).is_ok());
    assert!(SigningKey::from_json(&with("created", Value::Null)).is_ok());
    let complete = with("jwk", json!("hunter2"));
    let weak = json!({ "id": "key-1", "pem": include_str!("../vectors/weak.pem") }).to_string();
    for (text, message) in [
        (with("version", json!(2)), "has version 2, but"),
        (with("version", json!("hunter2")), "unexpected shape"),
        (with("pem", json!(["hunter2"])), "unexpected shape"),
        (with("pem", json!("")), "incomplete, and the missing part cannot be derived"),
        (with("id", json!("")), "incomplete, and the missing part cannot be derived"),
        (with("created", json!("hunter2")), "invalid `created` date"),
        (with("saved", json!("hunter2")), "invalid `saved` date"),
        (complete[..complete.len() - 1].to_string(), "truncated JSON"),
        (weak, "incomplete, and the missing part cannot be derived"),
        (json!({ "id": "key-1" }).to_string(), "neither a `pem` nor a `jwk`"),
        (json!({ "pem": example_pem() }).to_string(), "no `id`"),
        (json!({ "id": "another-id", "jwk": example_jwk().to_string() }).to_string(), "incomplete"),
        (r#"{"success": false, "errors": [], "result": null}"#.to_string(), "is an error response"),
        ("hunter2".to_string(), "not valid JSON"),
        ("{}".to_string(), "neither a `pem` nor a `jwk`"),
        (String::new(), "truncated JSON"),
    ] {
        let error = SigningKey::from_json(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("stored key ") && error.to_string().contains(message), "{error}");
        assert!(!format!("{error} {error:#?}").contains("hunter2"), "{error:#?}");
    }
}
