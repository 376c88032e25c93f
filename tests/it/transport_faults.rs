//! What breaks before an answer is whole: rows 1 to 6, 16 and 22 of the table in the README. Requests are counted where
//! they arrive.

use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::support::{ACCOUNT_ID, KEY_ID, RawServer, Reply, answer, answer_with, created, success};
use cloudflare_stream_keys::{Error, ErrorKind, RetryPolicy, SigningKeys};
use serde_json::json;
use ureq::Agent;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

type Call = fn(&SigningKeys) -> Result<(), Error>;

const CREATE: Call = |keys| keys.create().map(drop);
const LIST: Call = |keys| keys.list().map(drop);
const DELETE: Call = |keys| keys.delete(KEY_ID).map(drop);

/// An answer that suits the request.
fn good(request: &str) -> Reply {
    let body = match request.split(' ').next() {
        Some("POST") => created("cGVt", "andr"),
        Some("GET") => success(json!([])),
        _ => success(json!("Revoked")),
    };
    Reply::Bytes(answer(200, &body))
}

/// A server that does this to the first request, and is good from then on.
fn first(reply: Reply) -> RawServer {
    RawServer::start(move |n, request| if n == 0 { reply.clone() } else { good(request) })
}

/// Lists and deletes are repeated and succeed; a create reaches the server once, and its outcome is unknown.
fn assert_create_alone_is_sent_once(reply: Reply, kind: ErrorKind) {
    for call in [LIST, DELETE] {
        let wire = first(reply.clone());
        call(&wire.keys()).unwrap();
        assert_eq!(wire.requests().len(), 2, "{reply:?}");
    }
    let wire = first(reply.clone());
    let error = CREATE(&wire.keys()).unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (kind, true), "{reply:?}: {error}");
    assert_eq!(wire.requests().len(), 1, "{reply:?}");
    assert!(error.to_string().contains("compare list()"), "{error}");

    // And where it never gets better, they come to an end.
    for call in [LIST, DELETE] {
        let wire = RawServer::replying(vec![reply.clone()]);
        let error = call(&wire.keys()).unwrap_err();
        assert_eq!((error.kind(), error.outcome_unknown()), (kind, false), "{reply:?}: {error}");
        assert_eq!(wire.requests().len(), 3, "{reply:?}");
    }
}

/// Leads to the addresses one after the other, and to the last from then on; to none where there is none.
#[derive(Debug)]
struct Addresses(Mutex<Vec<SocketAddr>>);

impl Resolver for Addresses {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.0.lock().unwrap();
        let address = *addresses.first().ok_or(ureq::Error::HostNotFound)?;
        if addresses.len() > 1 {
            addresses.remove(0);
        }
        let mut resolved = self.empty();
        resolved.push(address);
        Ok(resolved)
    }
}

fn leading_to(addresses: &[SocketAddr]) -> Agent {
    let config = Agent::config_builder().proxy(None).build();
    Agent::with_parts(config, DefaultConnector::default(), Addresses(Mutex::new(addresses.to_vec())))
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn row_01_any_call_is_repeated_where_no_connection_was_made() {
    for call in [CREATE, LIST, DELETE] {
        let wire = RawServer::start(|_, request| good(request));
        let agent = leading_to(&[nobody(), nobody(), wire.address()]);
        let client = wire.builder().agent(agent).build().unwrap();
        call(&client.signing_keys(ACCOUNT_ID).unwrap()).unwrap();
        assert_eq!(wire.requests().len(), 1);
    }
}

#[test]
fn row_01_no_connection_is_an_error_of_its_own_kind() {
    let wire = RawServer::start(|_, request| good(request));
    for (addresses, cause) in [(vec![nobody()], "refused"), (vec![], "host not found")] {
        let client = wire.builder().agent(leading_to(&addresses)).build().unwrap();
        for call in [CREATE, LIST, DELETE] {
            let error = call(&client.signing_keys(ACCOUNT_ID).unwrap()).unwrap_err();
            assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
            assert!(error.to_string().to_lowercase().contains(cause), "{error}");
            assert_eq!(error.status(), None);
        }
    }
    assert_eq!(wire.connections(), 0);
}

#[test]
fn row_02_no_answer_ends_at_the_deadline() {
    let deadline = Duration::from_millis(600);
    let policy = RetryPolicy::default().initial_backoff(Duration::ZERO).attempt_timeout(Duration::from_millis(150));
    for (call, requests) in [(CREATE, 1), (LIST, 3), (DELETE, 3)] {
        let wire = RawServer::replying(vec![Reply::BytesThenSilence(vec![])]);
        let keys = wire.keys().with_timeout(deadline).with_retry_policy(policy.clone());
        let start = Instant::now();
        let error = call(&keys).unwrap_err();
        let took = start.elapsed();
        assert!(error.is_timeout() && error.kind() == ErrorKind::Timeout, "{error}");
        assert_eq!(error.outcome_unknown(), requests == 1);
        assert!(took >= deadline - Duration::from_millis(50) && took < Duration::from_secs(5), "{took:?}");
        assert_eq!(wire.requests().len(), requests);
    }
}

#[test]
fn row_02_a_repeated_request_can_still_succeed_within_the_deadline() {
    let wire = first(Reply::BytesThenSilence(vec![]));
    let policy = RetryPolicy::default().initial_backoff(Duration::ZERO).attempt_timeout(Duration::from_millis(100));
    wire.keys().with_retry_policy(policy).list().unwrap();
    assert_eq!(wire.requests().len(), 2);
}

#[test]
fn row_03_a_connection_that_breaks_before_the_answer() {
    assert_create_alone_is_sent_once(Reply::BytesThenReset(vec![]), ErrorKind::Transport);
    assert_create_alone_is_sent_once(Reply::BytesThenClose(vec![]), ErrorKind::Transport);
}

#[test]
fn row_04_an_answer_that_is_cut_short() {
    let whole = answer(200, &created("cGVt", "andr"));
    let head = whole.len() - created("cGVt", "andr").len();
    for length in [5, 20, head, head + 10] {
        assert_create_alone_is_sent_once(Reply::BytesThenClose(whole[..length].to_vec()), ErrorKind::Transport);
    }
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"success\":true,\r\n";
    assert_create_alone_is_sent_once(Reply::BytesThenClose(chunked.to_vec()), ErrorKind::Transport);
}

#[test]
fn row_04_gives_back_the_key_material_that_had_arrived() {
    let body = created("cGVt", "andr");
    let whole = answer(200, &body);
    let wire = RawServer::replying(vec![Reply::BytesThenClose(whole[..whole.len() - 1].to_vec())]);
    let error = wire.keys().create().unwrap_err();
    assert_eq!((error.kind(), error.status(), error.outcome_unknown()), (ErrorKind::Transport, Some(200), true));
    let key = error.into_recovered_key().unwrap();
    assert_eq!(key.id.as_deref(), Some(KEY_ID));
    assert_eq!(key.pem.unwrap().expose_secret(), "cGVt");

    // Half of a secret is none.
    let half = whole.len() - body.len() + body.find("andr").unwrap() + 2;
    let wire = RawServer::replying(vec![Reply::BytesThenClose(whole[..half].to_vec())]);
    assert!(wire.keys().create().unwrap_err().recovered_key().is_none());
}

#[test]
fn row_05_a_429_is_obeyed_by_every_call() {
    for call in [CREATE, LIST, DELETE] {
        let wire = first(Reply::Bytes(answer_with(429, "retry-after: 1\r\n", b"")));
        let start = Instant::now();
        call(&wire.keys()).unwrap();
        assert!(start.elapsed() >= Duration::from_secs(1));
        assert_eq!(wire.requests().len(), 2);
    }
}

#[test]
fn row_05_a_429_beyond_the_limit_or_the_deadline_is_returned_at_once() {
    for (header, seconds) in [("retry-after: 31\r\n", 31), ("retry-after: 300\r\n", 300), ("retry-after: 20\r\n", 20)] {
        for call in [CREATE, LIST, DELETE] {
            let wire = RawServer::replying(vec![Reply::Bytes(answer_with(429, header, b""))]);
            let start = Instant::now();
            let error = call(&wire.keys()).unwrap_err();
            assert!(start.elapsed() < Duration::from_secs(5));
            assert!(error.is_rate_limited() && !error.outcome_unknown());
            assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
            assert!(error.to_string().contains(&format!("wait {seconds} s")), "{error}");
            assert_eq!(wire.requests().len(), 1);
        }
    }
}

#[test]
fn row_05_a_429_without_a_time_is_repeated_after_the_policys_own() {
    for header in ["", "retry-after: soon\r\n", "retry-after: -1\r\n", "retry-after: 99999999999999999999\r\n"] {
        let wire = first(Reply::Bytes(answer_with(429, header, b"")));
        wire.keys().create().unwrap();
        assert_eq!(wire.requests().len(), 2);
    }
}

#[test]
fn row_06_a_failure_of_the_service() {
    let envelope = r#"{"success":false,"errors":[{"code":10001,"message":"internal"}],"messages":[],"result":null}"#;
    for (status, body) in [(500, envelope), (502, "<html>Bad gateway</html>"), (503, ""), (520, "error code: 520")] {
        assert_create_alone_is_sent_once(Reply::Bytes(answer(status, body)), ErrorKind::Api);
    }
    let error = RawServer::answering(500, envelope).keys().create().unwrap_err();
    assert_eq!(error.status(), Some(500));
    assert!(error.has_code(10001));
    assert!(RawServer::answering(502, "<html>").keys().create().unwrap_err().errors().is_empty());
}

#[test]
fn without_retries_everything_is_sent_once() {
    for call in [LIST, DELETE] {
        let wire = RawServer::answering(503, "");
        call(&wire.keys().with_retry_policy(RetryPolicy::none())).unwrap_err();
        assert_eq!(wire.requests().len(), 1);
        let client =
            wire.builder().retry_policy(RetryPolicy::none().max_retries(4).initial_backoff(Duration::ZERO)).build();
        call(&client.unwrap().signing_keys(ACCOUNT_ID).unwrap()).unwrap_err();
        assert_eq!(wire.requests().len(), 6);
    }
}

#[test]
fn row_16_bytes_one_by_one_end_at_the_deadline() {
    let pause = Duration::from_millis(20);
    let slow_head = Reply::Drip(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-a: b\r\n".repeat(1000), pause);
    let slow_body = Reply::Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{".to_vec(), vec![b' '; 9998], pause);
    for reply in [slow_head, slow_body] {
        for call in [CREATE, LIST, DELETE] {
            let wire = RawServer::replying(vec![reply.clone()]);
            let start = Instant::now();
            let error = call(&wire.keys().with_timeout(Duration::from_millis(400))).unwrap_err();
            assert!(error.is_timeout(), "{error}");
            assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        }
    }
}

#[test]
fn row_22_a_connection_that_the_server_closed_while_idle_is_not_used() {
    for call in [CREATE, LIST, DELETE] {
        let wire = RawServer::start(|_, request| match good(request) {
            Reply::Bytes(bytes) => Reply::BytesThenClose(bytes),
            other => other,
        });
        let keys = wire.keys().with_retry_policy(RetryPolicy::none());
        for n in 1..=3 {
            call(&keys).unwrap();
            assert_eq!((wire.requests().len(), wire.connections()), (n, n));
            wire.wait_for_closed(n);
        }
    }
}

#[test]
fn row_22_a_create_has_a_connection_of_its_own() {
    let wire = RawServer::start(|_, request| good(request));
    let keys = wire.keys();
    keys.list().unwrap();
    keys.create().unwrap();
    assert_eq!(wire.connections(), 2);
    keys.list().unwrap();
    keys.delete(KEY_ID).unwrap();
    assert_eq!(wire.connections(), 2, "what can be repeated shares the first");
    keys.create().unwrap();
    assert_eq!(wire.connections(), 3);
}
