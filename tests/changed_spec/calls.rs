//! Calls operations that only the changed spec has. `tests/it/changed_spec.rs` builds and runs this.

#[allow(dead_code)]
#[path = "../support/mod.rs"]
mod support;

use cloudflare_stream_keys::generated::{Code, Error, types};
use cloudflare_stream_keys::jiff::Timestamp;
use support::{ACCOUNT_ID, RawServer, Reply, response, response_with, success_body};
use serde_json::json;

fn no_content() -> Vec<u8> {
    b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()
}

fn server(bytes: Vec<u8>) -> RawServer {
    RawServer::with_replies(vec![Reply::Bytes(bytes)])
}

fn first_line(server: &RawServer) -> String {
    server.requests()[0].lines().next().unwrap().to_string()
}

#[test]
fn query_and_header_parameters_are_sent() {
    let server = server(response(200, &success_body(json!(3))));
    let keys = server.signing_keys().with_query("extra", "1");
    let after = "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().into();
    let ids = vec!["a b".to_string(), "c&d".to_string()];
    let state = types::SearchState::Revoked;
    let raw = keys.raw();
    let found =
        raw.search(ACCOUNT_ID, Some(&after), Some(&ids), Some(2), Some(state), Some(&ids), "ü", "etag", Some("t-1")).unwrap();
    assert_eq!(found.result, Some(3));
    raw.search(ACCOUNT_ID, None, None, None, None, None, "x", "etag", None).unwrap();
    let query =
        "after=2026-01-01T00%3A00%3A00Z&ids=a+b&ids=c%26d&page=2&state=revoked&tags=a+b,c%26d&text=%C3%BC&extra=1";
    assert!(first_line(&server).contains(&format!("/stream/keys/search?{query} HTTP/1.1")), "{}", first_line(&server));
    let requests = server.requests();
    let header = |n: usize, line: &str| requests[n].to_lowercase().contains(&format!("\r\n{line}\r\n"));
    assert!(header(0, "if-match: etag") && header(0, "x-trace: t-1") && !header(1, "x-trace: t-1"));
    assert!(requests[1].contains("/search?text=x&extra=1 HTTP/1.1"));
}

#[test]
fn default_response_is_an_error() {
    let failure = json!({ "success": false, "errors": [{ "code": 1000, "message": "no" }] }).to_string();
    for status in [403, 503] {
        let keys = server(response(status, &failure)).signing_keys();
        let keys = keys.with_retry_policy(cloudflare_stream_keys::RetryPolicy::none());
        let error = keys.raw().search(ACCOUNT_ID, None, None, None, None, None, "x", "etag", None).unwrap_err();
        let Error::ErrorResponse(response) = error else { panic!("{error}") };
        assert_eq!(response.errors.as_ref().unwrap()[0].code, Some(Code(Some(1000))));
    }
}

#[test]
fn success_false_is_an_error_although_the_spec_has_no_enum() {
    let server = server(response(200, r#"{"success":false,"result":3}"#));
    let error = server.signing_keys().raw().search(ACCOUNT_ID, None, None, None, None, None, "x", "etag", None).unwrap_err();
    assert!(matches!(error, Error::InvalidResponsePayload(..)), "{error}");
}

#[test]
fn success_false_is_an_error_although_the_spec_has_lost_the_member() {
    for body in [r#"{"success":false,"errors":[],"result":"ok"}"#, r#"{"errors":[],"result":"ok"}"#] {
        assert!(server(response(200, body)).signing_keys().delete("k").is_err(), "{body}");
    }
    assert!(server(response(200, &success_body(json!("ok")))).signing_keys().delete("k").is_ok());
}

#[test]
fn post_without_a_body_sends_its_length_and_takes_a_204() {
    let server = server(no_content());
    server.signing_keys().raw().touch(ACCOUNT_ID, "k", "7").unwrap();
    assert!(first_line(&server).starts_with("POST "));
    assert!(server.requests()[0].to_lowercase().contains("\r\napi-version: 7\r\n"), "the parameter, not progenitor's");
    assert!(server.requests()[0].to_lowercase().contains("\r\ncontent-length: 0\r\n"));
}

#[test]
fn text_responses_are_returned_as_bytes() {
    let server = server(response_with(200, "content-type: application/x-pem-file\r\n", b"-----BEGIN"));
    let pem = server.signing_keys().raw().pem(ACCOUNT_ID, "k").unwrap();
    assert_eq!((pem.status().as_u16(), pem.to_str(), pem.len()), (200, Ok("-----BEGIN"), 10));
    assert_eq!(format!("{:?}", pem.into_inner()), "Body(10 bytes)");
}

#[test]
fn bytes_text_and_forms_are_sent() {
    for status in [200, 202] {
        let server = server(response(status, &success_body(json!("ok"))));
        let done = server.signing_keys().raw().upload(ACCOUNT_ID, "k", vec![1, 2, 3]).unwrap();
        assert_eq!(done.result.as_deref(), Some("ok"));
        let request = server.requests()[0].to_lowercase();
        assert!(request.contains("content-type: application/octet-stream") && request.ends_with("\u{1}\u{2}\u{3}"));
    }
    let server = server(no_content());
    let keys = server.signing_keys();
    keys.raw().note(ACCOUNT_ID, "k", "a note".to_string()).unwrap();
    keys.raw().form(ACCOUNT_ID, "k", &types::FormBody { name: "a&b".to_string(), size: Some(2) }).unwrap();
    let requests: Vec<String> = server.requests().iter().map(|request| request.to_lowercase()).collect();
    assert!(requests[0].contains("content-type: text/plain") && requests[0].ends_with("\r\n\r\na note"));
    assert!(requests[1].contains("content-type: application/x-www-form-urlencoded"));
    assert!(requests[1].ends_with("\r\n\r\nname=a%26b&size=2"));
}

#[test]
fn requests_are_strict_and_responses_lenient_in_a_recursive_schema() {
    let result = json!({ "name": null, "kind": "new", "passphrase": "hunter2", "unknown": 1, "created": "yesterday",
        "folders": [{ "name": "inner", "folders": null }] });
    let server = server(response(200, &success_body(result)));
    let keys = server.signing_keys();
    let inner = types::FolderInput { name: "in".to_string(), kind: None, passphrase: None, folders: vec![] };
    let folder = types::FolderInput {
        name: "longer than the limit".to_string(),
        kind: Some(types::FolderInputKind::Smart),
        passphrase: Some("correct horse".into()),
        folders: vec![inner],
    };
    assert!(!format!("{folder:?}").contains("horse"));
    assert!(serde_json::to_string(&folder).is_err(), "not by accident");
    let saved = keys.raw().save_folder(ACCOUNT_ID, "k", &folder).unwrap().into_inner().result.unwrap();
    let body = server.requests()[0].split("\r\n\r\n").nth(1).unwrap().to_string();
    let sent = json!({ "name": "longer than the limit", "kind": "smart", "passphrase": "correct horse",
        "folders": [{ "name": "in" }] });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap(), sent);
    assert_eq!((saved.name.as_deref(), saved.kind.as_deref()), (None, Some("new")));
    assert!(!format!("{saved:?}").contains("hunter2"));
    assert_eq!(saved.passphrase.unwrap().expose_secret(), "hunter2");
    assert_eq!(saved.folders.unwrap()[0].name.as_deref(), Some("inner"));
}

#[test]
fn secrets_in_shared_responses_are_secrets() {
    let server = server(response(200, &success_body(json!({ "id": "k", "secret": "hunter2" }))));
    let rotated = server.signing_keys().raw().rotate(ACCOUNT_ID, "k").unwrap();
    assert!(!format!("{rotated:?}").contains("hunter2"));
    assert_eq!(rotated.into_inner().result.unwrap().secret.unwrap().expose_secret(), "hunter2");
}

#[test]
fn alternatives_are_any_json() {
    let server = server(response(200, &success_body(json!({ "kind": "moved", "to": "x" }))));
    let event = server.signing_keys().raw().last_event(ACCOUNT_ID, "k").unwrap().into_inner();
    assert!(format!("{:?}", event.result).contains("moved"));
}
