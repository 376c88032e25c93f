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
            now: details.now,
            timeout: details.timeout,
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
        let transport = self.connect_within(details, deadline.clone()).map_err(ConnectError::mark)?;
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
