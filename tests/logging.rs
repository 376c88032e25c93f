//! Log output at trace level, from every crate: row 24 of the table in tests/README.md.
//!
//! A binary of its own because the logger and the log level belong to the whole process.

mod support;

use std::collections::HashSet;
use std::io::Write;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, Once, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cloudflare_stream_keys::{Client, Credentials, ErrorKind, RetryPolicy, SigningKeys};
use log::LevelFilter;
use serde_json::json;
use support::proxy::Proxy;
use support::secrets::{JWK, PEM, assert_no_secrets, clients, replies_with_secrets};
use support::{ACCOUNT_ID, KEY_ID, RawServer, Reply, TOKEN, created_body, read_request, response, success_body};
use ureq::Agent;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// A logger that records every line of every crate.
struct Recorder(Mutex<Vec<String>>);

impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(format!("{} {} {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

static RECORDER: Recorder = Recorder(Mutex::new(Vec::new()));

/// Starts a new record at trace level. One test at a time can have it.
fn record() -> MutexGuard<'static, ()> {
    static SERIAL: Mutex<()> = Mutex::new(());
    static SET_LOGGER: Once = Once::new();
    let guard = SERIAL.lock().unwrap_or_else(PoisonError::into_inner);
    SET_LOGGER.call_once(|| log::set_logger(&RECORDER).unwrap());
    lines().clear();
    log::set_max_level(LevelFilter::Trace);
    guard
}

fn lines() -> MutexGuard<'static, Vec<String>> {
    RECORDER.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn assert_no_secrets_in_lines() {
    // Each different line once: most are repeated.
    let lines: HashSet<String> = lines().drain(..).collect();
    lines.iter().for_each(|line| assert_no_secrets("a log line", line));
}

#[test]
fn row_24_logs_contain_no_secrets_and_one_line_per_attempt() {
    let _record = record();
    for reply in replies_with_secrets().into_iter().chain([Reply::Bytes(response(200, &created_body(PEM, JWK)))]) {
        let server = RawServer::with_replies(vec![reply]);
        for client in clients(&server) {
            let keys = client.signing_keys(ACCOUNT_ID).unwrap();
            let _ = (keys.create(), keys.list(), keys.delete(KEY_ID));
        }
    }
    let account = "b54f07a6c269ecca2fa60f1ae4920c99";
    let server = RawServer::start(|n, _| match n {
        0 => Reply::BytesThenClose(vec![]),
        _ => Reply::Bytes(response(200, &success_body(json!([])))),
    });
    server.client_builder().build().unwrap().signing_keys(account).unwrap().list().unwrap();

    log::trace!("still on");
    let lines = lines();
    assert!(lines.iter().any(|line| line.starts_with("DEBUG ureq")), "ureq's debug lines are recorded");
    assert!(lines.iter().any(|line| line.ends_with("still on")), "the trace level is restored after the calls");
    lines.iter().for_each(|line| assert_no_secrets("a log line", line));
    let ours: Vec<_> = lines.iter().filter(|l| l.contains(" cloudflare_stream_keys") && l.contains(account)).collect();
    let host = server.address();
    let request = format!("list_signing_keys: GET {host}/client/v4/accounts/{account}/stream/keys");
    let [failed, succeeded] = ours[..] else { panic!("expected one line per attempt, got {ours:?}") };
    assert!(
        failed.contains(&format!("{request}: connection to {host} closed before a response was received, attempt 1, ")),
        "{failed}"
    );
    assert!(succeeded.contains(&format!("{request}: 200, attempt 2, ")), "{succeeded}");
    assert!(succeeded.ends_with("cf-ray 8f1d2c3b4a596877-LHR"), "{succeeded}");
}

#[test]
fn host_name_is_looked_up_once_for_a_reused_connection() {
    let _record = record();
    let server = RawServer::responding(200, &success_body(json!([])));
    let url = format!("http://localhost:{}", server.address().port());
    let client = server.client_builder().base_url(url).build().unwrap();
    for _ in 0..20 {
        client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
    }
    let lookups = lines().iter().filter(|line| line.starts_with("DEBUG ureq") && line.contains("Resolved: ")).count();
    assert_eq!((lookups, server.requests().len(), server.connections()), (1, 20, 1));
}

#[test]
fn row_24_logs_do_not_contain_the_password_of_a_proxy() {
    let _record = record();
    let target = RawServer::responding(200, &created_body(PEM, JWK));
    for scheme in ["http", "socks5"] {
        let proxy = Proxy::start(target.address());
        let url = format!("{scheme}://ops:hunter2@{}", proxy.address());
        let client = target.client_builder().proxy(url).build().unwrap();
        client.signing_keys(ACCOUNT_ID).unwrap().create().unwrap();
        assert_eq!(proxy.state().requests.len(), 1);
    }
    // The base64 of `ops:hunter2`.
    assert!(!lines().iter().any(|line| line.contains("hunter2") || line.contains("b3BzOmh1bnRlcjI")));
    assert_no_secrets_in_lines();
}

/// A create that waits for its response.
struct BlockedCreate {
    respond: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl BlockedCreate {
    fn start() -> Self {
        let (arrived, arrival) = mpsc::channel();
        let (respond, response_allowed) = mpsc::channel();
        let response_allowed = Mutex::new(response_allowed);
        let server = RawServer::start(move |_, _| {
            arrived.send(()).unwrap();
            response_allowed.lock().unwrap().recv().unwrap();
            Reply::Bytes(response(200, &created_body(PEM, JWK)))
        });
        let keys = server.signing_keys().with_timeout(Duration::from_secs(60));
        let thread = thread::spawn(move || drop(keys.create().unwrap()));
        arrival.recv().unwrap();
        Self { respond, thread }
    }

    fn finish(self) {
        assert!(!self.thread.is_finished());
        self.respond.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// Waits until the level has not changed for a while, because every call waits for the network.
fn wait_for_level(level: LevelFilter) {
    let start = Instant::now();
    let mut since = start;
    while since.elapsed() < Duration::from_millis(100) {
        if log::max_level() != level {
            since = Instant::now();
        }
        assert!(start.elapsed() < Duration::from_secs(30), "the level stays at {}", log::max_level());
        thread::yield_now();
    }
}

#[test]
fn level_that_is_set_while_a_call_waits_is_kept() {
    let levels = [LevelFilter::Off, LevelFilter::Info, LevelFilter::Debug, LevelFilter::Trace];
    let _record = record();
    for before in levels {
        for after in levels {
            log::set_max_level(before);
            let calls = [BlockedCreate::start(), BlockedCreate::start()];
            wait_for_level(before);
            log::set_max_level(after);
            calls.into_iter().for_each(BlockedCreate::finish);
            assert_eq!(log::max_level(), after, "{before} before");
        }
    }
    assert_no_secrets_in_lines();
}

#[test]
fn other_threads_can_log_while_a_call_waits() {
    let _record = record();
    let call = BlockedCreate::start();
    wait_for_level(LevelFilter::Trace);
    log::trace!("during the response");
    call.finish();

    // Accepts a connection, and leaves the handshake waiting.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let keys = signing_keys(&format!("https://{}", listener.local_addr().unwrap()));
    let call = thread::spawn(move || keys.create().unwrap_err());
    let (stream, _) = listener.accept().unwrap();
    wait_for_level(LevelFilter::Trace);
    log::trace!("during the handshake");
    assert!(!call.is_finished());
    drop(stream);
    assert_eq!(call.join().unwrap().kind(), ErrorKind::Connect);

    for expected in ["during the response", "during the handshake"] {
        assert!(lines().iter().any(|line| line.ends_with(expected)), "{expected}");
    }
    assert_no_secrets_in_lines();
}

fn signing_keys(base_url: &str) -> SigningKeys {
    let credentials = Credentials::api_token(TOKEN);
    let builder = Client::builder(credentials).base_url(base_url).retry_policy(RetryPolicy::none());
    builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap()
}

/// Makes creates on this many threads, in rounds. A round's responses are sent after all its requests have arrived, and
/// after `between`.
fn create_in_rounds(threads: usize, rounds: usize, between: impl Fn() + Send + Sync + 'static) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let keys = signing_keys(&format!("http://{}", listener.local_addr().unwrap()));
    let (all_arrived, between_done) = (Arc::new(Barrier::new(threads)), Arc::new(Barrier::new(threads)));
    let between = Arc::new(between);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (all_arrived, between_done, between) = (all_arrived.clone(), between_done.clone(), between.clone());
            thread::spawn(move || {
                read_request(&mut stream).unwrap();
                if all_arrived.wait().is_leader() {
                    between();
                }
                between_done.wait();
                stream.write_all(&response(200, &created_body(PEM, JWK))).unwrap();
            });
        }
    });
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..rounds).for_each(|_| drop(keys.create().unwrap())));
        }
    });
}

#[test]
fn row_24_logs_contain_no_secrets_of_concurrent_calls() {
    let _record = record();
    create_in_rounds(12, 50, || {});
    assert_eq!(log::max_level(), LevelFilter::Trace);
    assert_no_secrets_in_lines();
}

#[test]
fn row_24_logs_contain_no_secrets_if_another_thread_raises_the_level() {
    let _record = record();
    for before in [LevelFilter::Info, LevelFilter::Debug] {
        log::set_max_level(before);
        // The calls wait for their responses.
        create_in_rounds(12, 20, move || log::set_max_level(LevelFilter::Trace));
        assert_eq!(log::max_level(), LevelFilter::Trace);
    }
    assert_no_secrets_in_lines();
}

#[derive(Debug)]
struct PanickingResolver;

impl Resolver for PanickingResolver {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        panic!("of a resolver, as the test expects");
    }
}

#[test]
fn level_is_restored_after_a_panic() {
    let _record = record();
    let config = Agent::config_builder().proxy(None).build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), PanickingResolver);
    let server = RawServer::responding(200, &success_body(json!([])));
    let client = server.client_builder().agent(agent).build().unwrap();
    let keys = client.signing_keys(ACCOUNT_ID).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| keys.list())).is_err());
    assert_eq!(log::max_level(), LevelFilter::Trace);
    server.signing_keys().list().unwrap();
    assert_eq!(log::max_level(), LevelFilter::Trace);
}
