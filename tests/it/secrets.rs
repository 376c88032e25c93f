//! Secrets never appear in output: row 24 of the table in tests/README.md. Logs are tested in tests/logging.rs.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::panic;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::support::secrets::{EMAIL, GLOBAL_API_KEY, JWK, PEM, assert_no_secrets, clients, replies_with_secrets};
use crate::support::{ACCOUNT_ID, KEY_ID, RawServer, TOKEN, created_body};
use cloudflare_stream_keys::{Client, Credentials, Secret};
use serde_json::json;

fn assert_debug_has_no_secrets(value: &impl Debug) {
    assert_no_secrets(std::any::type_name_of_val(value), &format!("{value:?} {value:#?}"));
}

fn assert_error_has_no_secrets(error: &(impl std::error::Error + 'static)) {
    assert_debug_has_no_secrets(error);
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        assert_no_secrets("an error", &format!("{error} {error:#} {error:?} {error:#?}"));
        next = error.source();
    }
}

#[test]
fn row_24_debug_output_contains_no_secrets() {
    let server = RawServer::responding(200, &created_body(PEM, JWK));
    for client in clients(&server) {
        let keys = client.signing_keys(ACCOUNT_ID).unwrap();
        let key = keys.create().unwrap();
        let raw = keys.raw().create_signing_keys(ACCOUNT_ID, &json!({})).unwrap();
        assert_eq!((key.pem.expose_secret(), key.jwk.expose_secret()), (PEM, JWK));
        assert_debug_has_no_secrets(&key);
        assert_debug_has_no_secrets(&Some(key.pem.clone()));
        assert_debug_has_no_secrets(&client);
        assert_debug_has_no_secrets(&keys);
        assert_debug_has_no_secrets(client.raw());
        assert_debug_has_no_secrets(&raw);
        assert_debug_has_no_secrets(&raw.into_inner());
    }
    assert_debug_has_no_secrets(&server.client_builder());
    assert_debug_has_no_secrets(&Credentials::api_token(TOKEN));
    assert_debug_has_no_secrets(&Credentials::global_api_key(EMAIL, GLOBAL_API_KEY));
    assert_debug_has_no_secrets(&Secret::from(PEM));
}

#[test]
fn row_24_errors_contain_no_secrets() {
    for reply in replies_with_secrets() {
        let server = RawServer::with_replies(vec![reply]);
        for client in clients(&server) {
            let keys = client.signing_keys(ACCOUNT_ID).unwrap();
            let error = keys.create().unwrap_err();
            assert_error_has_no_secrets(&error);
            assert_debug_has_no_secrets(&error.into_recovered_key());
            let _ = keys.list().inspect_err(assert_error_has_no_secrets);
            let _ = keys.delete(KEY_ID).inspect_err(assert_error_has_no_secrets);

            let _ = keys.raw().create_signing_keys(ACCOUNT_ID, &json!({})).inspect_err(assert_error_has_no_secrets);
            let _ = keys.raw().list_signing_keys(ACCOUNT_ID).inspect_err(assert_error_has_no_secrets);
        }
    }
    for value in [format!("{TOKEN}\n"), format!(" {TOKEN}")] {
        let build = |credentials| Client::builder().credentials(credentials).build().unwrap_err();
        assert_error_has_no_secrets(&build(Credentials::api_token(value.as_str())));
        assert_error_has_no_secrets(&build(Credentials::global_api_key(EMAIL, value.as_str())));
        assert_error_has_no_secrets(&build(Credentials::global_api_key(value.as_str(), GLOBAL_API_KEY)));
    }
}

#[test]
fn row_24_panic_messages_contain_no_secrets() {
    let server = RawServer::responding(200, &created_body(PEM, JWK));
    let keys = server.signing_keys();
    let panic_message = |panicking: &(dyn Fn() + panic::RefUnwindSafe)| {
        let payload = panic::catch_unwind(panicking).unwrap_err();
        payload.downcast_ref::<String>().unwrap().clone()
    };
    let keys = panic::AssertUnwindSafe(keys);
    assert_no_secrets("a panic", &panic_message(&|| drop(keys.create().unwrap_err())));
    assert_no_secrets("a panic", &panic_message(&|| drop(keys.delete(KEY_ID).unwrap())));
    assert_no_secrets("a panic", &panic_message(&|| drop(keys.list().unwrap())));
}

#[test]
fn row_24_secrets_cannot_be_serialized() {
    let server = RawServer::responding(200, &created_body(PEM, JWK));
    let raw = server.signing_keys().raw().create_signing_keys(ACCOUNT_ID, &json!({})).unwrap();
    let error = serde_json::to_string(&raw.into_inner()).unwrap_err();
    assert!(error.to_string().contains("expose_secret()"), "{error}");
}

#[test]
fn row_24_credential_headers_are_marked_sensitive() {
    let server = RawServer::responding(200, &created_body(PEM, JWK));
    let sensitive_headers = Arc::new(Mutex::new(Vec::new()));
    let recorded = sensitive_headers.clone();
    let middleware = move |request: ureq::http::Request<ureq::SendBody>, next: ureq::middleware::MiddlewareNext| {
        let headers = request.headers().iter().filter(|(_, value)| value.is_sensitive());
        recorded.lock().unwrap().extend(headers.map(|(name, _)| name.to_string()));
        assert_no_secrets("a request", &format!("{:?}", request.headers()));
        next.handle(request)
    };
    let agent: ureq::Agent = ureq::Agent::config_builder().middleware(middleware).build().into();
    for credentials in [Credentials::api_token(TOKEN), Credentials::global_api_key(EMAIL, GLOBAL_API_KEY)] {
        let client = server.client_builder().credentials(credentials).agent(agent.clone()).build().unwrap();
        client.signing_keys(ACCOUNT_ID).unwrap().create().unwrap();
    }
    assert_eq!(*sensitive_headers.lock().unwrap(), ["authorization", "x-auth-email", "x-auth-key"]);
}

// Every public type is in one of these lists. The test below fails for a type that is in none.

/// Types that can hold secrets. The tests above check their output.
const TESTED_ABOVE: &[&str] = &[
    "Client",
    "ClientBuilder",
    "Credentials",
    "Error",
    "RecoveredKey",
    "ResponseValue",
    "Secret",
    "SigningKey",
    "SigningKeys",
    "StreamKeyGenerationResponse",
    "StreamKeys",
    "Response",
    "TransportError",
    "SecretValue",
    "Body",
];
/// Types that hold no secrets.
const WITHOUT_SECRETS: &[&str] = &[
    "AccessRule",
    "CallProgress",
    "Code",
    "ConstBool",
    "LostKey",
    "RotationPlan",
    "RotationPolicy",
    "ApiMessage",
    "SendOptions",
    "ConversionError",
    "DecodeError",
    "ErrorKind",
    "ResponseHead",
    "InvalidRequest",
    "OperationInfo",
    "Request",
    "RequestBuilder",
    "RetryPolicy",
    "Settings",
    "SigningKeyInfo",
    "StreamApiResponseCommonFailure",
    "StreamDeletedResponse",
    "StreamIdentifier2",
    "StreamKeyResponseCollection",
    "StreamKeyResponseCollectionResultItem",
    "StreamMessages",
    "StreamMessagesItem",
    "StreamMessagesItemErrorChainItem",
    "StreamMessagesItemSource",
    "Timestamp",
    "PlaybackToken",
    "QueryParam",
    "TlsVersion",
];
/// Types that hold a private key. tests/it/tokens.rs checks their output.
const WITH_PRIVATE_KEY: &[&str] = &["RsaKey", "Signer", "PlaybackTokenBuilder"];

#[test]
fn row_24_every_public_type_is_checked_for_secrets() {
    let mut code = fs::read_to_string(concat!(env!("OUT_DIR"), "/client.rs")).unwrap();
    append_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    let declared = code.lines().filter_map(|line| {
        let line = line.trim_start();
        let name = line.strip_prefix("pub struct ").or(line.strip_prefix("pub enum "))?;
        Some(name.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_string())
    });
    let listed: BTreeSet<String> =
        TESTED_ABOVE.iter().chain(WITHOUT_SECRETS).chain(WITH_PRIVATE_KEY).map(|name| name.to_string()).collect();
    let unlisted: BTreeSet<String> = declared.filter(|name| !listed.contains(name)).collect();
    assert!(unlisted.is_empty(), "check these types for secrets and add them to a list above: {unlisted:?}");
}

/// Appends all source files except those of the fake server, which holds generated keys only.
fn append_source(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true if entry.ends_with("mock") => {}
            true => append_source(&entry, code),
            false => code.push_str(&fs::read_to_string(entry).unwrap()),
        }
    }
}
