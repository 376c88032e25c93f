//! Responses that contain secrets, and a check that a text contains none.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudflare_stream_keys::{Client, ClientBuilder, Credentials, RetryPolicy};
use serde_json::{Value, json};

use super::{RawServer, Reply, TOKEN, created_body, response, tls};

pub const PEM: &str = "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFcGdJQkFBS0NBUUVBMFRqd2pPaVpXbUo0M3ZmM1Rv";
pub const JWK: &str = "eyJ1c2UiOiJzaWciLCJrdHkiOiJSU0EiLCJraWQiOiI1MjEzY2ZhMTIxZjcwYjhjMTM4MDY4NmZmYzM3MWJhMyIs";
pub const EMAIL: &str = "root@secret-company.example";
pub const GLOBAL_API_KEY: &str = "c2547eb745079dac9320b638f5e225cf483cc5cfdda41";

/// Headers that a caller adds to every request.
pub const CALLER_HEADERS: [(&str, &str); 3] = [
    ("cf-access-client-secret", "bdd31cbc4dec990953e39163fbbb194c93313ca9f0a6e420346af9d326b1d2a5"),
    ("cookie", "session=kDpTq1vYt6Zc3xWm"),
    ("proxy-authorization", "Basic cHJveHktdXNlcjpPN2hMc1F3Mg=="),
];
pub const PROXY_PASSWORD: &str = "Vt5-proxy-password-8Qk";

/// Returns a client certificate and its private key, in PEM.
pub fn client_certificate() -> String {
    tls::pem("client") + &tls::key_pem()
}

/// Ten consecutive bytes of every secret at each position, as text and as a list of numbers, without whitespace.
static PARTS_OF_SECRETS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let key = tls::der("key");
    // PKCS #8 also has the algorithm and the public key, which are no secrets.
    let private_number = &key[36..68];
    let encoded = STANDARD.encode(private_number);
    let texts = [PEM, JWK, TOKEN, EMAIL, GLOBAL_API_KEY, PROXY_PASSWORD, &encoded];
    let texts = texts.into_iter().chain(CALLER_HEADERS.map(|(_, value)| value)).map(str::as_bytes);
    let parts = texts.chain([private_number]).flat_map(|secret| secret.windows(10));
    parts
        .flat_map(|part| {
            let numbers = without_whitespace(&format!("{part:?}"));
            let text = std::str::from_utf8(part).ok().map(without_whitespace);
            [Some(numbers[1..numbers.len() - 1].to_string()), text].into_iter().flatten()
        })
        .collect()
});

fn without_whitespace(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Asserts that the text contains no ten consecutive bytes of a secret, neither as text nor as a list of numbers.
pub fn assert_no_secrets(source: &str, text: &str) {
    let compact = without_whitespace(text);
    for part in &*PARTS_OF_SECRETS {
        assert!(!compact.contains(part), "{source} contains {part}: {text}");
    }
}

/// Returns one builder for each kind of credentials, with [`CALLER_HEADERS`], a short timeout and no retries.
pub fn client_builders(server: &RawServer) -> [ClientBuilder; 2] {
    let credentials = [Credentials::api_token(TOKEN), Credentials::global_api_key(EMAIL, GLOBAL_API_KEY)];
    credentials.map(|credentials| {
        let builder = server.client_builder_with(credentials);
        let builder = CALLER_HEADERS
            .into_iter()
            .fold(builder, |builder, (name, value)| builder.default_header(name, value).unwrap());
        builder.timeout(Duration::from_millis(300)).retry_policy(RetryPolicy::none())
    })
}

/// Builds the clients of [`client_builders`].
pub fn clients(server: &RawServer) -> [Client; 2] {
    client_builders(server).map(|builder| builder.build().unwrap())
}

/// Returns invalid and error responses of many kinds, most with key material in them. No create succeeds on any.
pub fn replies_with_secrets() -> Vec<Reply> {
    let valid = created_body(PEM, JWK);
    let modified = |change: &dyn Fn(&mut Value)| {
        let mut body: Value = serde_json::from_str(&valid).unwrap();
        change(&mut body);
        body.to_string()
    };
    let bodies = [
        modified(&|body| body["result"] = json!(PEM)),
        modified(&|body| body["result"]["id"] = json!([PEM])),
        modified(&|body| body["result"]["created"] = json!({ JWK: 1 })),
        modified(&|body| body["messages"] = json!(PEM)),
        modified(&|body| body["success"] = json!(JWK)),
        modified(&|body| body["success"] = json!(false)),
        modified(&|body| drop(body["result"].as_object_mut().unwrap().remove("id"))),
        format!("{PEM}{valid}"),
        format!("{valid}{JWK}"),
        valid.replace(':', PEM),
        valid[..valid.len() - 2].to_string(),
    ];
    let mut replies: Vec<Reply> = [200, 403, 500, 302]
        .into_iter()
        .flat_map(|status| bodies.iter().map(move |body| Reply::Bytes(response(status, body))))
        .collect();
    let bytes = response(200, &valid);
    replies.push(Reply::BytesThenClose(bytes[..bytes.len() - 20].to_vec()));
    replies.push(Reply::BytesThenStall(bytes[..bytes.len() - 20].to_vec()));
    replies.push(Reply::BytesThenReset(vec![]));
    replies.push(Reply::Bytes(format!("HTTP/1.1 {PEM}\r\n{JWK}\r\n\r\n").into_bytes()));
    replies.push(Reply::Bytes(valid.into_bytes()));
    replies
}
