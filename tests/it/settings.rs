//! Settings and arguments that cannot be used are refused before anything is sent (rows 18 to 20), and what the
//! environment says.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{ACCOUNT_ID, RawServer, Reply, TOKEN, answer, success};
use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{Client, Credentials, Error, ErrorKind, RetryPolicy, SigningKeys};
use serde_json::json;

fn assert_invalid_input(error: &Error, setting: &str) {
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().starts_with(setting), "{error}");
}

#[test]
fn row_18_ids_that_would_change_the_path_are_refused() {
    let wire = RawServer::answering(200, &success(json!([])));
    let client = wire.builder().build().unwrap();
    let keys = client.signing_keys(ACCOUNT_ID).unwrap();
    for id in ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", " ", "a\n", "a\0", "ключ", "a\\b", "a;b", "a:b", "/"]
    {
        assert_invalid_input(&client.signing_keys(id).unwrap_err(), "account id");
        assert_invalid_input(&keys.delete(id).unwrap_err(), "key id");
        assert_invalid_input(&keys.path_for(id).unwrap_err(), "key id");
    }
    assert_eq!(wire.connections(), 0);
}

#[test]
fn row_19_credentials_that_cannot_be_sent_are_refused_and_not_shown() {
    let odd =
        ["", " ", "two words", "hunter2\n", "\thunter2", "hunter2\r\nx-evil: 1", "hunter2\0", "hünter2", "hunter2 "];
    for value in odd {
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
fn row_20_base_urls_that_credentials_must_not_go_to_are_refused() {
    let build = |url: &str| Client::builder().credentials(Credentials::api_token(TOKEN)).base_url(url).build();
    let bad = [
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
    for url in bad {
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
fn headers_that_are_none_or_the_clients_own_are_refused() {
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
fn a_body_without_a_json_form_is_refused() {
    let wire = RawServer::answering(200, "");
    let pairs = std::collections::HashMap::from([((1, 2), 3)]);
    assert_invalid_input(&wire.keys().create_with(&pairs).unwrap_err(), "request body");
    assert_eq!(wire.connections(), 0);
}

#[test]
fn a_timeout_per_call_leaves_other_handles_alone() {
    let wire = RawServer::start(|n, _| match n {
        0 => Reply::BytesThenSilence(vec![]),
        _ => Reply::Bytes(answer(200, &success(json!([])))),
    });
    let keys = wire.keys();
    let hasty = keys.clone().with_timeout(Duration::from_millis(200)).with_retry_policy(RetryPolicy::none());
    let start = Instant::now();
    assert!(hasty.list().unwrap_err().is_timeout());
    assert!(start.elapsed() < Duration::from_secs(5));
    keys.list().unwrap();
}

#[test]
fn extreme_durations_do_no_harm() {
    let wire = RawServer::answering(200, &success(json!([])));
    let keys = wire.keys().with_retry_policy(RetryPolicy::none());
    keys.clone().with_timeout(Duration::MAX).list().unwrap();
    assert!(keys.clone().with_timeout(Duration::ZERO).list().unwrap_err().is_timeout());
    let client = wire.builder().connect_timeout(Duration::MAX).build().unwrap();
    client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
}

#[test]
fn a_ureq_agent_of_the_callers_carries_the_calls() {
    let wire = RawServer::answering(200, &success(json!([])));
    // Its own ideas of statuses, redirects and deadlines must not count.
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(10)
        .http_status_as_error(true)
        .timeout_global(Some(Duration::from_nanos(1)))
        .build()
        .into();
    let client = wire.builder().agent(agent.clone()).build().unwrap();
    client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap();
    // The agent's pool is shared: no second connection.
    agent.get(wire.base_url()).config().timeout_global(None).build().call().unwrap();
    assert_eq!((wire.requests().len(), wire.connections()), (2, 1));

    let refused = RawServer::answering(403, "");
    let client = refused.builder().agent(agent).build().unwrap();
    assert!(client.signing_keys(ACCOUNT_ID).unwrap().list().unwrap_err().is_forbidden());
}

/// Runs one of the tests below, which are ignored otherwise, in a process with this environment only.
fn with_environment(test: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]).env_clear().envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{variables:?}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
fn the_environment_makes_a_client_and_a_handle() {
    let fake = FakeServer::start();
    let url = fake.base_url();
    let account = ("CLOUDFLARE_ACCOUNT_ID", FakeServer::ACCOUNT_ID);
    let base = ("CLOUDFLARE_BASE_URL", url.as_str());
    let token = ("CLOUDFLARE_API_TOKEN", FakeServer::API_TOKEN);
    let global = [("CLOUDFLARE_EMAIL", FakeServer::EMAIL), ("CLOUDFLARE_API_KEY", FakeServer::GLOBAL_API_KEY)];
    with_environment("settings::in_an_environment_that_is_complete", &[account, base, token]);
    with_environment("settings::in_an_environment_that_is_complete", &[account, base, global[0], global[1]]);
    with_environment(
        "settings::in_an_environment_that_is_complete",
        &[account, base, ("CLOUDFLARE_API_TOKEN", ""), global[0], global[1]],
    );
    // The token goes before the key, which is wrong here.
    with_environment(
        "settings::in_an_environment_that_is_complete",
        &[account, base, token, global[0], ("CLOUDFLARE_API_KEY", "x")],
    );
    // What is for this machine does not go to the proxy, where nobody listens.
    let nowhere = "http://127.0.0.1:9";
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    let proxies: Vec<_> = proxies.iter().map(|name| (*name, nowhere)).collect();
    with_environment(
        "settings::in_an_environment_that_is_complete",
        &[&[account, base, token], proxies.as_slice()].concat(),
    );
    assert_eq!(fake.requests().len(), 5);
}

#[test]
#[ignore = "needs an environment of its own"]
fn in_an_environment_that_is_complete() {
    SigningKeys::from_env().unwrap().list().unwrap();
}

#[test]
fn the_environment_must_be_complete_and_usable() {
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
    for (names, variables) in cases {
        let variables = [variables, &[("EXPECTED", names)]].concat();
        with_environment("settings::in_an_environment_that_is_not", &variables);
    }
}

#[test]
#[ignore = "needs an environment of its own"]
fn in_an_environment_that_is_not() {
    assert_invalid_input(&SigningKeys::from_env().unwrap_err(), &std::env::var("EXPECTED").unwrap());
}

#[test]
fn handles_go_to_other_threads() {
    fn is_shareable<T: Send + Sync + Clone + 'static>() {}
    is_shareable::<Client>();
    is_shareable::<SigningKeys>();
    fn is_sendable<T: Send + Sync + 'static>() {}
    is_sendable::<Error>();
}

#[test]
fn a_proxy_of_the_agents_is_used() {
    let proxy = RawServer::replying(vec![Reply::Bytes(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".to_vec())]);
    let target = RawServer::answering(200, &success(json!([])));
    let url = format!("http://{}", proxy.address());
    let agent = ureq::Agent::config_builder().proxy(Some(ureq::Proxy::new(&url).unwrap())).build();
    let client = target.builder().agent(agent.into()).retry_policy(RetryPolicy::none()).build().unwrap();
    let error = client.signing_keys(ACCOUNT_ID).unwrap().create().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert!(!error.outcome_unknown());
    assert!(proxy.requests()[0].starts_with(&format!("CONNECT {} ", target.address())));
    assert!(!proxy.requests()[0].contains(TOKEN));
    assert_eq!(target.connections(), 0);
}
