//! A server that answers with bytes, for what no well-behaved server does. It reads each request whole, and counts.
#![allow(dead_code)]

pub mod build_script;
pub mod secrets;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cloudflare_stream_keys::{Client, ClientBuilder, Credentials, RetryPolicy, SigningKeys};

pub const ACCOUNT_ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";
pub const KEY_ID: &str = "5213cfa121f70b8c1380686ffc371ba3";
pub const TOKEN: &str = "v1.0-e24fd090c02efcfecb4de8f4ff246fd5c75b48946fdf0ce26c59f91d0d90797b";

/// What the server does once it has read a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Sends this and waits for the next request.
    Bytes(Vec<u8>),
    /// Sends this and closes the connection.
    BytesThenClose(Vec<u8>),
    /// Sends this and resets the connection.
    BytesThenReset(Vec<u8>),
    /// Sends this, then nothing more, and keeps the connection open.
    BytesThenSilence(Vec<u8>),
    /// Sends the first at once, and the second byte by byte, with a pause after each.
    Drip(Vec<u8>, Vec<u8>, Duration),
}

pub struct RawServer {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    keeps_requests: bool,
    count: usize,
    requests: Vec<String>,
    connections: usize,
    closed: usize,
}

impl RawServer {
    /// Answers the requests one after the other, and all beyond the last like the last.
    pub fn replying(replies: Vec<Reply>) -> Self {
        Self::start(move |n, _| replies[n.min(replies.len() - 1)].clone())
    }

    /// Answers every request with this status and body.
    pub fn answering(status: u16, body: &str) -> Self {
        Self::replying(vec![Reply::Bytes(answer(status, body))])
    }

    /// As [`RawServer::start`], and keeps no requests: for long runs.
    pub fn forgetful(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_log(Log { keeps_requests: false, ..Log::default() }, reply)
    }

    /// Answers by number, from 0, and text of the request.
    pub fn start(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_log(Log { keeps_requests: true, ..Log::default() }, reply)
    }

    fn with_log(log: Log, reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(log));
        let (shared, reply) = (log.clone(), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                shared.lock().unwrap().connections += 1;
                let (log, reply) = (shared.clone(), reply.clone());
                thread::spawn(move || {
                    serve(stream, &log, &*reply);
                    log.lock().unwrap().closed += 1;
                });
            }
        });
        Self { address, log }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/client/v4", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap().requests.clone()
    }

    pub fn connections(&self) -> usize {
        self.log.lock().unwrap().connections
    }

    /// Waits until the server has closed this many connections.
    pub fn wait_for_closed(&self, connections: usize) {
        while self.log.lock().unwrap().closed < connections {
            thread::yield_now();
        }
    }

    /// A client of this server that does not wait between attempts.
    pub fn keys(&self) -> SigningKeys {
        self.builder().build().unwrap().signing_keys(ACCOUNT_ID).unwrap()
    }

    pub fn builder(&self) -> ClientBuilder {
        Client::builder()
            .credentials(Credentials::api_token(TOKEN))
            .base_url(self.base_url())
            .retry_policy(RetryPolicy::default().initial_backoff(Duration::ZERO))
            .timeout(Duration::from_secs(10))
    }
}

fn serve(stream: TcpStream, log: &Mutex<Log>, reply: &dyn Fn(usize, &str) -> Reply) {
    let mut stream = stream;
    while let Some(request) = read_request(&mut stream) {
        let reply = {
            let mut log = log.lock().unwrap();
            let reply = reply(log.count, &request);
            log.count += 1;
            if log.keeps_requests {
                log.requests.push(request);
            }
            reply
        };
        // The client may be gone already: that is its right.
        match reply {
            Reply::Bytes(bytes) => drop(stream.write_all(&bytes)),
            Reply::BytesThenClose(bytes) => return drop(stream.write_all(&bytes)),
            Reply::BytesThenReset(bytes) => {
                let _ = stream.write_all(&bytes);
                return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
            Reply::BytesThenSilence(bytes) => {
                let _ = stream.write_all(&bytes);
                // Until the client hangs up.
                let _ = stream.read(&mut [0]);
                return;
            }
            Reply::Drip(start, bytes, pause) => {
                let _ = stream.write_all(&start);
                for byte in bytes {
                    if stream.write_all(&[byte]).is_err() {
                        return;
                    }
                    thread::sleep(pause);
                }
            }
        }
    }
}

/// One request, head and body, or nothing where the client has closed the connection.
fn read_request(stream: &mut impl Read) -> Option<String> {
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

/// A whole answer with this status and a JSON body.
pub fn answer(status: u16, body: &str) -> Vec<u8> {
    answer_with(status, "content-type: application/json\r\n", body.as_bytes())
}

/// The same with headers of the caller's, each with its line break.
pub fn answer_with(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "HTTP/1.1 {status} Status\r\ncf-ray: 8f1d2c3b4a596877-LHR\r\ncontent-length: {length}\r\n{headers}\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The answer to a create, with these forms of the key.
pub fn created(pem: &str, jwk: &str) -> String {
    serde_json::json!({
        "success": true, "errors": [], "messages": [],
        "result": { "id": KEY_ID, "created": "2021-06-15T21:06:54.763937286Z", "pem": pem, "jwk": jwk },
    })
    .to_string()
}

/// An envelope with this result.
pub fn success(result: serde_json::Value) -> String {
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
