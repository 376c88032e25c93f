//! Listing keys, compared with hand-written code on ureq and serde_json, and with other clients.
//!
//! ```text
//! cargo bench --manifest-path benches/Cargo.toml --bench call
//! ```
//!
//! The hand-written code exists without timeouts, which spares ureq a thread and a lookup per request, and with the same
//! timeouts as ours. Times are medians, with the functions taking turns. The server runs in a process of its own, and the
//! client and the server are pinned to a core each. "Busy" means that other processes keep both cores occupied. Callgrind
//! counts the instructions, if valgrind is installed: those of 2n calls minus those of n calls, which leaves out start-up.
//! README.md says how to install the other clients.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cloudflare_stream_keys::{Client, Credentials, SigningKeys};
use serde::Deserialize;
use serde_json::json;
use support::medians;

/// The dates of the hand-written code: chrono's with the feature `chrono`, which are slower, and jiff's otherwise.
#[cfg(feature = "chrono")]
type Date = chrono::DateTime<chrono::Utc>;
#[cfg(not(feature = "chrono"))]
type Date = jiff::Timestamp;

const TOKEN: &str = "v1.0-e24fd090c02efcfecb4de8f4ff246fd5c75b48946fdf0ce26c59f91d0d90797b";
const ROUNDS: usize = 5000;
const CLIENT_CORE: u32 = 0;
const SERVER_CORE: u32 = 1;
const ACCOUNT_ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve(),
        ["spin"] => loop {
            std::hint::spin_loop();
        },
        ["call", implementation, url, calls] => {
            let list = implementation_by_name(implementation, url);
            (0..calls.parse::<u64>().expect("a number")).for_each(|_| list());
        }
        _ => compare(),
    }
}

// Implementations: each returns a function that lists keys from a base URL.

/// Builds all implementations, so that start-up costs the same for each.
fn implementation_by_name(name: &str, url: &str) -> Box<dyn Fn()> {
    let (ours, plain, with_timeouts) = (ours(url), by_hand(url, false), by_hand(url, true));
    match name {
        "ours" => Box::new(ours),
        "plain" => Box::new(plain),
        "with timeouts" => Box::new(with_timeouts),
        _ => panic!("no implementation is called {name}"),
    }
}

fn ours(url: &str) -> impl Fn() + use<> {
    let client = Client::builder(Credentials::api_token(TOKEN)).base_url(url).build().expect("a client");
    let keys: SigningKeys = client.signing_keys(ACCOUNT_ID).expect("an account");
    move || {
        black_box(keys.list().expect("a list"));
    }
}

// The same fields as the generated types, decoded with ureq's `read_json`.

#[derive(Deserialize)]
#[allow(dead_code)]
struct Envelope {
    success: bool,
    #[serde(default)]
    errors: Option<Vec<Message>>,
    #[serde(default)]
    messages: Option<Vec<Message>>,
    #[serde(default)]
    result: Option<Vec<Key>>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Message {
    code: Option<i64>,
    message: Option<String>,
    documentation_url: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Key {
    id: String,
    created: Option<Date>,
    key_id: Option<String>,
}

fn by_hand(url: &str, with_timeouts: bool) -> impl Fn() + use<> {
    let timeout = |seconds| with_timeouts.then_some(Duration::from_secs(seconds));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(timeout(60))
        .timeout_connect(timeout(10))
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .into();
    let base_url = url.to_string();
    move || {
        let mut response = agent
            .get(format!("{base_url}/accounts/{ACCOUNT_ID}/stream/keys"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("accept", "application/json")
            .header("user-agent", "by-hand/0.1.0")
            .call()
            .expect("a response");
        assert!(response.status() == 200);
        let envelope: Envelope = response.body_mut().read_json().expect("JSON");
        assert!(envelope.success);
        black_box(envelope);
    }
}

// Server

/// Responds to `/COUNT-FRAMING/...` with that number of keys in that framing, until its standard input is closed.
fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || serve_connection(stream));
        }
    });
    io::stdin().read_to_end(&mut Vec::new()).expect("standard input");
}

fn serve_connection(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut cached_case, mut cached_response) = (String::new(), Vec::new());
    loop {
        let mut request_line = String::new();
        reader.read_line(&mut request_line).ok().filter(|n| *n > 0)?;
        let mut header = String::new();
        while reader.read_line(&mut header).ok()? > 2 {
            header.clear();
        }
        let case = request_line.split('/').nth(1)?;
        if cached_case != case {
            (cached_case, cached_response) = (case.to_string(), response(case)?);
        }
        stream.write_all(&cached_response).ok()?;
    }
}

fn response(case: &str) -> Option<Vec<u8>> {
    let (count, framing) = case.split_once('-')?;
    let key = |n: u32| {
        let id = format!("{n:032x}");
        json!({ "id": id, "key_id": id, "created": "2021-06-15T21:06:54.763937286Z" })
    };
    let keys: Vec<_> = (0..count.parse().ok()?).map(key).collect();
    let body = json!({ "success": true, "errors": [], "messages": [], "result": keys }).to_string().into_bytes();
    let head = "HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\ncontent-type: application/json\r\n\
        cf-ray: 8f1d2c3b4a596877-LHR\r\nserver: cloudflare\r\ncf-cache-status: DYNAMIC\r\n";
    let mut bytes = head.as_bytes().to_vec();
    match framing {
        "length" => {
            bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
            bytes.extend(body);
        }
        _ => {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
            for chunk in body.chunks(16 * 1024) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        }
    }
    Some(bytes)
}

struct Server {
    process: Child,
    base_url: String,
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().expect("the path of this program"))
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server process");
        let mut address = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut address).expect("an address");
        Self { process, base_url: format!("http://{}", address.trim()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// Comparison

fn compare() {
    let server = Server::start();
    pin(server.process.id(), SERVER_CORE);
    pin(std::process::id(), CLIENT_CORE);
    for (case, keys) in [("2-length", "2 keys"), ("1000-length", "1,000 keys")] {
        let by_address = format!("{}/{case}", server.base_url);
        let by_name = by_address.replace("127.0.0.1", "localhost");
        for (url, host) in [(by_address, "by address"), (by_name, "by name")] {
            compare_times(&url, &format!("{keys}, {host}"));
            let busy = Busy::start();
            compare_times(&url, &format!("{keys}, {host}, busy"));
            drop(busy);
        }
    }
    for (case, keys, calls) in [
        ("2-length", "2 keys", 200),
        ("2-chunked", "2 keys, chunked", 200),
        ("1000-length", "1,000 keys", 20),
        ("1000-chunked", "1,000 keys, chunked", 20),
    ] {
        let url = format!("{}/{case}", server.base_url);
        compare_costs(&url, keys, calls);
    }

    let url = format!("{}/2-length", server.base_url);
    let ours = ours(&url);
    (0..1000).for_each(|_| ours());
    let before = BYTES_IN_USE.load(Ordering::Relaxed);
    (0..100_000).for_each(|_| ours());
    let after = BYTES_IN_USE.load(Ordering::Relaxed);
    println!("growth of allocated bytes over 100,000 calls: {:+}", after as i64 - before as i64);

    for (name, program) in [
        ("reqwest::blocking", &["target/other-clients/release/other-clients"][..]),
        ("Python SDK", &["target/python/bin/python", "benches/python_sdk.py"]),
        ("TypeScript SDK", &["node", "benches/typescript_sdk.mjs"]),
    ] {
        let [ours_us] = medians(500, [&ours]);
        match other_client(program, &url) {
            Some(other_us) => {
                println!("time, ours / {name}: {:.2} ({ours_us:.0} / {other_us:.0} us)", ours_us / other_us)
            }
            None => println!("time, ours / {name}: skipped, it is not installed"),
        }
    }
}

fn compare_times(url: &str, case: &str) {
    let (ours, plain, with_timeouts) = (ours(url), by_hand(url, false), by_hand(url, true));
    let [ours_us, plain_us, with_timeouts_us] = medians(ROUNDS, [&ours, &plain, &with_timeouts]);
    println!(
        "time, {case}: {:.2} of ureq without timeouts, {:.2} of ureq with timeouts ({ours_us:.0} / {plain_us:.0} / \
         {with_timeouts_us:.0} us)",
        ours_us / plain_us,
        ours_us / with_timeouts_us,
    );
}

fn compare_costs(url: &str, case: &str, calls: u64) {
    match (instructions("ours", url, calls), instructions("plain", url, calls)) {
        (Some(ours), Some(plain)) => {
            println!("instructions, {case}: {:.3} ({ours} / {plain} per call)", ours as f64 / plain as f64);
        }
        _ => println!("instructions, {case}: skipped, valgrind is not installed"),
    }
    let (ours, plain) = (allocations(&ours(url)), allocations(&by_hand(url, false)));
    println!("allocations, {case}: {:.2} ({ours} / {plain} per call)", ours as f64 / plain as f64);
}

/// Processes that keep both cores occupied until it is dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn start() -> Self {
        let program = std::env::current_exe().expect("a path");
        let spin = |core| {
            let child = Command::new(&program).arg("spin").stdin(Stdio::piped()).spawn().expect("a process");
            pin(child.id(), core);
            child
        };
        Self([CLIENT_CORE, SERVER_CORE].map(spin).into())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Lets a process run on this core only, if `taskset` is installed.
///
/// Whether the server's thread wakes on the client's core or on another one is decided once per connection, and doubles
/// the time of a short call.
fn pin(process: u32, core: u32) {
    let (core, process) = (core.to_string(), process.to_string());
    let _ = Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", &core, &process]).output();
}

/// Counts the instructions per call, without start-up.
fn instructions(implementation: &str, url: &str, calls: u64) -> Option<u64> {
    let count = |calls: u64| -> Option<u64> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().ok()?)
            .args(["call", implementation, url, &calls.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text.lines().find(|line| line.contains("Collected :"))?;
        line.split_whitespace().last()?.parse().ok()
    };
    Some((count(2 * calls)? - count(calls)?) / calls)
}

/// Counts the allocations per call.
fn allocations(call: &dyn Fn()) -> u64 {
    (0..10).for_each(|_| call());
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..100).for_each(|_| call());
    (ALLOCATIONS.load(Ordering::Relaxed) - before) / 100
}

/// Runs a program that prints the median time per call of another client, in microseconds.
fn other_client(program: &[&str], url: &str) -> Option<f64> {
    let output = Command::new(program.first()?)
        .args(program.get(1..)?)
        .args([url, TOKEN, ACCOUNT_ID])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The system allocator, with counters.
struct CountingAllocator;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES_IN_USE: AtomicU64 = AtomicU64::new(0);

// SAFETY: forwards every call to the system allocator unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES_IN_USE.fetch_add(layout.size() as u64, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES_IN_USE.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
