//! `revoke`, and what counts as deleted.

use cloudflare_stream_keys::mock::{FakeServer, Fault, Operation};
use cloudflare_stream_keys::{ErrorKind, RetryPolicy};
use serde_json::json;

use crate::support::{KEY_ID, RawServer, Reply, response, success_body};

#[test]
fn revoked_key_was_listed_and_no_longer_is() {
    for fault in [None, Some(Fault::BadGatewayAfterEffect), Some(Fault::ResetAfterEffect), Some(Fault::Status(500))] {
        let fake = FakeServer::start();
        fake.seed("leaked");
        fault.into_iter().for_each(|fault| fake.inject_on(Operation::Delete, fault));
        let retry = RetryPolicy::default().with_initial_backoff(std::time::Duration::ZERO);
        fake.signing_keys().with_retry_policy(retry).revoke("leaked").unwrap();
        assert!(fake.signing_keys().list().unwrap().is_empty());
        fake.assert_faults_used();
    }
}

#[test]
fn key_of_another_account_is_not_found() {
    let fake = FakeServer::start();
    fake.seed("leaked");
    let wrong = fake.client().signing_keys("wrong-account").unwrap();
    for _ in 0..2 {
        let error = wrong.revoke("leaked").unwrap_err();
        assert!(error.is_not_found() && !error.outcome_unknown(), "{error:#?}");
        let message = "failed to revoke signing key leaked: account wrong-account does not have this key; it is \
                       already revoked, or one of the two IDs is wrong";
        assert_eq!(error.to_string(), message);
    }
    assert!(fake.requests().iter().all(|request| request.method == "GET"));
    fake.signing_keys().revoke("leaked").unwrap();
    assert!(fake.signing_keys().revoke("leaked").unwrap_err().is_not_found());
}

#[test]
fn revocation_that_is_not_confirmed_is_an_error_with_an_unknown_outcome() {
    let fake = FakeServer::start();
    fake.seed("leaked");
    let keys = fake.signing_keys().with_retry_policy(RetryPolicy::none());
    fake.inject_on(Operation::List, Fault::Status(500));
    assert!(!keys.revoke("leaked").unwrap_err().outcome_unknown(), "nothing was deleted");
    (0..2).for_each(|_| fake.inject_on(Operation::Delete, Fault::Status(500)));
    let error = keys.revoke("leaked").unwrap_err();
    assert!(error.outcome_unknown() && !error.is_not_found(), "the key is still listed: {error}");
    assert_eq!(error.status().unwrap(), 500, "the error of the delete says most");
    // An empty list confirms nothing.
    (0..2).for_each(|_| fake.inject_on(Operation::Delete, Fault::Status(500)));
    fake.inject_on(Operation::List, Fault::Delay(std::time::Duration::ZERO));
    fake.inject_on(Operation::List, Fault::NullResult);
    assert!(keys.revoke("leaked").unwrap_err().outcome_unknown());
    assert_eq!(keys.list().unwrap().len(), 1);
    fake.inject_on(Operation::Delete, Fault::Error { status: 403, code: 1, message: "no".into() });
    assert!(keys.revoke("leaked").unwrap_err().is_forbidden());
    keys.revoke("leaked").unwrap();
    assert_eq!(keys.revoke("").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn list_that_fails_after_the_delete_or_still_has_the_key_is_an_error() {
    let list = Reply::Bytes(response(200, &success_body(json!([{ "id": KEY_ID }]))));
    for (last, message) in
        [(list.clone(), "key is still listed after the delete"), (Reply::Bytes(response(403, "")), "403")]
    {
        let gone = r#"{"success": false, "errors": [{"code": 10003, "message": "Not found"}]}"#;
        for deleted in [response(200, &success_body(json!("Revoked"))), response(404, gone)] {
            let server = RawServer::with_replies(vec![list.clone(), Reply::Bytes(deleted), last.clone()]);
            let error = server.signing_keys().revoke(KEY_ID).unwrap_err();
            assert!(error.outcome_unknown() && !error.is_not_found(), "{error}");
            assert!(error.to_string().contains(message) && error.to_string().contains("revoke it again"), "{error}");
        }
    }
}

/// The service says both that it succeeded and that it did not.
#[test]
fn delete_whose_response_has_errors_is_an_error() {
    let body = r#"{"success": true, "errors": [{"code": 1234, "message": "odd"}], "result": "Revoked"}"#;
    let error = RawServer::responding(200, body).signing_keys().delete(KEY_ID).unwrap_err();
    assert!(error.outcome_unknown() && error.has_code(1234), "{error:#?}");
    assert!(error.to_string().contains("1234 odd"), "{error}");
    for empty in ["{\"success\": true}", r#"{"success": true, "errors": []}"#] {
        assert_eq!(RawServer::responding(200, empty).signing_keys().delete(KEY_ID).unwrap(), None);
    }
}

/// The server closes the connection instead of sending the body.
#[test]
fn delete_whose_body_did_not_arrive_is_an_error() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let delete = |reply| RawServer::with_replies(vec![reply]).signing_keys().delete(KEY_ID);
    for reply in [Reply::BytesThenClose, Reply::BytesThenReset] {
        assert!(delete(reply(format!("{head}\r\n").into_bytes())).unwrap_err().outcome_unknown());
    }
    for empty in ["content-length: 0\r\n\r\n", "transfer-encoding: chunked\r\n\r\n0\r\n\r\n"] {
        assert_eq!(delete(Reply::Bytes(format!("{head}{empty}").into_bytes())).unwrap(), None);
    }
}
