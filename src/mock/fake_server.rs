use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use httpmock::{HttpMockRequest, HttpMockResponse, MockServer};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::generated::{MockServerExt, types};
use super::rsa_key;
use super::verify::{self, TokenError};
use crate::{Client, Credentials, SigningKeys};

/// A stand-in for the service that keeps keys, answers as the live API does, and misbehaves on demand.
///
/// It is a real HTTP server on loopback, for as long as it lives. Created keys are real RSA keys, and new ones, until a
/// process has made 16; after that they come again under other ids.
///
/// ```
/// use cloudflare_stream_keys::mock::{FakeServer, Fault};
///
/// let fake = FakeServer::start();
/// let keys = fake.signing_keys();
/// let key = keys.create()?;
/// assert_eq!(keys.list()?[0].id, key.id);
///
/// // The key is made, and its answer gets lost: it must not be made twice.
/// fake.inject(Fault::LoseResponse);
/// assert!(keys.create().unwrap_err().outcome_unknown());
/// assert_eq!(fake.requests().iter().filter(|seen| seen.method == "POST").count(), 2);
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
pub struct FakeServer {
    server: MockServer,
    state: Arc<Mutex<State>>,
}

/// How the next request goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The service does what was asked, and a gateway answers 502 with an HTML page in its place.
    LoseResponse,
    /// The service does what was asked, and the last quarter of its answer is missing: of a new key, one form is whole.
    TruncateResponse,
    /// The service does nothing and answers with this status and an HTML page.
    Status(u16),
    /// The service refuses with 429 and asks to wait this long; whole seconds.
    RateLimit {
        /// The value of `Retry-After`, in whole seconds.
        retry_after: Duration,
    },
}

/// A request as the fake saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Such as `POST`.
    pub method: String,
    /// Such as `/accounts/023e105f4ecef8ad9ca31a8372d0c353/stream/keys`.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Empty where there was none.
    pub body: String,
}

#[derive(Default)]
struct State {
    keys: HashMap<String, Vec<StoredKey>>,
    /// Each for the next request, or the next with a method.
    faults: Vec<(Option<&'static str>, Fault)>,
    requests: Vec<RecordedRequest>,
    ahead: Duration,
}

struct StoredKey {
    info: types::StreamKeyResponseCollectionResultItem,
    /// PKCS#1 DER; none for a key that was seeded.
    public: Option<Vec<u8>>,
}

/// The service's code for an unknown key.
const UNKNOWN_KEY: i64 = 10003;
/// The service's code for credentials that it does not accept.
const AUTHENTICATION: i64 = 10000;
/// Cloudflare's code for too many requests.
const RATE_LIMITED: i64 = 1015;
/// For what cannot happen.
const INTERNAL: i64 = 10001;

impl FakeServer {
    /// An account that exists. Any other does as well, and has keys of its own.
    pub const ACCOUNT_ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";
    /// The one API token that is accepted.
    pub const API_TOKEN: &str = "fake-api-token";
    /// The e-mail address that is accepted with [`GLOBAL_API_KEY`](Self::GLOBAL_API_KEY).
    pub const EMAIL: &str = "ops@example.com";
    /// The global API key that is accepted with [`EMAIL`](Self::EMAIL).
    pub const GLOBAL_API_KEY: &str = "fake-global-api-key";

    /// Starts a server on a free port of loopback.
    pub fn start() -> Self {
        let server = MockServer::start();
        let state = Arc::new(Mutex::new(State::default()));
        let answer = |operation: fn(&mut State, &Place) -> HttpMockResponse| {
            let state = state.clone();
            move |request: &HttpMockRequest| State::serve(&state, request, operation)
        };
        server.list_signing_keys(|_, then| drop(then.into_inner().respond_with(answer(State::list))));
        server.create_signing_keys(|_, then| drop(then.into_inner().respond_with(answer(State::create))));
        server.delete_signing_keys(|_, then| drop(then.into_inner().respond_with(answer(State::delete))));
        Self { server, state }
    }

    /// Where it listens: for [`ClientBuilder::base_url`](crate::ClientBuilder::base_url).
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// A client of this server, with the token that it accepts.
    ///
    /// # Panics
    /// Never: the settings are known to be good.
    pub fn client(&self) -> Client {
        let credentials = Credentials::api_token(Self::API_TOKEN);
        Client::builder().credentials(credentials).base_url(self.base_url()).build().expect("the fake's own settings")
    }

    /// The keys of [`ACCOUNT_ID`](Self::ACCOUNT_ID) on this server.
    ///
    /// # Panics
    /// Never: the account's id is known to be good.
    pub fn signing_keys(&self) -> SigningKeys {
        self.client().signing_keys(Self::ACCOUNT_ID).expect("the fake's own account")
    }

    /// Adds a key to [`ACCOUNT_ID`](Self::ACCOUNT_ID), as if it had been created before.
    pub fn seed(&self, id: &str) {
        self.state().add(Self::ACCOUNT_ID, id, None);
    }

    /// The time on this server: the clock's, and what it was [advanced](Self::advance) by.
    pub fn now(&self) -> Timestamp {
        self.state().now()
    }

    /// Moves this server's time on.
    pub fn advance(&self, time: Duration) {
        let mut state = self.state();
        state.ahead = state.ahead.saturating_add(time);
    }

    /// Plays a video with a token, as the service would: the key must be one that this server made and still has, and
    /// the time must be right. Access rules are not looked at.
    ///
    /// # Errors
    /// Why it does not play.
    /// ```
    /// use cloudflare_stream_keys::Signer;
    /// use cloudflare_stream_keys::mock::{FakeServer, TokenError};
    ///
    /// let fake = FakeServer::start();
    /// let keys = fake.signing_keys();
    /// let key = keys.create()?;
    /// let token = Signer::new(&key)?.token("5d5bc37ffcf54c9b82e996823bffbb81").sign()?;
    /// assert_eq!(fake.verify_token(token.as_str()), Ok(()));
    /// keys.delete(&key.id)?;
    /// assert_eq!(fake.verify_token(token.as_str()), Err(TokenError::UnknownKey));
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    pub fn verify_token(&self, token: &str) -> Result<(), TokenError> {
        let state = self.state();
        let find =
            |id: &str| state.keys.values().flatten().find(|key| key.info.key_id.as_deref() == Some(id))?.public.clone();
        verify::verify(token, state.now(), find)
    }

    /// Lets the next request go wrong. Further faults queue up behind it.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push((None, fault));
    }

    /// Lets the next request with this method go wrong: `POST` creates, `GET` lists, `DELETE` deletes.
    pub fn inject_on(&self, method: &'static str, fault: Fault) {
        self.state().faults.push((Some(method), fault));
    }

    /// Every request so far, in the order of arrival.
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

/// A panic of another test's thread does not spoil the state.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a request's path names.
struct Place {
    account: String,
    key: Option<String>,
}

impl Place {
    /// From `/accounts/{account}/stream/keys/{key}`.
    fn of(path: &str) -> Self {
        let mut segments = path.split('/').skip(2);
        let account = segments.next().unwrap_or_default().to_string();
        Self { account, key: segments.nth(2).map(String::from) }
    }
}

impl State {
    fn serve(
        state: &Mutex<Self>,
        request: &HttpMockRequest,
        operation: fn(&mut Self, &Place) -> HttpMockResponse,
    ) -> HttpMockResponse {
        let mut state = lock(state);
        let headers = request.headers_vec().iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        let uri = request.uri();
        let seen = RecordedRequest {
            method: request.method().to_string(),
            path: uri.path().to_string(),
            headers,
            body: request.body().to_string(),
        };
        let place = Place::of(&seen.path);
        let authentic = seen.is_authentic();
        let fault = state.faults.iter().position(|(method, _)| method.is_none_or(|method| method == seen.method));
        let fault = fault.map(|at| state.faults.remove(at).1);
        state.requests.push(seen);

        match fault {
            Some(Fault::LoseResponse) => {
                operation(&mut state, &place);
                html(502)
            }
            Some(Fault::TruncateResponse) => {
                let mut answer = operation(&mut state, &place);
                let body = answer.body.take().map(|body| body.to_string()).unwrap_or_default();
                answer.body = Some(body[..body.len() / 4 * 3].into());
                answer
            }
            Some(Fault::Status(status)) => html(status),
            Some(Fault::RateLimit { retry_after: wait }) => {
                let mut answer = refuse(429, RATE_LIMITED, "You are being rate limited");
                answer.headers.get_or_insert_default().push(("retry-after".into(), wait.as_secs().to_string()));
                answer
            }
            None if !authentic => refuse(401, AUTHENTICATION, "Authentication error"),
            None => operation(&mut state, &place),
        }
    }

    fn list(&mut self, place: &Place) -> HttpMockResponse {
        // The live API says null, not [], where there are none.
        let keys = self.keys.get(&place.account).filter(|keys| !keys.is_empty());
        success(keys.map(|keys| keys.iter().map(|key| &key.info).collect::<Vec<_>>()))
    }

    fn create(&mut self, place: &Place) -> HttpMockResponse {
        let id = format!("{:032x}", fastrand::u128(..));
        let key = match rsa_key::generate(&id) {
            Ok(key) => key,
            Err(e) => return refuse(500, INTERNAL, &e.to_string()),
        };
        let created = self.add(&place.account, &id, Some(key.public));
        success(types::StreamKeys {
            id: Some(id.into()),
            created: Some(created),
            pem: Some(key.pem.into()),
            jwk: Some(key.jwk.into()),
        })
    }

    fn delete(&mut self, place: &Place) -> HttpMockResponse {
        let keys = self.keys.entry(place.account.clone()).or_default();
        let Some(at) = keys.iter().position(|key| key.info.key_id == place.key) else {
            return refuse(404, UNKNOWN_KEY, "Not found");
        };
        keys.remove(at);
        success("Revoked")
    }

    fn add(&mut self, account: &str, id: &str, public: Option<Vec<u8>>) -> types::StreamSigningKeyCreated {
        let created = types::StreamSigningKeyCreated(self.now().to_string());
        let info = types::StreamKeyResponseCollectionResultItem {
            id: Some(id.to_string().into()),
            created: Some(created.clone()),
            key_id: Some(id.to_string()),
        };
        self.keys.entry(account.to_string()).or_default().push(StoredKey { info, public });
        created
    }

    fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.ahead).unwrap_or(Timestamp::MAX)
    }
}

impl RecordedRequest {
    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn is_authentic(&self) -> bool {
        let token = format!("Bearer {}", FakeServer::API_TOKEN);
        self.header("authorization") == Some(&token)
            || self.header("x-auth-email") == Some(FakeServer::EMAIL)
                && self.header("x-auth-key") == Some(FakeServer::GLOBAL_API_KEY)
    }
}

fn success(result: impl Serialize) -> HttpMockResponse {
    let envelope = json!({ "success": true, "errors": [], "messages": [], "result": result });
    answer(200, "application/json", envelope.to_string())
}

fn refuse(status: u16, code: i64, message: &str) -> HttpMockResponse {
    let errors = [json!({ "code": code, "message": message })];
    let envelope = json!({ "success": false, "errors": errors, "messages": [], "result": null });
    answer(status, "application/json", envelope.to_string())
}

fn html(status: u16) -> HttpMockResponse {
    answer(status, "text/html", format!("<html><body><h1>{status}</h1><hr>cloudflare</body></html>"))
}

fn answer(status: u16, content_type: &str, body: String) -> HttpMockResponse {
    let ray_id = format!("{:016x}-LHR", fastrand::u64(..));
    HttpMockResponse::builder()
        .status(status)
        .header("content-type", content_type)
        .header("cf-ray", ray_id)
        .body(body)
        .build()
}
