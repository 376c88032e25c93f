//! What each operation sends: request line, headers and body.

use crate::support::{ACCOUNT_ID, CREATE, Call, DELETE, KEY_ID, LIST, RawServer, TOKEN, success, success_body};
use cloudflare_stream_keys::Credentials;
use cloudflare_stream_keys::mock::FakeServer;
use serde_json::json;

/// Splits a request into its request line, its headers (lower case, sorted) and its body.
fn parts(request: &str) -> (String, Vec<String>, String) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n").map(String::from);
    let request_line = lines.next().unwrap();
    let mut headers: Vec<String> = lines.map(|line| line.to_lowercase()).collect();
    headers.sort();
    (request_line, headers, body.to_string())
}

/// Returns the headers of every request, plus `extra`, in the form that [`parts`] returns them.
fn expected_headers(server: &RawServer, extra: &[&str]) -> Vec<String> {
    // A create is not compressed, so that a framing error costs as little of the key as possible.
    let is_create = extra.iter().any(|line| line.starts_with("content-length"));
    let accept_encoding = if is_create { "accept-encoding: identity" } else { "accept-encoding: gzip" };
    let mut headers: Vec<String> = vec![
        accept_encoding.into(),
        "accept: application/json".into(),
        format!("authorization: bearer {TOKEN}"),
        format!("host: {}", server.address()),
        format!("user-agent: cloudflare-stream-keys/{}", env!("CARGO_PKG_VERSION")),
    ];
    headers.extend(extra.iter().map(|line| line.to_string()));
    headers.sort();
    headers
}

#[test]
fn each_operation_sends_its_request_line_headers_and_body() {
    let create_with: Call = |keys| keys.create_with(&json!({ "note": "ü" })).map(drop);
    let key_path = format!("/{KEY_ID}");
    for (call, method, path, headers, body) in [
        (CREATE, "POST", "", &["content-length: 2", "content-type: application/json"][..], "{}"),
        (create_with, "POST", "", &["content-length: 13", "content-type: application/json"], r#"{"note":"ü"}"#),
        (LIST, "GET", "", &[], ""),
        (DELETE, "DELETE", &key_path, &[], ""),
    ] {
        let server = RawServer::start(|_, request| success(request));
        call(&server.signing_keys()).unwrap();
        let request_line = format!("{method} /client/v4/accounts/{ACCOUNT_ID}/stream/keys{path} HTTP/1.1");
        let expected = (request_line, expected_headers(&server, headers), body.to_string());
        assert_eq!(parts(&server.requests()[0]), expected);
    }
}

#[test]
fn global_api_key_is_sent_as_x_auth_headers() {
    let server = RawServer::responding(200, &success_body(json!([])));
    let credentials = Credentials::global_api_key("ops@example.com", "c2547eb745079dac9320b638f5e225cf483cc5cfdda41");
    let client = server.client_builder_with(credentials).build().unwrap();
    client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
    let (_, headers, _) = parts(&server.requests()[0]);
    assert!(headers.contains(&"x-auth-email: ops@example.com".to_string()));
    assert!(headers.contains(&"x-auth-key: c2547eb745079dac9320b638f5e225cf483cc5cfdda41".to_string()));
    assert!(!headers.iter().any(|line| line.starts_with("authorization")));
}

#[test]
fn path_methods_match_the_request_line() {
    let server = RawServer::responding(200, &success_body(json!("Revoked")));
    let keys = server.signing_keys();
    keys.delete("key-1").unwrap();
    assert_eq!(keys.path(), format!("accounts/{ACCOUNT_ID}/stream/keys"));
    let request_line = format!("DELETE /client/v4/{} HTTP/1.1\r\n", keys.path_for("key-1").unwrap());
    assert!(server.requests()[0].starts_with(&request_line));
}

#[test]
fn ids_may_contain_any_unreserved_character() {
    let server = RawServer::responding(200, &success_body(json!("Revoked")));
    let keys = server.client_builder().build().unwrap().signing_keys("acct-123").unwrap();
    for id in ["key-1", "a.b_c~d", "...", "-", "x".repeat(200).as_str()] {
        keys.delete(id).unwrap();
        let request = server.requests().pop().unwrap();
        assert!(request.starts_with(&format!("DELETE /client/v4/accounts/acct-123/stream/keys/{id} HTTP/1.1\r\n")));
    }
}

#[test]
fn accounts_of_one_client_do_not_share_keys() {
    let fake = FakeServer::start();
    let client = fake.client();
    let (one, two) = (client.signing_keys("acct-1").unwrap(), client.signing_keys("acct-2").unwrap());
    let key = one.create().unwrap();
    assert_eq!(one.list().unwrap().len(), 1);
    assert!(two.list().unwrap().is_empty());
    assert!(two.delete(&key.id).unwrap_err().is_not_found());
    assert_eq!(one.delete(&key.id).unwrap().as_deref(), Some("Revoked"));
}

#[test]
fn user_agent_ends_with_the_configured_suffix() {
    let server = RawServer::responding(200, &success_body(json!([])));
    let client = server.client_builder().user_agent_suffix("rotate/2 (+https://example.com)").build().unwrap();
    client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
    let user_agent =
        concat!("cloudflare-stream-keys/", env!("CARGO_PKG_VERSION"), " rotate/2 (+https://example.com)\r\n");
    assert!(server.requests()[0].contains(user_agent));
}

#[test]
fn per_call_headers_override_default_headers() {
    let server = RawServer::responding(200, &success_body(json!([])));
    let client = server.client_builder().default_header("x-team", "video").unwrap().build().unwrap();
    let keys = client.signing_keys(ACCOUNT_ID).unwrap();
    keys.clone().with_header("x-request-id", "r-1").unwrap().with_header("X-Team", "live").unwrap().list().unwrap();
    keys.list().unwrap();
    let (_, first, _) = parts(&server.requests()[0]);
    let (_, second, _) = parts(&server.requests()[1]);
    assert_eq!(first, expected_headers(&server, &["x-request-id: r-1", "x-team: live"]));
    assert_eq!(second, expected_headers(&server, &["x-team: video"]));
    assert_eq!(server.connections(), 1, "both handles share the connection pool");
}

#[test]
fn base_url_may_end_in_a_slash() {
    let server = RawServer::responding(200, &success_body(json!([])));
    let client = server.client_builder().base_url(server.base_url() + "/").build().unwrap();
    client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
    assert!(server.requests()[0].starts_with("GET /client/v4/accounts/"));
}

#[test]
fn query_parameters_of_a_handle_are_encoded_and_appended() {
    let server = RawServer::responding(200, &success_body(json!([])));
    let keys = server.signing_keys();
    keys.clone().with_query("search", "a b&c=d/ü").with_query("page", "1").with_query("page", "2").list().unwrap();
    keys.list().unwrap();
    let requests = server.requests();
    let expected = "/stream/keys?search=a+b%26c%3Dd%2F%C3%BC&page=1&page=2 HTTP/1.1\r\n";
    assert!(requests[0].contains(expected), "{}", requests[0]);
    assert!(requests[1].contains("/stream/keys HTTP/1.1\r\n"), "other handles are unaffected");
}
