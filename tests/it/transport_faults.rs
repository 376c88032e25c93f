//! Connection faults, timeouts, retries and rate limits: rows 1 to 6, 16 and 22 of the table in tests/README.md.

use std::error::Error as _;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    ACCOUNT_ID, CREATE, DELETE, KEY_ID, LIST, RawServer, Reply, chunked, closed_port, created_body, gzip, in_parallel,
    response, response_with, status_of, success, success_body,
};
use cloudflare_stream_keys::jiff::Timestamp;
use cloudflare_stream_keys::{ClientBuilder, ErrorKind, RetryPolicy};
use flate2::read::GzDecoder;
use ureq::Agent;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Starts a server that sends this reply to the first request, and success responses to all others.
fn failing_once(reply: Reply) -> RawServer {
    RawServer::start(move |n, request| if n == 0 { reply.clone() } else { success(request) })
}

/// Asserts that after this reply a list and a delete are retried, and a create fails with an unknown outcome.
fn assert_only_create_is_not_retried(reply: Reply, kind: ErrorKind) {
    for call in [LIST, DELETE] {
        let server = failing_once(reply.clone());
        call(&server.signing_keys()).unwrap();
        assert_eq!(server.requests().len(), 2, "{reply:?}");
    }
    let server = failing_once(reply.clone());
    let error = CREATE(&server.signing_keys()).unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (kind, true), "{reply:?}: {error}");
    assert_eq!(server.requests().len(), 1, "{reply:?}");
    assert!(error.to_string().contains("compare list()"), "{error}");
    assert_eq!((error.attempts(), error.is_retryable()), (1, false), "{error}");

    // If the fault persists, list and delete give up after the last retry.
    for (call, outcome_unknown) in [(LIST, false), (DELETE, true)] {
        let server = RawServer::with_replies(vec![reply.clone()]);
        let error = call(&server.signing_keys()).unwrap_err();
        assert_eq!((error.kind(), error.outcome_unknown()), (kind, outcome_unknown), "{reply:?}: {error}");
        assert_eq!(error.to_string().contains("check with list()"), outcome_unknown, "{error}");
        assert_eq!((error.attempts(), error.is_retryable()), (3, true), "{error}");
        assert_eq!(server.requests().len(), 3, "{reply:?}");
    }
}

/// A resolver that returns one address per lookup, in order, and repeats the last one. Without any, lookups fail.
#[derive(Debug)]
struct SequenceResolver(Mutex<Vec<SocketAddr>>);

impl Resolver for SequenceResolver {
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

fn agent_resolving_to(addresses: &[SocketAddr]) -> Agent {
    let config = Agent::config_builder().proxy(None).build();
    Agent::with_parts(config, DefaultConnector::default(), SequenceResolver(Mutex::new(addresses.to_vec())))
}

#[test]
fn row_01_every_call_is_retried_after_a_refused_connection() {
    for call in [CREATE, LIST, DELETE] {
        let server = RawServer::start(|_, request| success(request));
        let agent = agent_resolving_to(&[closed_port(), closed_port(), server.address()]);
        let client = server.client_builder().agent(agent).build().unwrap();
        call(&client.signing_keys(ACCOUNT_ID).unwrap()).unwrap();
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn row_01_failed_connection_is_a_connect_error() {
    let server = RawServer::start(|_, request| success(request));
    let tls = ClientBuilder::default_tls_config();
    let unknown_host: Agent = Agent::config_builder().proxy(None).tls_config(tls).build().into();
    for (url, agent, cause) in [
        (server.base_url(), agent_resolving_to(&[closed_port()]), "refused"),
        (server.base_url(), agent_resolving_to(&[]), "host not found"),
        ("https://nonexistent.invalid".to_string(), unknown_host, "failed to lookup"),
    ] {
        let client = server.client_builder().base_url(&url).agent(agent).build().unwrap();
        for call in [CREATE, LIST, DELETE] {
            let error = call(&client.signing_keys(ACCOUNT_ID).unwrap()).unwrap_err();
            assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
            let text = error.to_string().to_lowercase();
            assert!(text.contains("could not connect to ") && text.contains(cause), "{error}");
            assert_eq!(status_of(&error), None);
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn row_02_missing_response_times_out_at_the_deadline() {
    let deadline = Duration::from_millis(600);
    let policy =
        RetryPolicy::default().with_initial_backoff(Duration::ZERO).with_attempt_timeout(Duration::from_millis(150));
    in_parallel([(CREATE, 1, true), (LIST, 3, false), (DELETE, 3, true)], |(call, requests, outcome_unknown)| {
        let server = RawServer::with_replies(vec![Reply::BytesThenStall(vec![])]);
        let keys = server.signing_keys().with_timeout(deadline).with_retry_policy(policy.clone());
        let start = Instant::now();
        let error = call(&keys).unwrap_err();
        let elapsed = start.elapsed();
        assert!(error.is_timeout() && error.kind() == ErrorKind::Timeout, "{error}");
        assert_eq!(error.outcome_unknown(), outcome_unknown);
        assert_eq!(error.attempts() as usize, requests);
        assert!(error.elapsed() <= elapsed && error.elapsed() >= deadline - Duration::from_millis(50), "{error:#?}");
        assert!(elapsed >= deadline - Duration::from_millis(50) && elapsed < Duration::from_secs(5), "{elapsed:?}");
        assert_eq!(server.requests().len(), requests);
    });
}

#[test]
fn row_02_retry_within_the_deadline_succeeds() {
    let server = failing_once(Reply::BytesThenStall(vec![]));
    let policy =
        RetryPolicy::default().with_initial_backoff(Duration::ZERO).with_attempt_timeout(Duration::from_millis(100));
    server.signing_keys().with_retry_policy(policy).list().unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn row_02_slow_response_that_arrives_before_the_deadline_is_not_cut_off() {
    // A third of the time, or a hundredth, would not be enough for any attempt.
    let cases = [2, 100].into_iter().flat_map(|retries| [CREATE, LIST, DELETE].map(|call| (retries, call)));
    in_parallel(cases, |(retries, call)| {
        let server = RawServer::start(|_, request| {
            thread::sleep(Duration::from_millis(500));
            success(request)
        });
        let keys = server.signing_keys().with_timeout(Duration::from_millis(1400));
        call(&keys.with_retry_policy(RetryPolicy::default().with_max_retries(retries))).unwrap();
        assert_eq!(server.requests().len(), 1);
    });
}

#[test]
fn row_02_timeout_names_an_earlier_failure() {
    for (first, cause) in [
        (Reply::Bytes(response(503, "")), "HTTP status 503"),
        (Reply::BytesThenReset(vec![]), "connection to 127.0.0.1:"),
    ] {
        in_parallel([LIST, DELETE], |call| {
            let server = RawServer::with_replies(vec![first.clone(), Reply::BytesThenStall(vec![])]);
            let error = call(&server.signing_keys().with_timeout(Duration::from_millis(600))).unwrap_err();
            assert!(error.is_timeout() && error.kind() == ErrorKind::Timeout, "{error}");
            assert!(error.to_string().contains(&format!("(an earlier attempt failed: {cause}")), "{error}");
            assert_eq!(server.requests().len(), 2);
        });
    }
}

#[test]
fn each_transport_failure_is_described() {
    let ok = |headers: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n{body}").into_bytes();
    let invalid_gzip = ok("Content-Encoding: gzip\r\nContent-Length: 20\r\n", "this is no gzip data");
    let incomplete = ok("Content-Length: 9\r\n", "{}");
    for (reply, message) in [
        (Reply::BytesThenClose(vec![]), "connection to HOST closed before a response was received"),
        (Reply::BytesThenClose(incomplete), "incomplete response from HOST"),
        (Reply::BytesThenClose(chunked("2\r\n{}\r\nx\r\n")), "incomplete response from HOST"),
        (Reply::BytesThenClose(b"nonsense\r\n\r\n".to_vec()), "invalid HTTP response from HOST"),
        (Reply::BytesThenStall(vec![]), "timed out waiting for the response from HOST"),
        (Reply::Bytes(ok("Content-Length: 2000\r\n", &"x".repeat(2000))), "response body exceeds 1000 bytes"),
        (Reply::Bytes(invalid_gzip), "response body could not be decompressed"),
    ] {
        let server = RawServer::with_replies(vec![reply]);
        let builder = server.client_builder().max_response_size(1000).timeout(Duration::from_millis(500));
        let keys = builder.retry_policy(RetryPolicy::none()).build().unwrap().signing_keys(ACCOUNT_ID).unwrap();
        let error = keys.list().unwrap_err();
        let message = message.replace("HOST", &server.address().to_string());
        assert_eq!(error.to_string(), format!("failed to list the signing keys: {message}"));
        assert!(error.source().unwrap().is::<ureq::Error>(), "{error}");
        assert_eq!(format!("{error:?}"), error.to_string());
    }
}

#[test]
fn row_03_lost_connection_is_retried_except_for_create() {
    assert_only_create_is_not_retried(Reply::BytesThenReset(vec![]), ErrorKind::Transport);
    assert_only_create_is_not_retried(Reply::BytesThenClose(vec![]), ErrorKind::Transport);
}

#[test]
fn row_04_truncated_response_is_retried_except_for_create() {
    let complete = response(200, &created_body("cGVt", "andr"));
    let head = complete.len() - created_body("cGVt", "andr").len();
    for length in [5, 20, head, head + 10] {
        assert_only_create_is_not_retried(Reply::BytesThenClose(complete[..length].to_vec()), ErrorKind::Transport);
    }
    let chunk = chunked("10\r\n{\"success\":true,\r\n");
    assert_only_create_is_not_retried(Reply::BytesThenClose(chunk), ErrorKind::Transport);
}

#[test]
fn row_04_truncated_create_response_keeps_complete_key_material() {
    let body = created_body("cGVt", "andr");
    let complete = response(200, &body);
    let server = RawServer::with_replies(vec![Reply::BytesThenClose(complete[..complete.len() - 1].to_vec())]);
    let error = server.signing_keys().create().unwrap_err();
    assert_eq!((error.kind(), status_of(&error), error.outcome_unknown()), (ErrorKind::Transport, Some(200), true));
    let key = error.into_recovered_key().unwrap();
    assert_eq!(key.id.as_deref(), Some(KEY_ID));
    assert_eq!(key.pem.unwrap().expose_secret(), "cGVt");

    // An incomplete secret is not returned.
    let inside_jwk = complete.len() - body.len() + body.find("andr").unwrap() + 2;
    let server = RawServer::with_replies(vec![Reply::BytesThenClose(complete[..inside_jwk].to_vec())]);
    assert!(server.signing_keys().create().unwrap_err().recovered_key().is_none());
}

/// Returns the response body of a create, compressed, and its JWK, which comes before its PEM.
fn compressed_create() -> (Vec<u8>, String) {
    let mut rng = fastrand::Rng::with_seed(20);
    let mut random = |length| (0..length).map(|_| rng.alphanumeric()).collect::<String>();
    let (pem, jwk) = (random(2200), random(2100));
    (gzip(created_body(&pem, &jwk).as_bytes()), jwk)
}

#[test]
fn row_04_create_that_is_cut_inside_gzip_keeps_what_had_arrived() {
    let (compressed, jwk) = compressed_create();
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let framings = [("content-length: 9999\r\n", false), ("transfer-encoding: chunked\r\n", true), ("", false)];
    // ureq decompresses only if the encoding is exactly `gzip`.
    let cases = ["gzip", "x-gzip"].into_iter().flat_map(|encoding| framings.map(|framing| (encoding, framing)));
    in_parallel(cases, |(encoding, (framing, is_chunked))| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\n{framing}\r\n").into_bytes();
        let mut recovered = 0;
        for length in (compressed.len() * 2 / 5..compressed.len()).step_by(97) {
            let mut arrived = String::new();
            let _ = GzDecoder::new(&compressed[..length]).read_to_string(&mut arrived);
            let pieces = compressed[..length].chunks(500).map(|p| if is_chunked { chunk(p) } else { p.to_vec() });
            let bytes = [head.clone(), pieces.collect::<Vec<_>>().concat()].concat();
            let mut ends = vec![(Reply::BytesThenClose(bytes.clone()), Duration::from_secs(30))];
            // Of a body in chunks, ureq does not tell whether it decompresses it.
            if !(is_chunked && encoding == "gzip") {
                ends.push((Reply::BytesThenReset(bytes.clone()), Duration::from_secs(30)));
                // Only once, just after the JWK: a timeout takes time.
                let stalls = recovered == 0 && arrived.contains(&jwk);
                ends.extend(stalls.then_some((Reply::BytesThenStall(bytes), Duration::from_secs(2))));
            }
            for (end, timeout) in ends {
                let server = RawServer::with_replies(vec![end]);
                let error = server.signing_keys().with_timeout(timeout).create().unwrap_err();
                assert!(error.outcome_unknown(), "{error}");
                let key = error.into_recovered_key();
                let found = key.and_then(|key| key.jwk).is_some_and(|found| found.expose_secret() == jwk);
                assert_eq!(found, arrived.contains(&jwk), "{encoding} {framing} {length}");
                recovered += usize::from(found);
            }
        }
        assert!(recovered > 10, "{encoding} {framing}");
    });
}

#[test]
fn row_04_list_that_is_cut_inside_gzip_is_retried() {
    let compressed = gzip(success_body(serde_json::json!([{ "id": "a" }])).as_bytes());
    for encoding in ["gzip", "x-gzip"] {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n", compressed.len());
        let cut = [head.as_bytes(), &compressed[..compressed.len() / 2]].concat();
        let server = failing_once(Reply::BytesThenClose(cut.clone()));
        server.signing_keys().list().unwrap();
        assert_eq!(server.requests().len(), 2, "{encoding}");
        let server = RawServer::with_replies(vec![Reply::BytesThenClose(cut)]);
        let error = server.signing_keys().list().unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Transport, true), "{error}");
        assert!(error.to_string().contains("incomplete response from "), "{error}");
    }
}

#[test]
fn row_05_every_call_is_retried_after_retry_after() {
    in_parallel([CREATE, LIST, DELETE], |call| {
        let server = failing_once(Reply::Bytes(response_with(429, "retry-after: 1\r\n", b"")));
        let start = Instant::now();
        call(&server.signing_keys()).unwrap();
        assert!(start.elapsed() >= Duration::from_secs(1));
        assert_eq!(server.requests().len(), 2);
    });
}

#[test]
fn row_05_retry_after_beyond_the_limit_or_deadline_is_an_error_at_once() {
    for (header, seconds) in [("retry-after: 31\r\n", 31), ("retry-after: 300\r\n", 300), ("retry-after: 20\r\n", 20)] {
        for call in [CREATE, LIST, DELETE] {
            let server = RawServer::with_replies(vec![Reply::Bytes(response_with(429, header, b""))]);
            let start = Instant::now();
            let error = call(&server.signing_keys()).unwrap_err();
            assert!(start.elapsed() < Duration::from_secs(5));
            assert!(error.is_rate_limited() && !error.outcome_unknown());
            assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
            assert!(error.to_string().contains(&format!("retry after {seconds} s")), "{error}");
            assert_eq!(server.requests().len(), 1);
        }
    }
}

#[test]
fn row_05_missing_or_invalid_retry_after_uses_the_backoff() {
    for header in ["", "retry-after: soon\r\n", "retry-after: -1\r\n", "retry-after: 99999999999999999999\r\n"] {
        let server = failing_once(Reply::Bytes(response_with(429, header, b"")));
        server.signing_keys().create().unwrap();
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn row_06_5xx_is_retried_except_for_create() {
    let envelope = r#"{"success":false,"errors":[{"code":10001,"message":"internal"}],"messages":[],"result":null}"#;
    for (status, body) in [(500, envelope), (502, "<html>Bad gateway</html>"), (503, ""), (520, "error code: 520")] {
        assert_only_create_is_not_retried(Reply::Bytes(response(status, body)), ErrorKind::Api);
    }
    let error = RawServer::responding(500, envelope).signing_keys().create().unwrap_err();
    assert_eq!(status_of(&error), Some(500));
    assert!(error.has_code(10001));
    assert!(RawServer::responding(502, "<html>").signing_keys().create().unwrap_err().errors().is_empty());
}

#[test]
fn retry_policy_sets_the_number_of_attempts() {
    for call in [LIST, DELETE] {
        let server = RawServer::responding(503, "");
        call(&server.signing_keys().with_retry_policy(RetryPolicy::none())).unwrap_err();
        assert_eq!(server.requests().len(), 1);
        let client = server
            .client_builder()
            .retry_policy(RetryPolicy::none().with_max_retries(4).with_initial_backoff(Duration::ZERO))
            .build();
        call(&client.unwrap().signing_keys(ACCOUNT_ID).unwrap()).unwrap_err();
        assert_eq!(server.requests().len(), 6);
    }
}

#[test]
fn row_16_slow_response_times_out_at_the_deadline() {
    let pause = Duration::from_millis(20);
    let slow_head = Reply::Drip { start: b"HTTP/1.1 200 OK\r\n".to_vec(), rest: b"x-a: b\r\n".repeat(1000), pause };
    let slow_body = Reply::Drip {
        start: b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{".to_vec(),
        rest: vec![b' '; 9998],
        pause,
    };
    for reply in [slow_head, slow_body] {
        in_parallel([CREATE, LIST, DELETE], |call| {
            let server = RawServer::with_replies(vec![reply.clone()]);
            let start = Instant::now();
            let error = call(&server.signing_keys().with_timeout(Duration::from_millis(400))).unwrap_err();
            assert!(error.is_timeout(), "{error}");
            assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        });
    }
}

#[test]
fn row_22_idle_connection_closed_by_the_server_is_not_reused() {
    for call in [CREATE, LIST, DELETE] {
        let server = RawServer::start(|_, request| match success(request) {
            Reply::Bytes(bytes) => Reply::BytesThenClose(bytes),
            other => other,
        });
        let keys = server.signing_keys().with_retry_policy(RetryPolicy::none());
        for n in 1..=3 {
            call(&keys).unwrap();
            assert_eq!((server.requests().len(), server.connections()), (n, n));
            server.wait_for_closed(n);
        }
    }
}

#[test]
fn row_22_create_always_opens_a_new_connection() {
    let server = RawServer::start(|_, request| success(request));
    let keys = server.signing_keys();
    keys.list().unwrap();
    keys.create().unwrap();
    assert_eq!(server.connections(), 2);
    keys.list().unwrap();
    keys.delete(KEY_ID).unwrap();
    assert_eq!(server.connections(), 2, "idempotent calls reuse the first connection");
    keys.create().unwrap();
    assert_eq!(server.connections(), 3);
}

#[test]
fn row_05_retry_after_can_be_a_date() {
    let header = |seconds| {
        let date = Timestamp::now() + Duration::from_secs(seconds);
        format!("retry-after: {}\r\n", date.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    };
    for call in [CREATE, LIST, DELETE] {
        let server = RawServer::with_replies(vec![Reply::Bytes(response_with(429, &header(3000), b""))]);
        let wait = call(&server.signing_keys()).unwrap_err().retry_after().unwrap();
        assert!(wait > Duration::from_secs(2900) && wait <= Duration::from_secs(3000), "{wait:?}");
        assert_eq!(server.requests().len(), 1, "beyond the limit");

        let past = "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        let server = failing_once(Reply::Bytes(response_with(429, past, b"")));
        call(&server.signing_keys()).unwrap();
        assert_eq!(server.requests().len(), 2, "at once");
    }
}

#[test]
fn row_06_408_is_retried_except_for_create() {
    assert_only_create_is_not_retried(Reply::Bytes(response(408, "")), ErrorKind::Api);
    let server = failing_once(Reply::Bytes(response_with(408, "retry-after: 3000\r\n", b"")));
    assert_eq!(LIST(&server.signing_keys()).unwrap_err().retry_after(), Some(Duration::from_secs(3000)));
    assert_eq!(server.requests().len(), 1);
}

/// If this fails, ureq has learned better: move the case to a test that expects success, and out of tests/README.md.
#[test]
fn ureq_rejects_some_valid_responses() {
    let body = created_body("cGVt", "andr");
    let size = format!("{:x}", body.len());
    let extension = "x".repeat(30);
    let after_continue =
        |headers: &str| [format!("HTTP/1.1 100 Continue\r\n{headers}\r\n").into_bytes(), response(200, &body)].concat();
    for (valid, message) in [
        (after_continue("x-a: b\r\n"), "invalid HTTP response from "),
        (chunked(&format!("{size};{extension}\r\n{body}\r\n0\r\n\r\n")), "incomplete response from "),
        (chunked(&format!("{size:0>30}\r\n{body}\r\n0\r\n\r\n")), "incomplete response from "),
    ] {
        let server = RawServer::with_replies(vec![Reply::BytesThenClose(valid)]);
        let error = server.signing_keys().create().unwrap_err();
        assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Transport, true), "{error}");
        assert!(error.to_string().contains(message) && error.recovered_key().is_none(), "{error}");
    }
    // Within the limits, and without headers.
    for valid in [
        after_continue(""),
        chunked(&format!("{size};x\r\n{body}\r\n0\r\n\r\n")),
        chunked(&format!("{size:0>10}\r\n{body}\r\n0\r\n\r\n")),
    ] {
        let server = RawServer::with_replies(vec![Reply::BytesThenClose(valid)]);
        server.signing_keys().create().unwrap();
    }
}

#[test]
fn error_before_the_first_attempt_has_none() {
    let server = RawServer::with_replies(vec![]);
    let error = server.signing_keys().delete("a/b").unwrap_err();
    assert_eq!((error.attempts(), error.elapsed(), error.is_retryable()), (0, Duration::ZERO, false));
}

#[test]
fn row_01_failed_connection_after_a_lost_attempt_is_no_connect_error() {
    for (call, outcome_unknown) in [(LIST, false), (DELETE, true)] {
        let server = RawServer::with_replies(vec![Reply::BytesThenReset(vec![])]);
        let agent = agent_resolving_to(&[server.address(), closed_port()]);
        let client = server.client_builder().agent(agent).build().unwrap();
        let error = call(&client.signing_keys(ACCOUNT_ID).unwrap()).unwrap_err();
        // `Connect` would say that nothing was sent.
        assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Transport, outcome_unknown), "{error}");
        let text = error.to_string();
        assert!(text.contains("could not connect to ") && text.contains("refused"), "{text}");
        assert!(text.contains("(an earlier attempt failed: connection to ") && server.requests().len() == 1, "{text}");
    }
}

#[test]
fn row_17_attempt_that_failed_to_connect_deleted_nothing() {
    let body = r#"{"success":false,"errors":[{"code":10003,"message":"Not found"}]}"#;
    let server = RawServer::with_replies(vec![Reply::Bytes(response(404, body))]);
    let agent = agent_resolving_to(&[closed_port(), server.address()]);
    let client = server.client_builder().agent(agent).build().unwrap();
    let error = client.signing_keys(ACCOUNT_ID).unwrap().delete(KEY_ID).unwrap_err();
    assert!(error.is_not_found() && !error.outcome_unknown() && error.attempts() == 2, "{error:#?}");
}
