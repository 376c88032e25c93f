use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use ureq::http::header::{self as names, HeaderMap, HeaderName, HeaderValue};
use ureq::tls::{TlsConfig, TlsProvider};
use ureq::{Agent, Proxy};

use crate::credentials::{X_AUTH_EMAIL, X_AUTH_KEY};
use crate::crypto::tls_provider;
use crate::runtime::{self, Settings};
use crate::validate::{BaseUrl, base_url};
use crate::{Credentials, Error, RetryPolicy, SigningKeys, env, generated};

const DEFAULT_BASE_URL: &str = "https://api.cloudflare.com/client/v4";
/// As Cloudflare's own SDKs have it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// 10 MiB: a full list of 1,000 keys is a tenth of one.
const DEFAULT_MAX_RESPONSE_SIZE: u64 = 10 * 1024 * 1024;
/// ureq's own 3 would have most threads of a busy program connect anew for each call.
const MAX_IDLE_CONNECTIONS: usize = 64;
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// A connection pool, credentials and settings: where everything starts.
///
/// Make one and keep it. It is cheap to clone and can be used from any number of threads at once.
///
/// ```
/// use cloudflare_stream_keys::{Client, Credentials};
///
/// # let token = "v1.0-0123456789abcdef";
/// let client = Client::builder().credentials(Credentials::api_token(token)).build()?;
/// let keys = client.signing_keys("023e105f4ecef8ad9ca31a8372d0c353")?;
/// # let _ = keys;
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    raw: generated::Client,
}

impl Client {
    /// Begins a client. Only [`credentials`](ClientBuilder::credentials) must be given.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client with what the environment says: `CLOUDFLARE_API_TOKEN`, or `CLOUDFLARE_EMAIL` with `CLOUDFLARE_API_KEY`;
    /// and `CLOUDFLARE_BASE_URL` where it is set. An empty variable counts as unset.
    ///
    /// # Errors
    /// `InvalidInput`, naming the variable that is missing or the setting that cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        let builder = Self::builder().credentials(env::credentials()?);
        match env::optional(env::BASE_URL)? {
            Some(url) => builder.base_url(url).build(),
            None => builder.build(),
        }
    }

    /// The signing keys of an account.
    ///
    /// # Errors
    /// `InvalidInput` for an id that cannot be one: empty, or with a character that would mean something in a path.
    pub fn signing_keys(&self, account_id: &str) -> Result<SigningKeys, Error> {
        SigningKeys::new(self.raw.clone(), account_id)
    }

    /// The generated client beneath, with this client's settings.
    pub fn raw(&self) -> &generated::Client {
        &self.raw
    }
}

/// Settings of a [`Client`] to be. Nothing is checked before [`build`](Self::build).
///
/// ```
/// use std::time::Duration;
/// use cloudflare_stream_keys::{Client, Credentials, RetryPolicy};
///
/// let client = Client::builder()
///     .credentials(Credentials::api_token("v1.0-0123456789abcdef"))
///     .timeout(Duration::from_secs(20))
///     .retry_policy(RetryPolicy::default().max_retries(4))
///     .user_agent_suffix("key-rotation/1.4")
///     .default_header("cf-access-client-id", "rotation.access")
///     .build()?;
/// # let _ = client;
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    credentials: Option<Credentials>,
    base_url: String,
    timeout: Duration,
    connect_timeout: Duration,
    retry: RetryPolicy,
    max_response_size: u64,
    user_agent_suffix: Option<String>,
    headers: Vec<(String, String)>,
    agent: Option<Agent>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            credentials: None,
            base_url: DEFAULT_BASE_URL.to_string(),
            timeout: DEFAULT_TIMEOUT,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            retry: RetryPolicy::default(),
            max_response_size: DEFAULT_MAX_RESPONSE_SIZE,
            user_agent_suffix: None,
            headers: Vec::new(),
            agent: None,
        }
    }
}

impl ClientBuilder {
    /// Who is calling.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Another place than `https://api.cloudflare.com/client/v4`. It must be https, unless the host is this machine.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// The deadline of a call, over all its attempts and waits. 60 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long one attempt may take to connect, TLS included; the deadline counts all the same. 10 s unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// When a request is sent again.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How many bytes of an answer's body are read, counted after decompression. 10 MiB unless set.
    pub fn max_response_size(mut self, bytes: u64) -> Self {
        self.max_response_size = bytes;
        self
    }

    /// What the `User-Agent` header says after this crate's name and version: best your program's.
    pub fn user_agent_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.user_agent_suffix = Some(suffix.into());
        self
    }

    /// A header to send with every request.
    pub fn default_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A ureq agent of the caller's: for a proxy, other root certificates, or a pool that is shared with other code.
    ///
    /// Its connections and TLS are used as they are; deadlines, redirects (none) and statuses are up to this client. An
    /// agent without a TLS crypto provider gets this crate's: it becomes the process's default, unless there is one.
    ///
    /// ```
    /// use cloudflare_stream_keys::ureq::{Agent, Proxy};
    /// use cloudflare_stream_keys::{Client, Credentials};
    ///
    /// let proxy = Proxy::new("http://proxy.example.com:3128")?;
    /// let agent: Agent = Agent::config_builder().proxy(Some(proxy)).build().into();
    /// let client = Client::builder().credentials(Credentials::api_token("t")).agent(agent).build()?;
    /// # let _ = client;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn agent(mut self, agent: Agent) -> Self {
        self.agent = Some(agent);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// `InvalidInput`, naming the setting that is missing or cannot be used. No secret's value is shown.
    pub fn build(self) -> Result<Client, Error> {
        let credentials = self.credentials.ok_or_else(|| Error::invalid_input("credentials", "are missing"))?;
        credentials.check()?;
        let base_url = base_url(&self.base_url)?;

        let mut headers = HeaderMap::new();
        let user_agent =
            self.user_agent_suffix.map_or(USER_AGENT.to_string(), |suffix| format!("{USER_AGENT} {suffix}"));
        headers.insert(names::USER_AGENT, header_value("user agent suffix", &user_agent)?);
        for (name, value) in &self.headers {
            let (name, value) = header(name, value)?;
            headers.insert(name, value);
        }

        let agent = self.agent.map_or_else(|| default_agent(&base_url), with_crypto_provider);
        let settings = Settings {
            credentials,
            headers,
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            retry: self.retry,
            max_response_size: self.max_response_size,
        };
        let raw = generated::Client::new_with_client(&base_url.url, runtime::Client { agent }, settings);
        Ok(Client { raw })
    }
}

/// Headers that the client sets itself, and that decide where a request goes, as whom, and where it ends.
const RESERVED_HEADERS: [HeaderName; 10] = [
    names::ACCEPT_ENCODING,
    names::AUTHORIZATION,
    names::CONNECTION,
    names::CONTENT_LENGTH,
    names::CONTENT_TYPE,
    names::EXPECT,
    names::HOST,
    names::TRANSFER_ENCODING,
    X_AUTH_EMAIL,
    X_AUTH_KEY,
];

/// A header of the caller's.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(Error::invalid_input("header", "has a name that is none"));
    };
    if RESERVED_HEADERS.contains(&parsed) {
        return Err(Error::invalid_input(&format!("header {parsed}"), "is set by the client itself"));
    }
    let value = header_value(&format!("header {parsed}"), value)?;
    Ok((parsed, value))
}

fn header_value(setting: &str, value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value)
        .map_err(|_| Error::invalid_input(setting, "has a line break or another control character"))
}

fn default_agent(base_url: &BaseUrl) -> Agent {
    let provider = Arc::new(tls_provider());
    let tls = TlsConfig::builder().provider(TlsProvider::Rustls).unversioned_rustls_crypto_provider(provider);
    // What is for this machine does not go to a proxy: it would leave the machine, and in clear.
    let proxy = if base_url.is_loopback { None } else { Proxy::try_from_env() };
    Agent::config_builder()
        .tls_config(tls.build())
        .proxy(proxy)
        .max_idle_connections(MAX_IDLE_CONNECTIONS)
        .max_idle_connections_per_host(MAX_IDLE_CONNECTIONS)
        .build()
        .into()
}

/// ureq panics at the first https request of an agent that has no crypto provider, in a process that has none either.
fn with_crypto_provider(agent: Agent) -> Agent {
    let tls = agent.config().tls_config();
    let has_none = tls.unversioned_rustls_crypto_provider().is_none() && CryptoProvider::get_default().is_none();
    if has_none && tls.provider() == TlsProvider::Rustls {
        // It fails only where another thread has just installed one, which is as good.
        let _ = tls_provider().install_default();
    }
    agent
}
