//! No secret in anything that is printed: row 24 of the table in the README.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::panic;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::support::secrets::{EMAIL, GLOBAL_KEY, JWK, PEM, assert_hides, clients, telling_replies};
use crate::support::{ACCOUNT_ID, KEY_ID, RawServer, TOKEN, created};
use cloudflare_stream_keys::{Client, Credentials, Secret};
use serde_json::json;

fn assert_debug_hides(value: &impl Debug) {
    assert_hides(std::any::type_name_of_val(value), &format!("{value:?} {value:#?}"));
}

fn assert_error_hides(error: &(impl std::error::Error + 'static)) {
    assert_debug_hides(error);
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        assert_hides("an error", &format!("{error} {error:#} {error:?} {error:#?}"));
        cause = error.source();
    }
}

#[test]
fn row_24_no_type_shows_a_secret() {
    let wire = RawServer::answering(200, &created(PEM, JWK));
    for client in clients(&wire) {
        let keys = client.signing_keys(ACCOUNT_ID).unwrap();
        let key = keys.create().unwrap();
        let raw = keys.raw().create_signing_keys(&ACCOUNT_ID.to_string().into(), &json!({})).unwrap();
        assert_eq!((key.pem.expose_secret(), key.jwk.expose_secret()), (PEM, JWK));
        assert_debug_hides(&key);
        assert_debug_hides(&Some(key.pem.clone()));
        assert_debug_hides(&client);
        assert_debug_hides(&keys);
        assert_debug_hides(client.raw());
        assert_debug_hides(&raw);
        assert_debug_hides(&raw.into_inner());
    }
    assert_debug_hides(&wire.builder());
    assert_debug_hides(&Credentials::api_token(TOKEN));
    assert_debug_hides(&Credentials::global_api_key(EMAIL, GLOBAL_KEY));
    assert_debug_hides(&Secret::from(PEM));
}

#[test]
fn row_24_no_error_shows_a_secret() {
    for reply in telling_replies() {
        let wire = RawServer::replying(vec![reply]);
        for client in clients(&wire) {
            let keys = client.signing_keys(ACCOUNT_ID).unwrap();
            let error = keys.create().unwrap_err();
            assert_error_hides(&error);
            assert_debug_hides(&error.into_recovered_key());
            let _ = keys.list().inspect_err(assert_error_hides);
            let _ = keys.delete(KEY_ID).inspect_err(assert_error_hides);

            let account = ACCOUNT_ID.to_string().into();
            let _ = keys.raw().create_signing_keys(&account, &json!({})).inspect_err(assert_error_hides);
            let _ = keys.raw().list_signing_keys(&account).inspect_err(assert_error_hides);
        }
    }
    for value in [format!("{TOKEN}\n"), format!(" {TOKEN}")] {
        let build = |credentials| Client::builder().credentials(credentials).build().unwrap_err();
        assert_error_hides(&build(Credentials::api_token(value.as_str())));
        assert_error_hides(&build(Credentials::global_api_key(EMAIL, value.as_str())));
        assert_error_hides(&build(Credentials::global_api_key(value.as_str(), GLOBAL_KEY)));
    }
}

#[test]
fn row_24_no_panic_message_shows_a_secret() {
    let wire = RawServer::answering(200, &created(PEM, JWK));
    let keys = wire.keys();
    let message = |panicking: &(dyn Fn() + panic::RefUnwindSafe)| {
        let payload = panic::catch_unwind(panicking).unwrap_err();
        payload.downcast_ref::<String>().unwrap().clone()
    };
    let keys = panic::AssertUnwindSafe(keys);
    assert_hides("a panic", &message(&|| drop(keys.create().unwrap_err())));
    assert_hides("a panic", &message(&|| drop(keys.delete(KEY_ID).unwrap())));
    assert_hides("a panic", &message(&|| drop(keys.list().unwrap())));
}

#[test]
fn row_24_a_secret_is_not_serialized() {
    let secret = Secret::from(PEM);
    let error = serde_json::to_string(&secret).unwrap_err();
    assert!(error.to_string().contains("expose_secret()"));
    let wire = RawServer::answering(200, &created(PEM, JWK));
    let raw = wire.keys().raw().create_signing_keys(&ACCOUNT_ID.to_string().into(), &json!({})).unwrap();
    assert!(serde_json::to_string(&raw.into_inner()).is_err());
}

#[test]
fn row_24_headers_with_credentials_are_marked_as_sensitive() {
    let wire = RawServer::answering(200, &created(PEM, JWK));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let middleware = move |request: ureq::http::Request<ureq::SendBody>, next: ureq::middleware::MiddlewareNext| {
        let headers = request.headers().iter().filter(|(_, value)| value.is_sensitive());
        sink.lock().unwrap().extend(headers.map(|(name, _)| name.to_string()));
        assert_hides("a request", &format!("{:?}", request.headers()));
        next.handle(request)
    };
    let agent: ureq::Agent = ureq::Agent::config_builder().middleware(middleware).build().into();
    for credentials in [Credentials::api_token(TOKEN), Credentials::global_api_key(EMAIL, GLOBAL_KEY)] {
        let client = wire.builder().credentials(credentials).agent(agent.clone()).build().unwrap();
        client.signing_keys(ACCOUNT_ID).unwrap().create().unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), ["authorization", "x-auth-email", "x-auth-key"]);
}

/// The public types, and how each is known to keep its secrets. A new one fails the test below until it stands here.
const PRINTED_ABOVE: &[&str] = &[
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
];
const WITHOUT_SECRETS: &[&str] = &[
    "AccessRule",
    "ConstBool",
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
];
/// Those that sign: tests/tokens.rs has them.
const SIGNING: &[&str] = &["RsaKey", "Signer", "PlaybackTokenBuilder"];

#[test]
fn row_24_every_public_type_is_known() {
    let mut code = fs::read_to_string(concat!(env!("OUT_DIR"), "/client.rs")).unwrap();
    read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    let declared = code.lines().filter_map(|line| {
        let line = line.trim_start();
        let name = line.strip_prefix("pub struct ").or(line.strip_prefix("pub enum "))?;
        Some(name.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_string())
    });
    let known: BTreeSet<String> =
        PRINTED_ABOVE.iter().chain(WITHOUT_SECRETS).chain(SIGNING).map(|name| name.to_string()).collect();
    let unknown: BTreeSet<String> = declared.filter(|name| !known.contains(name)).collect();
    assert!(unknown.is_empty(), "print these in a test above, or show that they hold no secret: {unknown:?}");
}

/// All code but that of the fake, which is a server and knows only what it made up.
fn read_all(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true if entry.ends_with("mock") => {}
            true => read_all(&entry, code),
            false => code.push_str(&fs::read_to_string(entry).unwrap()),
        }
    }
}
