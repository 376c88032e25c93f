//! The generated client beneath the facade, reached through it.

use std::time::Duration;

use crate::support::{ACCOUNT_ID, KEY_ID, RawServer, Reply, answer, answer_with, created, success};
use cloudflare_stream_keys::RetryPolicy;
use cloudflare_stream_keys::generated::{ClientInfo, Error};
use serde_json::json;

#[test]
fn an_answer_has_status_headers_and_ray_id() {
    let body = created("cGVt", "andr");
    let wire = RawServer::replying(vec![Reply::Bytes(answer_with(200, "x-extra: 1\r\n", body.as_bytes()))]);
    let keys = wire.keys();
    let answer = keys.raw().create_signing_keys(&keys.account_id().to_string().into(), &json!({})).unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-extra"], "1");
    assert_eq!(answer.ray_id(), Some("8f1d2c3b4a596877-LHR"));
    assert!(answer.messages.as_ref().unwrap().is_empty());
    let key = answer.into_inner().result.unwrap();
    assert_eq!(key.id.unwrap().as_str(), KEY_ID);
    assert_eq!(key.pem.unwrap().expose_secret(), "cGVt");
}

#[test]
fn it_is_reached_from_the_client_as_well() {
    let wire = RawServer::answering(200, &success(json!("ok")));
    let client = wire.builder().build().unwrap();
    let answer = client.raw().delete_signing_keys(&"a".to_string().into(), &"a b/ü%".to_string().into()).unwrap();
    assert_eq!(answer.result.as_deref(), Some("ok"));
    assert!(wire.requests()[0].starts_with("DELETE /client/v4/accounts/a/stream/keys/a%20b%2F%C3%BC%25 HTTP/1.1"));
    assert_eq!(client.raw().baseurl(), wire.base_url());
}

#[test]
fn its_calls_have_the_handles_settings() {
    let wire = RawServer::start(|n, _| match n {
        0 => Reply::BytesThenClose(vec![]),
        1 => Reply::Bytes(answer(200, &success(json!([])))),
        _ => Reply::BytesThenSilence(vec![]),
    });
    let keys = wire.keys().with_header("x-call", "7").unwrap();
    let account = ACCOUNT_ID.to_string().into();
    keys.raw().list_signing_keys(&account).unwrap();
    assert_eq!(wire.requests().len(), 2, "retried");
    assert!(wire.requests().iter().all(|request| request.contains("\r\nx-call: 7\r\n")));

    let hasty = keys.with_timeout(Duration::from_millis(100)).with_retry_policy(RetryPolicy::none());
    assert!(matches!(hasty.raw().list_signing_keys(&account), Err(Error::CommunicationError(_))));
}

#[test]
fn its_errors_tell_documented_from_other_answers() {
    let list = |status, body: &str| {
        let keys = RawServer::answering(status, body).keys().with_retry_policy(RetryPolicy::none());
        keys.raw().list_signing_keys(&ACCOUNT_ID.to_string().into()).unwrap_err()
    };
    let refusal = r#"{"success":false,"errors":[{"code":1000,"message":"no"}],"messages":[],"result":null}"#;
    assert!(matches!(list(403, refusal), Error::ErrorResponse(answer) if answer.status() == 403));
    assert!(matches!(list(403, "<html>"), Error::InvalidResponsePayload(answer, _) if answer.status() == 403));
    assert!(matches!(list(200, "<html>"), Error::InvalidResponsePayload(answer, _) if answer.status() == 200));
    assert!(matches!(list(503, refusal), Error::UnexpectedResponse(answer) if answer.status() == 503));
}
