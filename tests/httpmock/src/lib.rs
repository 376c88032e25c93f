//! Tests of the typed helpers for httpmock.
#![cfg(test)]

use cloudflare_stream_keys::mock::httpmock::MockServer;
use cloudflare_stream_keys::mock::{self, FakeServer, MockServerExt, types};
use cloudflare_stream_keys::RetryPolicy;
use serde_json::json;

fn failure() -> types::StreamApiResponseCommonFailure {
    types::StreamApiResponseCommonFailure::new(10000, "Authentication error")
}

#[test]
fn helpers_match_requests_and_send_the_responses_of_the_spec() {
    let server = MockServer::start();
    let create = server.create_signing_keys(|when, then| {
        when.account_id(FakeServer::ACCOUNT_ID).body(&json!({}));
        let key = types::StreamKeys {
            id: Some("key-1".to_string()),
            created: None,
            pem: Some("cGVt".to_string()),
            jwk: Some("andr".to_string()),
        };
        then.ok(&types::StreamKeyGenerationResponse { result: Some(key), ..Default::default() });
    });
    let delete = server.delete_signing_keys(|when, then| {
        when.account_id(FakeServer::ACCOUNT_ID).identifier("key-1");
        then.ok(&types::StreamDeletedResponse { result: Some("ok".to_string()), ..Default::default() });
    });
    let keys = mock::signing_keys(&server);
    assert_eq!(keys.create().unwrap().pem.expose_secret(), "cGVt");
    assert_eq!(keys.delete("key-1").unwrap().as_deref(), Some("ok"));
    create.assert();
    delete.assert();
}

/// The helpers build a regular expression from the ID.
#[test]
fn dot_in_an_id_matches_only_a_dot() {
    let server = MockServer::start();
    let delete = server.delete_signing_keys(|when, then| {
        when.identifier("key.1");
        then.ok(&Default::default());
    });
    let keys = mock::signing_keys(&server);
    assert!(keys.delete("key-1").is_err());
    keys.delete("key.1").unwrap();
    delete.assert();
}

#[test]
fn envelopes_are_valid_by_default() {
    let server = MockServer::start();
    server.list_signing_keys(|_, then| {
        then.ok(&types::StreamKeyResponseCollection { result: Some(vec![]), ..Default::default() });
    });
    assert!(mock::signing_keys(&server).list().unwrap().is_empty());
    assert!(!types::StreamApiResponseCommonFailure::default().success);
}

#[test]
fn errors_have_the_given_status_and_message() {
    let server = MockServer::start();
    server.list_signing_keys(|_, then| {
        then.client_error(403, &failure());
    });
    server.create_signing_keys(|_, then| {
        then.server_error(503, &failure());
    });
    let keys = mock::signing_keys(&server).with_retry_policy(RetryPolicy::none());
    let (forbidden, unavailable) = (keys.list().unwrap_err(), keys.create().unwrap_err());
    assert!(forbidden.is_forbidden() && forbidden.to_string().contains("10000 Authentication error"), "{forbidden}");
    assert!(unavailable.status().is_some_and(|status| status == 503) && unavailable.has_code(10000), "{unavailable}");
}
