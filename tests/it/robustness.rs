//! Answers of any form at all: never a panic, never a hang, always a value or an error of this crate; and never a key
//! lost that had arrived.
//!
//! `PROPTEST_CASES=100000 cargo test --release --test robustness` makes a long session of it.

use std::io::Write as _;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use crate::support::{KEY_ID, RawServer, Reply, created, success};
use cloudflare_stream_keys::{Error, RetryPolicy, SigningKeys};
use flate2::{Compression, write::GzEncoder};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

const PEM: &str = "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ==";
const JWK: &str = "eyJ1c2UiOiJzaWciLCJrdHkiOiJSU0EifQ==";

/// One server and client for all cases, and what the server answers next.
struct Stage {
    next: Arc<Mutex<Reply>>,
    keys: SigningKeys,
}

static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| {
    let next = Arc::new(Mutex::new(Reply::BytesThenClose(vec![])));
    let shared = next.clone();
    let wire = RawServer::forgetful(move |_, _| shared.lock().unwrap().clone());
    let keys = wire.keys().with_retry_policy(RetryPolicy::none()).with_timeout(Duration::from_secs(5));
    Mutex::new(Stage { next, keys })
});

/// Puts the answer to a create, a list and a delete, and gives what came of the create.
fn answer_all(bytes: &[u8]) -> Result<cloudflare_stream_keys::SigningKey, Error> {
    let stage = STAGE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    *stage.next.lock().unwrap() = Reply::BytesThenClose(bytes.to_vec());
    let start = Instant::now();
    let created = stage.keys.create();
    let _ = (stage.keys.list(), stage.keys.delete(KEY_ID));
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "the connection is closed after each answer: nothing to wait for"
    );
    created
}

/// A change to a body: overwrites, inserts, or cuts out a piece, at a place from 0 to 1.
#[derive(Clone, Debug)]
enum Change {
    Overwrite(f64, u8),
    Insert(f64, Vec<u8>),
    Remove(f64, usize),
    Truncate(f64),
}

impl Change {
    fn apply(&self, body: &mut Vec<u8>) {
        let place = |at: f64, length: usize| (at * length as f64) as usize;
        match self {
            _ if body.is_empty() => {}
            Self::Overwrite(at, byte) => {
                let at = place(*at, body.len());
                body[at] = *byte;
            }
            Self::Insert(at, bytes) => {
                let at = place(*at, body.len());
                body.splice(at..at, bytes.iter().copied());
            }
            Self::Remove(at, length) => {
                let at = place(*at, body.len());
                body.drain(at..body.len().min(at + length));
            }
            Self::Truncate(at) => body.truncate(place(*at, body.len())),
        }
    }
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), proptest::sample::select(br#"{}[]":,\0-e"#.to_vec())]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0.0..1.0, byte()).prop_map(|(at, byte)| Change::Overwrite(at, byte)),
        (0.0..1.0, vec(byte(), 1..5)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (0.0..1.0, 1usize..40).prop_map(|(at, length)| Change::Remove(at, length)),
        (0.0..1.0).prop_map(Change::Truncate),
    ]
}

/// A right answer to one of the operations, with up to six changes.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let failure =
        r#"{"success":false,"errors":[{"code":10003,"message":"m","error_chain":[{"code":1,"message":"n"}]}]}"#;
    let list = success(json!([{ "id": KEY_ID, "key_id": KEY_ID, "created": "2021-06-15T21:06:54.763937286Z" }]));
    let bodies = vec![created(PEM, JWK), created(PEM, JWK), list, success(json!("Revoked")), failure.to_string()];
    (proptest::sample::select(bodies), vec(change(), 0..6)).prop_map(|(body, changes)| {
        let mut body = body.into_bytes();
        changes.iter().for_each(|change| change.apply(&mut body));
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

/// A whole answer with this status and body.
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
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).unwrap();
            let packed = encoder.finish().unwrap();
            bytes.extend(format!("content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len()).as_bytes());
            bytes.extend(packed);
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
    fn any_bytes_are_an_answer_or_an_error(bytes in vec(byte(), 0..3000)) {
        let _ = answer_all(&bytes);
    }

    #[test]
    fn any_head_and_body_are_an_answer_or_an_error(
        status in 100u16..1000,
        headers in vec(("[!-~]{0,12}", vec(byte(), 0..40)), 0..6),
        body in mutated(),
    ) {
        let mut bytes = format!("HTTP/1.1 {status} Status\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes.extend(body);
        let _ = answer_all(&bytes);
    }

    #[test]
    fn a_framed_answer_with_a_changed_byte_is_an_answer_or_an_error(
        framing in framing(), body in mutated(), changes in vec(change(), 1..4),
    ) {
        let mut bytes = framed(200, framing, &body);
        changes.iter().for_each(|change| change.apply(&mut bytes));
        let _ = answer_all(&bytes);
    }

    #[test]
    fn whole_key_material_that_arrived_is_in_the_key_or_in_the_error(
        status in proptest::sample::select(vec![200, 200, 201, 202, 299]), framing in framing(), body in mutated(),
    ) {
        let outcome = answer_all(&framed(status, framing, &body));
        let shown = format!("{outcome:?}");
        let (pem, jwk) = match outcome {
            Ok(key) => (Some(key.pem), Some(key.jwk)),
            Err(error) => error.into_recovered_key().map_or((None, None), |key| (key.pem, key.jwk)),
        };
        for (name, secret, found) in [("pem", PEM, pem), ("jwk", JWK, jwk)] {
            if contains(&body, &format!(r#""{name}":"{secret}""#)) {
                prop_assert_eq!(found.as_ref().map(|found| found.expose_secret()), Some(secret), "{}", shown);
            }
        }
    }
}
