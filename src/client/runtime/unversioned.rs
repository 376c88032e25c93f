//! Connections of the default agent, and every use of an API that ureq may change in a minor version.
//!
//! That API is three traits and a rustls setting. The parts that this module uses have not changed since ureq 3.0.12,
//! so Cargo.toml can allow any later version. It builds no `ConnectionDetails`, to which ureq adds fields.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use rustls::crypto::CryptoProvider;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{TlsConfig, TlsConfigBuilder};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};
use ureq::{Agent, Error};

use super::wire_log_guard;

/// Creates an agent for [`exchange`].
pub(crate) fn lazy_agent(config: Config) -> Agent {
    Agent::with_parts(config, LazyConnector(DefaultConnector::default()), LazyResolver(DefaultResolver::default()))
}

/// Returns a builder for TLS settings with this crypto provider.
pub(crate) fn tls_config_with(provider: Arc<CryptoProvider>) -> TlsConfigBuilder {
    TlsConfig::builder().unversioned_rustls_crypto_provider(provider)
}

/// Returns whether TLS settings have a crypto provider of their own.
pub(crate) fn has_crypto_provider(tls: &TlsConfig) -> bool {
    tls.unversioned_rustls_crypto_provider().is_some()
}

/// How far an exchange has progressed.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// The exchange may use an idle connection.
    Reuse,
    /// The pool has no idle connection.
    NoIdleConnection,
    /// The exchange may look names up and connect.
    Connect,
    /// There is a connection, and the request may have been sent.
    Send,
}

thread_local! {
    static PHASE: Cell<Phase> = const { Cell::new(Phase::Connect) };
    /// The deadline of a connection through a proxy, while it is being made.
    static PROXY_DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Runs a request with a [`lazy_agent`]. An error comes with whether it happened before the request, in which case
/// nothing was sent.
///
/// ureq looks a name up for every request, on a thread of its own, before it looks for an idle connection. So the first
/// run has no addresses. If there is no idle connection, nothing has been sent yet, and a second run looks the name up.
pub(super) fn exchange<T>(mut run: impl FnMut() -> Result<T, Error>) -> Result<T, (Error, bool)> {
    PROXY_DEADLINE.set(None);
    PHASE.set(Phase::Reuse);
    let mut result = run();
    if PHASE.get() == Phase::NoIdleConnection {
        PHASE.set(Phase::Connect);
        result = run();
    }
    result.map_err(|e| (e, PHASE.get() != Phase::Send))
}

#[derive(Debug)]
struct LazyResolver<R>(R);

impl<R: Resolver> Resolver for LazyResolver<R> {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        match PHASE.get() {
            Phase::Reuse => Ok(self.empty()),
            _ => self.0.resolve(uri, config, timeout),
        }
    }
}

#[derive(Debug)]
struct LazyConnector(DefaultConnector);

impl Connector<()> for LazyConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        if PHASE.get() == Phase::Reuse {
            PHASE.set(Phase::NoIdleConnection);
            return Err(Error::ConnectionFailed);
        }
        // ureq calls this again for the connection to a proxy, and grants all of the time to each step.
        let is_proxied = details.config.proxy().is_some();
        if is_proxied {
            PROXY_DEADLINE.set(Instant::now().checked_add(*details.timeout.after));
        }
        let transport = wire_log_guard::pause(|| self.0.connect(details, None));
        if is_proxied {
            PROXY_DEADLINE.set(None);
        }
        // A request to a proxy is not the call's request.
        PHASE.set(Phase::Connect);
        Ok(transport?.map(|transport| Box::new(Connection(transport)) as Box<dyn Transport>))
    }
}

/// A connection whose bytes are kept out of the log. While it waits for the network, there are no bytes to keep out.
#[derive(Debug)]
struct Connection(Box<dyn Transport>);

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        wire_log_guard::renew();
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        PHASE.set(Phase::Send);
        wire_log_guard::pause(|| self.0.transmit_output(amount, limited(timeout)))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        wire_log_guard::pause(|| self.0.await_input(limited(timeout)))
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

/// Returns a timeout that does not exceed the deadline of a proxy.
fn limited(timeout: NextTimeout) -> NextTimeout {
    match PROXY_DEADLINE.get() {
        Some(deadline) => {
            let remaining = deadline.saturating_duration_since(Instant::now());
            NextTimeout { after: remaining.min(*timeout.after).into(), ..timeout }
        }
        None => timeout,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    /// Resolves every name to one address, and records it.
    #[derive(Clone, Debug)]
    struct Recording(SocketAddr, Arc<Mutex<Vec<String>>>);

    impl Resolver for Recording {
        fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
            self.1.lock().unwrap().push(uri.host().unwrap().to_string());
            let mut addresses = self.empty();
            addresses.push(self.0);
            Ok(addresses)
        }
    }

    /// Starts a server that closes each connection after this many responses.
    fn start_server(responses: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                for n in 1..=responses {
                    lines.by_ref().find(String::is_empty);
                    let connection = if n == responses { "close" } else { "keep-alive" };
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: {connection}\r\n\r\n");
                    let _ = stream.write_all(head.as_bytes());
                }
            }
        });
        address
    }

    fn agent(resolver: &Recording) -> Agent {
        let config = Agent::config_builder().proxy(None).build();
        let connector = LazyConnector(DefaultConnector::default());
        Agent::with_parts(config, connector, LazyResolver(resolver.clone()))
    }

    fn get(agent: &Agent) -> Result<Vec<u8>, Error> {
        agent.get("http://service.invalid/").call()?.body_mut().read_to_vec()
    }

    /// Makes requests to a name, and returns the names that were looked up and whether a failure precedes the request.
    fn get_repeatedly(address: SocketAddr, requests: usize) -> (Vec<String>, Option<bool>) {
        let resolver = Recording(address, Arc::default());
        let agent = agent(&resolver);
        let failure = (0..requests).find_map(|_| exchange(|| get(&agent)).err());
        let names = resolver.1.lock().unwrap().clone();
        (names, failure.map(|(_, precedes_request)| precedes_request))
    }

    #[test]
    fn name_is_looked_up_once_for_each_connection() {
        let name = "service.invalid".to_string();
        assert_eq!(get_repeatedly(start_server(usize::MAX), 1000), (vec![name.clone()], None));
        assert_eq!(get_repeatedly(start_server(2), 5), (vec![name; 3], None));
    }

    #[test]
    fn failure_precedes_the_request_until_there_is_a_connection() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(get_repeatedly(closed, 1).1, Some(true));
        assert_eq!(get_repeatedly(start_server(0), 1).1, Some(false));
    }
    #[test]
    fn failure_does_not_precede_a_request_on_a_connection_that_became_idle_meanwhile() {
        let agent = agent(&Recording(start_server(usize::MAX), Arc::default()));
        let mut runs = 0;
        let result = exchange(|| {
            runs += 1;
            let result = get(&agent);
            if runs == 1 {
                thread::scope(|scope| scope.spawn(|| exchange(|| get(&agent)).unwrap()).join().unwrap());
            }
            result.and(Err::<(), _>(Error::ConnectionFailed))
        });
        assert_eq!((runs, result.unwrap_err().1), (2, false));
    }
}
