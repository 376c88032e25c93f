//! Secrets never appear in output: row 24 of the table in tests/README.md. Logs are tested in tests/logging.rs.

use std::any::type_name;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::panic;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use crate::support::secrets::{
    CALLER_HEADERS, EMAIL, GLOBAL_API_KEY, JWK, PEM, PROXY_PASSWORD, assert_no_secrets, client_builders,
    client_certificate, clients, replies_with_secrets,
};
use crate::support::{ACCOUNT_ID, KEY_ID, RawServer, Reply, TOKEN, created_body, response, success};
use cloudflare_stream_keys::generated::{self, Body};
use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{Client, ClientBuilder, Credentials, FileStore, KeyStore, RotationPolicy, Secret};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::json;

/// Checks output, and records the names of the types that it is of.
#[derive(Default)]
struct Checked(BTreeSet<String>);

impl Checked {
    fn debug<T: Debug>(&mut self, value: &T) {
        let name = type_name::<T>();
        let outputs = [format!("{value:?}"), format!("{value:#?}")];
        assert!(outputs.iter().all(|output| !output.is_empty()), "{name}");
        assert_no_secrets(name, &outputs.concat());
        let path = name.split('<').next().unwrap();
        self.0.insert(path.rsplit("::").next().unwrap().to_string());
    }

    fn error<T: std::error::Error + 'static>(&mut self, error: &T) {
        self.debug(error);
        let mut next: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = next {
            assert_no_secrets("an error", &format!("{error} {error:#} {error:?} {error:#?}"));
            next = error.source();
        }
    }

    fn generated_error<T: Debug + 'static>(&mut self, error: &generated::Error<T>) {
        self.error(error);
        match error {
            generated::Error::InvalidRequest(e) => self.error(e),
            generated::Error::CommunicationError(e) => self.error(e),
            generated::Error::ErrorResponse(response) => self.debug(response),
            generated::Error::InvalidResponsePayload(response, e) => {
                self.debug(response);
                self.error(e);
            }
            generated::Error::UnexpectedResponse(response) => self.debug(response),
            _ => panic!("unknown variant: {error}"),
        }
    }

    /// Checks a builder, its client, and all that the client returns if a create succeeds.
    fn client(&mut self, builder: ClientBuilder) {
        self.debug(&builder);
        let client = builder.build().unwrap();
        let keys = client.signing_keys(ACCOUNT_ID).unwrap();
        let keys = CALLER_HEADERS.into_iter().fold(keys, |keys, (name, value)| keys.with_header(name, value).unwrap());
        // A query may contain a secret, too. Logs leave it out.
        let keys = keys.with_query("token", TOKEN);
        self.debug(&client);
        self.debug(&keys);
        for raw in [client.raw(), keys.raw()] {
            self.debug(raw);
            assert!(format!("{raw:?}").contains("cf-access-client-secret"), "headers are shown, but not their values");
        }
        let Ok(key) = keys.create() else { return };
        let raw = keys.raw().create_signing_keys(ACCOUNT_ID, &json!({})).unwrap();
        assert_eq!((key.pem.expose_secret(), key.jwk.expose_secret()), (PEM, JWK));
        self.debug(&key);
        self.debug(&key.pem);
        self.debug(&raw);
        let envelope = raw.into_inner();
        self.debug(&envelope);
        let result = envelope.result.unwrap();
        self.debug(&result);
        self.debug(&result.pem.unwrap());
    }
}

static DEBUG_OUTPUT: LazyLock<Checked> = LazyLock::new(check_debug_output);
static ERRORS: LazyLock<Checked> = LazyLock::new(check_errors);

/// Formats values of every type that can hold a secret, with secrets in them.
fn check_debug_output() -> Checked {
    let mut checked = Checked::default();
    let server = RawServer::responding(200, &created_body(PEM, JWK));
    for builder in client_builders(&server) {
        checked.client(builder.clone());
        checked.client(builder.clone().client_certificate(client_certificate()));
        for scheme in ["http", "socks5"] {
            let proxy = format!("{scheme}://user:{PROXY_PASSWORD}@{}", server.address());
            checked.client(builder.clone().proxy(proxy));
        }
    }
    checked.debug(&Credentials::api_token(TOKEN));
    checked.debug(&Credentials::global_api_key(EMAIL, GLOBAL_API_KEY));
    checked.debug(&Secret::from(PEM));
    checked.debug(&Body::from(PEM));
    check_rotation(&mut checked);
    checked
}

/// Formats what a rotation returns, with keys in it: of a store that works, and of one that holds a damaged file.
fn check_rotation(checked: &mut Checked) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = FileStore::new(folder.path());
    checked.debug(&store);
    let server = RawServer::start(|_, request| match request.split(' ').next() {
        Some("POST") => Reply::Bytes(response(200, &created_body(PEM, JWK))),
        _ => success(request),
    });
    let keys = server.signing_keys();
    // The key cannot sign, so this is an error with a key in it, and then one without a successor.
    let error = keys.rotate(&RotationPolicy::default(), &mut store).unwrap_err();
    checked.debug(&error);
    error.failures().iter().for_each(|failure| checked.debug(failure));
    checked.debug(error.report());
    checked.error(&error);

    std::fs::write(folder.path().join("key-x.json"), format!(r#"{{"id": "x", "pem": "{PEM}", "jwk": "{JWK}", }}"#))
        .unwrap();
    let error = store.load().unwrap_err();
    checked.debug(&error);
    checked.error(&error);
    checked.error(&keys.rotate(&RotationPolicy::default(), &mut store).unwrap_err());

    let fake = FakeServer::start();
    let folder = tempfile::tempdir().unwrap();
    let rotation = fake.signing_keys().rotate(&RotationPolicy::default(), &mut FileStore::new(folder.path())).unwrap();
    checked.debug(&rotation);
    let (pem, jwk) = (rotation.current.pem.expose_secret(), rotation.current.jwk.expose_secret());
    assert!(!format!("{rotation:?}").contains(pem) && !format!("{rotation:?}").contains(jwk));
}

/// Formats the errors of responses that contain secrets.
fn check_errors() -> Checked {
    let mut checked = Checked::default();
    for reply in replies_with_secrets() {
        let server = RawServer::with_replies(vec![reply]);
        for client in clients(&server) {
            let keys = client.signing_keys(ACCOUNT_ID).unwrap();
            let error = keys.create().unwrap_err();
            checked.error(&error);
            let _ = error.into_recovered_key().inspect(|key| checked.debug(key));
            let _ = keys.list().inspect_err(|e| checked.error(e));
            let _ = keys.delete(KEY_ID).inspect_err(|e| checked.error(e));

            let _ = keys.raw().create_signing_keys(ACCOUNT_ID, &json!({})).inspect_err(|e| checked.generated_error(e));
            let _ = keys.raw().list_signing_keys(ACCOUNT_ID).inspect_err(|e| checked.generated_error(e));
        }
    }
    checked
}

#[test]
fn row_24_debug_output_contains_no_secrets() {
    LazyLock::force(&DEBUG_OUTPUT);
}

#[test]
fn row_24_errors_contain_no_secrets() {
    LazyLock::force(&ERRORS);
}

#[test]
fn row_24_errors_about_invalid_settings_contain_no_secrets() {
    struct Unserializable;
    impl Serialize for Unserializable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom(PEM))
        }
    }
    let mut checked = Checked::default();
    let server = RawServer::responding(407, "");
    for value in [format!("{TOKEN}\n"), format!(" {TOKEN}")] {
        let mut check = |credentials| {
            checked.error(&Client::builder(credentials).build().unwrap_err());
        };
        check(Credentials::api_token(value.as_str()));
        check(Credentials::global_api_key(EMAIL, value.as_str()));
        check(Credentials::global_api_key(value.as_str(), GLOBAL_API_KEY));
    }
    for (name, value) in CALLER_HEADERS {
        let value = format!("{value}\n");
        checked.error(&server.client_builder().default_header(name, &value).unwrap_err());
        checked.error(&server.signing_keys().with_header(name, &value).unwrap_err());
    }
    for proxy in ["http://user:PASSWORD@", "http://user:PASSWORD@proxy:port", "socks4://user:PASSWORD@proxy"] {
        let proxy = proxy.replace("PASSWORD", PROXY_PASSWORD);
        checked.error(&server.client_builder().proxy(proxy).build().unwrap_err());
    }
    let certificate = client_certificate();
    let (_, without_certificate) = certificate.split_once("-----END CERTIFICATE-----").unwrap();
    for pem in [without_certificate.to_string(), certificate.replace("PRIVATE KEY-----", "PRIVATE-----")] {
        checked.error(&server.client_builder().client_certificate(pem).build().unwrap_err());
    }
    checked.error(&server.signing_keys().create_with(&Unserializable).unwrap_err());
}

#[test]
fn row_24_errors_of_proxies_contain_no_secrets() {
    let mut checked = Checked::default();
    let server = RawServer::with_replies(vec![crate::support::Reply::BytesThenClose(response(407, PEM))]);
    for builder in client_builders(&server) {
        for scheme in ["http", "socks4", "socks5"] {
            // SOCKS4 has no passwords.
            let user = if scheme == "socks4" { String::new() } else { format!("user:{PROXY_PASSWORD}@") };
            let proxy = format!("{scheme}://{user}{}", server.address());
            let keys = builder.clone().proxy(proxy).build().unwrap().signing_keys(ACCOUNT_ID).unwrap();
            checked.error(&keys.create().unwrap_err());
            checked.generated_error(&keys.raw().list_signing_keys(ACCOUNT_ID).unwrap_err());
        }
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
fn row_24_secret_headers_are_redacted_in_a_callers_middleware() {
    let server = RawServer::responding(200, &created_body(PEM, JWK));
    let sensitive_headers = Arc::new(Mutex::new(BTreeSet::new()));
    let recorded = sensitive_headers.clone();
    let middleware = move |request: ureq::http::Request<ureq::SendBody>, next: ureq::middleware::MiddlewareNext| {
        let headers = request.headers().iter().filter(|(_, value)| value.is_sensitive());
        recorded.lock().unwrap().extend(headers.map(|(name, _)| name.to_string()));
        let (parts, body) = request.into_parts();
        assert_no_secrets("a request", &format!("{parts:?} {parts:#?}"));
        next.handle(ureq::http::Request::from_parts(parts, body))
    };
    let agent: ureq::Agent = ureq::Agent::config_builder().middleware(middleware).build().into();
    for builder in client_builders(&server) {
        let client = builder.agent(agent.clone()).build().unwrap();
        client.signing_keys(ACCOUNT_ID).unwrap().create().unwrap();
    }
    let expected =
        ["authorization", "cf-access-client-secret", "cookie", "proxy-authorization", "x-auth-email", "x-auth-key"];
    assert!(sensitive_headers.lock().unwrap().iter().eq(expected));
    for request in server.requests() {
        assert!(CALLER_HEADERS.iter().all(|(name, value)| request.contains(&format!("{name}: {value}\r\n"))));
    }
}

/// Types that hold no secrets.
const WITHOUT_SECRETS: &[&str] = &[
    "AccessRule",
    "AnimatedThumbnail",
    "ApiMessage",
    "CallProgress",
    "Code",
    "ConstBool",
    "ConversionError",
    "CustomerCode",
    "Download",
    "ErrorKind",
    "Manifest",
    "OperationInfo",
    "PlaybackToken",
    "PlaybackUrl",
    "PlaybackUrls",
    "Player",
    "RetryPolicy",
    "RotationPlan",
    "RotationPolicy",
    "SendOptions",
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
    "Thumbnail",
    "ThumbnailFit",
    "Timestamp",
    "TlsVersion",
];
/// Types that callers cannot get. [`Checked::client`] prints the settings as a part of a client, and
/// [`Checked::generated_error`] a head as a part of a response. `InvalidRequest` needs an invalid spec.
const PRIVATE: &[&str] = &["InvalidRequest", "QueryParam", "Request", "RequestBuilder", "ResponseHead", "Settings"];
/// Types that hold a private key. tests/it/private_keys.rs checks their output.
const WITH_PRIVATE_KEY: &[&str] = &["PlaybackTokenBuilder", "RsaKey", "Signer"];

#[test]
fn row_24_every_public_type_is_checked_for_secrets() {
    let mut code = fs::read_to_string(concat!(env!("OUT_DIR"), "/client.rs")).unwrap();
    append_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    let declared = code.lines().filter_map(|line| {
        let line = line.trim_start();
        let name = line.strip_prefix("pub struct ").or(line.strip_prefix("pub enum "))?;
        Some(name.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_string())
    });
    let mut known = DEBUG_OUTPUT.0.clone();
    known.extend(ERRORS.0.clone());
    known.extend([WITHOUT_SECRETS, PRIVATE, WITH_PRIVATE_KEY].concat().into_iter().map(String::from));
    let unknown: BTreeSet<String> = declared.filter(|name| !known.contains(name)).collect();
    assert!(unknown.is_empty(), "format these types above, or add them to a list: {unknown:?}");
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
