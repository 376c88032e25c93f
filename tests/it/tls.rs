//! Valid and invalid certificates on a real TLS server: row 21 of the table in tests/README.md.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::support::tls::{Authority, TlsServer, authority, certificate, key_pem, params_for, pem, provider};
use crate::support::{ACCOUNT_ID, CREATE, DELETE, KEY_ID, LIST, RawServer, TOKEN, read_request, response};
use cloudflare_stream_keys::{
    Client, ClientBuilder, Credentials, Error, ErrorKind, RetryPolicy, SigningKeys, TlsVersion,
};
use rcgen::{KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

fn create(server: &TlsServer, roots: Option<&Authority>) -> Result<(), Error> {
    signing_keys(&format!("https://localhost:{}", server.port()), roots).create().map(drop)
}

fn builder(base_url: &str) -> ClientBuilder {
    let credentials = Credentials::api_token(TOKEN);
    Client::builder(credentials).base_url(base_url).retry_policy(RetryPolicy::none())
}

fn signing_keys(base_url: &str, roots: Option<&Authority>) -> SigningKeys {
    let builder =
        roots.into_iter().fold(builder(base_url), |builder, issuer| builder.root_certificates(pem(issuer.der())));
    builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap()
}

fn assert_rejected(server: &TlsServer, roots: Option<&Authority>, reason: &str) {
    let error = create(server, roots).unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
    assert!(error.to_string().contains("certificate") && error.to_string().contains(reason), "{error}");
    assert!(server.requests().is_empty(), "nothing is sent to an untrusted server");
}

#[test]
fn row_21_certificate_of_a_custom_authority_is_accepted() {
    let issuer = authority();
    let server = TlsServer::start(params_for("localhost"), Some(&issuer));
    create(&server, Some(&issuer)).unwrap();
    let received = server.requests().concat();
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

#[test]
fn agent_with_the_default_tls_config_speaks_tls() {
    let server = TlsServer::start(params_for("localhost"), None);
    let agent = ureq::Agent::config_builder().proxy(None).tls_config(ClientBuilder::default_tls_config()).build();
    let builder = builder(&format!("https://localhost:{}", server.port())).agent(agent.into());
    let error = builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap().create().unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert_eq!((server.connections(), server.requests().len()), (1, 0));
}

#[test]
fn any_of_several_root_certificates_is_trusted() {
    let (first, second) = (authority(), authority());
    let pem = format!("comment\n{}{}", pem(first.der()), pem(second.der()));
    for issuer in [first, second] {
        let server = TlsServer::start(params_for("localhost"), Some(&issuer));
        let builder = builder(&format!("https://localhost:{}", server.port())).root_certificates(&pem);
        CREATE(&builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap()).unwrap();
    }
}

#[test]
fn invalid_root_certificates_are_rejected() {
    let valid = pem(authority().der());
    let private_key = key_pem(&KeyPair::generate().unwrap());
    for invalid in [
        String::new(),
        "not PEM".to_string(),
        private_key,
        pem(b"garbage"),
        pem(&authority().der()[..100]),
        valid.clone() + &pem(b"garbage"),
        valid.replace("-----END", "----END"),
        valid.replace("\n-----END", "!\n-----END"),
    ] {
        let error = builder("https://localhost").root_certificates(invalid.clone()).build().expect_err(&invalid);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("root certificates"), "{error}");
    }
}

/// Returns the settings of a server that accepts only clients with a certificate of this authority.
fn requiring_client_certificate(server: &Authority, clients: &Authority) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build().unwrap();
    let (certificate, key) = certificate(params_for("localhost"), Some(server));
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap()
}

#[test]
fn client_certificate_is_sent() {
    let (issuer, clients) = (authority(), authority());
    let server = TlsServer::with_config(requiring_client_certificate(&issuer, &clients), 0);
    let (certificate, key) = certificate(params_for("client"), Some(&clients));
    let builder = builder(&format!("https://localhost:{}", server.port())).root_certificates(pem(issuer.der()));
    let client_pem = [pem(&certificate), key_pem(&key)];
    for pem in [client_pem.concat(), client_pem.iter().rev().cloned().collect()] {
        let builder = builder.clone().client_certificate(pem);
        let client = builder.clone().build().unwrap();
        for call in [CREATE, LIST, DELETE] {
            call(&client.signing_keys(ACCOUNT_ID).unwrap()).unwrap();
        }
        let texts = format!("{builder:?} {builder:#?} {client:?} {client:#?}");
        assert!(!texts.contains(key_pem(&key).lines().nth(1).unwrap()) && !texts.contains("PRIVATE KEY"));
    }
    assert_eq!(server.requests().len(), 6);

    // The server says so after the handshake, so that the request may have been sent.
    let without = builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap();
    for call in [CREATE, LIST, DELETE] {
        assert_eq!(call(&without).unwrap_err().kind(), ErrorKind::Transport);
    }
    assert_eq!(server.requests().len(), 6, "a client without a certificate is rejected");
}

#[test]
fn invalid_client_certificates_are_rejected_and_not_shown() {
    let (certificate, key) = certificate(params_for("client"), None);
    let (certificate, key) = (pem(&certificate), key_pem(&key));
    let other_key = key_pem(&KeyPair::generate().unwrap());
    let secrets: Vec<&str> =
        [&key, &other_key].into_iter().flat_map(|pem| pem.lines()).filter(|l| !l.starts_with('-')).collect();
    for invalid in [
        String::new(),
        "not PEM".to_string(),
        certificate.clone(),
        key.clone(),
        format!("{certificate}{other_key}"),
        format!("{certificate}{}", key.replace("-----END", "----END")),
        format!("{certificate}{}", key.replace("\n-----END", "!\n-----END")),
        format!("{certificate}{}", key.replacen("\nM", "\nA", 1)),
        format!("{}{key}", pem(b"garbage")),
    ] {
        let error = builder("https://localhost").client_certificate(invalid.clone()).build().expect_err(&invalid);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("client certificate"), "{error}");
        let texts = format!("{error} {error:?} {error:#?}");
        assert!(!secrets.iter().any(|secret| texts.contains(&secret[..16])), "{texts}");
    }
}

#[test]
fn min_tls_version_is_obeyed() {
    let issuer = authority();
    let (certificate, key) = certificate(params_for("localhost"), Some(&issuer));
    let config = |version| {
        let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        config.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap()
    };
    let only_12 = TlsServer::with_config(config(&rustls::version::TLS12), 0);
    let only_13 = TlsServer::with_config(config(&rustls::version::TLS13), 0);
    let create = |server: &TlsServer, version| {
        let url = format!("https://localhost:{}", server.port());
        let builder = builder(&url).root_certificates(pem(issuer.der())).min_tls_version(version);
        CREATE(&builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap())
    };
    create(&only_12, TlsVersion::Tls12).unwrap();
    create(&only_13, TlsVersion::Tls12).unwrap();
    create(&only_13, TlsVersion::Tls13).unwrap();
    let error = create(&only_12, TlsVersion::Tls13).unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
    assert_eq!((only_12.connections(), only_12.requests().len()), (2, 1));
}

#[test]
fn row_21_tls_failure_after_the_request_is_a_transport_error() {
    let issuer = authority();
    let certificates = RootCerts::new_with_certs(&[Certificate::from_der(issuer.der()).to_owned()]);
    let tls_config =
        TlsConfig::builder().root_certs(certificates).unversioned_rustls_crypto_provider(provider()).build();
    let agent = ureq::Agent::config_builder().proxy(None).tls_config(tls_config).build();
    for builder in [
        builder(&server_failing_after_the_request(&issuer)).root_certificates(pem(issuer.der())),
        builder(&server_failing_after_the_request(&issuer)).agent(agent.into()),
    ] {
        let keys = builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap();
        for (call, outcome_unknown) in [(CREATE, true), (LIST, false)] {
            let error = call(&keys).unwrap_err();
            assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Transport, outcome_unknown), "{error}");
            assert!(error.to_string().contains(" failed: cannot decrypt"), "{error}");
        }
        // The first attempt may have deleted the key.
        let retry = RetryPolicy::default().with_initial_backoff(Duration::ZERO);
        let error = keys.with_retry_policy(retry).delete(KEY_ID).unwrap_err();
        assert!(error.is_not_found() && error.outcome_unknown(), "{error}");
    }
}

/// Starts a server that responds to the requests of the first three connections with a record that cannot be decrypted,
/// and then with a 404 for a key that does not exist. Returns its URL.
fn server_failing_after_the_request(issuer: &Authority) -> String {
    let (certificate, key) = certificate(params_for("localhost"), Some(issuer));
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for (n, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            read_request(&mut stream).unwrap();
            let _ = match n {
                0..3 => stream.sock.write_all(&[&[23, 3, 3, 0, 32][..], &[0; 32]].concat()),
                _ => stream.write_all(&response(404, r#"{"success":false,"errors":[{"code":10003,"message":""}]}"#)),
            };
            // Waits until the client closes the connection.
            let _ = stream.read(&mut [0]);
        }
    });
    format!("https://localhost:{port}")
}
