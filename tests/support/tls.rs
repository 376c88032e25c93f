//! [`TlsServer`], and certificates that no root store contains.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::CryptoProvider;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs::default_provider;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Reply, read_request, success};

pub type Authority = CertifiedIssuer<'static, KeyPair>;

/// Creates a certificate authority.
pub fn authority() -> Authority {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

pub fn params_for(host: &str) -> CertificateParams {
    CertificateParams::new(vec![host.to_string()]).unwrap()
}

/// Encodes a certificate as PEM.
pub fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

/// Encodes a private key as PEM.
pub fn key_pem(key: &KeyPair) -> String {
    pem(&key.serialize_der()).replace("CERTIFICATE", "PRIVATE KEY")
}

/// Returns the crypto provider of the backend that the crate is built with.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

/// Returns a certificate that is signed by the issuer, or self-signed if that is `None`, and its private key.
pub fn certificate(params: CertificateParams, issuer: Option<&Authority>) -> (CertificateDer<'static>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    (certificate.der().clone(), key)
}

/// A server that sends success responses over TLS. Runs until the test process ends.
pub struct TlsServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TlsServer {
    /// Starts a server whose certificate is signed by the issuer, or self-signed if that is `None`.
    pub fn start(params: CertificateParams, issuer: Option<&Authority>) -> Self {
        let (certificate, key) = certificate(params, issuer);
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into());
        Self::with_config(config.unwrap(), 0)
    }

    /// Starts a server that closes this many connections before their handshake.
    pub fn with_config(config: ServerConfig, failures: usize) -> Self {
        let (config, connections, requests) = (Arc::new(config), Arc::<AtomicUsize>::default(), Arc::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), connections, requests };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if connections.fetch_add(1, Ordering::Relaxed) < failures {
                    continue;
                }
                let connection = ServerConnection::new(config.clone()).unwrap();
                let requests = requests.clone();
                thread::spawn(move || serve(StreamOwned::new(connection, stream), &requests));
            }
        });
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Returns the text of every request so far, decrypted.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Returns when the client rejects the certificate, or closes the connection.
fn serve(mut stream: StreamOwned<ServerConnection, TcpStream>, requests: &Mutex<Vec<String>>) {
    while let Some(request) = read_request(&mut stream) {
        let Reply::Bytes(bytes) = success(&request) else { unreachable!("a success is a complete response") };
        requests.lock().unwrap().push(request);
        let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
    }
}
