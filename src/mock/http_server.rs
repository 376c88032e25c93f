//! A small HTTP/1.1 server with a thread for each connection. It can delay, withhold and truncate responses.

use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http::StatusCode;
use socket2::SockRef;

use super::fault::Fault;
use super::request::RecordedRequest;

/// A response. Its length is added when it is sent.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// Responds to a request. The server delivers the response as the fault says.
type Handler = dyn Fn(RecordedRequest) -> (Response, Option<Fault>) + Send + Sync;

/// A server on a free loopback port. Stops on drop.
pub(super) struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accept_thread: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    /// The connections, or `None` if the server is stopped. A connection's only strong reference is in its thread, so
    /// that it is closed when the thread drops it.
    connections: Mutex<Option<Vec<Weak<TcpStream>>>>,
}

/// The pause after a failed accept, which fails again at once if the process has no file descriptor left.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);
/// Longer than any test, and short enough for every system.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The timeout of the connection that wakes the accept thread.
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);

impl HttpServer {
    pub(super) fn start(
        handler: impl Fn(RecordedRequest) -> (Response, Option<Fault>) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { handler: Box::new(handler), connections: Mutex::new(Some(Vec::new())) });
        let accept_thread = thread::Builder::new().spawn({
            let shared = shared.clone();
            move || shared.accept(&listener)
        })?;
        Ok(Self { address, shared, accept_thread: Some(accept_thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.stop();
        // Wakes the accept thread, which then waits for the other threads.
        if TcpStream::connect_timeout(&self.address, WAKE_TIMEOUT).is_ok()
            && let Some(thread) = self.accept_thread.take()
        {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            for stream in listener.incoming() {
                if self.connections().is_none() {
                    return;
                }
                match stream {
                    // If no thread can be spawned, the connection is closed.
                    Ok(stream) => {
                        let _ = thread::Builder::new().spawn_scoped(scope, || drop(self.serve(stream)));
                    }
                    Err(_) => thread::sleep(ACCEPT_RETRY),
                }
            }
        });
    }

    /// Serves a connection until either side closes it. An error closes it too.
    fn serve(&self, client: TcpStream) -> io::Result<()> {
        let client = self.register(client)?;
        let mut client = &*client;
        let mut reader = BufReader::new(client);
        while let Some(request) = read_request(&mut reader, client)? {
            let is_last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            let is_head = request.method == "HEAD";
            let (response, fault) = (self.handler)(request);
            let (head, mut body) = response.encode();
            if is_head {
                body.clear();
            }
            match fault {
                Some(Fault::Delay(delay)) => wait(client, delay)?,
                // Returns when the client or `stop` closes the connection.
                Some(Fault::Hang | Fault::HangAfterEffect) => return io::copy(&mut reader, &mut io::sink()).map(drop),
                Some(Fault::ResetBeforeEffect | Fault::ResetAfterEffect) => return reset_on_close(client),
                Some(Fault::ResetWithinResponse) => {
                    body.truncate(body.len() / 4 * 3);
                    client.write_all(&[head, body].concat())?;
                    return reset_on_close(client);
                }
                _ => {}
            }
            client.write_all(&[head, body].concat())?;
            if is_last {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Keeps a reference to the connection, so that [`stop`](Self::stop) can end it.
    fn register(&self, stream: TcpStream) -> io::Result<Arc<TcpStream>> {
        stream.set_nodelay(true)?;
        let stream = Arc::new(stream);
        let mut connections = self.connections();
        let connections = connections.as_mut().ok_or(ErrorKind::ConnectionAborted)?;
        connections.retain(|stream| stream.strong_count() > 0);
        connections.push(Arc::downgrade(&stream));
        Ok(stream)
    }

    /// Ends all connections, and so their threads.
    fn stop(&self) {
        for stream in self.connections().take().into_iter().flatten().filter_map(|stream| stream.upgrade()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn connections(&self) -> MutexGuard<'_, Option<Vec<Weak<TcpStream>>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for this time, or until the client or `stop` closes the connection.
fn wait(client: &TcpStream, time: Duration) -> io::Result<()> {
    client.set_read_timeout(Some(time.clamp(Duration::from_millis(1), LONGEST_WAIT)))?;
    let result = client.peek(&mut [0]);
    client.set_read_timeout(None)?;
    match result {
        Ok(0) => Err(ErrorKind::ConnectionAborted.into()),
        _ => Ok(()),
    }
}

/// Reads a request. Rejects one that is not HTTP/1.1.
fn read_request(reader: &mut BufReader<&TcpStream>, mut client: &TcpStream) -> io::Result<Option<RecordedRequest>> {
    let read = (|| {
        let Some(mut request) = RecordedRequest::read_head(reader)? else { return Ok(None) };
        if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.read_body(reader)?;
        Ok(Some(request))
    })();
    if read.as_ref().is_err_and(|e: &io::Error| e.kind() == ErrorKind::InvalidData) {
        client.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    }
    read
}

impl Response {
    /// Returns the head and the body. Some statuses have no content (RFC 9110, section 6.4.1).
    fn encode(self) -> (Vec<u8>, Vec<u8>) {
        let Self { status, headers, body } = self;
        let body = if [204, 205, 304].contains(&status) { Vec::new() } else { body };
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or_default());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if status != 204 {
            head += &format!("content-length: {}\r\n", body.len());
        }
        (format!("{head}\r\n").into_bytes(), body)
    }
}

/// Makes the system reset the connection when it is closed.
fn reset_on_close(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}
