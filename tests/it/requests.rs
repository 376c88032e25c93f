//! What goes over the wire: each operation's request, to the byte that matters.

use crate::support::{ACCOUNT_ID, KEY_ID, RawServer, TOKEN, created, success};
use cloudflare_stream_keys::mock::{FakeServer, MockServerExt, types};
use cloudflare_stream_keys::{Client, Credentials};
use httpmock::MockServer;
use serde_json::json;

/// The request's lines, sorted but for the first, and its body.
fn lines(request: &str) -> (String, Vec<String>, String) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n").map(String::from);
    let first = lines.next().unwrap();
    let mut headers: Vec<String> = lines.map(|line| line.to_lowercase()).collect();
    headers.sort();
    (first, headers, body.to_string())
}

fn expected_headers(wire: &RawServer, more: &[&str]) -> Vec<String> {
    let mut headers: Vec<String> = vec![
        "accept-encoding: gzip".into(),
        "accept: application/json".into(),
        format!("authorization: bearer {TOKEN}"),
        format!("host: {}", wire.address()),
        format!("user-agent: cloudflare-stream-keys/{}", env!("CARGO_PKG_VERSION")),
    ];
    headers.extend(more.iter().map(|line| line.to_string()));
    headers.sort();
    headers
}

#[test]
fn create_posts_an_empty_object() {
    let wire = RawServer::answering(200, &created("cGVt", "andr"));
    wire.keys().create().unwrap();
    let (first, headers, body) = lines(&wire.requests()[0]);
    assert_eq!(first, format!("POST /client/v4/accounts/{ACCOUNT_ID}/stream/keys HTTP/1.1"));
    assert_eq!(headers, expected_headers(&wire, &["content-length: 2", "content-type: application/json"]));
    assert_eq!(body, "{}");
}

#[test]
fn create_with_posts_the_callers_body() {
    let wire = RawServer::answering(200, &created("cGVt", "andr"));
    wire.keys().create_with(&json!({ "note": "ü" })).unwrap();
    let (_, headers, body) = lines(&wire.requests()[0]);
    assert_eq!(headers, expected_headers(&wire, &["content-length: 13", "content-type: application/json"]));
    assert_eq!(body, r#"{"note":"ü"}"#);
}

#[test]
fn list_gets_the_collection() {
    let wire = RawServer::answering(200, &success(json!([])));
    wire.keys().list().unwrap();
    let (first, headers, body) = lines(&wire.requests()[0]);
    assert_eq!(first, format!("GET /client/v4/accounts/{ACCOUNT_ID}/stream/keys HTTP/1.1"));
    assert_eq!(headers, expected_headers(&wire, &[]));
    assert_eq!(body, "");
}

#[test]
fn delete_names_the_key_and_has_no_body() {
    let wire = RawServer::answering(200, &success(json!("Revoked")));
    wire.keys().delete(KEY_ID).unwrap();
    let (first, headers, body) = lines(&wire.requests()[0]);
    assert_eq!(first, format!("DELETE /client/v4/accounts/{ACCOUNT_ID}/stream/keys/{KEY_ID} HTTP/1.1"));
    assert_eq!(headers, expected_headers(&wire, &[]));
    assert_eq!(body, "");
}

#[test]
fn a_global_key_goes_with_its_email_and_without_authorization() {
    let wire = RawServer::answering(200, &success(json!([])));
    let credentials = Credentials::global_api_key("ops@example.com", "c2547eb745079dac9320b638f5e225cf483cc5cfdda41");
    let client = wire.builder().credentials(credentials).build().unwrap();
    client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
    let (_, headers, _) = lines(&wire.requests()[0]);
    assert!(headers.contains(&"x-auth-email: ops@example.com".to_string()));
    assert!(headers.contains(&"x-auth-key: c2547eb745079dac9320b638f5e225cf483cc5cfdda41".to_string()));
    assert!(!headers.iter().any(|line| line.starts_with("authorization")));
}

#[test]
fn paths_are_those_of_the_requests() {
    let wire = RawServer::answering(200, &success(json!("Revoked")));
    let keys = wire.keys();
    keys.delete("key-1").unwrap();
    assert_eq!(keys.path(), format!("accounts/{ACCOUNT_ID}/stream/keys"));
    let line = format!("DELETE /client/v4/{} HTTP/1.1\r\n", keys.path_for("key-1").unwrap());
    assert!(wire.requests()[0].starts_with(&line));
}

#[test]
fn any_unreserved_characters_make_an_id() {
    let wire = RawServer::answering(200, &success(json!("Revoked")));
    let keys = wire.builder().build().unwrap().signing_keys("acct-123").unwrap();
    for id in ["key-1", "a.b_c~d", "...", "-", "x".repeat(200).as_str()] {
        keys.delete(id).unwrap();
        let request = wire.requests().pop().unwrap();
        assert!(request.starts_with(&format!("DELETE /client/v4/accounts/acct-123/stream/keys/{id} HTTP/1.1\r\n")));
    }
}

#[test]
fn two_accounts_on_one_client_keep_their_keys_apart() {
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
fn the_user_agent_ends_in_the_programs_own() {
    let wire = RawServer::answering(200, &success(json!([])));
    let client = wire.builder().user_agent_suffix("rotate/2 (+https://example.com)").build().unwrap();
    client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
    let line = concat!("cloudflare-stream-keys/", env!("CARGO_PKG_VERSION"), " rotate/2 (+https://example.com)\r\n");
    assert!(wire.requests()[0].contains(line));
}

#[test]
fn default_headers_go_with_every_call_and_per_call_headers_with_one() {
    let wire = RawServer::answering(200, &success(json!([])));
    let client = wire.builder().default_header("x-team", "video").build().unwrap();
    let keys = client.signing_keys(ACCOUNT_ID).unwrap();
    keys.clone().with_header("x-request-id", "r-1").unwrap().with_header("X-Team", "live").unwrap().list().unwrap();
    keys.list().unwrap();
    let (_, first, _) = lines(&wire.requests()[0]);
    let (_, second, _) = lines(&wire.requests()[1]);
    assert_eq!(first, expected_headers(&wire, &["x-request-id: r-1", "x-team: live"]));
    assert_eq!(second, expected_headers(&wire, &["x-team: video"]));
    assert_eq!(wire.connections(), 1, "both handles share the pool");
}

#[test]
fn a_base_url_may_end_in_a_slash() {
    let wire = RawServer::answering(200, &success(json!([])));
    let client = wire.builder().base_url(wire.base_url() + "/").build().unwrap();
    client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
    assert!(wire.requests()[0].starts_with("GET /client/v4/accounts/"));
}

#[test]
fn typed_expectations_match_what_is_sent() {
    let server = MockServer::start();
    let create = server.create_signing_keys(|when, then| {
        when.account_id(&"acct-1.2".to_string().into()).body(&json!({}));
        let key = types::StreamKeys {
            id: Some("key-1".to_string().into()),
            created: None,
            pem: Some("cGVt".to_string().into()),
            jwk: Some("andr".to_string().into()),
        };
        then.ok(&types::StreamKeyGenerationResponse { success: true, result: Some(key), errors: None, messages: None });
    });
    let delete = server.delete_signing_keys(|when, then| {
        when.account_id(&"acct-1.2".to_string().into()).identifier(&"key-1".to_string().into());
        then.ok(&types::StreamDeletedResponse {
            success: true,
            result: Some("ok".to_string()),
            errors: None,
            messages: None,
        });
    });
    let client =
        Client::builder().credentials(Credentials::api_token("t")).base_url(server.base_url()).build().unwrap();
    let keys = client.signing_keys("acct-1.2").unwrap();
    assert_eq!(keys.create().unwrap().pem.expose_secret(), "cGVt");
    assert_eq!(keys.delete("key-1").unwrap().as_deref(), Some("ok"));
    // A dot in an id is a dot, not any character.
    assert!(client.signing_keys("acct-1x2").unwrap().create().is_err());
    create.assert();
    delete.assert();
}
