use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::fault::{Fault, Operation};
use super::http_server::HttpServer;
use super::request::RecordedRequest;
use super::service::Service;
use super::verify::{self, TokenError, Viewer};
use crate::{Client, Credentials, SigningKeyInfo, SigningKeys};

/// A fake server that stores keys, responds like the live API, and fails on demand.
///
/// It is a real HTTP server on loopback and stops on drop. The keys that it creates are real RSA keys, but they are
/// published with this crate, so they protect nothing. After 16 keys, the server reuses them with new IDs.
///
/// ```
/// use cloudflare_stream_keys::mock::{FakeServer, Fault};
///
/// let server = FakeServer::start();
/// let keys = server.signing_keys();
/// let key = keys.create()?;
/// assert_eq!(keys.list()?[0].id, key.id);
///
/// // The key is created, but the response is lost: the request must not be sent again.
/// server.inject(Fault::BadGatewayAfterEffect);
/// assert!(keys.create().unwrap_err().outcome_unknown());
/// let requests = server.requests();
/// assert_eq!(requests.iter().filter(|request| request.method == "POST").count(), 2);
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
pub struct FakeServer {
    /// Keeps the server running.
    server: HttpServer,
    service: Arc<Mutex<Service>>,
}

impl FakeServer {
    /// The account ID of [`signing_keys`](Self::signing_keys). Any other account ID works too, and has its own keys.
    pub const ACCOUNT_ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";
    /// The API token that the server accepts.
    pub const API_TOKEN: &str = "fake-api-token";
    /// The email address that the server accepts together with [`GLOBAL_API_KEY`](Self::GLOBAL_API_KEY).
    pub const EMAIL: &str = "ops@example.com";
    /// The global API key that the server accepts together with [`EMAIL`](Self::EMAIL).
    pub const GLOBAL_API_KEY: &str = "fake-global-api-key";

    /// Starts a server on a free loopback port.
    ///
    /// # Panics
    /// Panics if the system has no free port or cannot start a thread.
    pub fn start() -> Self {
        let service = Arc::new(Mutex::new(Service::default()));
        let handler = {
            let service = service.clone();
            move |request| lock(&service).respond(request)
        };
        Self { server: HttpServer::start(handler).expect("a free loopback port and a thread"), service }
    }

    /// Returns the server's URL, for [`ClientBuilder::base_url`](crate::ClientBuilder::base_url).
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Creates a client for this server, with [`API_TOKEN`](Self::API_TOKEN) and the default settings.
    pub fn client(&self) -> Client {
        let credentials = Credentials::api_token(Self::API_TOKEN);
        Client::builder(credentials).base_url(self.base_url()).build().expect("valid settings")
    }

    /// Creates a handle for the keys of [`ACCOUNT_ID`](Self::ACCOUNT_ID) on this server.
    pub fn signing_keys(&self) -> SigningKeys {
        self.client().signing_keys(Self::ACCOUNT_ID).expect("a valid account ID")
    }

    /// Adds a key to [`ACCOUNT_ID`](Self::ACCOUNT_ID), created at the server's time. The key can be listed and deleted,
    /// but cannot sign tokens.
    ///
    /// # Panics
    /// Panics like [`seed_in`](Self::seed_in).
    pub fn seed(&self, id: &str) {
        let mut key = SigningKeyInfo::new(id);
        key.created = Some(self.now());
        self.seed_in(Self::ACCOUNT_ID, key);
    }

    /// Adds a key to any account, with any creation date or without a date.
    ///
    /// ```
    /// use cloudflare_stream_keys::SigningKeyInfo;
    /// use cloudflare_stream_keys::mock::FakeServer;
    ///
    /// let server = FakeServer::start();
    /// let mut key = SigningKeyInfo::new("old-key");
    /// key.created = Some("2021-06-15T21:06:54Z".parse()?);
    /// server.seed_in("another-account", key.clone());
    /// assert_eq!(server.client().signing_keys("another-account")?.list()?[0].created, key.created);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// Panics if the account already has a key with this ID, or if an ID is empty or invalid: otherwise, a test could
    /// pass for the wrong reason.
    pub fn seed_in(&self, account_id: &str, key: SigningKeyInfo) {
        self.service().seed(account_id, key);
    }

    /// Returns the server's time: the system's time plus the durations passed to [`advance`](Self::advance).
    pub fn now(&self) -> Timestamp {
        self.service().now()
    }

    /// Moves the server's time forward. To sign a token at that time, use
    /// [`signing_time(server.now())`](crate::sign::PlaybackTokenBuilder::signing_time).
    pub fn advance(&self, duration: Duration) {
        let mut service = self.service();
        service.clock_offset = service.clock_offset.saturating_add(duration);
    }

    /// Verifies a playback token: its form, its signature, its claims and its times. The token's key must have been
    /// created by this server and not been deleted, and the token must be valid at the server's time. Its access rules
    /// must be valid, but only [`verify_token_for`](Self::verify_token_for) evaluates them. The server has no videos,
    /// so it accepts any video UID, and a key of any account.
    ///
    /// ```
    /// use cloudflare_stream_keys::Signer;
    /// use cloudflare_stream_keys::mock::{FakeServer, TokenError};
    ///
    /// let server = FakeServer::start();
    /// let keys = server.signing_keys();
    /// let key = keys.create()?;
    /// let token = Signer::new(&key)?.token("5d5bc37ffcf54c9b82e996823bffbb81").sign()?;
    /// assert_eq!(server.verify_token(token.as_str()), Ok(()));
    /// keys.delete(&key.id)?;
    /// assert_eq!(server.verify_token(token.as_str()), Err(TokenError::UnknownKey));
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`TokenError`] if the token is not valid.
    pub fn verify_token(&self, token: &str) -> Result<(), TokenError> {
        self.verify(token, None)
    }

    /// Verifies a playback token like [`verify_token`](Self::verify_token), and evaluates its access rules for a
    /// viewer.
    ///
    /// ```
    /// use cloudflare_stream_keys::mock::{FakeServer, TokenError, Viewer};
    /// use cloudflare_stream_keys::{AccessRule, Signer};
    ///
    /// let server = FakeServer::start();
    /// let signer = Signer::new(&server.signing_keys().create()?)?;
    /// let token = signer
    ///     .token("5d5bc37ffcf54c9b82e996823bffbb81")
    ///     .access_rules(AccessRule::only_countries(["GB"])?)
    ///     .sign()?;
    /// let verify = |country| server.verify_token_for(token.as_str(), &Viewer::new([203, 0, 113, 7], country));
    /// assert_eq!(verify("GB"), Ok(()));
    /// assert_eq!(verify("FR"), Err(TokenError::Blocked));
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`verify_token`](Self::verify_token), and [`TokenError::Blocked`] if an access rule
    /// blocks the viewer.
    pub fn verify_token_for(&self, token: &str, viewer: &Viewer) -> Result<(), TokenError> {
        self.verify(token, Some(viewer))
    }

    fn verify(&self, token: &str, viewer: Option<&Viewer>) -> Result<(), TokenError> {
        let service = self.service();
        verify::verify(token, service.now(), viewer, |id| service.public_key(id))
    }

    /// Makes the next request fail. Further faults queue up.
    ///
    /// A fault affects one request, not one call: the client retries some requests. Use
    /// [`RetryPolicy::none`](crate::RetryPolicy::none) to see the error of the first attempt.
    ///
    /// # Panics
    /// Panics if the fault has a status code below 200 or above 599.
    pub fn inject(&self, fault: Fault) {
        self.queue(None, fault);
    }

    /// Makes the next request for this operation fail.
    ///
    /// # Panics
    /// Panics if the fault has a status code below 200 or above 599.
    pub fn inject_on(&self, operation: Operation, fault: Fault) {
        self.queue(Some(operation), fault);
    }

    fn queue(&self, operation: Option<Operation>, fault: Fault) {
        if let Fault::Status(status) | Fault::StatusAfterEffect(status) | Fault::Error { status, .. } = fault {
            assert!((200..600).contains(&status), "{status} is not the status code of a final response, 200 to 599");
        }
        self.service().faults.push((operation, fault));
    }

    /// Removes the faults that have not affected a request yet.
    pub fn clear_faults(&self) {
        self.service().faults.clear();
    }

    /// Checks that every injected fault has affected a request. Call it at the end of a test.
    ///
    /// ```should_panic
    /// use cloudflare_stream_keys::mock::{FakeServer, Fault, Operation};
    ///
    /// let server = FakeServer::start();
    /// server.inject_on(Operation::Delete, Fault::Hang);
    /// server.signing_keys().list()?;
    /// server.assert_faults_used(); // panics: nothing was deleted
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Panics
    /// Panics if a fault is left.
    pub fn assert_faults_used(&self) {
        let faults = self.service().faults.clone();
        assert!(faults.is_empty(), "faults that affected no request: {faults:?}");
    }

    /// Returns all requests that the server has received, in order.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service().requests.clone()
    }

    fn service(&self) -> MutexGuard<'_, Service> {
        lock(&self.service)
    }
}

impl fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeServer").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

/// Locks the service, even if another thread panicked while it held the lock.
fn lock(service: &Mutex<Service>) -> MutexGuard<'_, Service> {
    service.lock().unwrap_or_else(PoisonError::into_inner)
}
