//! Valid and invalid certificates on a real TLS server: row 21 of the table in tests/README.md.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::{ACCOUNT_ID, RawServer, TOKEN, created_body, response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudflare_stream_keys::{Client, Credentials, Error, ErrorKind, RetryPolicy, SigningKeys};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Creates a certificate authority that no root store contains.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

struct TlsServer {
    address: SocketAddr,
    /// All requests, decrypted.
    received: Arc<Mutex<Vec<u8>>>,
}

impl TlsServer {
    /// Starts a server whose certificate is signed by the issuer, or self-signed if that is `None`.
    fn start(params: CertificateParams, issuer: Option<&CertifiedIssuer<'static, KeyPair>>) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = match issuer {
            Some(issuer) => params.signed_by(&key, issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        let (config, received) = (Arc::new(config), Arc::new(Mutex::new(Vec::new())));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let recorded = received.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(config.clone()).unwrap();
                serve(StreamOwned::new(connection, stream), &recorded);
            }
        });
        Self { address, received }
    }

    fn create(&self, host: &str, roots: Option<&CertifiedIssuer<'static, KeyPair>>) -> Result<(), Error> {
        signing_keys(&format!("https://{host}:{}", self.address.port()), roots).create().map(drop)
    }
}

/// Reads one request and responds. Returns early if the client rejects the certificate.
fn serve(mut stream: StreamOwned<ServerConnection, TcpStream>, received: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n{}") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(n) => request.extend_from_slice(&buffer[..n]),
        }
    }
    received.lock().unwrap().extend(request);
    let _ = stream.write_all(&response(200, &created_body("cGVt", "andr")));
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

fn signing_keys(base_url: &str, roots: Option<&CertifiedIssuer<'static, KeyPair>>) -> SigningKeys {
    let builder = Client::builder()
        .credentials(Credentials::api_token(TOKEN))
        .base_url(base_url)
        .retry_policy(RetryPolicy::none());
    let builder = roots.into_iter().fold(builder, |builder, issuer| builder.root_certificates(pem(issuer.der())));
    builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap()
}

fn params_for(host: &str) -> CertificateParams {
    CertificateParams::new(vec![host.to_string()]).unwrap()
}

/// Encodes a certificate as PEM.
fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

fn assert_rejected(server: &TlsServer, roots: Option<&CertifiedIssuer<'static, KeyPair>>, reason: &str) {
    let error = server.create("localhost", roots).unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
    assert!(error.to_string().contains("certificate") && error.to_string().contains(reason), "{error}");
    assert!(server.received.lock().unwrap().is_empty(), "nothing is sent to an untrusted server");
}

#[test]
fn row_21_certificate_of_a_custom_authority_is_accepted() {
    let issuer = authority();
    let server = TlsServer::start(params_for("localhost"), Some(&issuer));
    server.create("localhost", Some(&issuer)).unwrap();
    let received = String::from_utf8(server.received.lock().unwrap().clone()).unwrap();
    assert!(received.starts_with("POST /accounts/") && received.contains(TOKEN));
}

#[test]
fn row_21_certificate_of_an_unknown_authority_is_rejected() {
    let server = TlsServer::start(params_for("localhost"), None);
    assert_rejected(&server, None, "UnknownIssuer");
    assert_rejected(&server, Some(&authority()), "invalid peer certificate");
    let server = TlsServer::start(params_for("localhost"), Some(&authority()));
    assert_rejected(&server, None, "UnknownIssuer");
}

#[test]
fn row_21_expired_certificate_is_rejected() {
    let issuer = authority();
    let mut params = params_for("localhost");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    assert_rejected(&TlsServer::start(params, Some(&issuer)), Some(&issuer), "expired");
}

#[test]
fn row_21_certificate_for_another_name_is_rejected() {
    let issuer = authority();
    let server = TlsServer::start(params_for("api.example.com"), Some(&issuer));
    assert_rejected(&server, Some(&issuer), "not valid for name");
}

#[test]
fn row_21_nothing_is_sent_in_plain_text_to_a_server_without_tls() {
    let server = RawServer::responding(200, "");
    let keys = signing_keys(&format!("https://{}", server.address()), None).with_timeout(Duration::from_millis(500));
    let error = keys.create().unwrap_err();
    assert!(!error.outcome_unknown(), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn row_21_connection_closed_during_handshake_is_a_connect_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    let error = signing_keys(&format!("https://{address}"), None).create().unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
}
