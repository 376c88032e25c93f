//! Property tests with random and mutated responses. Every call returns a value or an error, without a panic or a hang,
//! and key material that arrived complete is never lost.
//!
//! For a long run: `PROPTEST_CASES=100000 cargo test --release --test it robustness`

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{KEY_ID, RawServer, Reply, created_body, gzip, success_body};
use cloudflare_stream_keys::{Error, RetryPolicy, SigningKeys};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

const PEM: &str = "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ==";
const JWK: &str = "eyJ1c2UiOiJzaWciLCJrdHkiOiJSU0EifQ==";

/// The server and client that all cases of a test share.
struct Fixture {
    reply: Arc<Mutex<Reply>>,
    keys: SigningKeys,
}

thread_local! {
    static FIXTURE: Fixture = {
        let reply = Arc::new(Mutex::new(Reply::BytesThenClose(vec![])));
        let shared = reply.clone();
        let server = RawServer::start_unrecorded(move |_, _| shared.lock().unwrap().clone());
        let keys = server.signing_keys().with_retry_policy(RetryPolicy::none()).with_timeout(Duration::from_secs(5));
        Fixture { reply, keys }
    };
}

/// Sends this response to a create, a list and a delete, and returns the result of the create.
fn respond_to_all(bytes: &[u8]) -> Result<cloudflare_stream_keys::SigningKey, Error> {
    FIXTURE.with(|fixture| {
        *fixture.reply.lock().unwrap() = Reply::BytesThenClose(bytes.to_vec());
        let start = Instant::now();
        let created = fixture.keys.create();
        let _ = (fixture.keys.list(), fixture.keys.delete(KEY_ID));
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "a call waited although the server had closed the connection"
        );
        created
    })
}

/// A mutation of a byte string. Its position is a fraction of the length, from 0 to 1.
#[derive(Clone, Debug)]
enum Mutation {
    Overwrite(f64, u8),
    Insert(f64, Vec<u8>),
    Remove(f64, usize),
    Truncate(f64),
}

impl Mutation {
    fn apply(&self, body: &mut Vec<u8>) {
        let index = |at: f64, length: usize| (at * length as f64) as usize;
        match self {
            _ if body.is_empty() => {}
            Self::Overwrite(at, byte) => {
                let at = index(*at, body.len());
                body[at] = *byte;
            }
            Self::Insert(at, bytes) => {
                let at = index(*at, body.len());
                body.splice(at..at, bytes.iter().copied());
            }
            Self::Remove(at, length) => {
                let at = index(*at, body.len());
                body.drain(at..body.len().min(at + length));
            }
            Self::Truncate(at) => body.truncate(index(*at, body.len())),
        }
    }
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), proptest::sample::select(br#"{}[]":,\0-e"#.to_vec())]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (0.0..1.0, byte()).prop_map(|(at, byte)| Mutation::Overwrite(at, byte)),
        (0.0..1.0, vec(byte(), 1..5)).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (0.0..1.0, 1usize..40).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (0.0..1.0).prop_map(Mutation::Truncate),
    ]
}

/// Generates a valid response body of one of the operations, with up to five mutations.
fn mutated_body() -> impl Strategy<Value = Vec<u8>> {
    let failure =
        r#"{"success":false,"errors":[{"code":10003,"message":"m","error_chain":[{"code":1,"message":"n"}]}]}"#;
    let list = success_body(json!([{ "id": KEY_ID, "key_id": KEY_ID, "created": "2021-06-15T21:06:54.763937286Z" }]));
    let bodies =
        vec![created_body(PEM, JWK), created_body(PEM, JWK), list, success_body(json!("Revoked")), failure.to_string()];
    (proptest::sample::select(bodies), vec(mutation(), 0..6)).prop_map(|(body, mutations)| {
        let mut body = body.into_bytes();
        mutations.iter().for_each(|mutation| mutation.apply(&mut body));
        body
    })
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    Chunked,
    Close,
    Gzip,
}

fn framing() -> impl Strategy<Value = Framing> {
    proptest::sample::select(vec![Framing::Length, Framing::Chunked, Framing::Close, Framing::Gzip])
}

/// Returns a complete response with its body in this framing.
fn framed(status: u16, framing: Framing, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} Status\r\n").into_bytes();
    match framing {
        Framing::Length => {
            bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
            bytes.extend(body);
        }
        Framing::Chunked => {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
            for chunk in body.chunks(100) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        }
        Framing::Close => {
            bytes.extend(b"\r\n");
            bytes.extend(body);
        }
        Framing::Gzip => {
            let compressed = gzip(body);
            bytes.extend(format!("content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", compressed.len()).as_bytes());
            bytes.extend(compressed);
        }
    }
    bytes
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_do_not_panic_or_hang(bytes in vec(byte(), 0..3000)) {
        let _ = respond_to_all(&bytes);
    }

    #[test]
    fn random_headers_and_mutated_body_do_not_panic_or_hang(
        status in 100u16..1000,
        headers in vec(("[!-~]{0,12}", vec(byte(), 0..40)), 0..6),
        body in mutated_body(),
    ) {
        let mut bytes = format!("HTTP/1.1 {status} Status\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes.extend(body);
        let _ = respond_to_all(&bytes);
    }

    #[test]
    fn mutated_framing_does_not_panic_or_hang(
        framing in framing(), body in mutated_body(), mutations in vec(mutation(), 1..4),
    ) {
        let mut bytes = framed(200, framing, &body);
        mutations.iter().for_each(|mutation| mutation.apply(&mut bytes));
        let _ = respond_to_all(&bytes);
    }

    #[test]
    fn complete_key_material_is_in_the_key_or_the_error(
        status in proptest::sample::select(vec![200, 200, 201, 202, 299]), framing in framing(), body in mutated_body(),
    ) {
        let result = respond_to_all(&framed(status, framing, &body));
        let debug = format!("{result:?}");
        let (pem, jwk) = match result {
            Ok(key) => (Some(key.pem), Some(key.jwk)),
            Err(error) => error.into_recovered_key().map_or((None, None), |key| (key.pem, key.jwk)),
        };
        for (name, secret, found) in [("pem", PEM, pem), ("jwk", JWK, jwk)] {
            if contains(&body, &format!(r#""{name}":"{secret}""#)) {
                prop_assert_eq!(found.as_ref().map(|found| found.expose_secret()), Some(secret), "{}", debug);
            }
        }
    }
}
