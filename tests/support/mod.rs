//! [`RawServer`], an HTTP server that sends arbitrary bytes, and the response bodies that tests send from it.
#![allow(dead_code)]

pub mod proxy;
pub mod secrets;
pub mod tls;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cloudflare_stream_keys::{Client, ClientBuilder, Credentials, Error, RetryPolicy, SigningKeys};
use flate2::{Compression, write::GzEncoder};

pub const ACCOUNT_ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";
pub const KEY_ID: &str = "5213cfa121f70b8c1380686ffc371ba3";
pub const TOKEN: &str = "v1.0-e24fd090c02efcfecb4de8f4ff246fd5c75b48946fdf0ce26c59f91d0d90797b";

pub type Call = fn(&SigningKeys) -> Result<(), Error>;

pub const CREATE: Call = |keys| keys.create().map(drop);
pub const LIST: Call = |keys| keys.list().map(drop);
pub const DELETE: Call = |keys| keys.delete(KEY_ID).map(drop);

/// What the server does after it has read a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Sends the bytes and waits for the next request.
    Bytes(Vec<u8>),
    /// Sends the bytes and closes the connection.
    BytesThenClose(Vec<u8>),
    /// Sends the bytes and resets the connection.
    BytesThenReset(Vec<u8>),
    /// Sends the bytes, then nothing more, and leaves the connection open.
    BytesThenStall(Vec<u8>),
    /// Sends `start` at once and `rest` byte by byte, with a pause after each byte.
    Drip { start: Vec<u8>, rest: Vec<u8>, pause: Duration },
}

/// A server for the faults that no HTTP library would produce. Runs until the test process ends.
pub struct RawServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    records_requests: bool,
    request_count: usize,
    requests: Vec<String>,
    connections: usize,
    closed_connections: usize,
}

impl RawServer {
    /// Sends the replies in order, and repeats the last one for every further request.
    pub fn with_replies(replies: Vec<Reply>) -> Self {
        Self::start(move |n, _| replies[n.min(replies.len() - 1)].clone())
    }

    /// Responds to every request with this status and body.
    pub fn responding(status: u16, body: &str) -> Self {
        Self::with_replies(vec![Reply::Bytes(response(status, body))])
    }

    /// Calls `handler` with each request's number, counted from 0, and its text.
    pub fn start(handler: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_state(State { records_requests: true, ..State::default() }, handler)
    }

    /// Like [`RawServer::start`], but does not record requests, so that long runs do not fill memory.
    pub fn start_unrecorded(handler: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_state(State { records_requests: false, ..State::default() }, handler)
    }

    fn with_state(state: State, handler: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(state));
        let (shared, handler) = (state.clone(), Arc::new(handler));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                shared.lock().unwrap().connections += 1;
                let (state, handler) = (shared.clone(), handler.clone());
                thread::spawn(move || {
                    serve(stream, &state, &*handler);
                    state.lock().unwrap().closed_connections += 1;
                });
            }
        });
        Self { address, state }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/client/v4", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the text of every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Returns the number of connections accepted so far.
    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// Waits until the server has closed this many connections.
    pub fn wait_for_closed(&self, connections: usize) {
        while self.state.lock().unwrap().closed_connections < connections {
            thread::yield_now();
        }
    }

    /// Returns a handle to [`ACCOUNT_ID`]'s keys on this server.
    pub fn signing_keys(&self) -> SigningKeys {
        self.client_builder().build().unwrap().signing_keys(ACCOUNT_ID).unwrap()
    }

    /// Returns a builder for a client of this server. Its retries have no backoff.
    pub fn client_builder(&self) -> ClientBuilder {
        self.client_builder_with(Credentials::api_token(TOKEN))
    }

    pub fn client_builder_with(&self, credentials: Credentials) -> ClientBuilder {
        Client::builder(credentials)
            .base_url(self.base_url())
            .retry_policy(RetryPolicy::default().with_initial_backoff(Duration::ZERO))
            .timeout(Duration::from_secs(10))
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, handler: &dyn Fn(usize, &str) -> Reply) {
    while let Some(request) = read_request(&mut stream) {
        let reply = {
            let mut state = state.lock().unwrap();
            let reply = handler(state.request_count, &request);
            state.request_count += 1;
            if state.records_requests {
                state.requests.push(request);
            }
            reply
        };
        // Write errors are ignored: many tests make the client hang up first.
        match reply {
            Reply::Bytes(bytes) => drop(stream.write_all(&bytes)),
            Reply::BytesThenClose(bytes) => return drop(stream.write_all(&bytes)),
            Reply::BytesThenReset(bytes) => {
                let _ = stream.write_all(&bytes);
                return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
            Reply::BytesThenStall(bytes) => {
                let _ = stream.write_all(&bytes);
                // Returns when the client closes the connection.
                let _ = stream.read(&mut [0]);
                return;
            }
            Reply::Drip { start, rest, pause } => {
                let _ = stream.write_all(&start);
                for byte in rest {
                    if stream.write_all(&[byte]).is_err() {
                        return;
                    }
                    thread::sleep(pause);
                }
            }
        }
    }
}

/// Reads one request with its body. Returns `None` if the client has closed the connection.
pub fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    let read_byte = |stream: &mut dyn Read, bytes: &mut Vec<u8>, byte: &mut [u8; 1]| {
        stream.read_exact(byte).ok()?;
        bytes.push(byte[0]);
        Some(())
    };
    while !bytes.ends_with(b"\r\n\r\n") {
        read_byte(stream, &mut bytes, &mut byte)?;
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    for _ in 0..length {
        read_byte(stream, &mut bytes, &mut byte)?;
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// Checks all cases at the same time, because most of their time is waiting.
pub fn in_parallel<T: Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            let check = &check;
            scope.spawn(move || check(case));
        }
    });
}

/// Returns a complete response with a JSON body.
pub fn response(status: u16, body: &str) -> Vec<u8> {
    response_with(status, "content-type: application/json\r\n", body.as_bytes())
}

/// Returns a complete response with extra headers, each ending in CRLF.
pub fn response_with(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "HTTP/1.1 {status} Status\r\ncf-ray: 8f1d2c3b4a596877-LHR\r\ncontent-length: {length}\r\n{headers}\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Returns the head of a response in chunks, followed by this text.
pub fn chunked(chunks: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}").into_bytes()
}

pub fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Returns a success response for the request's method.
pub fn success(request: &str) -> Reply {
    let body = match request.split(' ').next() {
        Some("POST") => created_body("cGVt", "andr"),
        Some("GET") => success_body(serde_json::json!([])),
        _ => success_body(serde_json::json!("Revoked")),
    };
    Reply::Bytes(response(200, &body))
}

/// Returns an address that refuses connections.
pub fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Returns the response body of a create.
pub fn created_body(pem: &str, jwk: &str) -> String {
    serde_json::json!({
        "success": true, "errors": [], "messages": [],
        "result": { "id": KEY_ID, "created": "2021-06-15T21:06:54.763937286Z", "pem": pem, "jwk": jwk },
    })
    .to_string()
}

/// Returns a success envelope with this result.
pub fn success_body(result: serde_json::Value) -> String {
    serde_json::json!({ "success": true, "errors": [], "messages": [], "result": result }).to_string()
}

/// Returns the path of Cloudflare's OpenAPI document from `CLOUDFLARE_OPENAPI`, or `None` if that is unset or empty.
///
/// # Panics
/// If the variable names a file that does not exist: a test must not be skipped because of a typo.
pub fn cloudflare_document() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("CLOUDFLARE_OPENAPI").filter(|value| !value.is_empty())?);
    assert!(path.is_file(), "CLOUDFLARE_OPENAPI is {}, but there is no such file", path.display());
    Some(path)
}

/// Returns the status of an error as a number.
pub fn status_of(error: &Error) -> Option<u16> {
    error.status().map(|status| status.as_u16())
}

/// Returns a command that runs an example, which cargo builds before the tests.
pub fn example(name: &str) -> Command {
    let test_binary = std::env::current_exe().unwrap();
    let profile_folder = test_binary.parent().and_then(Path::parent).unwrap();
    let path = profile_folder.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} does not exist; run `cargo test` without --test, or build the examples", path.display());
    Command::new(path)
}
