//! Valid and invalid certificates on a real TLS server: row 21 of the table in tests/README.md.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::support::tls::{TlsServer, der, encode, key_pem, pem, provider, server_config, server_config_with};
use crate::support::{ACCOUNT_ID, CREATE, DELETE, KEY_ID, LIST, RawServer, TOKEN, read_request, response};
use cloudflare_stream_keys::{
    Client, ClientBuilder, Credentials, Error, ErrorKind, RetryPolicy, SigningKeys, TlsVersion,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{ALL_VERSIONS, RootCertStore, ServerConnection, StreamOwned, SupportedProtocolVersion};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

fn create(server: &TlsServer, root: Option<&str>) -> Result<(), Error> {
    signing_keys(&format!("https://localhost:{}", server.port()), root).create().map(drop)
}

fn builder(base_url: &str) -> ClientBuilder {
    let credentials = Credentials::api_token(TOKEN);
    Client::builder(credentials).base_url(base_url).retry_policy(RetryPolicy::none())
}

fn signing_keys(base_url: &str, root: Option<&str>) -> SigningKeys {
    let builder = root.into_iter().fold(builder(base_url), |builder, root| builder.root_certificates(pem(root)));
    builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap()
}

#[test]
fn row_21_certificate_of_a_custom_authority_is_accepted() {
    let server = TlsServer::start("localhost");
    create(&server, Some("authority")).unwrap();
    let received = server.requests().concat();
    assert!(received.starts_with("POST /accounts/") && received.contains(TOKEN));
}

#[test]
fn row_21_untrusted_certificate_is_rejected() {
    for (certificate, root, reason) in [
        ("self-signed", None, "UnknownIssuer"),
        ("self-signed", Some("authority"), "UnknownIssuer"),
        ("localhost", None, "UnknownIssuer"),
        ("localhost", Some("other-authority"), "UnknownIssuer"),
        ("expired", Some("authority"), "expired"),
        ("service.invalid", Some("authority"), "not valid for name"),
    ] {
        let server = TlsServer::start(certificate);
        let error = create(&server, root).unwrap_err();
        assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
        assert!(error.to_string().contains("certificate") && error.to_string().contains(reason), "{error}");
        assert!(server.requests().is_empty(), "nothing is sent to an untrusted server");
    }
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
    let server = TlsServer::start("localhost");
    let agent = ureq::Agent::config_builder().proxy(None).tls_config(ClientBuilder::default_tls_config()).build();
    let builder = builder(&format!("https://localhost:{}", server.port())).agent(agent.into());
    let error = builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap().create().unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connect, false), "{error}");
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert_eq!((server.connections(), server.requests().len()), (1, 0));
}

#[test]
fn any_of_several_root_certificates_is_trusted() {
    let roots = format!("comment\n{}{}", pem("authority"), pem("other-authority"));
    for certificate in ["localhost", "localhost-of-other-authority"] {
        let server = TlsServer::start(certificate);
        let builder = builder(&format!("https://localhost:{}", server.port())).root_certificates(&roots);
        CREATE(&builder.build().unwrap().signing_keys(ACCOUNT_ID).unwrap()).unwrap();
    }
}

#[test]
fn invalid_root_certificates_are_rejected() {
    let (valid, garbage) = (pem("authority"), encode("CERTIFICATE", b"garbage"));
    for invalid in [
        String::new(),
        "not PEM".to_string(),
        key_pem(),
        garbage.clone(),
        encode("CERTIFICATE", &der("authority")[..100]),
        valid.clone() + &garbage,
        valid.replace("-----END", "----END"),
        valid.replace("\n-----END", "!\n-----END"),
    ] {
        let error = builder("https://localhost").root_certificates(invalid.clone()).build().expect_err(&invalid);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("root certificates"), "{error}");
    }
}

#[test]
fn client_certificate_is_sent() {
    let mut roots = RootCertStore::empty();
    roots.add(der("other-authority").into()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build().unwrap();
    let server = TlsServer::with_config(server_config_with("localhost", ALL_VERSIONS, clients), 0);
    let builder = builder(&format!("https://localhost:{}", server.port())).root_certificates(pem("authority"));
    let client_pem = [pem("client"), key_pem()];
    for pem in [client_pem.concat(), client_pem.iter().rev().cloned().collect()] {
        let builder = builder.clone().client_certificate(pem);
        let client = builder.clone().build().unwrap();
        for call in [CREATE, LIST, DELETE] {
            call(&client.signing_keys(ACCOUNT_ID).unwrap()).unwrap();
        }
        let texts = format!("{builder:?} {builder:#?} {client:?} {client:#?}");
        assert!(!texts.contains(key_pem().lines().nth(1).unwrap()) && !texts.contains("PRIVATE KEY"));
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
    let (certificate, key) = (pem("client"), key_pem());
    let other_key = include_str!("../vectors/ec-pkcs8.pem");
    let secrets: Vec<&str> =
        [&key, other_key].into_iter().flat_map(str::lines).filter(|l| !l.starts_with('-')).collect();
    for invalid in [
        String::new(),
        "not PEM".to_string(),
        certificate.clone(),
        key.clone(),
        format!("{certificate}{other_key}"),
        format!("{certificate}{}", key.replace("-----END", "----END")),
        format!("{certificate}{}", key.replace("\n-----END", "!\n-----END")),
        format!("{certificate}{}", key.replacen("\nM", "\nA", 1)),
        encode("CERTIFICATE", b"garbage") + &key,
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
    let server = |version: &'static SupportedProtocolVersion| {
        let config = server_config_with("localhost", &[version], WebPkiClientVerifier::no_client_auth());
        TlsServer::with_config(config, 0)
    };
    let (only_12, only_13) = (server(&rustls::version::TLS12), server(&rustls::version::TLS13));
    let create = |server: &TlsServer, version| {
        let url = format!("https://localhost:{}", server.port());
        let builder = builder(&url).root_certificates(pem("authority")).min_tls_version(version);
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
    let authority = der("authority");
    let certificates = RootCerts::new_with_certs(&[Certificate::from_der(&authority).to_owned()]);
    let tls_config =
        TlsConfig::builder().root_certs(certificates).unversioned_rustls_crypto_provider(provider()).build();
    let agent = ureq::Agent::config_builder().proxy(None).tls_config(tls_config).build();
    for builder in [
        builder(&server_failing_after_the_request()).root_certificates(pem("authority")),
        builder(&server_failing_after_the_request()).agent(agent.into()),
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
fn server_failing_after_the_request() -> String {
    let config = Arc::new(server_config("localhost"));
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
