//! Answers full of secrets, and a check that a text has none of them.

use std::time::Duration;

use cloudflare_stream_keys::{Client, Credentials, RetryPolicy};
use serde_json::{Value, json};

use super::{RawServer, Reply, TOKEN, answer, created};

pub const PEM: &str = "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFcGdJQkFBS0NBUUVBMFRqd2pPaVpXbUo0M3ZmM1Rv";
pub const JWK: &str = "eyJ1c2UiOiJzaWciLCJrdHkiOiJSU0EiLCJraWQiOiI1MjEzY2ZhMTIxZjcwYjhjMTM4MDY4NmZmYzM3MWJhMyIs";
pub const EMAIL: &str = "root@secret-company.example";
pub const GLOBAL_KEY: &str = "c2547eb745079dac9320b638f5e225cf483cc5cfdda41";

/// Fails where a part of a secret stands in the text: of the secret itself, or of its bytes as numbers.
pub fn assert_hides(what: &str, text: &str) {
    for secret in [PEM, JWK, TOKEN, EMAIL, GLOBAL_KEY] {
        for part in secret.as_bytes().windows(10) {
            let plain = std::str::from_utf8(part).unwrap();
            let numbers = format!("{part:?}");
            assert!(
                !text.contains(plain) && !text.contains(&numbers[1..numbers.len() - 1]),
                "{what} shows {plain}: {text}"
            );
        }
    }
}

/// Clients with both kinds of credentials.
pub fn clients(wire: &RawServer) -> [Client; 2] {
    let hasty = || wire.builder().timeout(Duration::from_millis(300)).retry_policy(RetryPolicy::none());
    [hasty().build().unwrap(), hasty().credentials(Credentials::global_api_key(EMAIL, GLOBAL_KEY)).build().unwrap()]
}

/// Answers of all kinds that hold key material somewhere.
pub fn telling_replies() -> Vec<Reply> {
    let whole = created(PEM, JWK);
    let odd = |change: &dyn Fn(&mut Value)| {
        let mut body: Value = serde_json::from_str(&whole).unwrap();
        change(&mut body);
        body.to_string()
    };
    let bodies = [
        odd(&|body| body["result"] = json!(PEM)),
        odd(&|body| body["result"]["id"] = json!([PEM])),
        odd(&|body| body["result"]["created"] = json!({ JWK: 1 })),
        odd(&|body| body["messages"] = json!(PEM)),
        odd(&|body| body["success"] = json!(JWK)),
        odd(&|body| body["success"] = json!(false)),
        odd(&|body| drop(body["result"].as_object_mut().unwrap().remove("id"))),
        format!("{PEM}{whole}"),
        format!("{whole}{JWK}"),
        whole.replace(':', PEM),
        whole[..whole.len() - 2].to_string(),
    ];
    let mut replies: Vec<Reply> = [200, 403, 500, 302]
        .into_iter()
        .flat_map(|status| bodies.iter().map(move |body| Reply::Bytes(answer(status, body))))
        .collect();
    let bytes = answer(200, &whole);
    replies.push(Reply::BytesThenClose(bytes[..bytes.len() - 20].to_vec()));
    replies.push(Reply::BytesThenSilence(bytes[..bytes.len() - 20].to_vec()));
    replies.push(Reply::BytesThenReset(vec![]));
    replies.push(Reply::Bytes(format!("HTTP/1.1 {PEM}\r\n{JWK}\r\n\r\n").into_bytes()));
    replies.push(Reply::Bytes(whole.into_bytes()));
    replies
}
