//! Connections of the default agent: failures before the request, their deadlines, and proxies. Rows 1, 2 and 21 of the
//! table in tests/README.md.

use std::error::Error as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::proxy::Proxy;
use crate::support::tls::{TlsServer, pem, server_config};
use crate::support::{ACCOUNT_ID, CREATE, DELETE, LIST, RawServer, TOKEN, closed_port, in_parallel, success};
use cloudflare_stream_keys::mock::{self, FakeServer};
use cloudflare_stream_keys::{Client, ClientBuilder, Credentials, Error, ErrorKind, RetryPolicy, SigningKeys};

/// What a server does instead of a TLS handshake, or a proxy instead of its handshake.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Close,
    Reset,
    /// Sends these bytes and waits until the client closes the connection.
    Bytes(&'static [u8]),
    /// Sends these bytes, and then this byte again and again.
    Drip(&'static [u8], u8),
}

const SILENCE: Fault = Fault::Bytes(b"");
/// The head of a handshake record of 16 KiB, whose content never ends.
const ENDLESS_RECORD: Fault = Fault::Drip(&[22, 3, 3, 64, 0, 2, 0, 63, 0], 0);
const ENDLESS_HEADER: Fault = Fault::Drip(b"HTTP/1.1 200 OK\r\nx: ", b'a');

/// A server for faults that precede the request. Runs until the test process ends.
struct FaultyServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<u8>>>,
}

impl FaultyServer {
    fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, connections: Arc::default(), received: Arc::default() };
        let (connections, received) = (server.connections.clone(), server.received.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::Relaxed);
                let received = received.clone();
                thread::spawn(move || misbehave(stream, fault, &received));
            }
        });
        server
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn https_url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    fn received(&self) -> String {
        String::from_utf8_lossy(&self.received.lock().unwrap()).into_owned()
    }
}

fn misbehave(mut stream: TcpStream, fault: Fault, received: &Mutex<Vec<u8>>) {
    let receive = |stream: &mut TcpStream| {
        let mut buffer = vec![0; 4096];
        let length = stream.read(&mut buffer).unwrap_or(0);
        buffer.truncate(length);
        received.lock().unwrap().extend(&buffer);
        buffer
    };
    let mut first = receive(&mut stream);
    // ureq writes a CONNECT request in pieces.
    while first.starts_with(b"CONNECT") && !first.ends_with(b"\r\n\r\n") {
        first.extend(receive(&mut stream));
    }
    match fault {
        Fault::Close => {}
        Fault::Reset => socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap(),
        Fault::Bytes(bytes) => {
            let _ = stream.write_all(bytes);
            while !receive(&mut stream).is_empty() {}
        }
        Fault::Drip(start, byte) => {
            let _ = stream.write_all(start);
            while stream.write_all(&[byte]).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Returns a builder for a client without retries.
fn builder(base_url: &str) -> ClientBuilder {
    Client::builder(Credentials::api_token(TOKEN)).base_url(base_url).retry_policy(RetryPolicy::none()).no_proxy()
}

fn keys(builder: ClientBuilder) -> SigningKeys {
    builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap()
}

/// Asserts that every call fails with a connect error that says one of these things.
fn assert_connect_errors(builder: &ClientBuilder, causes: &[&str]) {
    let keys = keys(builder.clone());
    for call in [CREATE, LIST, DELETE] {
        let error = call(&keys).unwrap_err();
        assert_connect_error(&error);
        let text = error.to_string();
        assert!(causes.iter().any(|cause| text.contains(cause)), "{text}");
        assert_eq!(error.is_timeout(), text.contains("timed out while connecting"), "{text}");
    }
}

fn assert_connect_error(error: &Error) {
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
    assert!(!format!("{error} {error:?} {error:#?}").contains(TOKEN));
    let message = if error.is_timeout() { "timed out while connecting to " } else { "could not connect to " };
    assert!(error.to_string().contains(message) && error.source().is_some(), "{error}");
}

/// Returns what a caller learns from `source()`.
fn cause(error: &Error) -> &'static str {
    match error.source().unwrap().downcast_ref().unwrap() {
        ureq::Error::HostNotFound => "lookup",
        ureq::Error::Io(e) if e.kind() == io::ErrorKind::NotFound => "lookup",
        ureq::Error::Io(e) if e.kind() == io::ErrorKind::ConnectionRefused => "refused",
        ureq::Error::Io(e) if e.get_ref().is_some_and(|e| e.is::<rustls::Error>()) => "TLS",
        ureq::Error::Timeout(_) => "timeout",
        _ => "other",
    }
}

#[test]
fn row_01_failed_lookup_is_a_connect_error() {
    // Without a network, or with a slow one, the lookup can fail in several ways.
    let builder = builder("https://nonexistent.invalid").connect_timeout(Duration::from_secs(5));
    assert_connect_errors(
        &builder,
        &["could not connect to nonexistent.invalid: failed to lookup", "while connecting to nonexistent.invalid"],
    );
    let error = keys(builder).list().unwrap_err();
    assert!(["lookup", "timeout"].contains(&cause(&error)), "{error:#?}");
}

#[test]
fn row_01_refused_connection_is_a_connect_error() {
    let address = closed_port();
    let builder = builder(&format!("https://{address}"));
    assert_connect_errors(&builder, &[&format!("could not connect to {address}: Connection refused")]);
    assert_eq!(cause(&keys(builder).list().unwrap_err()), "refused");
}

#[test]
fn row_21_failed_handshake_is_a_connect_error() {
    let cases = [
        // A server that closes with unread data resets the connection.
        (Fault::Close, &["handshake eof", "unexpected end of file", "reset"][..]),
        (Fault::Reset, &["reset"]),
        (Fault::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"), &["corrupt message"]),
        (SILENCE, &["timed out while connecting to localhost:"]),
        (ENDLESS_RECORD, &["timed out while connecting"]),
    ];
    in_parallel(cases, |(fault, causes)| {
        let server = FaultyServer::start(fault);
        let builder = builder(&server.https_url()).connect_timeout(Duration::from_millis(300));
        assert_connect_errors(&builder, causes);
        assert_eq!(server.connections(), 3, "{fault:?}");
        assert!(!server.received().contains("HTTP"), "{fault:?}");
    });
}

#[test]
fn row_21_wrong_certificate_is_a_connect_error() {
    let server = TlsServer::start("self-signed");
    let host = format!("localhost:{}", server.port());
    let builder = builder(&format!("https://{host}")).retry_policy(RetryPolicy::default());
    assert_connect_errors(&builder, &[&format!("could not connect to {host}: invalid peer certificate")]);
    assert_eq!((server.connections(), server.requests().len()), (3, 0), "another attempt would fail in the same way");
    let error = keys(builder).list().unwrap_err();
    assert_eq!((cause(&error), error.is_retryable()), ("TLS", false));
}

#[test]
fn row_01_failed_proxy_is_a_connect_error() {
    let cases = [
        ("http", Fault::Bytes(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), &["407"][..]),
        ("http", Fault::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n"), &["could not connect to "]),
        ("http", Fault::Close, &["proxy server did not respond"]),
        ("http", Fault::Reset, &["reset"]),
        ("http", SILENCE, &["timed out while connecting"]),
        ("http", ENDLESS_HEADER, &["timed out while connecting"]),
        ("https", SILENCE, &["timed out while connecting"]),
        ("https", Fault::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"), &["corrupt message"]),
        ("socks5", Fault::Bytes(b"HTTP"), &["invalid response version"]),
        ("socks5", Fault::Bytes(&[5, 255]), &["no acceptable auth methods"]),
        ("socks5", Fault::Bytes(&[5, 0, 5, 5, 0, 1]), &["connection refused"]),
        ("socks5", Fault::Close, &["fill whole buffer", "reset"]),
        ("socks5", SILENCE, &["timed out while connecting"]),
        ("socks4", SILENCE, &["timed out while connecting"]),
    ];
    in_parallel(cases, |(scheme, fault, causes)| {
        let (proxy, target) = (FaultyServer::start(fault), RawServer::start(|_, request| success(request)));
        // SOCKS4 has no passwords.
        let user = if scheme == "socks4" { "" } else { "user:hunter2@" };
        let proxy_url = format!("{scheme}://{user}{}", proxy.address);
        let builder = builder(&target.base_url()).proxy(proxy_url).connect_timeout(Duration::from_millis(300));
        assert_connect_errors(&builder, causes);
        assert_eq!((proxy.connections(), target.connections()), (3, 0), "{scheme} {fault:?}");
        assert!(!proxy.received().contains(TOKEN), "{scheme} {fault:?}");
    });
    for scheme in ["http", "https", "socks4", "socks5"] {
        let target = RawServer::start(|_, request| success(request));
        let proxy = closed_port();
        let builder = builder(&target.base_url()).proxy(format!("{scheme}://{proxy}"));
        let peer = format!("could not connect to {} through the proxy {proxy}: ", target.address());
        assert_connect_errors(&builder, &[&(peer + "Connection refused")]);
        assert_eq!(target.connections(), 0);
    }
}

#[test]
fn row_01_every_call_is_retried_after_a_failed_handshake() {
    for call in [CREATE, LIST, DELETE] {
        let server = TlsServer::with_config(server_config("localhost"), 2);
        let retry = RetryPolicy::default().with_initial_backoff(Duration::ZERO);
        let builder = builder(&format!("https://localhost:{}", server.port())).retry_policy(retry);
        call(&keys(builder.root_certificates(pem("authority")))).unwrap();
        assert_eq!((server.connections(), server.requests().len()), (3, 1));
    }
}

/// Asserts that calls end at the connect timeout, and at the deadline while connecting.
fn assert_ends_in_time(builder: &ClientBuilder) {
    let limit = Duration::from_millis(400);
    let with_connect_timeout = builder.clone().connect_timeout(limit);
    let with_deadline = builder.clone().timeout(limit).connect_timeout(Duration::from_secs(60));
    let cases = [with_connect_timeout, with_deadline].into_iter().flat_map(|b| [(b.clone(), CREATE), (b, LIST)]);
    in_parallel(cases, |(builder, call)| {
        let keys = keys(builder);
        let start = Instant::now();
        let error = call(&keys).unwrap_err();
        let elapsed = start.elapsed();
        assert_connect_error(&error);
        assert!(error.is_timeout() && error.to_string().contains("timed out while connecting"), "{error}");
        assert!(elapsed > limit * 3 / 4 && elapsed < limit + Duration::from_secs(3), "{elapsed:?}");
    });
}

#[test]
fn row_02_handshake_ends_at_the_connect_timeout_and_the_deadline() {
    for fault in [SILENCE, ENDLESS_RECORD] {
        assert_ends_in_time(&builder(&FaultyServer::start(fault).https_url()));
    }
}

#[test]
fn row_02_proxy_ends_at_the_connect_timeout_and_the_deadline() {
    let cases = [
        ("http", SILENCE),
        ("http", ENDLESS_HEADER),
        ("https", ENDLESS_RECORD),
        ("socks5", SILENCE),
        // Announces a bound address of 255 bytes.
        ("socks5", Fault::Drip(&[5, 0, 5, 0, 0, 3, 255], b'a')),
    ];
    in_parallel(cases, |(scheme, fault)| {
        let proxy = FaultyServer::start(fault);
        // The address of a target that does not exist. Only a proxy would connect to it.
        let builder = builder("https://192.0.2.1").proxy(format!("{scheme}://{}", proxy.address));
        assert_ends_in_time(&builder);
        assert_eq!(proxy.connections(), 4);
    });
}

#[test]
fn row_02_handshake_through_a_proxy_ends_at_the_connect_timeout_and_the_deadline() {
    let cases = ["http", "socks5"].into_iter().flat_map(|scheme| [(scheme, SILENCE), (scheme, ENDLESS_RECORD)]);
    in_parallel(cases, |(scheme, fault)| {
        let target = FaultyServer::start(fault);
        let proxy = Proxy::start(target.address);
        assert_ends_in_time(&builder("https://192.0.2.1").proxy(format!("{scheme}://{}", proxy.address())));
        assert_eq!(target.connections(), 4);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn row_02_silent_network_ends_at_the_connect_timeout_and_the_deadline() {
    use socket2::{Domain, Socket, Type};
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let listener = socket();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    // Fills the queue, so that further connections are neither accepted nor refused.
    let mut queued = Vec::new();
    loop {
        queued.push(socket());
        if queued.last().unwrap().connect_timeout(&address, Duration::from_millis(100)).is_err() {
            break;
        }
    }
    let address = address.as_socket().unwrap();
    assert_ends_in_time(&builder(&format!("https://{address}")));
    assert_ends_in_time(&builder("https://192.0.2.1").proxy(format!("http://{address}")));
    assert_ends_in_time(&builder("https://192.0.2.1").proxy(format!("socks5://{address}")));
}

#[test]
fn proxy_tunnels_http() {
    for scheme in ["http", "socks5", "socks5h"] {
        let target = RawServer::start(|_, request| success(request));
        let proxy = Proxy::start(target.address());
        let keys = keys(builder(&target.base_url()).proxy(format!("{scheme}://{}", proxy.address())));
        for call in [LIST, DELETE, CREATE] {
            call(&keys).unwrap();
        }
        let state = proxy.state();
        assert_eq!((target.requests().len(), target.connections()), (3, 2));
        assert_eq!((state.requests.len(), state.credentials.len()), (2, 0), "a create opens a connection of its own");
        assert!(state.requests.iter().all(|request| request.contains(&target.address().to_string())));
        assert!(!state.requests.concat().contains("Proxy-Authorization"));
    }
}

#[test]
fn response_through_a_proxy_can_take_longer_than_the_connect_timeout() {
    for scheme in ["http", "socks5"] {
        let server = FakeServer::start();
        server.inject(mock::Fault::Delay(Duration::from_millis(600)));
        let proxy = Proxy::start(server.base_url().strip_prefix("http://").unwrap().parse().unwrap());
        let builder = Client::builder(Credentials::api_token(FakeServer::API_TOKEN)).base_url(server.base_url());
        let builder = builder.proxy(format!("{scheme}://{}", proxy.address()));
        keys(builder.connect_timeout(Duration::from_millis(300))).list().unwrap();
        assert_eq!(proxy.state().requests.len(), 1);
    }
}

#[test]
fn proxy_tunnels_tls_to_a_name_that_only_it_knows() {
    for scheme in ["http", "socks5h"] {
        let target = TlsServer::start("service.invalid");
        let proxy = Proxy::start(target.address());
        let url = format!("{scheme}://ops%40example.com:hunt%3Aer2@{}", proxy.address());
        let keys = keys(builder("https://service.invalid").root_certificates(pem("authority")).proxy(url));
        for call in [LIST, DELETE, CREATE] {
            call(&keys).unwrap();
        }
        assert_eq!((target.requests().len(), target.connections()), (3, 2));
        assert!(target.requests().iter().all(|request| request.contains(TOKEN)));
        let state = proxy.state();
        assert_eq!(state.requests.len(), 2);
        for request in &state.requests {
            assert!(request.contains("service.invalid:443"), "{request}");
        }
        if scheme == "http" {
            // The base64 of `ops@example.com:hunt:er2`.
            let header = "Proxy-Authorization: Basic b3BzQGV4YW1wbGUuY29tOmh1bnQ6ZXIy\r\n";
            assert!(state.requests.iter().all(|request| request.contains(header)), "{:?}", state.requests);
        } else {
            assert_eq!(state.credentials, ["ops@example.com:hunt:er2"; 2]);
        }
        let seen = state.requests.concat() + &String::from_utf8_lossy(&state.tunneled);
        assert!(!state.tunneled.is_empty() && !seen.contains(TOKEN) && !seen.contains(ACCOUNT_ID));
    }
}

#[test]
fn ip_family_limits_the_addresses() {
    use ureq::config::IpFamily;
    let server = RawServer::start(|_, request| success(request));
    assert_connect_errors(&builder(&server.base_url()).ip_family(IpFamily::Ipv6Only), &["could not connect to "]);
    assert_eq!(server.connections(), 0);
    LIST(&keys(builder(&server.base_url()).ip_family(IpFamily::Ipv4Only))).unwrap();
}
