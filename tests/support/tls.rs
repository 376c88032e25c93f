//! [`TlsServer`], and the certificates of tests/certificates.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::CryptoProvider;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs::default_provider;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ALL_VERSIONS, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use super::{Reply, read_request, success};

/// Reads a file of tests/certificates.
pub fn der(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/certificates/{name}.der", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Returns a certificate of tests/certificates as PEM.
pub fn pem(name: &str) -> String {
    encode("CERTIFICATE", &der(name))
}

/// Returns the private key of every certificate that is not an authority's, as PEM.
pub fn key_pem() -> String {
    encode("PRIVATE KEY", &der("key"))
}

/// Encodes DER as PEM.
pub fn encode(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// Returns the crypto provider of the backend that the crate is built with.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

/// Returns the settings of a server with this certificate, which accepts every client.
pub fn server_config(certificate: &str) -> ServerConfig {
    server_config_with(certificate, ALL_VERSIONS, WebPkiClientVerifier::no_client_auth())
}

pub fn server_config_with(
    certificate: &str,
    versions: &[&'static SupportedProtocolVersion],
    clients: Arc<dyn ClientCertVerifier>,
) -> ServerConfig {
    let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    let key = PrivatePkcs8KeyDer::from(der("key")).into();
    config.with_client_cert_verifier(clients).with_single_cert(vec![der(certificate).into()], key).unwrap()
}

/// A server that sends success responses over TLS. Runs until the test process ends.
pub struct TlsServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TlsServer {
    /// Starts a server with this certificate.
    pub fn start(certificate: &str) -> Self {
        Self::with_config(server_config(certificate), 0)
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
