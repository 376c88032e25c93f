//! The examples, as programs of their own: what they print, and what they read from the environment.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;

use cloudflare_stream_keys::mock::FakeServer;

use crate::support::example;

fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// The quickstart against this server, with nothing in its environment but the server's URL and account.
fn live_quickstart(server: &FakeServer) -> Command {
    let mut command = example("quickstart");
    command.arg("--live").env_clear();
    command.env("CLOUDFLARE_BASE_URL", server.base_url()).env("CLOUDFLARE_ACCOUNT_ID", FakeServer::ACCOUNT_ID);
    command
}

#[test]
fn quickstart_shows_the_life_of_a_key() {
    let output = run(&mut example("quickstart"));
    for line in
        ["create   POST", "Secret([REDACTED])", "manifest/video.m3u8", "the key is gone", "does not have this key"]
    {
        assert!(output.contains(line), "{output}");
    }
    assert!(output.ends_with("is_not_found() is true\n"), "{output}");
}

#[test]
fn rotate_replaces_a_key_after_an_outage() {
    let output = run(&mut example("rotate"));
    let day = |text: &str| output[..output.find(text).unwrap()].matches("Day ").count() - 1;
    assert_eq!((day("503"), output.matches("created and saved").count(), day("deleted ")), (30, 2, 33), "{output}");
    assert!(output.ends_with("Every token was valid until it expired. 1 key is left.\n"), "{output}");
}

#[test]
fn clients_are_configured_from_the_environment() {
    let server = FakeServer::start();
    let output = run(live_quickstart(&server).env("CLOUDFLARE_API_TOKEN", FakeServer::API_TOKEN));
    assert!(output.contains(FakeServer::ACCOUNT_ID), "{output}");
    let global_key = [("CLOUDFLARE_EMAIL", FakeServer::EMAIL), ("CLOUDFLARE_API_KEY", FakeServer::GLOBAL_API_KEY)];
    run(live_quickstart(&server).envs(global_key));
    assert_eq!(server.requests().len(), 2 * 6, "create, delete and four lists");
}

#[test]
fn invalid_account_id_in_the_environment_is_named() {
    let server = FakeServer::start();
    let mut command = live_quickstart(&server);
    let output = command.env("CLOUDFLARE_API_TOKEN", "t").env("CLOUDFLARE_ACCOUNT_ID", "a/b").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: CLOUDFLARE_ACCOUNT_ID contains a character"), "{stderr}");
    assert!(server.requests().is_empty());
}

#[test]
fn requests_to_loopback_bypass_the_proxy_of_the_environment() {
    let server = FakeServer::start();
    // Nothing listens on the discard port.
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    let proxies = proxies.map(|name| (name, "http://127.0.0.1:9"));
    run(live_quickstart(&server).env("CLOUDFLARE_API_TOKEN", FakeServer::API_TOKEN).envs(proxies));
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn requests_to_other_hosts_use_the_proxy_of_the_environment() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let first_request = thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(proxy.accept().unwrap().0).read_line(&mut line).unwrap();
        line
    });
    let mut command = example("quickstart");
    command.arg("--live").env_clear();
    command.env("CLOUDFLARE_BASE_URL", "https://api.example.com").env("CLOUDFLARE_ACCOUNT_ID", FakeServer::ACCOUNT_ID);
    command.env("CLOUDFLARE_API_TOKEN", FakeServer::API_TOKEN).env("HTTPS_PROXY", format!("http://{address}"));
    assert!(!command.output().unwrap().status.success(), "the proxy closes the connection");
    // Ends the wait for a connection, if there was none.
    drop(TcpStream::connect(address));
    assert_eq!(first_request.join().unwrap(), "CONNECT api.example.com:443 HTTP/1.1\r\n");
}
