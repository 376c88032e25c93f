//! A reverse proxy that delays, withholds or cuts responses, because httpmock serves all requests of a server on one
//! thread and cannot reset connections.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

/// How a response is sent to the client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delivery {
    /// Sends the response after this time.
    Delay(Duration),
    /// Sends nothing, and keeps the connection open until the client closes it.
    Hang,
    /// Resets the connection instead of sending the response.
    Reset,
    /// Sends the headers and three quarters of the body, then resets the connection.
    ResetWithinBody,
}

/// Chooses the delivery of a response by its `cf-ray` header. `None` sends the response at once.
type ChooseDelivery = dyn Fn(&str) -> Option<Delivery> + Send + Sync;

/// Forwards requests to an HTTP/1.1 server, and its responses to the client. Stops on drop.
pub(super) struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accept_thread: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: SocketAddr,
    choose_delivery: Box<ChooseDelivery>,
    connections: Mutex<Connections>,
    stopped: Condvar,
}

#[derive(Default)]
struct Connections {
    is_stopped: bool,
    /// A connection's only strong reference is in its thread, so that it is closed when the thread drops it.
    streams: Vec<Weak<TcpStream>>,
}

/// The maximum length of a request's or response's headers. Higher than the limits of ureq and hyper.
const MAX_HEAD: u64 = 1024 * 1024;
/// The pause after a failed accept, which fails again at once if the process has no file descriptor left.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);
/// The timeout of the connection that wakes the accept thread.
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);

impl FaultProxy {
    /// Starts a proxy for `upstream` on a free loopback port.
    pub(super) fn start(
        upstream: SocketAddr,
        choose_delivery: impl Fn(&str) -> Option<Delivery> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            choose_delivery: Box::new(choose_delivery),
            connections: Mutex::default(),
            stopped: Condvar::new(),
        });
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

impl Drop for FaultProxy {
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
                if self.connections().is_stopped {
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
        let upstream = self.register(TcpStream::connect(self.upstream)?)?;
        let (mut client, mut upstream) = (&*client, &*upstream);
        let (mut requests, mut responses) = (BufReader::new(client), BufReader::new(upstream));

        while let Some(request) = read_head(&mut requests)? {
            if header(&request, "transfer-encoding").is_some() {
                return client.write_all(LENGTH_REQUIRED);
            }
            if header(&request, "expect").is_some() {
                client.write_all(CONTINUE)?;
            }
            upstream.write_all(&request)?;
            io::copy(&mut requests.by_ref().take(content_length(&request)), &mut upstream)?;

            let Some(response) = read_response(&mut responses, request.starts_with(b"HEAD "))? else {
                return Ok(());
            };
            match header(&response.head, "cf-ray").and_then(|ray_id| (self.choose_delivery)(&ray_id)) {
                None => {}
                Some(Delivery::Delay(delay)) => self.wait(delay)?,
                // Returns when the client or `stop` closes the connection.
                Some(Delivery::Hang) => return io::copy(&mut requests, &mut io::sink()).map(drop),
                Some(Delivery::Reset) => return reset_on_close(client),
                Some(Delivery::ResetWithinBody) => {
                    let part = &response.body[..response.body.len() / 4 * 3];
                    client.write_all(&[&response.head, part].concat())?;
                    return reset_on_close(client);
                }
            }
            client.write_all(&[&*response.head, &response.body].concat())?;
            if header(&response.head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
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
        if connections.is_stopped {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        connections.streams.retain(|stream| stream.strong_count() > 0);
        connections.streams.push(Arc::downgrade(&stream));
        Ok(stream)
    }

    /// Waits for this time. Returns an error if the proxy is stopped meanwhile.
    fn wait(&self, time: Duration) -> io::Result<()> {
        let connections = self.connections();
        let waited = self.stopped.wait_timeout_while(connections, time, |connections| !connections.is_stopped);
        match waited.unwrap_or_else(PoisonError::into_inner).1.timed_out() {
            true => Ok(()),
            false => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// Ends all connections, and so their threads.
    fn stop(&self) {
        let mut connections = self.connections();
        connections.is_stopped = true;
        for stream in connections.streams.iter().filter_map(Weak::upgrade) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.stopped.notify_all();
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Response {
    head: Vec<u8>,
    body: Vec<u8>,
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const LENGTH_REQUIRED: &[u8] = b"HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Reads a final response. Returns `None` if the connection was closed before it.
fn read_response(reader: &mut impl BufRead, to_head_request: bool) -> io::Result<Option<Response>> {
    while let Some(head) = read_head(reader)? {
        let status = head.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
        if status.starts_with(b"1") {
            continue;
        }
        let has_body = !to_head_request && status != b"204" && status != b"304";
        let length = if has_body { content_length(&head) } else { 0 };
        let mut body = Vec::new();
        reader.take(length).read_to_end(&mut body)?;
        return Ok(Some(Response { head, body }));
    }
    Ok(None)
}

/// Reads the first line and the headers of a message, with the empty line that ends them. Returns `None` if the
/// connection was closed before that line.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut reader = reader.take(MAX_HEAD);
    let mut head = Vec::new();
    loop {
        let start = head.len();
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
        if head[start..].trim_ascii().is_empty() {
            match start {
                // An empty line before a request, which RFC 9112, section 2.2, allows.
                0 => head.clear(),
                _ => return Ok(Some(head)),
            }
        }
    }
}

/// Returns the value of a header.
fn header(head: &[u8], name: &str) -> Option<String> {
    String::from_utf8_lossy(head).lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_string())
    })
}

/// Returns 0 if the header is missing or invalid. The server rejects an invalid header.
fn content_length(head: &[u8]) -> u64 {
    header(head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// Makes the system reset the connection when it is closed.
fn reset_on_close(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}
