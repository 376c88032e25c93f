//! A differential test: what the client says about a call, against what the server knows.
//!
//! Thousands of calls meet random faults, before and after they take effect. The server records whether each call
//! created or deleted a key. What the client returns must be consistent with that.
//!
//! The server does not lie: a 4xx other than 408, and a 200 with `success: false`, mean that the request had no effect,
//! unless the response contains a key. No client could know better.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudflare_stream_keys::{Client, Error, ErrorKind, SigningKey, SigningKeyInfo};
use serde_json::{Value, json};

use crate::support::{RawServer, Reply, response, response_with, success_body};

const SEED: u64 = 0x5eed_c1a1_0001;
const CALLS: usize = 8_000;
/// Most of them wait for a timeout.
const THREADS: usize = 48;
/// The timeout of calls that meet a hanging server.
const SHORT_TIMEOUT: Duration = Duration::from_millis(300);
const KEY_TO_DELETE: &str = "key-to-delete";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Operation {
    Create,
    Delete,
    List,
}

/// What the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Success,
    /// An error envelope.
    Json(u16),
    Html(u16),
    RateLimited,
    /// An error envelope with a new key as its result.
    WithKey(u16),
    /// Error code 7003: the path is wrong.
    NoRoute,
    /// Error code 10003: the key does not exist.
    UnknownKey,
    SwitchingProtocols,
    Empty(u16),
    NullResult,
    /// A success envelope without `result`.
    MissingResult,
    WrongTypes,
    EmptyPem,
    Truncated,
    TruncatedChunk,
    ResetWithin,
    StallWithin,
    Close,
    Reset,
    Stall,
    Garbage,
}

/// One response, and whether the request takes effect before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    kind: Kind,
    has_effect: bool,
}

/// Returns every fault that an honest server can show to this operation.
fn faults(operation: Operation) -> Vec<Fault> {
    use Kind::{
        Close, Empty, EmptyPem, Garbage, Html, Json, MissingResult, NoRoute, NullResult, RateLimited, Reset,
        ResetWithin, Stall, StallWithin, Success, SwitchingProtocols, Truncated, TruncatedChunk, WithKey, WrongTypes,
    };
    let before = [RateLimited, NoRoute, Json(200), Json(400), Json(401), Json(403), Html(404)];
    let either = [
        Json(500),
        Html(502),
        Json(503),
        Json(408),
        Html(408),
        Html(200),
        Html(302),
        Html(600),
        Html(999),
        SwitchingProtocols,
        WrongTypes,
        Close,
        Reset,
        Stall,
        Garbage,
    ];
    let after = [Success, NullResult, MissingResult, Truncated, TruncatedChunk, ResetWithin, StallWithin];
    let (mut before, mut after) = ([&before[..], &either].concat(), [&after[..], &either].concat());
    match operation {
        Operation::Create => {
            before.extend([NullResult, MissingResult, Empty(200), Empty(204)]);
            after.extend([Empty(200), Empty(204), EmptyPem, WithKey(200), WithKey(408), WithKey(429), WithKey(500)]);
        }
        Operation::Delete => after.extend([Empty(200), Empty(204)]),
        Operation::List => {}
    }
    let all = before.into_iter().map(|kind| Fault { kind, has_effect: false });
    all.chain(after.into_iter().map(|kind| Fault { kind, has_effect: true })).collect()
}

struct Key {
    id: String,
    pem: String,
    jwk: String,
}

/// A call, and what the server knows about it. Each call has an account of its own.
struct Call {
    operation: Operation,
    /// One fault for each attempt.
    plan: Vec<Fault>,
    /// The IDs of the account's keys.
    keys: Vec<String>,
    had_key_to_delete: bool,
    created: Vec<Key>,
    /// The faults that were sent, one for each request.
    sent: Vec<Fault>,
}

impl Call {
    fn random(number: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(SEED + number as u64);
        let operation = match random.u32(0..10) {
            0..5 => Operation::Create,
            5..8 => Operation::Delete,
            _ => Operation::List,
        };
        let faults = faults(operation);
        let success = Fault { kind: Kind::Success, has_effect: true };
        let first = match random.u32(0..10) {
            0..2 => success,
            2 => Fault { kind: Kind::RateLimited, has_effect: false },
            _ => random.choice(&faults).copied().unwrap(),
        };
        let is_outage = random.u32(0..8) == 0;
        let mut later_fault = || match random.u32(0..8) {
            _ if is_outage => first,
            0..3 => success,
            // Not the 404 that follows a completed delete.
            3 => Fault { kind: Kind::Html(404), has_effect: false },
            _ => random.choice(&faults).copied().unwrap(),
        };
        let plan = vec![first, later_fault(), later_fault()];
        let mut keys: Vec<String> = (0..random.usize(0..4)).map(|n| format!("key-{number}-{n}")).collect();
        let had_key_to_delete = operation == Operation::Delete && random.u32(0..8) > 0;
        if had_key_to_delete {
            keys.push(KEY_TO_DELETE.to_string());
        }
        Self { operation, plan, keys, had_key_to_delete, created: Vec::new(), sent: Vec::new() }
    }

    fn hangs(&self) -> bool {
        self.plan.iter().any(|fault| matches!(fault.kind, Kind::Stall | Kind::StallWithin))
    }

    fn has_key_to_delete(&self) -> bool {
        self.keys.iter().any(|id| id == KEY_TO_DELETE)
    }

    /// Carries out one request, or not, and returns the response.
    fn respond(&mut self, number: usize) -> Reply {
        let mut fault = self.plan.get(self.sent.len()).copied().expect("the client makes at most three attempts");
        let says_deleted = matches!(
            fault.kind,
            Kind::Success
                | Kind::NullResult
                | Kind::MissingResult
                | Kind::Empty(_)
                | Kind::Truncated
                | Kind::TruncatedChunk
                | Kind::ResetWithin
                | Kind::StallWithin
        );
        if self.operation == Operation::Delete && says_deleted && !self.has_key_to_delete() {
            fault = Fault { kind: Kind::UnknownKey, has_effect: false };
        }
        self.sent.push(fault);
        let result = match self.operation {
            Operation::Create if fault.has_effect => self.create_key(number),
            Operation::Create => Value::Null,
            Operation::Delete => {
                self.keys.retain(|id| !fault.has_effect || id != KEY_TO_DELETE);
                json!("Revoked")
            }
            Operation::List => self.keys.iter().map(|id| json!({ "id": id })).collect(),
        };
        reply(fault.kind, self.operation, result)
    }

    fn create_key(&mut self, number: usize) -> Value {
        let id = format!("new-{number}-{}", self.created.len());
        let pem = STANDARD.encode(format!("-----BEGIN RSA PRIVATE KEY----- {id}"));
        let jwk = STANDARD.encode(json!({ "use": "sig", "kty": "RSA", "kid": id }).to_string());
        let result = json!({ "id": id, "created": "2021-06-15T21:06:54.763937286Z", "jwk": jwk, "pem": pem });
        self.created.push(Key { id, pem, jwk });
        result
    }
}

fn reply(kind: Kind, operation: Operation, mut result: Value) -> Reply {
    let failure = |code: u32, result: Value| {
        json!({ "success": false, "errors": [{ "code": code, "message": "no" }], "messages": [], "result": result })
            .to_string()
    };
    let first_part = |bytes: Vec<u8>| bytes[..bytes.len() - 12].to_vec();
    let success = |result: Value| response(200, &success_body(result));
    match kind {
        Kind::Success => Reply::Bytes(success(result)),
        Kind::Json(status) => Reply::Bytes(response(status, &failure(10000, Value::Null))),
        Kind::Html(status) => {
            Reply::Bytes(response_with(status, "content-type: text/html\r\nlocation: /\r\n", b"<html></html>"))
        }
        Kind::RateLimited => {
            Reply::Bytes(response_with(429, "retry-after: 0\r\n", failure(971, Value::Null).as_bytes()))
        }
        Kind::WithKey(status) => {
            Reply::Bytes(response_with(status, "retry-after: 0\r\n", failure(10000, result).as_bytes()))
        }
        Kind::NoRoute => Reply::Bytes(response(404, &failure(7003, Value::Null))),
        Kind::UnknownKey => Reply::Bytes(response(404, &failure(10003, Value::Null))),
        Kind::SwitchingProtocols => Reply::BytesThenClose(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n".into(),
        ),
        Kind::Empty(204) => Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        Kind::Empty(status) => Reply::Bytes(response(status, "")),
        // A list that is not empty would be a lie.
        Kind::NullResult if result.as_array().is_some_and(|keys| !keys.is_empty()) => Reply::Bytes(success(result)),
        Kind::NullResult => Reply::Bytes(success(Value::Null)),
        Kind::MissingResult => Reply::Bytes(response(200, r#"{"success":true,"errors":[],"messages":[]}"#)),
        Kind::WrongTypes => {
            let result = match operation {
                Operation::Create if result.is_object() => {
                    result["id"] = json!([1]);
                    result
                }
                _ => json!({ "id": 1 }),
            };
            Reply::Bytes(success(result))
        }
        Kind::EmptyPem => {
            result["pem"] = json!("");
            Reply::Bytes(success(result))
        }
        Kind::Truncated => Reply::BytesThenClose(first_part(success(result))),
        Kind::TruncatedChunk => {
            let body = success_body(result);
            let half = &body[..body.len() / 2];
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            Reply::BytesThenClose(format!("{head}{:x}\r\n{half}", body.len()).into_bytes())
        }
        Kind::ResetWithin => Reply::BytesThenReset(first_part(success(result))),
        Kind::StallWithin => Reply::BytesThenStall(first_part(success(result))),
        Kind::Close => Reply::BytesThenClose(vec![]),
        Kind::Reset => Reply::BytesThenReset(vec![]),
        Kind::Stall => Reply::BytesThenStall(vec![]),
        Kind::Garbage => Reply::BytesThenClose(b"garbage\r\n\r\n".to_vec()),
    }
}

/// Returns the number of a call, which is its account's ID.
fn call_number(request: &str) -> usize {
    let rest = request.split_once("/accounts/").unwrap().1;
    rest.split_once('/').unwrap().0.parse().unwrap()
}

/// What a call returned.
enum Outcome {
    Created(SigningKey),
    Deleted,
    Listed(Vec<SigningKeyInfo>),
    Failed(Error),
}

fn run(client: &Client, number: usize, operation: Operation, hangs: bool) -> Outcome {
    let mut keys = client.signing_keys(&number.to_string()).unwrap();
    if hangs {
        keys = keys.with_timeout(SHORT_TIMEOUT);
    }
    let result = match operation {
        Operation::Create => keys.create().map(Outcome::Created),
        Operation::Delete => keys.delete(KEY_TO_DELETE).map(|_| Outcome::Deleted),
        Operation::List => keys.list().map(Outcome::Listed),
    };
    result.unwrap_or_else(Outcome::Failed)
}

/// Waits until the server has received this many requests of the call. A request can arrive after its timeout.
fn wait_for_requests(call: &Mutex<Call>, requests: usize) {
    let deadline = Instant::now() + Duration::from_secs(1);
    while call.lock().unwrap().sent.len() < requests && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Compares an outcome with what the server knows. Returns the name of the case, or what is wrong.
fn check(call: &Call, outcome: &Outcome) -> Result<&'static str, &'static str> {
    let require = |holds: bool, claim: &'static str| if holds { Ok(()) } else { Err(claim) };
    require(call.created.len() <= 1, "a call creates at most one key")?;
    if let Outcome::Failed(error) = outcome {
        let (attempts, requests) = (error.attempts() as usize, call.sent.len());
        // A short timeout can end before the connection is made.
        require(attempts == requests || call.hangs() && attempts > requests, "attempts() is the number of requests")?;
        require(!error.elapsed().is_zero(), "elapsed() is positive")?;
        require(error.kind() != ErrorKind::InvalidInput, "the request is sent")?;
    }
    match (call.operation, outcome) {
        (Operation::Create, Outcome::Created(key)) => {
            let is_created = |created: &Key| {
                (&*created.id, &*created.pem, &*created.jwk)
                    == (&*key.id, key.pem.expose_secret(), key.jwk.expose_secret())
            };
            require(call.created.len() == 1 && is_created(&call.created[0]), "the key is the one that was created")?;
            Ok(if call.sent.len() > 1 { "created after a retry" } else { "created" })
        }
        (Operation::Create, Outcome::Failed(error)) => {
            require(!error.is_retryable() || call.created.is_empty(), "no key exists if the create is retryable")?;
            if let Some(recovered) = error.recovered_key() {
                let Some(created) = call.created.first() else { return Err("a recovered key was created") };
                let is_part = |part: Option<&str>, of: &str| part.is_none_or(|part| part == of);
                require(
                    is_part(recovered.id.as_deref(), &created.id)
                        && is_part(recovered.pem.as_ref().map(|pem| pem.expose_secret()), &created.pem)
                        && is_part(recovered.jwk.as_ref().map(|jwk| jwk.expose_secret()), &created.jwk),
                    "a recovered key is the one that was created",
                )?;
                return Ok("key recovered");
            }
            if error.outcome_unknown() {
                return Ok(if call.created.is_empty() { "unknown, not created" } else { "unknown, created" });
            }
            require(call.created.is_empty(), "no key exists if the outcome is known")?;
            Ok(if error.is_retryable() { "not created, retryable" } else { "not created" })
        }
        (Operation::Delete, Outcome::Deleted) => {
            require(!call.has_key_to_delete(), "a deleted key is gone")?;
            require(call.had_key_to_delete, "a deleted key existed")?;
            Ok("deleted")
        }
        (Operation::Delete, Outcome::Failed(error)) => {
            let deleted = call.had_key_to_delete && !call.has_key_to_delete();
            require(error.outcome_unknown() || !deleted, "the key is not deleted if the outcome is known")?;
            Ok(match (error.outcome_unknown(), deleted) {
                (true, true) if error.is_not_found() => "deleted by an earlier attempt",
                (true, true) => "unknown, deleted",
                (true, false) => "unknown, not deleted",
                (false, _) if error.is_not_found() && !call.had_key_to_delete => "key to delete not found",
                (false, _) => "not deleted",
            })
        }
        (Operation::List, Outcome::Listed(keys)) => {
            require(keys.iter().map(|key| &key.id).eq(&call.keys), "the list is complete")?;
            Ok(if keys.is_empty() { "empty list" } else { "list" })
        }
        (Operation::List, Outcome::Failed(error)) => {
            require(!error.outcome_unknown(), "a list has no effect")?;
            Ok("not listed")
        }
        _ => Err("the outcome is of the operation"),
    }
}

const CASES: [&str; 16] = [
    "created",
    "created after a retry",
    "deleted",
    "deleted by an earlier attempt",
    "empty list",
    "key recovered",
    "key to delete not found",
    "list",
    "not created",
    "not created, retryable",
    "not deleted",
    "not listed",
    "unknown, created",
    "unknown, deleted",
    "unknown, not created",
    "unknown, not deleted",
];

#[test]
fn outcomes_agree_with_what_the_server_knows() {
    let calls: Arc<Vec<Mutex<Call>>> = Arc::new((0..CALLS).map(|n| Mutex::new(Call::random(n))).collect());
    let shared = calls.clone();
    let server = RawServer::start_unrecorded(move |_, request| {
        let number = call_number(request);
        shared[number].lock().unwrap().respond(number)
    });
    let client = server.client_builder().build().unwrap();
    let (next, start) = (AtomicUsize::new(0), Instant::now());
    let (cases, failures) = (Mutex::new(BTreeMap::<&str, usize>::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(call) = calls.get(number) else { return };
                    let (operation, hangs) = {
                        let call = call.lock().unwrap();
                        (call.operation, call.hangs())
                    };
                    let outcome = run(&client, number, operation, hangs);
                    if let Outcome::Failed(error) = &outcome {
                        wait_for_requests(call, error.attempts() as usize);
                    }
                    let call = call.lock().unwrap();
                    match check(&call, &outcome) {
                        Ok(case) => *cases.lock().unwrap().entry(case).or_default() += 1,
                        Err(claim) => {
                            let error =
                                if let Outcome::Failed(error) = &outcome { error.to_string() } else { "Ok".into() };
                            let (operation, sent) = (call.operation, &call.sent);
                            let failure = format!("call {number}: {claim}, but: {operation:?} {sent:?} -> {error}");
                            failures.lock().unwrap().push(failure);
                        }
                    }
                }
            });
        }
    });

    let (cases, failures) = (cases.into_inner().unwrap(), failures.into_inner().unwrap());
    println!("seed {SEED:#x}, {CALLS} calls in {:.1?}: {cases:#?}", start.elapsed());
    let shown = failures[..failures.len().min(20)].join("\n");
    assert!(failures.is_empty(), "seed {SEED:#x}, {} calls are wrong:\n{shown}", failures.len());

    // The test is worth nothing if it misses a case.
    for case in CASES {
        assert!(cases.contains_key(case), "no call ended with: {case}");
    }
    for operation in [Operation::Create, Operation::Delete, Operation::List] {
        let calls = calls.iter().map(|call| call.lock().unwrap()).filter(|call| call.operation == operation);
        let sent: BTreeSet<Fault> = calls.flat_map(|call| call.sent.clone()).collect();
        let missing: Vec<_> = faults(operation).into_iter().filter(|fault| !sent.contains(fault)).collect();
        assert!(missing.is_empty(), "{operation:?} never met {missing:?}");
    }
}
