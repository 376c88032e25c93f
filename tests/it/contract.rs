//! The client and the fake against a server that nobody here wrote: Prism, with Cloudflare's own document.
//!
//! It runs where Prism is installed, and says so where it is not:
//!
//! ```text
//! npm install --prefix target/prism @stoplight/prism-cli@5.14.2
//! cargo test --test contract
//! ```

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cloudflare_document;
use cloudflare_stream_keys::mock::{FakeServer, Fault};
use cloudflare_stream_keys::{Client, Credentials, ErrorKind, RetryPolicy, Signer, SigningKeys};
use flate2::read::GzDecoder;
use serde_json::Value;

const ACCOUNT_ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where Prism is installed, if it is.
fn prism() -> Option<PathBuf> {
    let usual = root().join("target/prism/node_modules/.bin/prism");
    let prism = std::env::var_os("PRISM").map_or(usual, PathBuf::from);
    if !prism.exists() {
        // Past the test runner, which keeps what a passing test prints to itself.
        let _ = writeln!(io::stderr(), "SKIPPED: the contract test, for Prism is not installed at {}", prism.display());
    }
    prism.exists().then_some(prism)
}

/// The three paths of Cloudflare's own document where it is at hand, else of our fragment.
fn document() -> String {
    let Some(path) = cloudflare_document() else {
        let _ = writeln!(io::stderr(), "CLOUDFLARE_OPENAPI is not set: Prism uses openapi/stream-keys.json");
        return fs::read_to_string(root().join("openapi/stream-keys.json")).unwrap();
    };
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["paths"].as_object_mut().unwrap().retain(|path, _| path.contains("/stream/keys"));
    document.to_string()
}

struct Prism {
    process: Child,
    folder: tempfile::TempDir,
    base_url: String,
}

impl Prism {
    /// `mock DOCUMENT`, or `proxy DOCUMENT URL`.
    fn start(prism: &Path, mode: &str, upstream: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("openapi.json");
        fs::write(&path, document()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = File::create(folder.path().join("log")).unwrap();
        let process = Command::new(prism)
            .arg(mode)
            .arg(&path)
            .args(upstream)
            .args(["--errors", "--host", "127.0.0.1", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        let prism = Self { process, folder, base_url: format!("http://127.0.0.1:{port}") };
        prism.wait_for("Prism is listening");
        prism
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn wait_for(&self, words: &str) {
        let start = Instant::now();
        while !self.log().contains(words) {
            assert!(start.elapsed() < Duration::from_secs(120), "{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The log comes with a delay, but in order: once the violation is there that was made last and on purpose, it is all.
    fn assert_one_violation(&self, words: &str) {
        self.wait_for(words);
        let log = self.log();
        let violations: Vec<&str> = log.lines().filter(|line| line.to_lowercase().contains("violation")).collect();
        assert!(violations.len() == 1 && violations[0].contains(words), "{violations:?}");
    }

    fn keys(&self, credentials: Credentials) -> SigningKeys {
        let client = Client::builder().credentials(credentials).base_url(&self.base_url).build().unwrap();
        client.signing_keys(ACCOUNT_ID).unwrap()
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_client_keeps_to_cloudflares_document() {
    let Some(prism) = prism() else { return };
    let prism = Prism::start(&prism, "mock", None);
    let credentials = [
        Credentials::api_token("token"),
        Credentials::global_api_key("ops@example.com", "c2547eb745079dac9320b638f5e225cf"),
    ];
    for credentials in credentials {
        let keys = prism.keys(credentials);
        let key = keys.create().unwrap();
        assert!(!key.id.is_empty());
        assert_eq!(keys.list().unwrap().len(), 1);
        assert!(keys.delete(&key.id).unwrap().is_some());
        if document().contains("LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ") {
            // The document's example of a key is a real one, only that its id is that of another example.
            Signer::from_jwk(key.jwk.expose_secret())
                .unwrap()
                .token("5d5bc37ffcf54c9b82e996823bffbb81")
                .sign()
                .unwrap();
        }
        for status in [400, 401, 403, 404, 429] {
            let forced = keys.clone().with_header("prefer", &format!("code={status}")).unwrap();
            let forced = forced.with_retry_policy(RetryPolicy::none());
            for error in [forced.create().unwrap_err(), forced.list().unwrap_err(), forced.delete("k").unwrap_err()] {
                assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(status)), "{error}");
                assert!(!error.outcome_unknown());
            }
        }
    }

    // Prism would have said so: it does for an account id that is too long, and that is all it has to say.
    let client = Client::builder().credentials(Credentials::api_token("token")).base_url(&prism.base_url);
    let error = client.build().unwrap().signing_keys(&"a".repeat(33)).unwrap().list().unwrap_err();
    assert_eq!(error.status(), Some(422));
    prism.assert_one_violation("Violation: request.path.account_id");
    assert_eq!(prism.log().matches("The request passed the validation rules").count(), 2 * (3 + 5 * 3));
}

#[test]
fn the_fakes_answers_keep_to_cloudflares_document() {
    let Some(prism) = prism() else { return };
    let fake = FakeServer::start();
    let prism = Prism::start(&prism, "proxy", Some(&fake.base_url()));
    let keys = prism.keys(Credentials::api_token(FakeServer::API_TOKEN));
    let key = keys.create().unwrap();
    assert_eq!(keys.list().unwrap()[0].id, key.id);
    assert_eq!(keys.delete(&key.id).unwrap().as_deref(), Some("Revoked"));
    assert!(keys.delete(&key.id).unwrap_err().is_not_found());
    assert!(prism.keys(Credentials::api_token("wrong")).list().unwrap_err().is_unauthorized());
    fake.inject(Fault::RateLimit { retry_after: Duration::from_secs(300) });
    assert!(keys.list().unwrap_err().is_rate_limited());

    // The live service says null where there are no keys, and the document says that it does not: so does Prism.
    assert_eq!(keys.with_retry_policy(RetryPolicy::none()).list().unwrap_err().status(), Some(500));
    prism.assert_one_violation("Request/Response not valid");
}
