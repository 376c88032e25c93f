//! The state of the fake server, and its responses.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::FakeServer;
use super::fault::{Fault, Operation};
use super::http_server::Response;
use super::request::RecordedRequest;
use super::rsa_key::RsaKey;
use crate::error::{NO_ROUTE, UNKNOWN_KEY};
use crate::validate::validate_id;
use crate::{Secret, SigningKeyInfo};

/// The code for rejected credentials.
const AUTHENTICATION: i64 = 10000;
/// The code for too many requests.
const RATE_LIMITED: i64 = 1015;

#[derive(Default)]
pub(super) struct Service {
    /// The keys of each account.
    keys: HashMap<String, Vec<StoredKey>>,
    /// Each fault with the operation that it applies to, or `None` for any.
    pub(super) faults: Vec<(Option<Operation>, Fault)>,
    pub(super) requests: Vec<RecordedRequest>,
    pub(super) clock_offset: Duration,
    created: usize,
}

struct StoredKey {
    info: SigningKeyInfo,
    /// PKCS#1 DER. `None` for a seeded key.
    public_key: Option<Vec<u8>>,
}

impl Service {
    /// Returns the response, and the fault that affects the request.
    pub(super) fn respond(&mut self, request: RecordedRequest) -> (Response, Option<Fault>) {
        let segments: Vec<&str> = request.path.split('/').collect();
        let (operation, account_id, key_id) = match (request.method.as_str(), &segments[..]) {
            ("POST", ["", "accounts", account_id, "stream", "keys"]) => (Operation::Create, *account_id, ""),
            ("GET", ["", "accounts", account_id, "stream", "keys"]) => (Operation::List, *account_id, ""),
            ("DELETE", ["", "accounts", account_id, "stream", "keys", id]) => (Operation::Delete, *account_id, *id),
            _ => {
                self.requests.push(request);
                return (failure(404, NO_ROUTE, "No route for that URI"), None);
            }
        };
        let is_affected = |(wanted, _): &(Option<Operation>, Fault)| wanted.is_none_or(|wanted| wanted == operation);
        let fault = self.faults.iter().position(is_affected).map(|at| self.faults.remove(at).1);
        let mut execute = || match is_authenticated(&request) {
            true => self.execute(operation, account_id, key_id, fault == Some(Fault::UnreadableKey)),
            false => failure(401, AUTHENTICATION, "Authentication error"),
        };
        let response = match &fault {
            Some(Fault::Hang | Fault::ResetBeforeEffect) => html(502),
            Some(Fault::BadGatewayAfterEffect) => {
                execute();
                html(502)
            }
            Some(Fault::TruncateResponse) => {
                let mut response = execute();
                response.body.truncate(response.body.len() / 4 * 3);
                response
            }
            Some(Fault::StatusAfterEffect(status)) => Response { status: *status, ..execute() },
            Some(Fault::NullResult) => {
                let response = execute();
                if response.status == 200 { success(()) } else { response }
            }
            Some(Fault::Status(status)) => html(*status),
            Some(Fault::Error { status, code, message }) => failure(*status, *code, message),
            Some(Fault::RateLimit { retry_after }) => {
                let mut response = failure(429, RATE_LIMITED, "You are being rate limited");
                response.headers.push(("retry-after", retry_after.as_secs().to_string()));
                response
            }
            // The other faults change only how the response is delivered.
            _ => execute(),
        };
        self.requests.push(request);
        (response, fault)
    }

    fn execute(&mut self, operation: Operation, account_id: &str, key_id: &str, is_unreadable: bool) -> Response {
        let now = self.now();
        let keys = self.keys.entry(account_id.to_string()).or_default();
        match operation {
            Operation::List => {
                let listed = |StoredKey { info, .. }: &StoredKey| {
                    let created = info.created.map(|created| created.to_string());
                    json!({ "id": info.id, "created": created, "key_id": info.id })
                };
                let list: Vec<_> = keys.iter().map(listed).collect();
                // If there are no keys, the live API returns null, not [].
                success((!list.is_empty()).then_some(list))
            }
            Operation::Create => {
                let mut info = SigningKeyInfo::new(format!("{:032x}", fastrand::u128(..)));
                info.created = Some(now);
                let key = RsaKey::new(self.created, &info.id).expect("the keys are PKCS#1 DER");
                let form = |form: &Secret| {
                    if is_unreadable { "bmV3IGZvcm1hdA==".to_string() } else { form.expose_secret().to_string() }
                };
                let (pem, jwk) = (form(&key.pem), form(&key.jwk));
                let result = json!({ "id": info.id, "created": now.to_string(), "pem": pem, "jwk": jwk });
                keys.push(StoredKey { info, public_key: Some(key.public_key) });
                self.created += 1;
                success(result)
            }
            Operation::Delete => match keys.iter().position(|key| key.info.id == key_id) {
                Some(at) => {
                    keys.remove(at);
                    success("Revoked")
                }
                None => failure(404, UNKNOWN_KEY, "Not found"),
            },
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.clock_offset).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn seed(&mut self, account_id: &str, info: SigningKeyInfo) {
        validate_id("account ID", account_id).and(validate_id("key ID", &info.id)).unwrap_or_else(|e| panic!("{e}"));
        let keys = self.keys.entry(account_id.to_string()).or_default();
        assert!(keys.iter().all(|key| key.info.id != info.id), "account already has a key with the ID {:?}", info.id);
        keys.push(StoredKey { info, public_key: None });
    }

    /// Returns the public key of a key in any account.
    pub(super) fn public_key(&self, id: &str) -> Option<Vec<u8>> {
        self.keys.values().flatten().find(|key| key.info.id == id)?.public_key.clone()
    }
}

fn is_authenticated(request: &RecordedRequest) -> bool {
    let token = format!("Bearer {}", FakeServer::API_TOKEN);
    request.header("authorization") == Some(&token)
        || request.header("x-auth-email") == Some(FakeServer::EMAIL)
            && request.header("x-auth-key") == Some(FakeServer::GLOBAL_API_KEY)
}

fn success(result: impl Serialize) -> Response {
    let envelope = json!({ "success": true, "errors": [], "messages": [], "result": result });
    response(200, "application/json", envelope.to_string())
}

fn failure(status: u16, code: i64, message: &str) -> Response {
    let errors = [json!({ "code": code, "message": message })];
    let envelope = json!({ "success": false, "errors": errors, "messages": [], "result": null });
    response(status, "application/json", envelope.to_string())
}

fn html(status: u16) -> Response {
    response(status, "text/html", format!("<html><body><h1>{status}</h1><hr>cloudflare</body></html>"))
}

fn response(status: u16, content_type: &str, body: String) -> Response {
    let ray_id = format!("{:016x}-LHR", fastrand::u64(..));
    Response {
        status,
        headers: vec![("content-type", content_type.to_string()), ("cf-ray", ray_id)],
        body: body.into_bytes(),
    }
}
