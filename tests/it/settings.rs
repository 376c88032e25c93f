//! Settings, arguments and environment variables. Invalid ones are rejected before anything is sent: rows 18 to 20 of
//! the table in tests/README.md.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{ACCOUNT_ID, RawServer, Reply, TOKEN, response, success_body};
use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{Client, Credentials, Error, ErrorKind, RetryPolicy, SigningKeys};
use serde_json::json;

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
        assert_invalid_input(&client.signing_keys(id).unwrap_err(), "account id");
        assert_invalid_input(&keys.delete(id).unwrap_err(), "key id");
        assert_invalid_input(&keys.path_for(id).unwrap_err(), "key id");
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
            (Credentials::global_api_key(value, "key"), "e-mail address"),
            (Credentials::global_api_key("ops@example.com", value), "global API key"),
        ];
        for (credentials, setting) in settings {
            let error = Client::builder().credentials(credentials).build().unwrap_err();
            assert_invalid_input(&error, setting);
            assert!(!format!("{error} {error:?}").contains("nter2"), "{error:?}");
        }
    }
    assert_invalid_input(&Client::builder().build().unwrap_err(), "credentials");
}

#[test]
fn row_20_insecure_and_invalid_base_urls_are_rejected() {
    let build = |url: &str| Client::builder().credentials(Credentials::api_token(TOKEN)).base_url(url).build();
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
    ];
    for url in invalid {
        assert_invalid_input(&build(url).expect_err(url), "base URL");
    }
    for url in [
        "https://api.cloudflare.com/client/v4",
        "https://api.cloudflare.com/client/v4/",
        "https://gateway.example.com:8443",
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
fn invalid_and_reserved_headers_are_rejected() {
    let build = |name: &str, value: &str| {
        Client::builder().credentials(Credentials::api_token(TOKEN)).default_header(name, value).build()
    };
    for (name, value) in [("", "v"), ("a b", "v"), ("a\n", "v"), ("ä", "v"), ("x-a", "v\r\nx-b: 1"), ("x-a", "v\0")] {
        assert_invalid_input(&build(name, value).unwrap_err(), "header");
    }
    for name in
        ["authorization", "Authorization", "x-auth-key", "X-Auth-Email", "host", "content-length", "transfer-encoding"]
    {
        assert_invalid_input(&build(name, "v").unwrap_err(), &format!("header {}", name.to_lowercase()));
        let keys = build("x-a", "v").unwrap().signing_keys(ACCOUNT_ID).unwrap();
        assert_invalid_input(&keys.with_header(name, "v").unwrap_err(), "header");
    }
    let suffix = Client::builder().credentials(Credentials::api_token(TOKEN)).user_agent_suffix("a\nb").build();
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

/// Runs one of the ignored tests below in a child process whose environment has only these variables.
fn run_with_environment(test: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]).env_clear().envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{variables:?}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
fn from_env_reads_all_variables() {
    let fake = FakeServer::start();
    let url = fake.base_url();
    let account = ("CLOUDFLARE_ACCOUNT_ID", FakeServer::ACCOUNT_ID);
    let base = ("CLOUDFLARE_BASE_URL", url.as_str());
    let token = ("CLOUDFLARE_API_TOKEN", FakeServer::API_TOKEN);
    let global = [("CLOUDFLARE_EMAIL", FakeServer::EMAIL), ("CLOUDFLARE_API_KEY", FakeServer::GLOBAL_API_KEY)];
    run_with_environment("settings::child_from_env_succeeds", &[account, base, token]);
    run_with_environment("settings::child_from_env_succeeds", &[account, base, global[0], global[1]]);
    run_with_environment(
        "settings::child_from_env_succeeds",
        &[account, base, ("CLOUDFLARE_API_TOKEN", ""), global[0], global[1]],
    );
    // The API token takes precedence over the global API key, which is wrong here.
    run_with_environment(
        "settings::child_from_env_succeeds",
        &[account, base, token, global[0], ("CLOUDFLARE_API_KEY", "x")],
    );
    // Requests to loopback bypass the proxy. Nothing listens at this one.
    let dead_proxy = "http://127.0.0.1:9";
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    let proxies: Vec<_> = proxies.iter().map(|name| (*name, dead_proxy)).collect();
    run_with_environment("settings::child_from_env_succeeds", &[&[account, base, token], proxies.as_slice()].concat());
    assert_eq!(fake.requests().len(), 5);
}

#[test]
#[ignore = "run by from_env_reads_all_variables, in a child process"]
fn child_from_env_succeeds() {
    SigningKeys::from_env().unwrap().list().unwrap();
}

#[test]
fn from_env_rejects_missing_and_invalid_variables() {
    let account = ("CLOUDFLARE_ACCOUNT_ID", ACCOUNT_ID);
    let token = ("CLOUDFLARE_API_TOKEN", TOKEN);
    let cases: [(&str, &[(&str, &str)]); 7] = [
        ("CLOUDFLARE_API_TOKEN", &[account]),
        ("CLOUDFLARE_ACCOUNT_ID", &[token]),
        ("CLOUDFLARE_ACCOUNT_ID", &[token, ("CLOUDFLARE_ACCOUNT_ID", "")]),
        ("CLOUDFLARE_ACCOUNT_ID", &[token, ("CLOUDFLARE_ACCOUNT_ID", "a/b")]),
        ("CLOUDFLARE_API_KEY", &[account, ("CLOUDFLARE_EMAIL", "ops@example.com")]),
        ("CLOUDFLARE_EMAIL", &[account, ("CLOUDFLARE_API_KEY", "k")]),
        ("base URL", &[account, token, ("CLOUDFLARE_BASE_URL", "http://example.com")]),
    ];
    for (expected, variables) in cases {
        let variables = [variables, &[("EXPECTED", expected)]].concat();
        run_with_environment("settings::child_from_env_fails", &variables);
    }
}

#[test]
#[ignore = "run by from_env_rejects_missing_and_invalid_variables, in a child process"]
fn child_from_env_fails() {
    assert_invalid_input(&SigningKeys::from_env().unwrap_err(), &std::env::var("EXPECTED").unwrap());
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
