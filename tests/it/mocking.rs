//! How to test a program that uses this crate: with [`FakeServer`], and with typed httpmock helpers.

use crate::support::status_of;
use std::time::Duration;

use cloudflare_stream_keys::mock::httpmock::MockServer;
use cloudflare_stream_keys::mock::{FakeServer, Fault, MockServerExt, RecordedRequest, types};
use cloudflare_stream_keys::ureq::http::StatusCode;
use cloudflare_stream_keys::{Client, Credentials, Error, RetryPolicy, SigningKeys};

/// The code under test: ensures that the account has exactly one key. Returns whether it created one.
fn ensure_one_key(keys: &SigningKeys) -> Result<bool, Error> {
    let existing = keys.list()?;
    for surplus in existing.iter().skip(1) {
        keys.delete(&surplus.id)?;
    }
    if existing.is_empty() {
        keys.create()?;
    }
    Ok(existing.is_empty())
}

/// Returns the recorded requests as `METHOD /path`, with paths relative to the collection.
fn requests(fake: &FakeServer) -> Vec<String> {
    let collection = format!("/accounts/{}/stream/keys", FakeServer::ACCOUNT_ID);
    let line = |request: &RecordedRequest| format!("{} {}", request.method, request.path.replace(&collection, ""));
    fake.requests().iter().map(line).collect()
}

#[test]
fn creates_a_key_if_there_is_none() {
    let fake = FakeServer::start();
    assert!(ensure_one_key(&fake.signing_keys()).unwrap());
    assert!(!ensure_one_key(&fake.signing_keys()).unwrap());
    assert_eq!(requests(&fake), ["GET ", "POST ", "GET "]);
}

#[test]
fn deletes_surplus_keys() {
    let fake = FakeServer::start();
    ["first", "second", "third"].iter().for_each(|id| fake.seed(id));
    assert!(!ensure_one_key(&fake.signing_keys()).unwrap());
    assert_eq!(requests(&fake), ["GET ", "DELETE /second", "DELETE /third"]);
    assert_eq!(fake.signing_keys().list().unwrap()[0].id, "first");
}

#[test]
fn lost_create_response_is_not_retried() {
    let fake = FakeServer::start();
    fake.inject_on("POST", Fault::BadGatewayAfterEffect);
    let error = ensure_one_key(&fake.signing_keys()).unwrap_err();
    assert!(error.outcome_unknown());
    assert_eq!(fake.requests().iter().filter(|request| request.method == "POST").count(), 1);
    assert_eq!(fake.signing_keys().list().unwrap().len(), 1, "the key exists although the response was lost");
}

#[test]
fn each_fault_produces_its_error() {
    let fake = FakeServer::start();
    let keys = fake.signing_keys().with_retry_policy(RetryPolicy::none());
    fake.inject(Fault::Status(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(status_of(&keys.list().unwrap_err()), Some(503));
    fake.inject(Fault::RateLimit { retry_after: Duration::from_secs(300) });
    assert_eq!(keys.list().unwrap_err().retry_after(), Some(Duration::from_secs(300)));
    fake.inject(Fault::TruncateResponse);
    assert!(keys.create().unwrap_err().recovered_key().is_some());
    fake.inject(Fault::BadGatewayAfterEffect);
    fake.inject_on("DELETE", Fault::Status(StatusCode::INTERNAL_SERVER_ERROR));
    assert_eq!(status_of(&keys.list().unwrap_err()), Some(502));
    assert_eq!(keys.list().unwrap().len(), 1, "the fault for DELETE does not affect a GET");
    assert_eq!(status_of(&keys.delete("x").unwrap_err()), Some(500));
}

#[test]
fn fake_server_rejects_other_credentials() {
    let fake = FakeServer::start();
    let list = |credentials| {
        let client = Client::builder().credentials(credentials).base_url(fake.base_url()).build().unwrap();
        client.signing_keys(FakeServer::ACCOUNT_ID).unwrap().list().map(drop)
    };
    assert!(list(Credentials::api_token(FakeServer::API_TOKEN)).is_ok());
    assert!(list(Credentials::global_api_key(FakeServer::EMAIL, FakeServer::GLOBAL_API_KEY)).is_ok());
    assert!(list(Credentials::api_token("another")).unwrap_err().is_unauthorized());
    assert!(list(Credentials::global_api_key(FakeServer::EMAIL, "another")).unwrap_err().is_unauthorized());
}

#[test]
fn typed_mock_helpers_define_request_and_response() {
    let server = MockServer::start();
    let forbidden = server.list_signing_keys(|when, then| {
        when.account_id("acct-1");
        then.client_error(403, &types::StreamApiResponseCommonFailure { success: false, errors: None, messages: None });
    });
    let client = Client::builder().credentials(Credentials::api_token("token")).base_url(server.base_url());
    let error = ensure_one_key(&client.build().unwrap().signing_keys("acct-1").unwrap()).unwrap_err();
    assert!(error.is_forbidden());
    forbidden.assert();
}
