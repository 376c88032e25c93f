//! Builds the default ureq agent.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use ureq::Agent;
use ureq::config::IpFamily;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::base_url::BaseUrl;
use super::proxy::{ProxySetting, validate_proxy};
use super::runtime::{has_crypto_provider, lazy_agent, tls_config_with};
use crate::{Error, Secret};

#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs::default_provider;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use rustls::crypto::ring::default_provider;

/// With ureq's default of 3, most threads of a busy program would open a new connection for every call.
const MAX_IDLE_CONNECTIONS: usize = 64;

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    #[default]
    Tls12,
    /// TLS 1.3, RFC 8446.
    Tls13,
}

/// What the default agent connects with.
#[derive(Clone, Debug, Default)]
pub(super) struct AgentOptions {
    pub(super) proxy: ProxySetting,
    /// PEM. A file can also have a private key in it.
    pub(super) root_certificates: Option<Secret>,
    /// PEM, with the private key.
    pub(super) client_certificate: Option<Secret>,
    pub(super) min_tls_version: TlsVersion,
    pub(super) ip_family: Option<IpFamily>,
}

impl AgentOptions {
    pub(super) fn is_default(&self) -> bool {
        matches!(
            self,
            Self {
                proxy: ProxySetting::Environment,
                root_certificates: None,
                client_certificate: None,
                min_tls_version: TlsVersion::Tls12,
                ip_family: None,
            }
        )
    }

    pub(super) fn build(&self, base_url: &BaseUrl) -> Result<Agent, Error> {
        let config = Agent::config_builder()
            .tls_config(self.tls_config()?)
            .proxy(self.proxy.resolve(base_url)?)
            .ip_family(self.ip_family.unwrap_or(IpFamily::Any))
            .max_idle_connections(MAX_IDLE_CONNECTIONS)
            .max_idle_connections_per_host(MAX_IDLE_CONNECTIONS)
            .build();
        Ok(lazy_agent(config))
    }

    fn tls_config(&self) -> Result<TlsConfig, Error> {
        let mut provider = default_provider();
        if self.min_tls_version == TlsVersion::Tls13 {
            provider.cipher_suites.retain(|suite| suite.tls13().is_some());
        }
        let provider = Arc::new(provider);
        let root_certificates = match &self.root_certificates {
            Some(pem) => RootCerts::from(parse_root_certificates(pem.expose_secret())?.into_iter()),
            None => RootCerts::WebPki,
        };
        let client_certificate = match &self.client_certificate {
            Some(pem) => Some(parse_client_certificate(pem, &provider)?),
            None => None,
        };
        Ok(tls_config_with(provider).root_certs(root_certificates).client_cert(client_certificate).build())
    }
}

/// Parses root certificates. A certificate that ureq would ignore is an error.
fn parse_root_certificates(pem: &str) -> Result<Vec<Certificate<'static>>, Error> {
    let (certificates, _) = parse(pem, "root certificates")?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store
            .add(CertificateDer::from(certificate.der()))
            .map_err(|e| Error::invalid_input(format!("root certificates contain an invalid certificate: {e}")))?;
    }
    Ok(certificates)
}

/// Parses a client certificate and its private key. A pair that ureq would panic on is an error.
fn parse_client_certificate(pem: &Secret, provider: &Arc<CryptoProvider>) -> Result<ClientCert, Error> {
    let invalid = |problem: &str| Error::invalid_input(format!("client certificate {problem}"));
    let (certificates, key) = parse(pem.expose_secret(), "client certificate")?;
    let key = key.ok_or_else(|| invalid("has no private key; append the key's PEM"))?;
    let chain = certificates.iter().map(|certificate| CertificateDer::from(certificate.der()).into_owned()).collect();
    let der = key.der().to_vec().try_into().map_err(|_| invalid("has an invalid private key"))?;
    rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_root_certificates(RootCertStore::empty()).with_client_auth_cert(chain, der))
        .map_err(|_| invalid("does not match its private key, or the key is not supported"))?;
    Ok(ClientCert::new_with_certs(&certificates, key))
}

/// Returns the certificates in a PEM text, at least one, and the first private key.
fn parse(pem: &str, setting: &str) -> Result<(Vec<Certificate<'static>>, Option<PrivateKey<'static>>), Error> {
    let (mut certificates, mut key) = (Vec::new(), None);
    for item in parse_pem(pem.as_bytes()) {
        // The cause is dropped because it quotes the text.
        match item.map_err(|_| Error::invalid_input(format!("{setting}: PEM is malformed")))? {
            PemItem::Certificate(certificate) => certificates.push(certificate),
            PemItem::PrivateKey(private_key) => drop(key.get_or_insert(private_key)),
            _ => {}
        }
    }
    match certificates.is_empty() {
        true => Err(Error::invalid_input(format!("{setting}: PEM contains no certificate"))),
        false => Ok((certificates, key)),
    }
}

pub(super) fn default_tls_config() -> TlsConfig {
    tls_config_with(Arc::new(default_provider())).build()
}

/// Checks the caller's agent. Without a crypto provider, ureq panics at the first https request.
pub(super) fn validate_agent(agent: &Agent, base_url: &BaseUrl) -> Result<(), Error> {
    if let Some(proxy) = agent.config().proxy() {
        validate_proxy(proxy, base_url)?;
    }
    if agent.config().https_only() && !base_url.is_https() {
        return Err(Error::invalid_input("agent allows only https, but the base URL is http"));
    }
    let tls = agent.config().tls_config();
    let needs_provider = base_url.is_https() && tls.provider() == TlsProvider::Rustls;
    let has_provider = has_crypto_provider(tls) || CryptoProvider::get_default().is_some();
    match needs_provider && !has_provider {
        true => Err(Error::invalid_input(
            "agent has no TLS crypto provider; give it ClientBuilder::default_tls_config(), or install a provider for \
             the process",
        )),
        false => Ok(()),
    }
}
