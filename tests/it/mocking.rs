//! How a program that uses this crate is tested: with the fake, and with typed expectations.

use std::time::Duration;

use cloudflare_stream_keys::mock::httpmock::MockServer;
use cloudflare_stream_keys::mock::{FakeServer, Fault, MockServerExt, types};
use cloudflare_stream_keys::{Client, Credentials, Error, RetryPolicy, SigningKeys};

/// A program's own code: makes sure that there is exactly one key, and says whether it made one.
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

/// What the fake saw, as `METHOD path`s below the collection.
fn calls(fake: &FakeServer) -> Vec<String> {
    let collection = format!("/accounts/{}/stream/keys", FakeServer::ACCOUNT_ID);
    let call = |seen: &cloudflare_stream_keys::mock::RecordedRequest| {
        format!("{} {}", seen.method, seen.path.replace(&collection, ""))
    };
    fake.requests().iter().map(call).collect()
}

#[test]
fn the_first_key_is_made() {
    let fake = FakeServer::start();
    assert!(ensure_one_key(&fake.signing_keys()).unwrap());
    assert!(!ensure_one_key(&fake.signing_keys()).unwrap());
    assert_eq!(calls(&fake), ["GET ", "POST ", "GET "]);
}

#[test]
fn surplus_keys_are_deleted() {
    let fake = FakeServer::start();
    ["first", "second", "third"].iter().for_each(|id| fake.seed(id));
    assert!(!ensure_one_key(&fake.signing_keys()).unwrap());
    assert_eq!(calls(&fake), ["GET ", "DELETE /second", "DELETE /third"]);
    assert_eq!(fake.signing_keys().list().unwrap()[0].id, "first");
}

#[test]
fn a_create_whose_answer_is_lost_was_sent_once() {
    let fake = FakeServer::start();
    fake.inject_on("POST", Fault::LoseResponse);
    let error = ensure_one_key(&fake.signing_keys()).unwrap_err();
    assert!(error.outcome_unknown());
    assert_eq!(fake.requests().iter().filter(|seen| seen.method == "POST").count(), 1);
    assert_eq!(fake.signing_keys().list().unwrap().len(), 1, "and the key was made all the same");
}

#[test]
fn every_fault_can_be_seen_by_a_program() {
    let fake = FakeServer::start();
    let keys = fake.signing_keys().with_retry_policy(RetryPolicy::none());
    fake.inject(Fault::Status(503));
    assert_eq!(keys.list().unwrap_err().status(), Some(503));
    fake.inject(Fault::RateLimit { retry_after: Duration::from_secs(300) });
    assert_eq!(keys.list().unwrap_err().retry_after(), Some(Duration::from_secs(300)));
    fake.inject(Fault::TruncateResponse);
    assert!(keys.create().unwrap_err().recovered_key().is_some());
    fake.inject(Fault::LoseResponse);
    fake.inject_on("DELETE", Fault::Status(500));
    assert_eq!(keys.list().unwrap_err().status(), Some(502));
    assert_eq!(keys.list().unwrap().len(), 1, "the other fault waits for its method");
    assert_eq!(keys.delete("x").unwrap_err().status(), Some(500));
}

#[test]
fn the_fake_accepts_its_own_credentials_only() {
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
fn typed_expectations_say_what_a_server_gets_and_gives() {
    let server = MockServer::start();
    let refused = server.list_signing_keys(|when, then| {
        when.account_id(&"acct-1".to_string().into());
        then.client_error(403, &types::StreamApiResponseCommonFailure { success: false, errors: None, messages: None });
    });
    let client = Client::builder().credentials(Credentials::api_token("token")).base_url(server.base_url());
    let error = ensure_one_key(&client.build().unwrap().signing_keys("acct-1").unwrap()).unwrap_err();
    assert!(error.is_forbidden());
    refused.assert();
}
