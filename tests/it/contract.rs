//! Contract tests: Prism checks the client's requests and the fake server's responses against Cloudflare's OpenAPI
//! document.
//!
//! They are skipped, with a message on stderr, unless Prism is installed in `target/prism` or `PRISM` is the path of
//! its executable. They use the document that `CLOUDFLARE_OPENAPI` names, or else openapi/stream-keys.json.
//!
//! ```text
//! npm install --prefix target/prism @stoplight/prism-cli@5.14.2
//! CLOUDFLARE_OPENAPI=openapi.json.gz cargo test --test it contract
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{ACCOUNT_ID, cloudflare_document, status_of};
use cloudflare_stream_keys::mock::{FakeServer, Fault};
use cloudflare_stream_keys::{Client, Credentials, ErrorKind, RetryPolicy, Signer, SigningKeys};
use flate2::read::GzDecoder;
use serde_json::Value;

/// The first bytes of a gzip file (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the path of Prism's executable, or `None` if it is not installed.
fn prism_executable() -> Option<PathBuf> {
    let default = root().join("target/prism/node_modules/.bin/prism");
    let prism = std::env::var_os("PRISM").map_or(default, PathBuf::from);
    if !prism.exists() {
        // The test runner captures `eprintln!`, but not this.
        let _ = writeln!(io::stderr(), "SKIPPED: the contract tests; Prism is not installed at {}", prism.display());
    }
    prism.exists().then_some(prism)
}

/// Returns Cloudflare's document, reduced to the paths of signing keys, or the project's own spec.
fn document() -> String {
    let Some(path) = cloudflare_document() else {
        let _ = writeln!(io::stderr(), "CLOUDFLARE_OPENAPI is not set: Prism uses openapi/stream-keys.json");
        return fs::read_to_string(root().join("openapi/stream-keys.json")).unwrap();
    };
    let bytes = fs::read(path).unwrap();
    let text = match bytes.starts_with(&GZIP_MAGIC) {
        true => io::read_to_string(GzDecoder::new(&bytes[..])).unwrap(),
        false => String::from_utf8(bytes).unwrap(),
    };
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
    /// Starts `prism mock DOCUMENT`, or `prism proxy DOCUMENT UPSTREAM`.
    fn start(executable: &Path, mode: &str, upstream: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("openapi.json");
        fs::write(&path, document()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = File::create(folder.path().join("log")).unwrap();
        let process = Command::new(executable)
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
        prism.wait_for_log("Prism is listening");
        prism
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn wait_for_log(&self, text: &str) {
        let start = Instant::now();
        while !self.log().contains(text) {
            assert!(start.elapsed() < Duration::from_secs(120), "{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asserts that the log has one violation, and that it contains this text.
    ///
    /// Prism writes its log with a delay but in order. Each test therefore ends with a deliberate violation: once that
    /// one is logged, any earlier one is as well.
    fn assert_only_violation(&self, text: &str) {
        self.wait_for_log(text);
        let log = self.log();
        let violations: Vec<&str> = log.lines().filter(|line| line.to_lowercase().contains("violation")).collect();
        assert!(violations.len() == 1 && violations[0].contains(text), "{violations:?}");
    }

    fn signing_keys(&self, credentials: Credentials) -> SigningKeys {
        let client = Client::builder(credentials).base_url(&self.base_url).build().unwrap();
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
fn client_requests_conform_to_the_document() {
    let Some(executable) = prism_executable() else { return };
    let prism = Prism::start(&executable, "mock", None);
    let credentials = [
        Credentials::api_token("token"),
        Credentials::global_api_key("ops@example.com", "c2547eb745079dac9320b638f5e225cf"),
    ];
    for credentials in credentials {
        let keys = prism.signing_keys(credentials);
        let key = keys.create().unwrap();
        assert!(!key.id.is_empty());
        assert_eq!(keys.list().unwrap().len(), 1);
        assert!(keys.delete(&key.id).unwrap().is_some());
        if document().contains("LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ") {
            // The example is a real RSA key, but its `kid` differs from the example's `id`, which `Signer::new` rejects.
            Signer::from_jwk(key.jwk.expose_secret())
                .unwrap()
                .token("5d5bc37ffcf54c9b82e996823bffbb81")
                .sign()
                .unwrap();
        }
        for status in [400, 401, 403, 404, 429] {
            let keys = keys.clone().with_header("prefer", &format!("code={status}")).unwrap();
            let keys = keys.with_retry_policy(RetryPolicy::none());
            for error in [keys.create().unwrap_err(), keys.list().unwrap_err(), keys.delete("k").unwrap_err()] {
                assert_eq!((error.kind(), status_of(&error)), (ErrorKind::Api, Some(status)), "{error}");
                assert!(!error.outcome_unknown());
            }
        }
    }

    // The deliberate violation: an account id longer than the document allows.
    let client = Client::builder(Credentials::api_token("token")).base_url(&prism.base_url);
    let error = client.build().unwrap().signing_keys(&"a".repeat(33)).unwrap().list().unwrap_err();
    assert_eq!(status_of(&error), Some(422));
    prism.assert_only_violation("Violation: request.path.account_id");
    assert_eq!(prism.log().matches("The request passed the validation rules").count(), 2 * (3 + 5 * 3));
}

#[test]
fn fake_server_responses_conform_to_the_document() {
    let Some(executable) = prism_executable() else { return };
    let fake = FakeServer::start();
    let prism = Prism::start(&executable, "proxy", Some(&fake.base_url()));
    let keys = prism.signing_keys(Credentials::api_token(FakeServer::API_TOKEN));
    let key = keys.create().unwrap();
    assert_eq!(keys.list().unwrap()[0].id, key.id);
    assert_eq!(keys.delete(&key.id).unwrap().as_deref(), Some("Revoked"));
    assert!(keys.delete(&key.id).unwrap_err().is_not_found());
    assert!(prism.signing_keys(Credentials::api_token("wrong")).list().unwrap_err().is_unauthorized());
    fake.inject(Fault::RateLimit { retry_after: Duration::from_secs(300) });
    assert!(keys.list().unwrap_err().is_rate_limited());

    // The deliberate violation: if there are no keys, the fake server's result is `null`, like that of the live API.
    // The document allows only a list.
    assert_eq!(status_of(&keys.with_retry_policy(RetryPolicy::none()).list().unwrap_err()), Some(500));
    prism.assert_only_violation("Request/Response not valid");
}
