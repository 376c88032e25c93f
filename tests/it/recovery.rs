//! What a create returns if its response is damaged: the key, or what arrived of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{Error, ErrorKind, RecoveredKey, Signer, SigningKey};
use serde_json::{Value, json};

use crate::example_key::{example_signer, full_token, str_of, vectors};
use crate::support::{KEY_ID, RawServer, Reply, created_body, response, response_with, status_of, success_body};

fn failed_create(status: u16, body: &str) -> Error {
    let server = RawServer::with_replies(vec![Reply::Bytes(response(status, body))]);
    let error = server.signing_keys().create().unwrap_err();
    assert_eq!(server.requests().len(), 1, "a create is sent once");
    error
}

fn recovered(body: &str) -> [Option<String>; 3] {
    let RecoveredKey { id, pem, jwk, .. } = failed_create(500, body).into_recovered_key().unwrap();
    [id, pem.map(|pem| pem.expose_secret().to_string()), jwk.map(|jwk| jwk.expose_secret().to_string())]
}

fn jwk(kid: &str) -> String {
    STANDARD.encode(json!({ "kty": "RSA", "kid": kid }).to_string())
}

fn parts(id: Option<&str>, pem: Option<&str>, jwk: Option<&str>) -> [Option<String>; 3] {
    [id, pem, jwk].map(|part| part.map(String::from))
}

#[test]
fn key_is_recovered_from_a_response_with_any_status() {
    for status in [200, 201, 302, 400, 404, 408, 500, 503, 600] {
        let body = created_body("cGVt", "andr").replace("\"success\":true", "\"success\":false");
        let error = failed_create(status, &body);
        assert_eq!(status_of(&error), Some(status));
        assert!(error.outcome_unknown() && !error.is_retryable(), "{error:#?}");
        assert_eq!(error.recovered_key().unwrap().id.as_deref(), Some(KEY_ID));
    }
}

#[test]
fn kid_of_the_jwk_is_the_recovered_id() {
    let jwk = jwk("key-2");
    let body = format!(r#"{{"id": "request-1", "result": {{"pem": "cGVt", "jwk": "{jwk}"}}"#);
    assert_eq!(recovered(&body), parts(Some("key-2"), Some("cGVt"), Some(&jwk)));
    // The ID beside it is the key's, even if it contradicts the JWK.
    let plain = r#"{"result": {"id": "key-1", "jwk": "{\"kid\": \"key-2\"}"}"#;
    assert_eq!(recovered(plain), parts(Some("key-1"), None, Some(r#"{"kid": "key-2"}"#)));
}

#[test]
fn parts_of_different_keys_are_not_mixed() {
    let (first, second) = (jwk("key-1"), jwk("key-2"));
    let two = format!(
        r#"[{{"id": "key-1", "pem": "UEVNMQ==", "jwk": "{first}"}}, {{"id": "key-2", "pem": "UEVNMg==", "jwk": "{second}"}}]"#
    );
    assert_eq!(recovered(&two), parts(Some("key-1"), Some("UEVNMQ=="), Some(&first)));
    // An ID counts only beside the key.
    assert_eq!(recovered(r#"{"id": "a", "result": {"id": "b", "pem": "cGVt""#), parts(Some("b"), Some("cGVt"), None));
    assert_eq!(recovered(r#"{"messages": [{"id": "a"}], "result": {"pem": "cGVt"}}"#), parts(None, Some("cGVt"), None));
    assert_eq!(recovered(r#"[{"id": "a"}, {"pem": "cGVt"}]"#), parts(None, Some("cGVt"), None));
    assert_eq!(recovered(r#"{"id": "LS0t+/", "pem": "cGVt"}"#), parts(None, Some("cGVt"), None));
    assert_eq!(recovered(r#"{"result": {"id": "b", "pem": "cGVt"}}"#), parts(Some("b"), Some("cGVt"), None));
    // One form of each of two keys.
    let (_, whole) = example();
    let one_each = format!(r#"[{{"id": "key-1", "pem": "UEVNMQ=="}}, {{"id": "{KEY_ID}", "jwk": "{whole}"}}]"#);
    assert_eq!(recovered(&one_each), parts(Some(KEY_ID), None, Some(&whole)));
    let truncated = format!(r#"[{{"id": "{KEY_ID}", "jwk": "{whole}"}}, {{"pem": "UEVNMQ==", "jw"#);
    assert_eq!(recovered(&format!(r#"{truncated}k": "abc"#)), parts(Some(KEY_ID), None, Some(&whole)));
    // If neither is whole, nothing says which one matters.
    let neither = format!(r#"[{{"id": "key-1", "pem": "UEVNMQ=="}}, {{"id": "key-2", "jwk": "{second}"}}]"#);
    assert_eq!(recovered(&neither), parts(Some("key-1"), Some("UEVNMQ=="), Some(&second)));
    // A part that is repeated is still a part of one key.
    let repeated = r#"{"id": "a", "pem": "cGVt", "result": {"id": "a", "pem": "cGVt"}}"#;
    assert_eq!(recovered(repeated), parts(Some("a"), Some("cGVt"), None));
    // A JWK that is not an object has no `kid`.
    let list = STANDARD.encode(r#"["key-3"]"#);
    assert_eq!(recovered(&format!(r#"{{"jwk": "{list}"}}"#)), parts(None, None, Some(&list)));
}

#[test]
fn rate_limit_with_key_material_is_not_retried() {
    let error = failed_create(429, &created_body("cGVt", "andr"));
    assert!(error.is_rate_limited());
    assert_eq!(error.into_recovered_key().unwrap().pem.unwrap().expose_secret(), "cGVt");

    // No part is complete, but there is a key.
    for status in [403, 422, 429] {
        let error = failed_create(status, r#"{"result": {"id": "n", "pem": "LS0t"#);
        assert!(error.outcome_unknown() && !error.is_retryable() && error.recovered_key().is_none(), "{error:#?}");
    }
}

/// A hostile response with many keys takes no longer than its length.
#[test]
fn response_with_many_keys_is_searched_once() {
    let many: String = (0..60_000).map(|n| format!(r#"{{"pem":"{n}"}},"#)).collect();
    assert_eq!(recovered(&many), parts(None, Some("0"), None));
}

#[test]
fn outcome_of_a_create_is_known_only_after_a_definite_error() {
    for status in
        (200..210).chain(300..310).chain((400..452).filter(|status| *status != 429)).chain(500..512).chain([600, 999])
    {
        let definite = (400..500).contains(&status) && status != 408;
        let error = failed_create(status, "<html>");
        assert_eq!(error.outcome_unknown(), !definite, "{status}");
    }
    let error = failed_create(200, r#"{"success":false,"errors":[{"code":10005,"message":"no"}]}"#);
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Api, false));
    let switching = Reply::BytesThenClose(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n".to_vec());
    assert!(RawServer::with_replies(vec![switching]).signing_keys().create().unwrap_err().outcome_unknown());
}

/// The example key in Cloudflare's document, whose `kid` is [`KEY_ID`].
fn example() -> (String, String) {
    let key = vectors()["key"].clone();
    (str_of(&key["pem"]).to_string(), str_of(&key["jwk"]).to_string())
}

/// Creates a key from a response with this body, and checks that it signs like the example key, in both forms.
fn created(reply: Reply) -> Result<SigningKey, Error> {
    let server = RawServer::with_replies(vec![reply]);
    let key = server.signing_keys().create()?;
    let expected = full_token(&example_signer()).sign().unwrap();
    for signer in [Signer::new(&key), Signer::from_pem(&key.id, key.pem.expose_secret())] {
        assert_eq!(full_token(&signer.unwrap()).sign().unwrap(), expected);
    }
    Ok(key)
}

#[test]
fn damaged_response_is_a_success_if_one_form_of_the_key_and_its_id_arrived() {
    let (pem, jwk) = example();
    let result = |value: Value| Reply::Bytes(response(200, &success_body(value)));
    let damaged = Value::String(pem.replace("Q0F", "Q1F"));
    let other = FakeServer::start().signing_keys().create().unwrap();
    let whole = created_body(&pem, &jwk);
    let replies = [
        ("no JWK", result(json!({ "id": KEY_ID, "pem": pem }))),
        ("an empty JWK", result(json!({ "id": KEY_ID, "pem": pem, "jwk": "" }))),
        ("a JWK of another type", result(json!({ "id": KEY_ID, "pem": pem, "jwk": [1] }))),
        ("no PEM", result(json!({ "id": KEY_ID, "jwk": jwk }))),
        ("no PEM and no ID", result(json!({ "jwk": jwk }))),
        (
            "a damaged PEM, and a date of another type",
            result(json!({ "id": KEY_ID, "created": 1, "pem": damaged, "jwk": jwk })),
        ),
        (
            "the PEM of another key",
            result(json!({ "id": KEY_ID, "created": 1, "pem": other.pem.expose_secret(), "jwk": jwk })),
        ),
        ("a list", result(json!([{ "id": KEY_ID, "pem": pem, "jwk": jwk }]))),
        ("escaped names", Reply::Bytes(response(200, &whole.replace("pem", r"\u0070em").replace("jwk", r"j\u0077k")))),
        ("no `success`", Reply::Bytes(response(201, &whole.replace(r#""success":true"#, r#""ok":true"#)))),
        ("text behind it", Reply::Bytes(response(200, &format!("{whole}</html>")))),
        ("no end", Reply::Bytes(response(200, &whole[..whole.len() - 30]))),
        ("a closed connection", Reply::BytesThenClose(response_with(200, "", whole.as_bytes())[..3800].to_vec())),
        (
            "errors beside the key",
            Reply::Bytes(response(200, &whole.replace(r#""errors":[]"#, r#""errors":[{"code":1}]"#))),
        ),
    ];
    for (damage, reply) in replies {
        let key = created(reply).unwrap_or_else(|e| panic!("{damage}: {e}"));
        assert_eq!(key.id, KEY_ID, "{damage}");
    }
}

/// Wherever the body is cut, the key is returned if and only if a form of it arrived.
#[test]
fn response_that_is_cut_anywhere_returns_the_key_or_an_error_with_an_unknown_outcome() {
    let (pem, jwk) = example();
    let body = created_body(&pem, &jwk);
    let first_form = body.find(&jwk).unwrap() + jwk.len() + 1;
    for end in (0..body.len()).step_by(61).chain([first_form - 1, first_form, body.len() - 1]) {
        match created(Reply::Bytes(response(200, &body[..end]))) {
            Ok(_) => assert!(end >= first_form, "{end}"),
            Err(error) => assert!(end < first_form && error.outcome_unknown(), "{end}: {error}"),
        }
    }
}

#[test]
fn complete_response_is_returned_unchecked() {
    let server = RawServer::responding(200, &created_body("a new format", "of keys"));
    let key = server.signing_keys().create().unwrap();
    assert_eq!((key.pem.expose_secret(), key.jwk.expose_secret()), ("a new format", "of keys"));
}

#[test]
fn key_that_does_not_belong_to_a_success_stays_in_the_error() {
    let (pem, jwk) = example();
    let whole = created_body(&pem, &jwk);
    let failure = whole.replace(r#""success":true"#, r#""ok":1"#).replacen('{', r#"{"success": false,"#, 1);
    for (status, body) in [
        (500, &whole[..]),
        (409, &whole),
        (200, &failure),
        (200, &failure[..failure.len() - 9]),
        (200, &whole.replace("true", "fals")[..whole.len()]),
        (200, &whole.replace(r#""success":true"#, r#""\u0073uccess":false"#)),
    ] {
        let error = failed_create(status, body);
        assert!(error.outcome_unknown(), "{error:#?}");
        let key = error.into_recovered_key().unwrap().into_signing_key().unwrap();
        assert_eq!(key.id, KEY_ID);
        assert!(Signer::new(&key).is_ok());
    }
}

#[test]
fn material_that_is_not_a_whole_key_is_returned_as_it_is() {
    let (pem, jwk) = example();
    let other = FakeServer::start().signing_keys().create().unwrap();
    for (result, has_pem, has_jwk) in [
        (json!({ "pem": pem }), true, false),
        (json!({ "id": "a/b", "pem": pem }), true, false),
        (json!({ "id": KEY_ID, "pem": "cGVt" }), true, false),
        (json!({ "id": KEY_ID, "jwk": "andr" }), false, true),
        // The same key with two IDs.
        (json!({ "created": 1, "id": "another-id", "pem": pem, "jwk": jwk }), true, true),
        (json!({ "id": KEY_ID, "pem": [other.pem.expose_secret()], "jwk": &jwk[..900] }), false, true),
    ] {
        let error = RawServer::responding(200, &success_body(result.clone())).signing_keys().create().unwrap_err();
        let key = error.into_recovered_key().unwrap().into_signing_key().unwrap_err();
        assert_eq!((key.pem.is_some(), key.jwk.is_some()), (has_pem, has_jwk), "{result}");
    }
}

/// A key that arrived whole is found behind one that is damaged.
#[test]
fn damaged_form_does_not_hide_a_whole_one() {
    let (pem, jwk) = example();
    let jwk_json = STANDARD.decode(&jwk).unwrap();
    let mut damaged_jwk: Value = serde_json::from_slice(&jwk_json).unwrap();
    damaged_jwk["n"] = json!("AQAB");
    let damaged_jwk = STANDARD.encode(damaged_jwk.to_string());
    for result in [
        format!(r#"{{"id":"{KEY_ID}","jwk":"{damaged_jwk}","pem":"{pem}""#),
        format!(r#"{{"id":"{KEY_ID}","jwk":"garbage","jwk":"{jwk}""#),
        format!(r#"{{"id":"{KEY_ID}","pem":"garbage","pem":"{pem}""#),
        format!(r#"{{"id":"{KEY_ID}","pem":"","j\u0077k":"{jwk}"}}}}"#),
    ] {
        let key = created(Reply::Bytes(response(200, &format!(r#"{{"result":{result}"#)))).unwrap();
        assert_eq!(key.id, KEY_ID);
    }
}

#[test]
fn rate_limit_with_any_sign_of_a_key_is_not_retried() {
    for body in [r#"{"result":{"id":"x","pem":"#, r#"{"result":{"id":"x","jwk":{"kty":"RSA"}}}"#] {
        assert!(failed_create(429, body).outcome_unknown(), "{body}");
    }
}

#[test]
fn rate_limit_with_an_escaped_key_is_not_retried() {
    let body = created_body("cGVt", "andr").replace("pem", r"\u0070em").replace("jwk", r"\u006awk");
    assert_eq!(failed_create(429, &body).into_recovered_key().unwrap().pem.unwrap().expose_secret(), "cGVt");
}
