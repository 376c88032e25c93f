//! Exchanges tokens with [jose](https://github.com/panva/jose), which many programs use to sign them.
//!
//! The test is skipped, with a message on stderr, unless jose is installed:
//!
//! ```text
//! npm install --prefix target/jose jose@5.10.0
//! ```

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudflare_stream_keys::Signer;
use cloudflare_stream_keys::mock::FakeServer;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::access_rules::{rule_case, viewers};
use crate::example_key::VIDEO;

const TOKENS: usize = 200;

/// jose verifies the signer's tokens, and signs their claims again. The fake server treats both tokens alike.
#[test]
fn tokens_are_exchanged_with_jose() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/jose");
    if !folder.join("node_modules/jose").exists() {
        // The test runner captures `eprintln!`, but not this.
        let _ = writeln!(io::stderr(), "SKIPPED: the test with jose; jose is not installed in {}", folder.display());
        return;
    }
    let server = FakeServer::start();
    let key = server.signing_keys().create().unwrap();
    let signer = Signer::new(&key).unwrap();
    let mut runner = TestRunner::deterministic();
    let rules = proptest::collection::vec(rule_case(), 0..=5);
    let signed = std::iter::repeat_with(|| {
        let rules = rules.new_tree(&mut runner).unwrap().current();
        signer.token(VIDEO).access_rules(rules.iter().map(|rule| rule.rule())).not_before(server.now()).sign()
    });
    let tokens: Vec<String> = signed.filter_map(Result::ok).map(String::from).take(TOKENS).collect();

    let jwk: Value = serde_json::from_slice(&STANDARD.decode(key.jwk.expose_secret()).unwrap()).unwrap();
    let jose = |claims: &Value, tokens: &[String]| -> Value {
        let script = root.join("tests/support/jose.mjs");
        let mut node = Command::new("node");
        node.arg(script).arg(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut node = node.spawn().unwrap();
        let input = json!({ "jwk": jwk, "claims": claims, "tokens": tokens });
        node.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
        let output = node.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let claims = &jose(&json!([]), &tokens)["claims"];
    assert_eq!(claims.as_array().map(Vec::len), Some(TOKENS));
    let tokens_of_jose = &jose(claims, &[])["tokens"];
    assert_eq!(tokens_of_jose.as_array().map(Vec::len), Some(TOKENS));
    for (token, token_of_jose) in tokens.iter().zip(tokens_of_jose.as_array().unwrap()) {
        for viewer in viewers() {
            let verify = |token| server.verify_token_for(token, &viewer);
            assert_eq!(verify(token_of_jose.as_str().unwrap()), verify(token));
        }
    }
}
