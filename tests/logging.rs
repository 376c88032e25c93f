//! Log output at trace level, from every crate: row 24 of the table in tests/README.md.
//!
//! A binary of its own because the logger and the log level belong to the whole process.

mod support;

use std::sync::Mutex;

use serde_json::json;
use support::secrets::{JWK, PEM, assert_no_secrets, clients, replies_with_secrets};
use support::{ACCOUNT_ID, KEY_ID, RawServer, Reply, created_body, response, success_body};

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

#[test]
fn row_24_logs_contain_no_secrets_and_one_line_per_attempt() {
    static RECORDER: Recorder = Recorder(Mutex::new(Vec::new()));
    log::set_logger(&RECORDER).unwrap();
    log::set_max_level(log::LevelFilter::Trace);

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
    let lines = RECORDER.0.lock().unwrap();
    assert!(lines.iter().any(|line| line.starts_with("DEBUG ureq")), "ureq's debug lines are recorded");
    assert!(lines.iter().any(|line| line.ends_with("still on")), "the trace level is restored after the calls");
    lines.iter().for_each(|line| assert_no_secrets("a log line", line));
    let ours: Vec<_> = lines.iter().filter(|l| l.contains(" cloudflare_stream_keys") && l.contains(account)).collect();
    let request = format!("list_signing_keys: GET /client/v4/accounts/{account}/stream/keys");
    let [failed, succeeded] = ours[..] else { panic!("expected one line per attempt, got {ours:?}") };
    assert!(
        failed.contains(&format!("{request}: connection closed before a response was received, attempt 1, ")),
        "{failed}"
    );
    assert!(succeeded.contains(&format!("{request}: 200, attempt 2, ")), "{succeeded}");
    assert!(succeeded.ends_with("cf-ray 8f1d2c3b4a596877-LHR"), "{succeeded}");
}
