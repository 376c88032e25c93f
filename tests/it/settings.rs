//! Settings, arguments and environment variables. Invalid ones are rejected before anything is sent: rows 18 to 20 of
//! the table in tests/README.md.

use std::time::{Duration, Instant};

use crate::support::{ACCOUNT_ID, RawServer, Reply, TOKEN, response, success_body};
use cloudflare_stream_keys::{
    Client, ClientBuilder, Credentials, Error, ErrorKind, RetryPolicy, SigningKeys, TlsVersion,
};
use serde_json::json;
use ureq::config::IpFamily;
use ureq::tls::TlsConfig;

fn assert_invalid_input(error: &Error, setting: &str) {
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().starts_with(setting), "{error}");
}

#[test]
fn row_18_invalid_ids_are_rejected_before_sending() {
    let server = RawServer::responding(200, &success_body(json!([])));
    let client = server.client_builder().build().unwrap();
    let keys = client.signing_keys(ACCOUNT_ID).unwrap();
    for id in ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", " ", "a\n", "a\0", "ключ", "a\\b", "a;b", "a:b", "/"]
    {
        assert_invalid_input(&client.signing_keys(id).unwrap_err(), "account ID");
        assert_invalid_input(&keys.delete(id).unwrap_err(), "key ID");
        assert_invalid_input(&keys.path_for(id).unwrap_err(), "key ID");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn row_19_invalid_credentials_are_rejected_and_not_shown() {
    let invalid =
        ["", " ", "two words", "hunter2\n", "\thunter2", "hunter2\r\nx-evil: 1", "hunter2\0", "hünter2", "hunter2 "];
    for value in invalid {
        let settings = [
            (Credentials::api_token(value), "API token"),
            (Credentials::global_api_key(value, "key"), "email address"),
            (Credentials::global_api_key("ops@example.com", value), "global API key"),
        ];
        for (credentials, setting) in settings {
            let error = Client::builder(credentials).build().unwrap_err();
            assert_invalid_input(&error, setting);
            assert!(!format!("{error} {error:?}").contains("nter2"), "{error:?}");
            // A newline at the end is the most common mistake.
            assert_eq!(error.to_string().ends_with("check for a trailing newline"), value.contains([' ', '\n', '\t']));
        }
    }
}

#[test]
fn row_20_insecure_and_invalid_base_urls_are_rejected() {
    let build = |url: &str| Client::builder(Credentials::api_token(TOKEN)).base_url(url).build();
    let invalid = [
        "http://api.cloudflare.com/client/v4",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://192.168.0.1",
        "http://[::2]",
        "http://0.0.0.0",
        "https://user:pass@api.cloudflare.com",
        "https://user@api.cloudflare.com",
        "http://localhost@example.com",
        "https://api.cloudflare.com/client/v4?x=1",
        "https://api.cloudflare.com/client/v4?",
        "https://api.cloudflare.com/client/v4#top",
        "ftp://api.cloudflare.com",
        "api.cloudflare.com",
        "/client/v4",
        "https://",
        "https:///client/v4",
        "",
        " https://api.cloudflare.com",
        "https://api.cloudflare.com/a b",
        "https://api.cloudflare.com\n",
        "https://api.cloudflare.com:",
        "https://api.cloudflare.com:0",
        "https://api.cloudflare.com:99999",
        "https://api.cloudflare.com:-1",
        "https://api.cloudflare.com:+80",
        "https://api.cloudflare.com:80a",
        "https://[2001:db8::1]:0",
        "http://localhost:",
        "http://localhost:0",
        "http://localhost:99999",
        "http://localhost:-1",
        "http://localhost:+80",
        "http://[::1]:",
        "http://[::1]:65536",
    ];
    for url in invalid {
        let error = build(url).expect_err(url);
        assert_invalid_input(&error, "base URL");
        let is_unencrypted = invalid[..6].contains(&url);
        assert_eq!(error.to_string().ends_with("unencrypted; use https"), is_unencrypted, "{error}");
    }
    for url in [
        "https://api.cloudflare.com/client/v4",
        "https://api.cloudflare.com/client/v4/",
        "https://gateway.example.com:8443",
        "https://gateway.example.com:65535/client/v4",
        "https://[2001:db8::1]:8443",
        "http://localhost:8443",
        "http://localhost:8787",
        "http://LOCALHOST:8787",
        "http://127.0.0.1",
        "http://127.3.2.1:80/prefix",
        "http://[::1]:8787/client/v4",
    ] {
        assert!(build(url).is_ok(), "{url}");
    }
}

#[test]
fn invalid_proxy_is_rejected_and_not_shown() {
    let build = |url: &str| Client::builder(Credentials::api_token(TOKEN)).proxy(url).build();
    for url in [
        "",
        "http://",
        "not a url",
        "ftp://hunter2",
        "ftp://user:hunter2@example.com",
        "http://user:hunter2@",
        "http://hunter2:99999",
        "http://hunter2:",
        "http://hunter2:0",
        "http://hunter2:-1",
        "http://user:hunter2@example.com:port",
        "socks5://user:hunter2@example.com:99999",
        "http://user:hunter2%ff@example.com",
        "http://user:hunter2@:3128",
        "socks5://:1080",
    ] {
        let error = build(url).expect_err(url);
        assert_invalid_input(&error, "proxy is not a valid URL");
        assert!(!format!("{error} {error:?} {error:#?}").contains("hunter2"), "{error:#?}");
    }
    for url in
        ["http://example.com", "https://user:hunter2@example.com:3128", "example.com:3128", "socks5h://[::1]:1080"]
    {
        let builder = Client::builder(Credentials::api_token(TOKEN)).proxy(url);
        assert!(!format!("{builder:?} {builder:#?}").contains("hunter2"), "{builder:?}");
        let client = builder.build().expect(url);
        assert!(!format!("{client:?} {client:#?}").contains("hunter2"), "{client:?}");
    }
}

#[test]
fn socks4_proxy_with_a_user_name_is_rejected() {
    for scheme in ["socks4", "socks4a"] {
        let builder = Client::builder(Credentials::api_token(TOKEN));
        builder.clone().proxy(format!("{scheme}://127.0.0.1:1080")).build().unwrap();
        let error = builder.proxy(format!("{scheme}://hunter2@127.0.0.1:1080")).build().unwrap_err();
        assert_invalid_input(&error, "proxy URL has a user name");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn row_20_credentials_never_pass_a_proxy_unencrypted() {
    let builder = |base_url: &str| Client::builder(Credentials::api_token(TOKEN)).base_url(base_url);
    let with_agent = |builder: ClientBuilder, proxy: ureq::Proxy| {
        let tls = ClientBuilder::default_tls_config();
        builder.agent(ureq::Agent::config_builder().proxy(Some(proxy)).tls_config(tls).build().into())
    };
    for scheme in ["http", "https", "socks4", "socks4a", "socks5", "socks5h"] {
        for host in ["proxy.example.com:3128", "192.0.2.1:3128", "[2001:db8::1]:3128"] {
            let proxy = format!("{scheme}://{host}");
            let parsed = ureq::Proxy::new(&proxy).unwrap();
            for url in ["http://localhost:8787", "http://127.0.0.1", "HTTP://[::1]:8787"] {
                let error = builder(url).proxy(proxy.as_str()).build().unwrap_err();
                assert_invalid_input(&error, "proxy would get credentials unencrypted");
                let error = with_agent(builder(url), parsed.clone()).build().unwrap_err();
                assert_invalid_input(&error, "proxy would get credentials unencrypted");
            }
            for url in ["https://api.example.com", "HTTPS://localhost:8443"] {
                builder(url).proxy(proxy.as_str()).build().unwrap();
                with_agent(builder(url), parsed.clone()).build().unwrap();
            }
        }
    }
    // A debugging proxy on loopback, and a proxy that is not used for this host.
    for proxy in ["http://localhost:8080", "socks5://127.0.0.1:1080", "http://[::1]:8080"] {
        builder("http://localhost:8787").proxy(proxy).build().unwrap();
    }
    let bypassed = ureq::Proxy::builder(ureq::ProxyProtocol::Http).host("proxy.example.com").no_proxy("localhost");
    with_agent(builder("http://localhost:8787"), bypassed.build().unwrap()).build().unwrap();
}

#[test]
fn debug_output_is_short_and_hides_what_could_be_secret() {
    let builder = Client::builder(Credentials::api_token(TOKEN))
        .base_url("https://user:hunter2@gateway.example.com")
        .root_certificates("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----");
    let text = format!("{builder:?} {builder:#?}");
    assert!(!text.contains("hunter2") && !text.contains("PRIVATE KEY"), "{text}");

    let client = Client::builder(Credentials::api_token(TOKEN)).build().unwrap();
    let keys = client.signing_keys(ACCOUNT_ID).unwrap();
    let agent = Client::builder(Credentials::api_token(TOKEN)).agent(ureq::Agent::new_with_defaults());
    for text in [format!("{client:?}"), format!("{keys:?}"), format!("{agent:?}")] {
        assert!(text.len() < 600 && !text.contains('\n'), "{} {text}", text.len());
    }
    assert!(format!("{client:?}").contains("https://api.cloudflare.com/client/v4"));
}

#[test]
fn invalid_and_reserved_headers_are_rejected() {
    let keys = RawServer::responding(200, "").signing_keys();
    let assert_rejected = |name: &str, value: &str, problem: &str| {
        assert_invalid_input(
            &Client::builder(Credentials::api_token(TOKEN)).default_header(name, value).unwrap_err(),
            problem,
        );
        assert_invalid_input(&keys.clone().with_header(name, value).unwrap_err(), problem);
    };
    for (name, value) in [("", "v"), ("a b", "v"), ("a\n", "v"), ("ä", "v"), ("x-a", "v\r\nx-b: 1"), ("x-a", "v\0")] {
        assert_rejected(name, value, "header");
    }
    for name in
        ["authorization", "Authorization", "x-auth-key", "X-Auth-Email", "host", "content-length", "transfer-encoding"]
    {
        assert_rejected(name, "v", &format!("header {} is set by the client", name.to_lowercase()));
    }
    let suffix = Client::builder(Credentials::api_token(TOKEN)).user_agent_suffix("a\nb").build();
    assert_invalid_input(&suffix.unwrap_err(), "user agent suffix");
}

#[test]
fn unserializable_request_body_is_rejected() {
    let server = RawServer::responding(200, "");
    let non_string_keys = std::collections::HashMap::from([((1, 2), 3)]);
    assert_invalid_input(&server.signing_keys().create_with(&non_string_keys).unwrap_err(), "request body");
    assert_eq!(server.connections(), 0);
}

#[test]
fn per_call_timeout_does_not_affect_other_handles() {
    let server = RawServer::start(|n, _| match n {
        0 => Reply::BytesThenStall(vec![]),
        _ => Reply::Bytes(response(200, &success_body(json!([])))),
    });
    let keys = server.signing_keys();
    let impatient = keys.clone().with_timeout(Duration::from_millis(200)).with_retry_policy(RetryPolicy::none());
    let start = Instant::now();
    assert!(impatient.list().unwrap_err().is_timeout());
    assert!(start.elapsed() < Duration::from_secs(5));
    keys.list().unwrap();
}

#[test]
fn zero_and_maximal_durations_do_not_panic() {
    let server = RawServer::responding(200, &success_body(json!([])));
    let keys = server.signing_keys().with_retry_policy(RetryPolicy::none());
    keys.clone().with_timeout(Duration::MAX).list().unwrap();
    assert!(keys.clone().with_timeout(Duration::ZERO).list().unwrap_err().is_timeout());
    let client = server.client_builder().connect_timeout(Duration::MAX).build().unwrap();
    client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
}

#[test]
fn timeouts_of_zero_are_rejected() {
    let builder = || Client::builder(Credentials::api_token(TOKEN));
    assert_invalid_input(&builder().timeout(Duration::ZERO).build().unwrap_err(), "timeout is zero");
    assert_invalid_input(&builder().connect_timeout(Duration::ZERO).build().unwrap_err(), "connect timeout is zero");
    let policy = RetryPolicy::default().with_attempt_timeout(Duration::ZERO);
    assert_invalid_input(&builder().retry_policy(policy).build().unwrap_err(), "attempt timeout is zero");
}

#[test]
fn custom_agent_shares_its_pool_but_not_its_settings() {
    let server = RawServer::responding(200, &success_body(json!([])));
    // The client overrides the agent's settings for status codes, redirects and timeouts.
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(10)
        .http_status_as_error(true)
        .timeout_global(Some(Duration::from_nanos(1)))
        .build()
        .into();
    let client = server.client_builder().agent(agent.clone()).build().unwrap();
    client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
    // The agent's connection pool is shared, so this opens no second connection.
    agent.get(server.base_url()).config().timeout_global(None).build().call().unwrap();
    assert_eq!((server.requests().len(), server.connections()), (2, 1));

    let forbidden = RawServer::responding(403, "");
    let client = forbidden.client_builder().agent(agent).build().unwrap();
    assert!(client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap_err().is_forbidden());
}

#[test]
fn clients_and_handles_are_send_sync_and_clone() {
    fn assert_send_sync_clone<T: Send + Sync + Clone + 'static>() {}
    assert_send_sync_clone::<Client>();
    assert_send_sync_clone::<SigningKeys>();
    fn assert_send_sync<T: Send + Sync + 'static>() {}
    assert_send_sync::<Error>();
}

#[test]
fn proxy_of_a_custom_agent_is_used() {
    let proxy =
        RawServer::with_replies(vec![Reply::Bytes(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".to_vec())]);
    let target = RawServer::responding(200, &success_body(json!([])));
    let url = format!("http://{}", proxy.address());
    let agent = ureq::Agent::config_builder().proxy(Some(ureq::Proxy::new(&url).unwrap())).build();
    let client = target.client_builder().agent(agent.into()).retry_policy(RetryPolicy::none()).build().unwrap();
    let error = client.signing_keys(ACCOUNT_ID).unwrap().create().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert!(!error.outcome_unknown());
    assert!(proxy.requests()[0].starts_with(&format!("CONNECT {} ", target.address())));
    assert!(!proxy.requests()[0].contains(TOKEN));
    assert_eq!(target.connections(), 0);
}

#[test]
fn agent_cannot_be_combined_with_settings_of_the_default_agent() {
    let settings: [fn(ClientBuilder) -> ClientBuilder; 6] = [
        |builder| builder.proxy("http://127.0.0.1:3128"),
        |builder| builder.no_proxy(),
        |builder| builder.root_certificates(""),
        |builder| builder.client_certificate(""),
        |builder| builder.min_tls_version(TlsVersion::Tls13),
        |builder| builder.ip_family(IpFamily::Ipv4Only),
    ];
    for setting in settings {
        let builder =
            Client::builder(Credentials::api_token(TOKEN)).agent(agent_with(ClientBuilder::default_tls_config()));
        builder.clone().build().unwrap();
        assert_invalid_input(&setting(builder).build().unwrap_err(), "agent cannot be combined with");
    }
}

fn agent_with(tls: TlsConfig) -> ureq::Agent {
    ureq::Agent::config_builder().proxy(None).tls_config(tls).build().into()
}

#[test]
fn agent_that_allows_only_https_is_rejected_with_an_http_base_url() {
    let tls = ClientBuilder::default_tls_config();
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).tls_config(tls).https_only(true).build().into();
    let build = |url: &str| {
        let credentials = Credentials::api_token(TOKEN);
        Client::builder(credentials).base_url(url).agent(agent.clone()).build()
    };
    assert_invalid_input(&build("http://localhost:8787").unwrap_err(), "agent allows only https");
    build("https://localhost:8443").unwrap();
}

#[test]
fn agent_for_https_needs_a_crypto_provider() {
    let server = RawServer::responding(200, &success_body(json!([])));
    let without = agent_with(TlsConfig::default());
    let https_url = format!("https://{}", server.address());
    let build = |agent: &ureq::Agent, url: &str| server.client_builder().agent(agent.clone()).base_url(url).build();
    let error = build(&without, &https_url).unwrap_err();
    assert_invalid_input(&error, "agent has no TLS crypto provider");
    assert!(error.to_string().contains("default_tls_config()"), "{error}");
    // http does not need one.
    build(&without, &server.base_url()).unwrap().signing_keys(ACCOUNT_ID).unwrap().list().unwrap();

    let client = build(&agent_with(ClientBuilder::default_tls_config()), &https_url).unwrap();
    let keys = client.signing_keys(ACCOUNT_ID).unwrap().with_timeout(Duration::from_millis(500));
    // The server does not speak TLS, and waits for the end of a request.
    let error = keys.with_retry_policy(RetryPolicy::none()).create().unwrap_err();
    assert_eq!((error.outcome_unknown(), server.requests().len()), (false, 1), "{error}");
    // Nothing else in this process may depend on this crate's choice.
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}
