//! A key as text, to be stored: `SigningKey::to_json` and `from_json`.

use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{ErrorKind, Signer, SigningKey};
use serde_json::{Value, json};

const VIDEO_UID: &str = "5d5bc37ffcf54c9b82e996823bffbb81";

#[test]
fn stored_key_signs_like_the_key_itself() {
    let server = FakeServer::start();
    let key = server.signing_keys().create().unwrap();
    let stored = key.to_json();
    let read = SigningKey::from_json(stored.expose_secret()).unwrap();
    assert_eq!((&read.id, read.created), (&key.id, key.created));
    assert_eq!(read.pem.expose_secret(), key.pem.expose_secret());
    assert_eq!(read.jwk.expose_secret(), key.jwk.expose_secret());
    let token = Signer::new(&read).unwrap().token(VIDEO_UID).sign().unwrap();
    assert_eq!(server.verify_token(token.as_str()), Ok(()));
}

#[test]
fn stored_key_is_a_json_object_with_a_version() {
    let text = SigningKey::new("key-1", "p\n\u{1}\"", "ü").to_json();
    let value: Value = serde_json::from_str(text.expose_secret()).unwrap();
    assert_eq!(value, json!({ "version": 1, "id": "key-1", "created": null, "pem": "p\n\u{1}\"", "jwk": "ü" }));
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
    for (text, message) in [
        (with("version", json!(2)), "has version 2, but"),
        (with("version", json!("hunter2")), "unexpected shape"),
        (with("pem", json!(["hunter2"])), "unexpected shape"),
        (with("pem", json!("")), "empty id, pem or jwk"),
        (with("id", json!("")), "empty id, pem or jwk"),
        (with("created", json!("hunter2")), "invalid creation date"),
        (complete[..complete.len() - 1].to_string(), "truncated JSON"),
        ("hunter2".to_string(), "not valid JSON"),
        ("{}".to_string(), "unexpected shape"),
        (String::new(), "truncated JSON"),
    ] {
        let error = SigningKey::from_json(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("stored key ") && error.to_string().contains(message), "{error}");
        assert!(!format!("{error} {error:#?}").contains("hunter2"), "{error:#?}");
    }
}
