use std::time::Duration;

use ureq::Agent;
use ureq::config::IpFamily;
use ureq::http::header::{HeaderMap, USER_AGENT};
use ureq::tls::TlsConfig;

use super::agent::{AgentOptions, TlsVersion, default_tls_config, validate_agent};
use super::base_url::BaseUrl;
use super::headers::{parse_header, parse_header_value};
use super::proxy::ProxySetting;
use super::settings::Settings;
use super::{Client, Credentials, RetryPolicy, generated, runtime};
use crate::env::{self, ReadVar, optional};
use crate::{Error, Secret};

const BASE_URL: &str = "CLOUDFLARE_BASE_URL";

/// The default of Cloudflare's own SDKs.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// 10 MiB. A list of 1,000 keys, the most that an account can have, is about 0.1 MiB.
const DEFAULT_MAX_RESPONSE_SIZE: u64 = 10 * 1024 * 1024;
const NAME_AND_VERSION: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Configures a [`Client`]. Created by [`Client::builder`] or [`from_env`](Self::from_env).
///
/// | setting | default |
/// | --- | --- |
/// | [`base_url`](Self::base_url) | `https://api.cloudflare.com/client/v4` |
/// | [`timeout`](Self::timeout) | 60 s per call |
/// | [`connect_timeout`](Self::connect_timeout) | 10 s per attempt |
/// | [`retry_policy`](Self::retry_policy) | 2 retries; see [`RetryPolicy`] |
/// | [`max_response_size`](Self::max_response_size) | 10 MiB |
/// | [`user_agent_suffix`](Self::user_agent_suffix), [`default_header`](Self::default_header) | none |
/// | [`proxy`](Self::proxy), [`no_proxy`](Self::no_proxy) | the proxy in `HTTPS_PROXY` etc. |
/// | [`root_certificates`](Self::root_certificates) | Mozilla's |
/// | [`client_certificate`](Self::client_certificate) | none |
/// | [`min_tls_version`](Self::min_tls_version) | TLS 1.2 |
/// | [`ip_family`](Self::ip_family) | both |
/// | [`agent`](Self::agent) | this crate's own, with up to 64 idle connections |
///
/// A handle can override the timeout and the retry policy, and can add headers and query parameters. See the `with_…`
/// methods of [`SigningKeys`](crate::SigningKeys). Settings are validated by [`build`](Self::build).
///
/// ```
/// use std::time::Duration;
/// use cloudflare_stream_keys::{Client, Credentials, RetryPolicy};
///
/// let client = Client::builder(Credentials::api_token("v1.0-0123456789abcdef"))
///     .timeout(Duration::from_secs(20))
///     .retry_policy(RetryPolicy::default().with_max_retries(4))
///     .user_agent_suffix("key-rotation/1.4")
///     .default_header("cf-access-client-id", "rotation.access")?
///     .build()?;
/// # let _ = client;
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
///
/// # Logging
///
/// Every attempt logs one line at debug level, through the [`log`](https://docs.rs/log) crate, with the URL but without
/// its query.
///
/// At trace level, ureq's protocol layer would log every byte, including API tokens and private keys, and there is no
/// setting to prevent it. So if your logger records trace lines of `ureq_proto`, a call lowers the process's log level
/// to debug while it processes bytes, and restores the level while it waits for the network. This affects other
/// threads:
///
/// - Trace lines that they log while the level is lowered are lost. In a tight loop of calls, 1 to 7 % of the lines
///   were lost.
/// - A log level that they set meanwhile may be lost, or may let some bytes be logged.
///
/// To prevent both, disable that target in your logger, for example with the filter `ureq_proto=off`. The log level is
/// then left alone.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    /// Could contain a password, which `build` rejects.
    base_url: Secret,
    settings: Settings,
    user_agent_suffix: Option<String>,
    agent_options: AgentOptions,
    agent: Option<runtime::Client>,
}

impl ClientBuilder {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self {
            base_url: generated::BASE_URL.into(),
            settings: Settings {
                credentials,
                headers: HeaderMap::new(),
                query: String::new(),
                timeout: DEFAULT_TIMEOUT,
                connect_timeout: DEFAULT_CONNECT_TIMEOUT,
                retry_policy: RetryPolicy::default(),
                max_response_size: DEFAULT_MAX_RESPONSE_SIZE,
            },
            user_agent_suffix: None,
            agent_options: AgentOptions::default(),
            agent: None,
        }
    }

    /// Creates a builder with the credentials and the base URL from the environment.
    ///
    /// Reads `CLOUDFLARE_API_TOKEN`, or `CLOUDFLARE_EMAIL` together with `CLOUDFLARE_API_KEY`. Also reads
    /// `CLOUDFLARE_BASE_URL`, which is optional. An empty variable counts as unset.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use cloudflare_stream_keys::ClientBuilder;
    ///
    /// let client = ClientBuilder::from_env()?
    ///     .timeout(Duration::from_secs(5))
    ///     .build()?;
    /// # let _ = client;
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a variable is missing or invalid. The
    /// message names the variable.
    pub fn from_env() -> Result<Self, Error> {
        let builder = Self::new(Credentials::from_env()?);
        Ok(match base_url_from(&env::var)? {
            Some(url) => builder.base_url(url),
            None => builder,
        })
    }

    /// Sets the base URL. Must be https unless the host is loopback. Defaults to
    /// `https://api.cloudflare.com/client/v4`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into().into();
        self
    }

    /// Sets the timeout of a call, including all attempts and the waits between them. Defaults to 60 s.
    ///
    /// An attempt of a `list` or `delete` that can be retried times out after 20 s, which leaves time for a retry. If
    /// the call's timeout is shorter than 20 s, the first attempt may use all of it. See
    /// [`RetryPolicy::with_attempt_timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets the connect timeout of each attempt. Defaults to 10 s.
    ///
    /// The limit applies to the name lookup and then, again, to the connection, including a proxy and the TLS
    /// handshake.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// Sets the retry policy. Defaults to [`RetryPolicy::default`].
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry_policy = policy;
        self
    }

    /// Sets the maximum size of a response body, in bytes after decompression. Defaults to 10 MiB.
    pub fn max_response_size(mut self, bytes: u64) -> Self {
        self.settings.max_response_size = bytes;
        self
    }

    /// Appends a suffix to the `User-Agent` header, usually the name and version of your program.
    pub fn user_agent_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.user_agent_suffix = Some(suffix.into());
        self
    }

    /// Adds a header to every request. Replaces an earlier header of the same name.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the name or the value is invalid, or if
    /// the client sets this header itself, such as `Authorization`.
    pub fn default_header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let (name, value) = parse_header(name, value)?;
        self.settings.headers.insert(name, value);
        Ok(self)
    }

    /// Sets the proxy: an `http`, `https`, `socks4`, `socks4a`, `socks5` or `socks5h` URL, which may contain a user
    /// name and a password. Defaults to the proxy in `ALL_PROXY`, `HTTPS_PROXY` or `HTTP_PROXY`, which is not used for
    /// loopback or for the hosts in `NO_PROXY`.
    ///
    /// The proxy resolves the service's host name, except with `socks4` and `socks5`. SOCKS4 supports no user name.
    ///
    /// With an http base URL, the proxy must be on loopback too, because the proxy gets the credentials unencrypted.
    ///
    /// ```
    /// use cloudflare_stream_keys::{Client, Credentials};
    ///
    /// let client = Client::builder(Credentials::api_token("v1.0-0123456789abcdef"))
    ///     .proxy("http://proxy.example.com:3128")
    ///     .build()?;
    /// # let _ = client;
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    pub fn proxy(mut self, url: impl Into<Secret>) -> Self {
        self.agent_options.proxy = ProxySetting::Url(url.into());
        self
    }

    /// Disables proxies, including those in environment variables.
    pub fn no_proxy(mut self) -> Self {
        self.agent_options.proxy = ProxySetting::None;
        self
    }

    /// Sets the trusted root certificates, in PEM. They replace Mozilla's, which are the default. The system's
    /// certificates are not used.
    ///
    /// ```no_run
    /// # use cloudflare_stream_keys::{Client, Credentials};
    /// let client = Client::builder(Credentials::from_env()?)
    ///     .root_certificates(std::fs::read_to_string("ca.pem")?)
    ///     .build()?;
    /// # let _ = client;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root_certificates(mut self, pem: impl Into<String>) -> Self {
        self.agent_options.root_certificates = Some(pem.into().into());
        self
    }

    /// Sets the client certificate, in PEM: the certificate, its chain, and its private key.
    pub fn client_certificate(mut self, pem: impl Into<Secret>) -> Self {
        self.agent_options.client_certificate = Some(pem.into());
        self
    }

    /// Sets the minimum TLS version. Defaults to TLS 1.2.
    pub fn min_tls_version(mut self, version: TlsVersion) -> Self {
        self.agent_options.min_tls_version = version;
        self
    }

    /// Sets which IP versions to connect with. Defaults to both.
    pub fn ip_family(mut self, family: IpFamily) -> Self {
        self.agent_options.ip_family = Some(family);
        self
    }

    /// Returns the TLS settings of the default agent, for an agent of your own: this crate's crypto provider and
    /// Mozilla's root certificates.
    pub fn default_tls_config() -> TlsConfig {
        default_tls_config()
    }

    /// Sets a ureq agent of your own, for example to share its connection pool with other code.
    ///
    /// The client uses the agent's connections, proxy and TLS settings. It overrides the agent's global, resolve and
    /// connect timeouts and its handling of status codes, and never follows redirects. An agent cannot be combined with
    /// `proxy`, `root_certificates` or the other connection settings.
    ///
    /// The default agent does more than a plain ureq agent. With an agent of your own:
    ///
    /// - The host name is looked up for every request, even if a connection is reused.
    /// - If TLS fails during the handshake, or the network is unreachable, `list` and `delete` return
    ///   [`ErrorKind::Transport`], not [`ErrorKind::Connect`], because it is unclear whether the request was sent.
    /// - A proxy that responds very slowly can delay a call beyond its deadline.
    /// - The log level is lowered for the whole call, not only while bytes are processed. See [above](Self#logging).
    ///
    /// ```
    /// use cloudflare_stream_keys::ureq::Agent;
    /// use cloudflare_stream_keys::{Client, ClientBuilder, Credentials};
    ///
    /// let agent: Agent = Agent::config_builder()
    ///     .tls_config(ClientBuilder::default_tls_config())
    ///     .max_idle_connections(8)
    ///     .build()
    ///     .into();
    /// let client = Client::builder(Credentials::api_token("v1.0-0123456789abcdef"))
    ///     .agent(agent)
    ///     .build()?;
    /// # let _ = client;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`ErrorKind::Connect`]: crate::ErrorKind::Connect
    /// [`ErrorKind::Transport`]: crate::ErrorKind::Transport
    pub fn agent(mut self, agent: Agent) -> Self {
        self.agent = Some(runtime::Client { agent, is_lazy: false });
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a setting is missing or invalid. The
    /// message names the setting, and does not contain the value of a secret.
    pub fn build(self) -> Result<Client, Error> {
        let Self { base_url, mut settings, user_agent_suffix, agent_options, agent } = self;
        settings.credentials.validate()?;
        for (setting, timeout) in [
            ("timeout", settings.timeout),
            ("connect timeout", settings.connect_timeout),
            ("attempt timeout", settings.retry_policy.attempt_timeout()),
        ] {
            if timeout.is_zero() {
                return Err(Error::invalid_input(format!(
                    "{setting} is zero; set a longer timeout, or use the default"
                )));
            }
        }
        let base_url = BaseUrl::parse("base URL", base_url.expose_secret())?;
        let user_agent = match user_agent_suffix {
            Some(suffix) => parse_header_value("user agent suffix", &format!("{NAME_AND_VERSION} {suffix}"))?,
            None => parse_header_value("user agent", NAME_AND_VERSION)?,
        };
        settings.headers.entry(USER_AGENT).or_insert(user_agent);
        let client = match agent {
            None => runtime::Client { agent: agent_options.build(&base_url)?, is_lazy: true },
            Some(client) if agent_options.is_default() => {
                validate_agent(&client.agent, &base_url)?;
                client
            }
            Some(_) => {
                return Err(Error::invalid_input(
                    "agent cannot be combined with proxy, TLS or IP settings; configure the agent instead",
                ));
            }
        };
        Ok(Client { raw: generated::Client { baseurl: base_url.url, client, inner: settings } })
    }
}

fn base_url_from(read: ReadVar) -> Result<Option<String>, Error> {
    let url = optional(read, BASE_URL)?;
    if let Some(url) = &url {
        BaseUrl::parse(BASE_URL, url)?;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::tests::reader;

    #[test]
    fn invalid_base_url_is_named_and_not_shown() {
        let base_url = |url| base_url_from(&reader(&[(BASE_URL, url)])).map_err(|e| e.to_string());
        assert_eq!(base_url(""), Ok(None));
        assert_eq!(base_url("https://gateway.example.com"), Ok(Some("https://gateway.example.com".to_string())));
        let problem = "CLOUDFLARE_BASE_URL contains user info; pass credentials to the builder instead";
        assert_eq!(base_url("https://user:hunter2@gateway.example.com"), Err(problem.to_string()));
    }
}
