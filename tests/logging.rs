//! What is logged, at trace level and by all crates: row 24 of the table in the README. Alone in its process, for the
//! level is the process's.

mod support;

use std::sync::Mutex;

use serde_json::json;
use support::secrets::{JWK, PEM, assert_hides, clients, telling_replies};
use support::{ACCOUNT_ID, KEY_ID, RawServer, Reply, answer, created, success};

/// Keeps every line of every crate.
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
fn row_24_no_log_line_shows_a_secret_and_each_attempt_has_one() {
    static RECORDER: Recorder = Recorder(Mutex::new(Vec::new()));
    log::set_logger(&RECORDER).unwrap();
    log::set_max_level(log::LevelFilter::Trace);

    for reply in telling_replies().into_iter().chain([Reply::Bytes(answer(200, &created(PEM, JWK)))]) {
        let wire = RawServer::replying(vec![reply]);
        for client in clients(&wire) {
            let keys = client.signing_keys(ACCOUNT_ID).unwrap();
            let _ = (keys.create(), keys.list(), keys.delete(KEY_ID));
        }
    }
    let account = "b54f07a6c269ecca2fa60f1ae4920c99";
    let wire = RawServer::start(|n, _| match n {
        0 => Reply::BytesThenClose(vec![]),
        _ => Reply::Bytes(answer(200, &success(json!([])))),
    });
    wire.builder().build().unwrap().signing_keys(account).unwrap().list().unwrap();

    log::trace!("still on");
    let lines = RECORDER.0.lock().unwrap();
    assert!(lines.iter().any(|line| line.starts_with("DEBUG ureq")), "ureq's lines are among them");
    assert!(lines.iter().any(|line| line.ends_with("still on")), "and the level is back");
    lines.iter().for_each(|line| assert_hides("a log line", line));
    let ours: Vec<_> = lines.iter().filter(|l| l.contains(" cloudflare_stream_keys") && l.contains(account)).collect();
    let path = format!("list_signing_keys: GET /client/v4/accounts/{account}/stream/keys");
    let [lost, answered] = ours[..] else { panic!("a line an attempt, not {ours:?}") };
    assert!(lost.contains(&format!("{path}: the connection broke off before an answer, attempt 1, ")), "{lost}");
    assert!(answered.contains(&format!("{path}: 200, attempt 2, ")), "{answered}");
    assert!(answered.ends_with("cf-ray 8f1d2c3b4a596877-LHR"), "{answered}");
}
