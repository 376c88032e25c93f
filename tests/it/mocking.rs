//! How to test a program that uses this crate with [`FakeServer`].

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use cloudflare_stream_keys::mock::{FakeServer, Fault, Operation, RecordedRequest};
use cloudflare_stream_keys::{Client, Credentials, Error, ErrorKind, RetryPolicy, Signer, SigningKeyInfo, SigningKeys};

use crate::support::{in_parallel, status_of};

/// A delay that the tests never wait for.
const LONG: Duration = Duration::from_secs(3600);

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
    fake.inject_on(Operation::Create, Fault::BadGatewayAfterEffect);
    let error = ensure_one_key(&fake.signing_keys()).unwrap_err();
    assert!(error.outcome_unknown());
    assert_eq!(fake.requests().iter().filter(|request| request.method == "POST").count(), 1);
    assert_eq!(fake.signing_keys().list().unwrap().len(), 1, "the key exists although the response was lost");
}

#[test]
fn each_fault_produces_its_error() {
    let fake = FakeServer::start();
    let keys = fake.signing_keys().with_retry_policy(RetryPolicy::none());
    fake.inject(Fault::Status(503));
    assert_eq!(status_of(&keys.list().unwrap_err()), Some(503));
    fake.inject(Fault::RateLimit { retry_after: Duration::from_secs(300) });
    assert_eq!(keys.list().unwrap_err().retry_after(), Some(Duration::from_secs(300)));
    fake.inject(Fault::TruncateResponse);
    let key = keys.create().unwrap();
    assert!(Signer::from_pem(&key.id, key.pem.expose_secret()).is_ok(), "the part that was cut off is derived");
    fake.inject(Fault::UnreadableKey);
    assert!(Signer::new(&keys.create().unwrap()).is_err());
    fake.inject(Fault::BadGatewayAfterEffect);
    fake.inject_on(Operation::Delete, Fault::Status(500));
    assert_eq!(status_of(&keys.list().unwrap_err()), Some(502));
    assert_eq!(keys.list().unwrap().len(), 2, "the fault for a delete does not affect a list");
    assert_eq!(status_of(&keys.delete("x").unwrap_err()), Some(500));
}

/// Returns a handle without retries, which fails after this time.
fn keys_with_timeout(fake: &FakeServer, timeout: Duration) -> SigningKeys {
    let credentials = Credentials::api_token(FakeServer::API_TOKEN);
    let client = Client::builder(credentials).base_url(fake.base_url()).timeout(timeout);
    let client = client.retry_policy(RetryPolicy::none()).build().unwrap();
    client.signing_keys(FakeServer::ACCOUNT_ID).unwrap()
}

#[test]
fn key_that_arrives_with_an_error_status_is_in_the_error() {
    let server = FakeServer::start();
    server.inject_on(Operation::Create, Fault::StatusAfterEffect(500));
    let error = server.signing_keys().create().unwrap_err();
    assert_eq!(error.status().unwrap(), 500);
    let key = error.into_recovered_key().unwrap().into_signing_key().unwrap();
    assert_eq!(server.signing_keys().list().unwrap()[0].id, key.id);
    assert_eq!(Signer::new(&key).unwrap().key_id(), key.id);
}

#[test]
fn state_after_each_fault_is_what_its_name_says() {
    let message = || "Internal error".to_string();
    let error = Fault::Error { status: 500, code: 10001, message: message() };
    let faults = [
        (Fault::Hang, false, ErrorKind::Timeout),
        (Fault::HangAfterEffect, true, ErrorKind::Timeout),
        (Fault::Delay(LONG), true, ErrorKind::Timeout),
        (Fault::ResetBeforeEffect, false, ErrorKind::Transport),
        (Fault::ResetAfterEffect, true, ErrorKind::Transport),
        (Fault::BadGatewayAfterEffect, true, ErrorKind::Api),
        (Fault::NullResult, true, ErrorKind::Decode),
        (Fault::Status(502), false, ErrorKind::Api),
        (error, false, ErrorKind::Api),
    ];
    in_parallel(faults, |(fault, takes_effect, kind)| {
        let fake = FakeServer::start();
        fake.seed("seeded");
        let short = match kind {
            ErrorKind::Timeout => Duration::from_millis(500),
            _ => Duration::from_secs(10),
        };
        let keys = keys_with_timeout(&fake, Duration::from_secs(10));
        let ids = || keys.list().unwrap().into_iter().map(|key| key.id).collect::<Vec<_>>();

        fake.inject_on(Operation::Create, fault.clone());
        let error = keys_with_timeout(&fake, short).create().unwrap_err();
        assert_eq!((error.kind(), error.outcome_unknown()), (kind, true), "{fault:?}: {error}");
        assert_eq!(ids().len(), 1 + usize::from(takes_effect), "{fault:?}");

        fake.inject_on(Operation::Delete, fault.clone());
        // A null or truncated result of a delete may be a success.
        let _ = keys_with_timeout(&fake, short).delete("seeded");
        assert_eq!(!ids().contains(&"seeded".to_string()), takes_effect, "{fault:?}");
        assert_eq!(requests(&fake), ["POST ", "GET ", "DELETE /seeded", "GET "], "{fault:?}");
    });
}

/// Other systems may discard the part that arrived before the reset.
#[cfg(target_os = "linux")]
#[test]
fn connection_is_reset_within_the_response_after_a_complete_form_of_the_key() {
    let fake = FakeServer::start();
    fake.inject(Fault::ResetWithinResponse);
    let key = fake.signing_keys().create().unwrap();
    assert!(Signer::new(&key).is_ok());
}

#[test]
fn reset_and_hung_requests_are_retried_if_idempotent() {
    let fake = FakeServer::start();
    fake.seed("first");
    let policy =
        RetryPolicy::default().with_initial_backoff(Duration::ZERO).with_attempt_timeout(Duration::from_secs(1));
    let keys = fake.signing_keys().with_retry_policy(policy);
    for fault in [Fault::Hang, Fault::ResetBeforeEffect, Fault::ResetAfterEffect, Fault::ResetWithinResponse] {
        fake.inject(fault);
        assert_eq!(keys.list().unwrap().len(), 1);
    }
    assert_eq!(requests(&fake), ["GET "; 8]);
    fake.inject(Fault::ResetAfterEffect);
    let error = keys.delete("first").unwrap_err();
    assert!(error.is_not_found() && error.outcome_unknown(), "{error}");
    assert_eq!(requests(&fake)[8..], ["DELETE /first"; 2]);
}

#[test]
fn null_result_is_an_empty_list_and_errors_are_unchanged() {
    let fake = FakeServer::start();
    fake.seed("first");
    let keys = fake.signing_keys();
    fake.inject(Fault::NullResult);
    assert!(keys.list().unwrap().is_empty());
    fake.inject(Fault::NullResult);
    assert!(keys.delete("unknown").unwrap_err().is_not_found());
    assert_eq!(keys.list().unwrap().len(), 1);
}

#[test]
fn error_has_the_injected_status_code_and_message() {
    let fake = FakeServer::start();
    let message = "Maximum number of keys reached";
    fake.inject(Fault::Error { status: 409, code: 10010, message: message.into() });
    let error = fake.signing_keys().create().unwrap_err();
    assert_eq!(status_of(&error), Some(409));
    assert!(!error.outcome_unknown());
    let text = error.to_string();
    assert!(text.contains("10010") && text.contains(message), "{text}");
}

#[test]
fn faults_after_effect_do_not_bypass_authentication() {
    let fake = FakeServer::start();
    let client = Client::builder(Credentials::api_token("another")).base_url(fake.base_url());
    let keys = client.build().unwrap().signing_keys(FakeServer::ACCOUNT_ID).unwrap();
    fake.inject(Fault::ResetAfterEffect);
    keys.create().unwrap_err();
    assert!(fake.signing_keys().list().unwrap().is_empty());
}

#[test]
fn delayed_response_arrives_later_and_does_not_hold_up_other_requests() {
    let fake = FakeServer::start();
    fake.inject_on(Operation::Create, Fault::Delay(Duration::from_secs(1)));
    let keys = fake.signing_keys();
    let (sender, receiver) = mpsc::channel();
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            keys.create().unwrap();
            assert!(start.elapsed() >= Duration::from_secs(1));
            sender.send("delayed").unwrap();
        });
        while fake.requests().is_empty() {
            thread::yield_now();
        }
        assert_eq!(fake.signing_keys().list().unwrap().len(), 1, "the key exists before the response is sent");
        sender.send("other").unwrap();
    });
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["other", "delayed"]);
}

#[test]
fn dropping_the_server_ends_hung_and_delayed_requests() {
    for fault in [Fault::Hang, Fault::HangAfterEffect, Fault::Delay(LONG), Fault::Delay(Duration::MAX)] {
        let fake = FakeServer::start();
        let keys = keys_with_timeout(&fake, LONG);
        fake.inject(fault);
        let call = thread::spawn(move || keys.create().unwrap_err().kind());
        while fake.requests().is_empty() {
            thread::yield_now();
        }
        drop(fake);
        assert_eq!(call.join().unwrap(), ErrorKind::Transport);
    }
}

#[test]
fn parallel_requests_see_one_state() {
    let fake = FakeServer::start();
    let keys = fake.signing_keys();
    (0..320).for_each(|n| fake.seed(&n.to_string()));
    thread::scope(|scope| {
        for thread in 0..32 {
            let keys = &keys;
            scope.spawn(move || {
                (thread * 10..thread * 10 + 10).for_each(|n| drop(keys.delete(&n.to_string()).unwrap()));
            });
        }
    });
    assert!(keys.list().unwrap().is_empty());
    assert_eq!(fake.requests().len(), 321);
}

/// Sends these bytes on a connection of their own, and returns what arrives until the server closes it.
fn exchange(fake: &FakeServer, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(fake.base_url().replace("http://", "")).unwrap();
    stream.write_all(request).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut response = Vec::new();
    // The connection may end with a reset.
    let _ = stream.read_to_end(&mut response);
    String::from_utf8(response).unwrap()
}

#[test]
fn odd_requests_do_not_stop_the_server() {
    let fake = FakeServer::start();
    let requests: [&[u8]; 8] = [
        b"",
        b"\r\n\r\n",
        b"GET",
        b"\0\xff\xfe\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 18446744073709551615\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    for request in requests {
        exchange(&fake, request);
    }
    assert!(fake.signing_keys().list().unwrap().is_empty());
}

#[test]
fn fake_server_rejects_other_credentials() {
    let fake = FakeServer::start();
    let list = |credentials| {
        let client = Client::builder(credentials).base_url(fake.base_url()).build().unwrap();
        client.signing_keys(FakeServer::ACCOUNT_ID).unwrap().list().map(drop)
    };
    assert!(list(Credentials::api_token(FakeServer::API_TOKEN)).is_ok());
    assert!(list(Credentials::global_api_key(FakeServer::EMAIL, FakeServer::GLOBAL_API_KEY)).is_ok());
    assert!(list(Credentials::api_token("another")).unwrap_err().is_unauthorized());
    assert!(list(Credentials::global_api_key(FakeServer::EMAIL, "another")).unwrap_err().is_unauthorized());
}

#[test]
fn body_in_chunks_is_read_whole() {
    let fake = FakeServer::start();
    let path = format!("/accounts/{}/stream/keys?a=1", FakeServer::ACCOUNT_ID);
    let head = format!("POST {path} HTTP/1.1\r\nAuthorization: Bearer {}", FakeServer::API_TOKEN);
    let chunked = "expect: 100-continue\r\nconnection: close\r\ntransfer-encoding: chunked";
    let body = "2;x=y\r\n{\"\r\n4\r\na\":1\r\n1\r\n}\r\n0\r\ntrailer: 1\r\n\r\n";
    let response = exchange(&fake, format!("{head}\r\n{chunked}\r\n\r\n{body}").as_bytes());
    assert!(response.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{response}");
    let request = &fake.requests()[0];
    assert_eq!((request.query.as_str(), request.body.as_str()), ("a=1", r#"{"a":1}"#));
    assert_eq!(request.header("AUTHORIZATION"), Some("Bearer fake-api-token"));
}

#[test]
fn a_process_can_have_many_servers_that_share_nothing() {
    let servers: Vec<FakeServer> = (0..60).map(|_| FakeServer::start()).collect();
    for server in &servers {
        server.seed("key");
        assert_eq!(server.signing_keys().list().unwrap().len(), 1);
    }
    drop(servers);
    let server = FakeServer::start();
    assert!(server.requests().is_empty() && server.signing_keys().list().unwrap().is_empty());
}

#[test]
fn unknown_paths_and_methods_are_not_found_and_meet_no_fault() {
    let fake = FakeServer::start();
    fake.inject(Fault::Hang);
    for request in ["PUT /accounts/a/stream/keys", "GET /accounts/a/stream/keys/k", "POST /zones/a/stream/keys"] {
        let response = exchange(&fake, format!("{request} HTTP/1.1\r\nconnection: close\r\n\r\n").as_bytes());
        assert!(response.starts_with("HTTP/1.1 404 Not Found\r\n"), "{response}");
    }
    assert_eq!(fake.requests().len(), 3);
}

#[test]
fn responses_without_content_have_no_body() {
    let fake = FakeServer::start();
    let keys = fake.signing_keys();
    for status in [204, 205, 304] {
        fake.inject(Fault::Status(status));
        let _ = keys.delete("key");
        assert_eq!(keys.list().unwrap(), []);
    }
}

/// Returns what a function panics with.
fn panic_message(function: impl FnOnce() + UnwindSafe) -> String {
    *catch_unwind(function).unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn mistakes_in_a_test_are_panics_with_a_reason() {
    let fake = FakeServer::start();
    fake.seed("key");
    fake.seed_in("another-account", SigningKeyInfo::new("key"));
    let fake = AssertUnwindSafe(&fake);
    let message = panic_message(|| fake.seed("key"));
    assert_eq!(message, "account already has a key with the ID \"key\"");
    assert_eq!(panic_message(|| fake.seed("")), "key ID is empty");
    assert!(panic_message(|| fake.seed_in("a/b", SigningKeyInfo::new("key"))).starts_with("account ID contains"));
    for status in [0, 100, 199, 600] {
        let message = panic_message(|| fake.inject(Fault::Status(status)));
        assert_eq!(message, format!("{status} is not the status code of a final response, 200 to 599"));
    }
    fake.assert_faults_used();
    fake.inject_on(Operation::Delete, Fault::Hang);
    fake.signing_keys().list().unwrap();
    assert_eq!(panic_message(|| fake.assert_faults_used()), "faults that affected no request: [(Some(Delete), Hang)]");
}

#[test]
fn keys_are_seeded_with_a_date_or_without() {
    let fake = FakeServer::start();
    let mut dated = SigningKeyInfo::new("dated");
    dated.created = Some("2021-06-15T21:06:54.763937286Z".parse().unwrap());
    fake.seed_in(FakeServer::ACCOUNT_ID, dated.clone());
    fake.seed_in(FakeServer::ACCOUNT_ID, SigningKeyInfo::new("undated"));
    let dates: Vec<_> = fake.signing_keys().list().unwrap().into_iter().map(|key| key.created).collect();
    assert_eq!(dates, [dated.created, None]);
}
