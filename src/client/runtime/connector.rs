//! Connections of the default agent. Relies on `ureq::unversioned`, so Cargo.toml allows only patch versions of ureq.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};

use super::wire_log_guard;

/// Returns no addresses. ureq asks its resolver for every request, even if it then reuses a connection, and spawns a thread
/// for the lookup. [`LazyConnector`] looks names up instead.
#[derive(Debug)]
pub(crate) struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// Connects as ureq does, but looks the host's name up only if a connection is made, and marks its errors as a
/// [`ConnectError`].
#[derive(Debug)]
pub(crate) struct LazyConnector<R = DefaultResolver> {
    connector: DefaultConnector,
    resolver: R,
}

impl<R: Resolver> LazyConnector<R> {
    pub(crate) fn new(resolver: R) -> Self {
        Self { connector: DefaultConnector::new(), resolver }
    }

    fn connect_within(
        &self,
        details: &ConnectionDetails,
        deadline: Arc<Deadline>,
    ) -> Result<Option<Box<dyn Transport>>, Error> {
        let addrs = if details.addrs.is_empty() && resolves_target(details) {
            self.resolver.resolve(details.uri, details.config, details.timeout)?
        } else {
            details.addrs.clone()
        };
        // The lookup, here or of a proxy's name, has used up some of the time. ureq would grant all of it to the connection.
        let now = (details.current_time)();
        let timeout = deadline.limit(details.timeout)?;
        // ureq calls this for the connection to a proxy.
        let connect = details.run_connector.clone();
        let run_connector = Arc::new(move |details: &ConnectionDetails| {
            let transport = connect(details)?;
            Ok(Box::new(WithDeadline { transport, deadline: deadline.clone() }) as Box<dyn Transport>)
        });
        let details = ConnectionDetails {
            uri: details.uri,
            addrs,
            config: details.config,
            request_level: details.request_level,
            resolver: &self.resolver,
            now,
            timeout,
            current_time: details.current_time.clone(),
            run_connector,
            register_shutdown: details.register_shutdown.clone(),
        };
        self.connector.connect(&details, None)
    }
}

impl<R: Resolver> Connector<()> for LazyConnector<R> {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        let deadline = Arc::new(Deadline::new(details));
        let transport = wire_log_guard::pause(|| self.connect_within(details, deadline.clone()));
        let transport = transport.map_err(ConnectError::mark)?;
        deadline.lift();
        Ok(transport.map(|transport| Box::new(Unlogged(transport)) as Box<dyn Transport>))
    }
}

/// Returns whether the target's name is looked up here, and not by a proxy.
fn resolves_target(details: &ConnectionDetails) -> bool {
    details.config.proxy().is_none_or(|proxy| proxy.resolve_target() || proxy.is_no_proxy(details.uri))
}

/// A failure before the request: of the name lookup, the connection, the proxy or the TLS handshake.
#[derive(Debug)]
pub(crate) struct ConnectError(pub(crate) Error);

impl ConnectError {
    fn mark(cause: Error) -> Error {
        match cause {
            // The connection to a proxy failed, which marked it.
            Error::Other(e) if e.is::<Self>() => Error::Other(e),
            cause => Error::Other(Box::new(Self(cause))),
        }
    }

    /// Returns the cause, and whether it was marked.
    pub(crate) fn unmark(error: Error) -> (Error, bool) {
        match error {
            Error::Other(e) => match e.downcast::<Self>() {
                Ok(marked) => (marked.0, true),
                Err(e) => (Error::Other(e), false),
            },
            error => (error, false),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ConnectError {}

/// The time at which a connection must have been made.
#[derive(Debug)]
struct Deadline {
    at: Instant,
    is_lifted: AtomicBool,
}

impl Deadline {
    fn new(details: &ConnectionDetails) -> Self {
        Self { at: details.now + details.timeout.after, is_lifted: AtomicBool::new(false) }
    }

    /// Ends the limit, once there is a connection.
    fn lift(&self) {
        self.is_lifted.store(true, Ordering::Relaxed);
    }

    /// Returns a timeout that does not exceed the deadline.
    fn limit(&self, timeout: NextTimeout) -> Result<NextTimeout, Error> {
        let (Instant::Exact(at), false) = (self.at, self.is_lifted.load(Ordering::Relaxed)) else {
            return Ok(timeout);
        };
        let remaining = at.saturating_duration_since(std::time::Instant::now());
        if remaining.is_zero() {
            return Err(Error::Timeout(timeout.reason));
        }
        Ok(NextTimeout { after: Duration::Exact(remaining.min(*timeout.after)), ..timeout })
    }
}

/// A connection to a proxy. While ureq reads a proxy's response, it grants the whole timeout to each read.
#[derive(Debug)]
struct WithDeadline {
    transport: Box<dyn Transport>,
    deadline: Arc<Deadline>,
}

impl Transport for WithDeadline {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.transport.transmit_output(amount, self.deadline.limit(timeout)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.transport.await_input(self.deadline.limit(timeout)?)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

/// A connection whose bytes are kept out of the log. While it waits for the network, there is nothing to keep out.
#[derive(Debug)]
struct Unlogged(Box<dyn Transport>);

impl Transport for Unlogged {
    fn buffers(&mut self) -> &mut dyn Buffers {
        wire_log_guard::renew();
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        wire_log_guard::pause(|| self.0.transmit_output(amount, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        wire_log_guard::pause(|| self.0.await_input(timeout))
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::sync::{Mutex, mpsc};
    use std::thread;
    use std::time::{Duration, Instant};

    use ureq::{Agent, Proxy, ProxyProtocol};

    use super::*;

    const TARGET: &str = "service.invalid";
    const PROXY: &str = "proxy.invalid";

    /// Resolves every name to this address, and records it.
    #[derive(Clone, Debug)]
    struct RecordingResolver {
        address: SocketAddr,
        names: Arc<Mutex<Vec<String>>>,
        delay: Duration,
    }

    impl RecordingResolver {
        fn new(address: SocketAddr) -> Self {
            Self { address, names: Arc::default(), delay: Duration::ZERO }
        }

        fn names(&self) -> Vec<String> {
            self.names.lock().unwrap().clone()
        }

        /// Returns an agent that connects as the default agent does, with this resolver.
        fn agent(&self, proxy: Option<Proxy>) -> Agent {
            let config = Agent::config_builder().proxy(proxy).build();
            Agent::with_parts(config, LazyConnector::new(self.clone()), NoResolver)
        }
    }

    impl Resolver for RecordingResolver {
        fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
            self.names.lock().unwrap().push(uri.host().unwrap().to_string());
            thread::sleep(self.delay);
            let mut addresses = self.empty();
            addresses.push(self.address);
            Ok(addresses)
        }
    }

    /// A server that is any kind of proxy and also the target behind it.
    struct Server {
        address: SocketAddr,
        /// What each connection asked a proxy for.
        targets: Arc<Mutex<Vec<String>>>,
    }

    impl Server {
        /// Starts a server that closes each connection after this many responses.
        fn start(responses_per_connection: usize) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let targets = Arc::new(Mutex::new(Vec::new()));
            let recorded = targets.clone();
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let recorded = recorded.clone();
                    thread::spawn(move || serve(stream, responses_per_connection, &recorded));
                }
            });
            Self { address, targets }
        }

        /// Returns the target of each connection so far. It is empty if the server was not used as a proxy.
        fn targets(&self) -> Vec<String> {
            self.targets.lock().unwrap().clone()
        }
    }

    /// Returns `None` when the client has closed the connection.
    fn serve(mut stream: TcpStream, responses: usize, targets: &Mutex<Vec<String>>) -> Option<()> {
        let mut first = [0];
        stream.peek(&mut first).ok()?;
        let target = match first[0] {
            4 => accept_socks4(&mut stream)?,
            5 => accept_socks5(&mut stream)?,
            b'C' => {
                let head = read_until(&mut stream, b"\r\n\r\n")?;
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
                head.split(' ').nth(1)?.to_string()
            }
            _ => String::new(),
        };
        targets.lock().unwrap().push(target);
        for n in 1..=responses {
            read_until(&mut stream, b"\r\n\r\n")?;
            let connection = if n == responses { "close" } else { "keep-alive" };
            let response = format!("HTTP/1.1 200 OK\r\nconnection: {connection}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(response.as_bytes()).ok()?;
        }
        Some(())
    }

    fn accept_socks4(stream: &mut TcpStream) -> Option<String> {
        let mut request = [0; 9];
        stream.read_exact(&mut request).ok()?;
        let [_, _, port @ .., a, b, c, d, _] = request;
        let port = u16::from_be_bytes(port);
        // 0.0.0.1 announces a name.
        let host = match [a, b, c, d] {
            [0, 0, 0, 1] => read_until(stream, b"\0")?.trim_end_matches('\0').to_string(),
            [a, b, c, d] => format!("{a}.{b}.{c}.{d}"),
        };
        stream.write_all(&[0, 90, 0, 0, 0, 0, 0, 0]).ok()?;
        Some(format!("{host}:{port}"))
    }

    fn accept_socks5(stream: &mut TcpStream) -> Option<String> {
        stream.read_exact(&mut [0; 3]).ok()?;
        stream.write_all(&[5, 0]).ok()?;
        let mut head = [0; 5];
        stream.read_exact(&mut head).ok()?;
        let length = if head[3] == 3 { usize::from(head[4]) } else { 3 };
        let mut rest = vec![0; length + 2];
        stream.read_exact(&mut rest).ok()?;
        let (host, port) = rest.split_at(length);
        let host = match head[3] {
            3 => String::from_utf8(host.to_vec()).ok()?,
            _ => format!("{}.{}.{}.{}", head[4], host[0], host[1], host[2]),
        };
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
        Some(format!("{host}:{}", u16::from_be_bytes([port[0], port[1]])))
    }

    fn read_until(stream: &mut TcpStream, end: &[u8]) -> Option<String> {
        let (mut bytes, mut byte) = (Vec::new(), [0]);
        while !bytes.ends_with(end) {
            stream.read_exact(&mut byte).ok()?;
            bytes.push(byte[0]);
        }
        String::from_utf8(bytes).ok()
    }

    fn get(agent: &Agent) {
        let mut response = agent.get(format!("http://{TARGET}:8080/")).call().unwrap();
        response.body_mut().read_to_vec().unwrap();
    }

    #[test]
    fn name_is_looked_up_once_for_a_reused_connection() {
        let server = Server::start(usize::MAX);
        let resolver = RecordingResolver::new(server.address);
        let agent = resolver.agent(None);
        (0..1000).for_each(|_| get(&agent));
        assert_eq!((resolver.names(), server.targets().len()), (vec![TARGET.to_string()], 1));
    }

    #[test]
    fn name_is_looked_up_once_for_each_new_connection() {
        let server = Server::start(1);
        let resolver = RecordingResolver::new(server.address);
        let agent = resolver.agent(None);
        (0..3).for_each(|_| get(&agent));
        assert_eq!((resolver.names().len(), server.targets().len()), (3, 3));
    }

    #[test]
    fn proxy_looks_the_target_up_unless_its_protocol_needs_the_address() {
        let by_name = format!("{TARGET}:8080");
        for (scheme, is_looked_up_here) in
            [("http", false), ("socks4", true), ("socks4a", false), ("socks5", true), ("socks5h", false)]
        {
            let server = Server::start(1);
            let resolver = RecordingResolver::new(server.address);
            let agent =
                resolver.agent(Some(Proxy::new(&format!("{scheme}://{PROXY}:{}", server.address.port())).unwrap()));
            (0..2).for_each(|_| get(&agent));
            let (names, target) = match is_looked_up_here {
                true => (vec![TARGET, PROXY], server.address.to_string()),
                false => (vec![PROXY], by_name.clone()),
            };
            assert_eq!(resolver.names(), names.repeat(2), "{scheme}");
            assert_eq!(server.targets(), [target.clone(), target], "{scheme}");
        }
    }

    #[test]
    fn target_that_bypasses_the_proxy_is_looked_up() {
        for protocol in [ProxyProtocol::Http, ProxyProtocol::Socks4, ProxyProtocol::Socks5, ProxyProtocol::Socks5h] {
            let server = Server::start(1);
            let resolver = RecordingResolver::new(server.address);
            let proxy = Proxy::builder(protocol).host(PROXY).no_proxy(TARGET).build().unwrap();
            get(&resolver.agent(Some(proxy)));
            assert_eq!((resolver.names(), server.targets()), (vec![TARGET.to_string()], vec![String::new()]));
        }
    }

    /// Returns an address that neither accepts nor refuses connections, and what keeps it so.
    #[cfg(target_os = "linux")]
    fn silent_address() -> (SocketAddr, Vec<socket2::Socket>) {
        use socket2::{Domain, Socket, Type};
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut sockets = vec![listener];
        // Fills the queue, which nobody empties.
        loop {
            let filler = socket();
            let result = filler.connect_timeout(&address, Duration::from_millis(100));
            sockets.push(filler);
            if result.is_err() {
                return (address.as_socket().unwrap(), sockets);
            }
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn lookup_counts_against_the_connect_timeout_and_the_deadline() {
        let (address, _sockets) = silent_address();
        let limit = Duration::from_secs(2);
        let resolver = RecordingResolver { delay: limit * 4 / 5, ..RecordingResolver::new(address) };
        let proxy = || Some(Proxy::new(&format!("http://{PROXY}:8080")).unwrap());
        let socks = || Some(Proxy::new(&format!("socks5h://{PROXY}:1080")).unwrap());
        let (sender, results) = mpsc::channel();
        for proxy in [None, proxy(), socks()] {
            for (connect, global) in [(limit, limit * 60), (limit * 60, limit)] {
                let (agent, proxy, sender) = (resolver.agent(proxy.clone()), proxy.clone(), sender.clone());
                thread::spawn(move || {
                    let request = agent.get(format!("http://{TARGET}:8080/")).config();
                    let request = request.timeout_connect(Some(connect)).timeout_global(Some(global)).build();
                    let start = Instant::now();
                    let (error, is_marked) = ConnectError::unmark(request.call().unwrap_err());
                    sender.send((error, is_marked, start.elapsed(), proxy)).unwrap();
                });
            }
        }
        drop(sender);
        let mut count = 0;
        for (error, is_marked, elapsed, proxy) in results {
            assert!(matches!(error, Error::Timeout(_)) && is_marked, "{error:?} {proxy:?}");
            // If the lookup did not count, it would take 3.6 s.
            assert!(elapsed > limit * 9 / 10 && elapsed < limit * 8 / 5, "{elapsed:?} {proxy:?}");
            count += 1;
        }
        assert_eq!(count, 6);
    }

    #[test]
    fn lookup_that_takes_too_long_is_a_timeout() {
        let server = Server::start(1);
        let delay = Duration::from_millis(300);
        let resolver = RecordingResolver { delay, ..RecordingResolver::new(server.address) };
        let request = resolver.agent(None).get(format!("http://{TARGET}:8080/")).config();
        let result = request.timeout_connect(Some(delay / 3)).build().call();
        let (error, is_marked) = ConnectError::unmark(result.unwrap_err());
        assert!(matches!(error, Error::Timeout(_)) && is_marked, "{error:?}");
        assert_eq!(server.targets(), [""; 0], "no connection is made");
    }
}
