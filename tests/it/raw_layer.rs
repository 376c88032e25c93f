//! The generated client, reached through `raw()`.

use std::time::Duration;

use crate::support::{ACCOUNT_ID, KEY_ID, RawServer, Reply, created_body, response, response_with, success_body};
use cloudflare_stream_keys::RetryPolicy;
use cloudflare_stream_keys::generated::{Body, Error};
use serde_json::json;

#[test]
fn raw_response_has_status_headers_and_ray_id() {
    let body = created_body("cGVt", "andr");
    let server = RawServer::with_replies(vec![Reply::Bytes(response_with(200, "x-extra: 1\r\n", body.as_bytes()))]);
    let keys = server.signing_keys();
    assert_eq!(keys.account_id(), ACCOUNT_ID);
    let response = keys.raw().create_signing_keys(keys.account_id(), &json!({})).unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-extra"], "1");
    assert_eq!(response.ray_id(), Some("8f1d2c3b4a596877-LHR"));
    assert!(response.messages.as_ref().unwrap().is_empty());
    let key = response.into_inner().result.unwrap();
    assert_eq!(key.created.unwrap().to_string(), "2021-06-15T21:06:54.763937286Z");
    assert_eq!(key.id.unwrap().as_str(), KEY_ID);
    assert_eq!(key.pem.unwrap().expose_secret(), "cGVt");
}

#[test]
fn client_raw_percent_encodes_path_parameters() {
    let server = RawServer::responding(200, &success_body(json!("ok")));
    let client = server.client_builder().build().unwrap();
    let response = client.raw().delete_signing_keys("a", "a b/ü%").unwrap();
    assert_eq!(response.result.as_deref(), Some("ok"));
    assert!(server.requests()[0].starts_with("DELETE /client/v4/accounts/a/stream/keys/a%20b%2F%C3%BC%25 HTTP/1.1"));
    assert_eq!(client.base_url(), server.base_url());
}

#[test]
fn raw_calls_use_the_settings_of_their_handle() {
    let server = RawServer::start(|n, _| match n {
        0 => Reply::BytesThenClose(vec![]),
        1 => Reply::Bytes(response(200, &success_body(json!([])))),
        _ => Reply::BytesThenStall(vec![]),
    });
    let keys = server.signing_keys().with_header("x-call", "7").unwrap();
    keys.raw().list_signing_keys(ACCOUNT_ID).unwrap();
    assert_eq!(server.requests().len(), 2, "retried");
    assert!(server.requests().iter().all(|request| request.contains("\r\nx-call: 7\r\n")));

    let impatient = keys.with_timeout(Duration::from_millis(100)).with_retry_policy(RetryPolicy::none());
    assert!(matches!(impatient.raw().list_signing_keys(ACCOUNT_ID), Err(Error::CommunicationError(_))));
}

#[test]
fn raw_errors_distinguish_documented_from_unexpected_responses() {
    let list = |status, body: &str| {
        let keys = RawServer::responding(status, body).signing_keys().with_retry_policy(RetryPolicy::none());
        keys.raw().list_signing_keys(ACCOUNT_ID).unwrap_err()
    };
    let failure = r#"{"success":false,"errors":[{"code":1000,"message":"no"}],"messages":[],"result":null}"#;
    assert!(matches!(list(403, failure), Error::ErrorResponse(response) if response.status() == 403));
    assert!(matches!(list(403, "<html>"), Error::InvalidResponsePayload(response, _) if response.status() == 403));
    assert!(matches!(list(200, "<html>"), Error::InvalidResponsePayload(response, _) if response.status() == 200));
    let Error::UnexpectedResponse(response) = list(503, failure) else { panic!("an undocumented status") };
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (503, &"application/json".parse().unwrap())
    );
    assert_eq!((response.ray_id(), response.body().to_str()), (Some("8f1d2c3b4a596877-LHR"), Ok(failure)));
}

#[test]
fn raw_errors_are_printed_with_their_source() {
    let server = RawServer::with_replies(vec![Reply::BytesThenClose(vec![])]);
    let keys = server.signing_keys().with_retry_policy(RetryPolicy::none());
    let error = keys.raw().list_signing_keys(ACCOUNT_ID).unwrap_err();
    assert!(!error.to_string().is_empty());
    let source = std::error::Error::source(&error).unwrap();
    assert!(!error.to_string().contains(&source.to_string()), "{error}: {source}");
}

#[test]
fn body_is_made_from_bytes_and_text() {
    let bodies = [
        Body::from("grün"),
        Body::from("grün".to_string()),
        Body::from("grün".as_bytes()),
        Body::from(b"gr\xc3\xbcn".to_vec()),
    ];
    for body in bodies {
        assert_eq!((body.as_bytes(), body.to_str(), body.len()), ("grün".as_bytes(), Ok("grün"), 5));
        assert_eq!((body.is_empty(), format!("{body:?}").as_str()), (false, "Body(5 bytes)"));
    }
    assert!(Body::default().is_empty());
}
