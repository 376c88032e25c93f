//! Responses that contain secrets, and a check that a text contains none.

use std::time::Duration;

use cloudflare_stream_keys::{Client, Credentials, RetryPolicy};
use serde_json::{Value, json};

use super::{RawServer, Reply, TOKEN, created_body, response};

pub const PEM: &str = "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFcGdJQkFBS0NBUUVBMFRqd2pPaVpXbUo0M3ZmM1Rv";
pub const JWK: &str = "eyJ1c2UiOiJzaWciLCJrdHkiOiJSU0EiLCJraWQiOiI1MjEzY2ZhMTIxZjcwYjhjMTM4MDY4NmZmYzM3MWJhMyIs";
pub const EMAIL: &str = "root@secret-company.example";
pub const GLOBAL_API_KEY: &str = "c2547eb745079dac9320b638f5e225cf483cc5cfdda41";

/// Asserts that the text contains no ten consecutive bytes of a secret, neither as text nor as a list of numbers.
pub fn assert_no_secrets(source: &str, text: &str) {
    for secret in [PEM, JWK, TOKEN, EMAIL, GLOBAL_API_KEY] {
        for part in secret.as_bytes().windows(10) {
            let plain = std::str::from_utf8(part).unwrap();
            let numbers = format!("{part:?}");
            assert!(
                !text.contains(plain) && !text.contains(&numbers[1..numbers.len() - 1]),
                "{source} contains {plain}: {text}"
            );
        }
    }
}

/// Returns one client for each kind of credentials. They have a short timeout and do not retry.
pub fn clients(server: &RawServer) -> [Client; 2] {
    let builder = || server.client_builder().timeout(Duration::from_millis(300)).retry_policy(RetryPolicy::none());
    [
        builder().build().unwrap(),
        builder().credentials(Credentials::global_api_key(EMAIL, GLOBAL_API_KEY)).build().unwrap(),
    ]
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
