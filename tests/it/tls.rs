//! Certificates, good and bad, on a real TLS server: row 21 of the table in the README.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{ACCOUNT_ID, TOKEN, answer, created};
use cloudflare_stream_keys::{Client, Credentials, Error, ErrorKind, RetryPolicy, SigningKeys};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A certificate authority of the tests' own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

struct TlsServer {
    address: SocketAddr,
    /// All that came in, decrypted.
    received: Arc<Mutex<Vec<u8>>>,
}

impl TlsServer {
    /// Serves with a certificate of these params: from the issuer, or self-signed.
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
        let log = received.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(config.clone()).unwrap();
                serve(StreamOwned::new(connection, stream), &log);
            }
        });
        Self { address, received }
    }

    fn create(&self, host: &str, agent: Option<ureq::Agent>) -> Result<(), Error> {
        let keys = keys(&format!("https://{host}:{}", self.address.port()), agent);
        keys.create().map(drop)
    }
}

/// Reads one request and answers it. A client that refuses the certificate leaves before that.
fn serve(mut stream: StreamOwned<ServerConnection, TcpStream>, log: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n{}") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(n) => request.extend_from_slice(&buffer[..n]),
        }
    }
    log.lock().unwrap().extend(request);
    let _ = stream.write_all(&answer(200, &created("cGVt", "andr")));
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

fn keys(base_url: &str, agent: Option<ureq::Agent>) -> SigningKeys {
    let builder = Client::builder()
        .credentials(Credentials::api_token(TOKEN))
        .base_url(base_url)
        .retry_policy(RetryPolicy::none());
    let builder = agent.into_iter().fold(builder, |builder, agent| builder.agent(agent));
    builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap()
}

/// An agent that trusts this authority only, and has no crypto provider of its own.
fn trusting(issuer: &CertifiedIssuer<'static, KeyPair>) -> ureq::Agent {
    let roots = RootCerts::new_with_certs(&[Certificate::from_der(issuer.der()).to_owned()]);
    let tls = TlsConfig::builder().root_certs(roots).build();
    ureq::Agent::config_builder().tls_config(tls).build().into()
}

fn params_for(host: &str) -> CertificateParams {
    CertificateParams::new(vec![host.to_string()]).unwrap()
}

fn assert_refused(server: &TlsServer, agent: Option<ureq::Agent>, reason: &str) {
    let error = server.create("localhost", agent).unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
    assert!(error.to_string().contains("certificate") && error.to_string().contains(reason), "{error}");
    assert!(server.received.lock().unwrap().is_empty(), "nothing is sent to a server that is not trusted");
}

#[test]
fn row_21_a_good_certificate_of_the_callers_authority_is_accepted() {
    let issuer = authority();
    let server = TlsServer::start(params_for("localhost"), Some(&issuer));
    server.create("localhost", Some(trusting(&issuer))).unwrap();
    let received = String::from_utf8(server.received.lock().unwrap().clone()).unwrap();
    assert!(received.starts_with("POST /accounts/") && received.contains(TOKEN));
}

#[test]
fn row_21_a_certificate_of_an_unknown_authority_is_refused() {
    let server = TlsServer::start(params_for("localhost"), None);
    assert_refused(&server, None, "UnknownIssuer");
    assert_refused(&server, Some(trusting(&authority())), "invalid peer certificate");
    let server = TlsServer::start(params_for("localhost"), Some(&authority()));
    assert_refused(&server, None, "UnknownIssuer");
}

#[test]
fn row_21_an_expired_certificate_is_refused() {
    let issuer = authority();
    let mut params = params_for("localhost");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    assert_refused(&TlsServer::start(params, Some(&issuer)), Some(trusting(&issuer)), "expired");
}

#[test]
fn row_21_a_certificate_for_another_name_is_refused() {
    let issuer = authority();
    let server = TlsServer::start(params_for("api.example.com"), Some(&issuer));
    assert_refused(&server, Some(trusting(&issuer)), "not valid for name");
}

#[test]
fn row_21_a_server_without_tls_gets_nothing_in_clear() {
    let wire = crate::support::RawServer::answering(200, "");
    let error = keys(&format!("https://{}", wire.address()), None).with_timeout(std::time::Duration::from_millis(500));
    let error = error.create().unwrap_err();
    assert!(!error.outcome_unknown(), "{error}");
    assert!(wire.requests().is_empty());
}

#[test]
fn row_21_a_connection_that_ends_within_the_handshake_counts_as_none() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    let error = keys(&format!("https://{address}"), None).create().unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
}
