//! What a failed create left behind: `Error::recovered_key`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudflare_stream_keys::{Error, ErrorKind, RecoveredKey};
use serde_json::json;

use crate::support::{KEY_ID, RawServer, Reply, created_body, response, status_of};

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
    // A JWK that is not encoded.
    let plain = r#"{"result": {"id": "key-1", "jwk": "{\"kid\": \"key-2\"}"}"#;
    assert_eq!(recovered(plain), parts(Some("key-2"), None, Some(r#"{"kid": "key-2"}"#)));
}

#[test]
fn parts_of_different_keys_are_not_mixed() {
    let (first, second) = (jwk("key-1"), jwk("key-2"));
    let two = format!(
        r#"[{{"id": "key-1", "pem": "UEVNMQ==", "jwk": "{first}"}}, {{"id": "key-2", "pem": "UEVNMg==", "jwk": "{second}"}}]"#
    );
    assert_eq!(recovered(&two), parts(Some("key-1"), None, Some(&first)));
    // Without a JWK, nothing says which ID is the key's.
    assert_eq!(recovered(r#"{"id": "a", "result": {"id": "b", "pem": "cGVt""#), parts(None, Some("cGVt"), None));
    assert_eq!(recovered(r#"{"result": {"id": "b", "pem": "cGVt"}}"#), parts(Some("b"), Some("cGVt"), None));
    // One form of each of two keys.
    let one_each = format!(r#"[{{"id": "key-1", "pem": "UEVNMQ=="}}, {{"id": "key-2", "jwk": "{second}"}}]"#);
    assert_eq!(recovered(&one_each), parts(Some("key-2"), None, Some(&second)));
    let truncated = format!(r#"[{{"id": "key-2", "jwk": "{second}"}}, {{"pem": "UEVNMQ==", "jw"#);
    assert_eq!(recovered(&format!(r#"{truncated}k": "abc"#)), parts(Some("key-2"), None, Some(&second)));
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
    let many: String = (0..300_000).map(|n| format!(r#"{{"pem":"{n}"}},"#)).collect();
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
