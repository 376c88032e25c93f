use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use httpmock::{HttpMockRequest, HttpMockResponse, MockServer};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use ureq::http::StatusCode;

use super::fault_proxy::{Delivery, FaultProxy};
use super::generated::MockServerExt;
use super::rsa_key;
use super::verify::{self, TokenError, Viewer};
use crate::{Client, Credentials, SigningKeys};

/// A fake server that stores keys, responds like the live API, and fails on demand.
///
/// It is a real HTTP server on loopback and stops on drop. The keys that it creates are real RSA keys. A process
/// generates 16 of them, and then reuses them with new IDs.
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
    /// Dropped before `server`, which httpmock then reuses.
    proxy: FaultProxy,
    /// Keeps the server running.
    _server: MockServer,
    state: Arc<Mutex<State>>,
}

/// A failure to inject with [`FakeServer::inject`].
///
/// A request that takes effect creates or deletes the key, unless it would fail without the fault too: if its
/// credentials are rejected, or if the key to delete does not exist. [`FakeServer::requests`] includes every request
/// that a fault affects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The request takes effect at once, and the response is sent after this time. Other requests are not delayed.
    Delay(Duration),
    /// The request has no effect, and no response is sent. The connection stays open until the client closes it or the
    /// server is dropped.
    Hang,
    /// The request takes effect, but no response is sent. The connection stays open until the client closes it or the
    /// server is dropped.
    HangAfterEffect,
    /// The request has no effect, and the connection is reset.
    ResetBeforeEffect,
    /// The request takes effect, but the connection is reset before the response.
    ResetAfterEffect,
    /// The request takes effect, but the connection is reset after the headers and three quarters of the body. In the
    /// response to a create, either the PEM or the JWK is complete. Some systems discard what the client has not read
    /// when the reset arrives.
    ResetWithinResponse,
    /// The request takes effect, but the response is a gateway's HTML page with status code 502.
    BadGatewayAfterEffect,
    /// The request takes effect, but the last quarter of the response body is missing. In the response to a create,
    /// either the PEM or the JWK is complete.
    TruncateResponse,
    /// The request takes effect, but `result` in the response is null: a list shows no keys, and the private key of a
    /// created key is lost. An error response is sent as it is.
    NullResult,
    /// The request has no effect, and the response is an HTML page with this status code.
    Status(StatusCode),
    /// The request has no effect, and the response is a JSON error like Cloudflare's.
    Error {
        /// The status code.
        status: StatusCode,
        /// Cloudflare's error code, such as 10000.
        code: i64,
        /// The message of the error.
        message: String,
    },
    /// The request has no effect, and the response is a 429.
    RateLimit {
        /// The value of the `Retry-After` header, in whole seconds.
        retry_after: Duration,
    },
}

/// A request that a [`FakeServer`] received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method, such as `POST`.
    pub method: String,
    /// The path, such as `/accounts/023e105f4ecef8ad9ca31a8372d0c353/stream/keys`.
    pub path: String,
    /// The query without the question mark, still encoded. Empty if the request has none.
    pub query: String,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body. Empty if the request has none.
    pub body: String,
}

#[derive(Default)]
struct State {
    keys: HashMap<String, Vec<StoredKey>>,
    /// Each fault with the method that it applies to, or `None` for any method.
    faults: Vec<(Option<String>, Fault)>,
    /// How to send responses, by the value of their `cf-ray` header.
    deliveries: HashMap<String, Delivery>,
    requests: Vec<RecordedRequest>,
    clock_offset: Duration,
}

struct StoredKey {
    id: String,
    created: String,
    /// PKCS#1 DER. `None` for a seeded key.
    public_key: Option<Vec<u8>>,
}

/// The code for a key that does not exist.
const UNKNOWN_KEY: i64 = 10003;
/// The code for rejected credentials.
const AUTHENTICATION: i64 = 10000;
/// The code for too many requests.
const RATE_LIMITED: i64 = 1015;
/// The code for a failure of the fake server itself.
const INTERNAL: i64 = 10001;

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
    pub fn start() -> Self {
        let server = MockServer::start();
        let state = Arc::new(Mutex::new(State::default()));
        let respond_with = |operation: Operation| {
            let state = state.clone();
            move |request: &HttpMockRequest| lock(&state).serve(request, operation)
        };
        server.list_signing_keys(|_, then| drop(then.into_inner().respond_with(respond_with(State::list))));
        server.create_signing_keys(|_, then| drop(then.into_inner().respond_with(respond_with(State::create))));
        server.delete_signing_keys(|_, then| drop(then.into_inner().respond_with(respond_with(State::delete))));
        let choose_delivery = {
            let state = state.clone();
            move |ray_id: &str| lock(&state).deliveries.remove(ray_id)
        };
        let proxy = FaultProxy::start(*server.address(), choose_delivery).expect("a free loopback port and a thread");
        Self { proxy, _server: server, state }
    }

    /// Returns the server's URL, for [`ClientBuilder::base_url`](crate::ClientBuilder::base_url).
    pub fn base_url(&self) -> String {
        format!("http://{}", self.proxy.address())
    }

    /// Creates a client for this server, with [`API_TOKEN`](Self::API_TOKEN) and the default settings.
    pub fn client(&self) -> Client {
        let credentials = Credentials::api_token(Self::API_TOKEN);
        Client::builder().credentials(credentials).base_url(self.base_url()).build().expect("valid settings")
    }

    /// Creates a handle for the keys of [`ACCOUNT_ID`](Self::ACCOUNT_ID) on this server.
    pub fn signing_keys(&self) -> SigningKeys {
        self.client().signing_keys(Self::ACCOUNT_ID).expect("a valid account ID")
    }

    /// Adds a key to [`ACCOUNT_ID`](Self::ACCOUNT_ID). It can be listed and deleted, but cannot sign tokens.
    pub fn seed(&self, id: &str) {
        self.state().add(Self::ACCOUNT_ID, id, None);
    }

    /// Returns the server's time: the system's time, plus what was added with [`advance`](Self::advance).
    pub fn now(&self) -> Timestamp {
        self.state().now()
    }

    /// Moves the server's time forward. To sign a token at that time, use
    /// [`signing_time(server.now())`](crate::PlaybackTokenBuilder::signing_time).
    pub fn advance(&self, duration: Duration) {
        let mut state = self.state();
        state.clock_offset = state.clock_offset.saturating_add(duration);
    }

    /// Verifies a playback token: its form, its signature, its claims and its times. The token's key must have been
    /// created by this server and not been deleted, and the token must be valid at the server's time. Its access rules
    /// must be valid, but only [`verify_token_for`](Self::verify_token_for) evaluates them. The server knows no videos, so
    /// any video UID is accepted, with a key of any account.
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

    /// Verifies a playback token like [`verify_token`](Self::verify_token), and evaluates its access rules for a viewer.
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
        let state = self.state();
        let find_key = |id: &str| {
            let key = state.keys.values().flatten().find(|key| key.id == id)?;
            key.public_key.clone()
        };
        verify::verify(token, state.now(), viewer, find_key)
    }

    /// Makes the next request fail. Further faults queue up.
    ///
    /// A fault affects one request, not one call: the client retries some of them. Use
    /// [`RetryPolicy::none`](crate::RetryPolicy::none) to see the error of the first attempt.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push((None, fault));
    }

    /// Makes the next request with this method fail: `POST` for create, `GET` for list, `DELETE` for delete.
    pub fn inject_on(&self, method: impl AsRef<str>, fault: Fault) {
        self.state().faults.push((Some(method.as_ref().to_uppercase()), fault));
    }

    /// Returns all requests that the server has received, in order.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeServer").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

/// Locks the state, even if another thread panicked while it held the lock.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

type Operation = fn(&mut State, &Target) -> HttpMockResponse;

/// The account and the key that a path names.
struct Target {
    account_id: String,
    key_id: Option<String>,
}

impl Target {
    /// Parses `/accounts/{account_id}/stream/keys/{key_id}`.
    fn parse(path: &str) -> Self {
        let mut segments = path.split('/').skip(2);
        let account_id = segments.next().unwrap_or_default().to_string();
        Self { account_id, key_id: segments.nth(2).map(String::from) }
    }
}

impl State {
    fn serve(&mut self, request: &HttpMockRequest, operation: Operation) -> HttpMockResponse {
        let request = RecordedRequest::from(request);
        let target = Target::parse(&request.path);
        let is_authenticated = request.is_authenticated();
        let fault = self.take_fault(&request.method);
        self.requests.push(request);

        let mut respond = || match is_authenticated {
            true => operation(self, &target),
            false => failure(StatusCode::UNAUTHORIZED, AUTHENTICATION, "Authentication error"),
        };
        let (response, delivery) = match fault {
            None => (respond(), None),
            Some(Fault::Delay(delay)) => (respond(), Some(Delivery::Delay(delay))),
            Some(Fault::Hang) => (html(StatusCode::GATEWAY_TIMEOUT), Some(Delivery::Hang)),
            Some(Fault::HangAfterEffect) => (respond(), Some(Delivery::Hang)),
            Some(Fault::ResetBeforeEffect) => (html(StatusCode::BAD_GATEWAY), Some(Delivery::Reset)),
            Some(Fault::ResetAfterEffect) => (respond(), Some(Delivery::Reset)),
            Some(Fault::ResetWithinResponse) => (respond(), Some(Delivery::ResetWithinBody)),
            Some(Fault::BadGatewayAfterEffect) => {
                respond();
                (html(StatusCode::BAD_GATEWAY), None)
            }
            Some(Fault::TruncateResponse) => {
                let mut response = respond();
                let body = response.body.take().map(|body| body.to_string()).unwrap_or_default();
                let end = (0..=body.len() / 4 * 3).rfind(|end| body.is_char_boundary(*end)).unwrap_or_default();
                response.body = Some(body[..end].into());
                (response, None)
            }
            Some(Fault::NullResult) => {
                let response = respond();
                let is_success = response.status == Some(StatusCode::OK.as_u16());
                (if is_success { success(()) } else { response }, None)
            }
            Some(Fault::Status(status)) => (html(status), None),
            Some(Fault::Error { status, code, message }) => (failure(status, code, &message), None),
            Some(Fault::RateLimit { retry_after }) => {
                let mut response = failure(StatusCode::TOO_MANY_REQUESTS, RATE_LIMITED, "You are being rate limited");
                let seconds = retry_after.as_secs().to_string();
                response.headers.get_or_insert_default().push(("retry-after".into(), seconds));
                (response, None)
            }
        };
        if let Some(delivery) = delivery {
            let headers = response.headers.iter().flatten();
            let ray_ids = headers.filter(|(name, _)| name == "cf-ray").map(|(_, ray_id)| (ray_id.clone(), delivery));
            self.deliveries.extend(ray_ids);
        }
        response
    }

    fn take_fault(&mut self, method: &str) -> Option<Fault> {
        let at = self.faults.iter().position(|(wanted, _)| wanted.as_deref().is_none_or(|wanted| wanted == method))?;
        Some(self.faults.remove(at).1)
    }

    fn list(&mut self, target: &Target) -> HttpMockResponse {
        // If there are no keys, the live API returns null, not [].
        let keys = self.keys.get(&target.account_id).filter(|keys| !keys.is_empty());
        let info = |key: &StoredKey| json!({ "id": key.id, "created": key.created, "key_id": key.id });
        success(keys.map(|keys| keys.iter().map(info).collect::<Vec<_>>()))
    }

    fn create(&mut self, target: &Target) -> HttpMockResponse {
        let id = format!("{:032x}", fastrand::u128(..));
        let key = match rsa_key::generate(&id) {
            Ok(key) => key,
            Err(e) => return failure(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL, &e.to_string()),
        };
        let created = self.add(&target.account_id, &id, Some(key.public_key));
        success(json!({ "id": id, "created": created, "pem": key.pem, "jwk": key.jwk }))
    }

    fn delete(&mut self, target: &Target) -> HttpMockResponse {
        let keys = self.keys.entry(target.account_id.clone()).or_default();
        let Some(at) = keys.iter().position(|key| Some(&key.id) == target.key_id.as_ref()) else {
            return failure(StatusCode::NOT_FOUND, UNKNOWN_KEY, "Not found");
        };
        keys.remove(at);
        success("Revoked")
    }

    /// Stores a key and returns its creation date.
    fn add(&mut self, account_id: &str, id: &str, public_key: Option<Vec<u8>>) -> String {
        let created = self.now().to_string();
        let key = StoredKey { id: id.to_string(), created: created.clone(), public_key };
        self.keys.entry(account_id.to_string()).or_default().push(key);
        created
    }

    fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.clock_offset).unwrap_or(Timestamp::MAX)
    }
}

impl RecordedRequest {
    /// Returns the value of a header. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn is_authenticated(&self) -> bool {
        let token = format!("Bearer {}", FakeServer::API_TOKEN);
        self.header("authorization") == Some(&token)
            || self.header("x-auth-email") == Some(FakeServer::EMAIL)
                && self.header("x-auth-key") == Some(FakeServer::GLOBAL_API_KEY)
    }
}

impl From<&HttpMockRequest> for RecordedRequest {
    fn from(request: &HttpMockRequest) -> Self {
        let uri = request.uri();
        Self {
            method: request.method().to_string(),
            path: uri.path().to_string(),
            query: uri.query().unwrap_or_default().to_string(),
            headers: request.headers_vec().iter().map(|(n, value)| (n.to_lowercase(), value.clone())).collect(),
            body: request.body().to_string(),
        }
    }
}

fn success(result: impl Serialize) -> HttpMockResponse {
    let envelope = json!({ "success": true, "errors": [], "messages": [], "result": result });
    response(StatusCode::OK, "application/json", envelope.to_string())
}

fn failure(status: StatusCode, code: i64, message: &str) -> HttpMockResponse {
    let errors = [json!({ "code": code, "message": message })];
    let envelope = json!({ "success": false, "errors": errors, "messages": [], "result": null });
    response(status, "application/json", envelope.to_string())
}

fn html(status: StatusCode) -> HttpMockResponse {
    response(status, "text/html", format!("<html><body><h1>{status}</h1><hr>cloudflare</body></html>"))
}

fn response(status: StatusCode, content_type: &str, body: String) -> HttpMockResponse {
    let ray_id = format!("{:016x}-LHR", fastrand::u64(..));
    HttpMockResponse::builder()
        .status(status.as_u16())
        .header("content-type", content_type)
        .header("cf-ray", ray_id)
        .body(body)
        .build()
}
