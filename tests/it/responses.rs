//! How complete responses are handled: rows 7 to 15 and 17 of the table in tests/README.md.

use crate::support::{
    ACCOUNT_ID, DELETE, KEY_ID, LIST, RawServer, Reply, chunked, created_body, gzip, response, response_with,
    status_of, success_body,
};
use cloudflare_stream_keys::{ApiMessage, Error, ErrorKind, Secret, SigningKeys};
use serde_json::{Value, json};

/// Sends this response to a create, a list and a delete, and returns their errors in that order.
fn all_errors(status: u16, body: &str) -> Vec<Error> {
    all_errors_for(response(status, body))
}

fn all_errors_for(bytes: Vec<u8>) -> Vec<Error> {
    let server = RawServer::with_replies(vec![Reply::Bytes(bytes)]);
    let keys = server.signing_keys();
    let errors = vec![keys.create().unwrap_err(), keys.list().unwrap_err(), keys.delete(KEY_ID).unwrap_err()];
    let creates = server.requests().iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!(creates, 1, "a create is sent once");
    errors
}

/// Sends this response to a create, a list and a delete. Returns what became of them: what a call returned, or the kind
/// of its error, with `?` if the outcome is unknown and `+ key` if a key was recovered.
fn outcomes(bytes: Vec<u8>) -> [String; 3] {
    let keys = RawServer::with_replies(vec![Reply::Bytes(bytes)]).signing_keys();
    let create = keys.create().map(|key| key.id);
    let list = keys.list().map(|keys| format!("{} keys", keys.len()));
    let delete = keys.delete(KEY_ID).map(|result| format!("{result:?}"));
    [create, list, delete].map(|result| {
        result.unwrap_or_else(|error| {
            let unknown = if error.outcome_unknown() { "?" } else { "" };
            let key = if error.recovered_key().is_some() { " + key" } else { "" };
            format!("{:?}{unknown}{key}", error.kind())
        })
    })
}

fn list_with_result(result: Value) -> Result<Vec<String>, Error> {
    let server = RawServer::responding(200, &success_body(result));
    Ok(server.signing_keys().list()?.into_iter().map(|key| key.id).collect())
}

fn delete_with_response(body: &str) -> Result<Option<String>, Error> {
    RawServer::responding(200, body).signing_keys().delete(KEY_ID)
}

fn create_with_response(body: &str) -> Result<cloudflare_stream_keys::SigningKey, Error> {
    RawServer::responding(200, body).signing_keys().create()
}

#[test]
fn create_returns_the_whole_key() {
    let key = create_with_response(&created_body("cGVt", "andr")).unwrap();
    assert_eq!(key.id, KEY_ID);
    assert_eq!(key.created, Some("2021-06-15T21:06:54.763937286Z".parse().unwrap()));
    assert_eq!(key.pem.expose_secret(), "cGVt");
    assert_eq!(key.jwk.expose_secret(), "andr");
}

#[test]
fn key_material_is_returned_unchanged() {
    let key = create_with_response(&created_body("not base64!\n", "{\"kty\": \"ü\"}")).unwrap();
    assert_eq!(key.pem.expose_secret(), "not base64!\n");
    assert_eq!(key.jwk.expose_secret(), "{\"kty\": \"ü\"}");
}

#[test]
fn list_keeps_the_order_of_0_1_and_1000_keys() {
    for n in [0, 1, 1000] {
        let ids: Vec<String> = (0..n).map(|i| format!("{i:032x}")).collect();
        let created = "2014-01-02T02:20:00Z";
        let items: Vec<_> = ids.iter().map(|id| json!({ "id": id, "key_id": id, "created": created })).collect();
        let server = RawServer::responding(200, &success_body(json!(items)));
        let keys = server.signing_keys().list().unwrap();
        assert_eq!(keys.iter().map(|key| key.id.clone()).collect::<Vec<_>>(), ids);
        assert!(keys.iter().all(|key| key.created == Some(created.parse().unwrap())));
    }
}

#[test]
fn delete_returns_the_result_string() {
    assert_eq!(delete_with_response(&success_body(json!("Revoked"))).unwrap().as_deref(), Some("Revoked"));
    assert_eq!(delete_with_response(&success_body(json!("ok"))).unwrap().as_deref(), Some("ok"));
}

#[test]
fn any_2xx_is_a_success() {
    let server = RawServer::responding(201, &created_body("cGVt", "andr"));
    assert_eq!(server.signing_keys().create().unwrap().id, KEY_ID);
}

#[test]
fn row_07_error_response_keeps_every_detail_and_is_not_retried() {
    let body = json!({
        "success": false, "result": null,
        "errors": [
            { "code": 6003, "message": "Invalid request headers", "documentation_url": "https://example.com/6003",
              "source": { "pointer": "/headers/authorization" }, "type": null,
              "error_chain": [{ "code": 6111, "message": "Invalid format for Authorization header" }] },
            { "code": 1001, "message": "second" },
        ],
        "messages": [{ "code": 1002, "message": "third", "type": null }],
    });
    let server = RawServer::responding(400, &body.to_string());
    let keys = server.signing_keys();
    let calls: [&dyn Fn() -> Error; 3] =
        [&|| keys.create().unwrap_err(), &|| keys.list().unwrap_err(), &|| keys.delete(KEY_ID).unwrap_err()];
    for (n, call) in calls.iter().enumerate() {
        let error = call();
        assert_eq!(server.requests().len(), n + 1, "not retried");
        assert_eq!((error.kind(), status_of(&error)), (ErrorKind::Api, Some(400)));
        assert_eq!(error.ray_id(), Some("8f1d2c3b4a596877-LHR"));
        let [first, second] = error.errors() else { panic!("expected two errors, got {:?}", error.errors()) };
        assert_eq!((first.code, first.message.as_str()), (Some(6003), "Invalid request headers"));
        assert_eq!(first.documentation_url.as_deref(), Some("https://example.com/6003"));
        assert_eq!(first.pointer.as_deref(), Some("/headers/authorization"));
        let chain: Vec<_> = first.error_chain.iter().map(|link| (link.code, link.message.as_str())).collect();
        assert_eq!(chain, [(Some(6111), "Invalid format for Authorization header")]);
        assert_eq!((second.code, second.message.as_str()), (Some(1001), "second"));
        assert_eq!(error.messages().iter().map(ApiMessage::to_string).collect::<Vec<_>>(), ["1002 third"]);
        assert!(error.has_code(6111) && error.has_code(1001) && !error.has_code(1002));
        assert!(error.is_unauthorized() && !error.is_forbidden() && !error.is_not_found());
        assert!(!error.outcome_unknown());
    }
    let text = keys.list().unwrap_err().to_string();
    assert_eq!(
        text,
        "failed to list the signing keys: HTTP status 400 Bad Request: 6003 Invalid request headers (caused by 6111 \
         Invalid format for Authorization header), 1001 second; check the credentials [cf-ray 8f1d2c3b4a596877-LHR]"
    );
}

#[test]
fn each_status_matches_exactly_one_predicate() {
    let failure = json!({ "success": false, "errors": [{ "code": 1000, "message": "" }] }).to_string();
    type Predicate = fn(&Error) -> bool;
    let predicates: [(u16, Predicate); 4] = [
        (401, Error::is_unauthorized),
        (403, Error::is_forbidden),
        (404, Error::is_not_found),
        (429, Error::is_rate_limited),
    ];
    for (status, _) in predicates {
        for error in errors_without_retries(status, &failure) {
            let matching: Vec<u16> =
                predicates.iter().filter(|(_, matches)| matches(&error)).map(|(status, _)| *status).collect();
            assert_eq!(matching, [status], "{error}");
            assert!(!error.is_timeout() && !error.outcome_unknown());
        }
    }
}

/// Does the same as [`all_errors`], without retries.
fn errors_without_retries(status: u16, body: &str) -> Vec<Error> {
    let server = RawServer::responding(status, body);
    let keys: SigningKeys = server.signing_keys().with_retry_policy(cloudflare_stream_keys::RetryPolicy::none());
    vec![keys.create().unwrap_err(), keys.list().unwrap_err(), keys.delete(KEY_ID).unwrap_err()]
}

#[test]
fn errors_say_what_to_do() {
    let hints = |status| {
        let errors = errors_without_retries(status, r#"{"success":false,"errors":[{"code":1000,"message":""}]}"#);
        let hint = |error: &Error| {
            let message = error.to_string();
            let message = message.split(" [cf-ray").next().unwrap();
            message.split_once("; ").map_or(String::new(), |(_, hint)| hint.to_string())
        };
        errors.iter().map(hint).collect::<Vec<_>>()
    };
    let write =
        "the token needs the Stream Write permission on this account, and the account needs a Stream subscription";
    let list = "the token needs the Stream Read or Stream Write permission on this account, and the account needs a Stream \
                subscription";
    assert_eq!(hints(401), ["check the credentials"; 3]);
    assert_eq!(hints(403), [write, list, write]);
    let base_url = "check the base URL and the account ID";
    assert_eq!(hints(404), [base_url, base_url, "check the key ID and the account ID"]);
    // A redirect or a gateway's error can follow a key that was created or deleted.
    for status in [304, 307, 500] {
        assert_eq!(
            hints(status),
            [
                "the key may exist; compare list() with your stored keys",
                "",
                "the key may already be deleted; check with list()"
            ]
        );
    }
}

#[test]
fn malformed_error_objects_are_still_an_api_error() {
    for (body, messages) in [
        (r#"{"success":false,"errors":[{"message":"no code"}]}"#, vec!["no code"]),
        (r#"{"success":false,"errors":null,"messages":null,"result":{"a":1}}"#, vec![]),
        (r#"{"success":false,"errors":"boom"}"#, vec![]),
        (r#"{"success":false,"errors":[{"code":"x"}]}"#, vec![""]),
    ] {
        for error in all_errors(403, body) {
            assert_eq!((error.kind(), status_of(&error)), (ErrorKind::Api, Some(403)));
            let actual: Vec<_> = error.errors().iter().map(|e| e.message.as_str()).collect();
            assert_eq!(actual, messages);
        }
    }
}

#[test]
fn row_08_error_response_without_envelope_has_status_and_no_messages() {
    for body in ["<html><h1>403 Forbidden</h1></html>", "", "null", "[]", "{}", "{\"success\":true}"] {
        for error in all_errors(403, body) {
            assert_eq!((error.kind(), status_of(&error)), (ErrorKind::Api, Some(403)), "{body}");
            assert!(error.errors().is_empty() && error.messages().is_empty());
            assert!(error.is_forbidden() && !error.outcome_unknown());
        }
    }
}

#[test]
fn row_08_truncated_error_response_is_still_an_api_error() {
    let truncated =
        |status: u16| format!("HTTP/1.1 {status} Status\r\ncontent-length: 100\r\n\r\n{{\"succ").into_bytes();
    let server = RawServer::with_replies(vec![Reply::BytesThenClose(truncated(403))]);
    let keys = server.signing_keys();
    for error in [keys.create().unwrap_err(), keys.list().unwrap_err(), keys.delete(KEY_ID).unwrap_err()] {
        assert_eq!((error.kind(), status_of(&error)), (ErrorKind::Api, Some(403)));
        assert!(error.is_forbidden() && !error.outcome_unknown());
    }
    assert_eq!(server.requests().len(), 3, "none of them is retried");
    let server = RawServer::with_replies(vec![Reply::BytesThenClose(truncated(404))]);
    assert_eq!(status_of(&server.signing_keys().delete(KEY_ID).unwrap_err()), Some(404));
}

#[test]
fn row_09_success_false_is_an_error_despite_status_200() {
    let failure = [json!({ "code": 10005, "message": "try later" })];
    let body = json!({ "success": false, "errors": failure, "messages": [], "result": null }).to_string();
    for error in all_errors(200, &body) {
        assert_eq!((error.kind(), status_of(&error)), (ErrorKind::Api, Some(200)));
        assert!(error.has_code(10005) && !error.outcome_unknown());
        let message = "response says success: false, with HTTP status 200 OK: 10005 try later";
        assert!(error.to_string().contains(message), "{error}");
    }
    // Even with a valid result.
    let mut with_key: Value = serde_json::from_str(&created_body("cGVt", "andr")).unwrap();
    with_key["success"] = json!(false);
    let error = create_with_response(&with_key.to_string()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Api);
    assert_eq!(error.into_recovered_key().unwrap().pem.unwrap().expose_secret(), "cGVt");
}

#[test]
fn row_10_invalid_json_and_a_missing_or_invalid_success_are_decode_errors() {
    for body in [
        "<html>Bad gateway</html>",
        " ",
        r#"{"success":true"#,
        r#"{"success":true}}"#,
        "{}",
        r#"{"result":[]}"#,
        r#"{"success":"true","result":null}"#,
        r#"{"success":null}"#,
    ] {
        for error in all_errors(200, body) {
            assert_eq!((error.kind(), status_of(&error)), (ErrorKind::Decode, Some(200)), "{body}");
            assert!(!error.is_retryable());
        }
        assert_eq!(outcomes(response(200, body)), ["Decode?", "Decode", "Decode?"], "{body}");
    }
}

#[test]
fn row_11_missing_result_or_body_fails_to_create_but_not_to_delete() {
    let no_content = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
    for (bytes, expected) in [
        (response(200, &success_body(Value::Null)), ["Decode?", "0 keys", "None"]),
        (response(200, r#"{"success":true}"#), ["Decode?", "Decode", "None"]),
        (no_content, ["Decode?", "Decode", "None"]),
        (response(205, ""), ["Decode?", "Decode", "None"]),
        (response(200, ""), ["Decode?", "Decode", "None"]),
        (response(201, ""), ["Decode?", "Decode", "Decode?"]),
        (response(202, ""), ["Decode?", "Decode", "Decode?"]),
        (response(206, ""), ["Decode?", "Decode", "Decode?"]),
    ] {
        assert_eq!(outcomes(bytes.clone()), expected, "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn row_11_null_is_an_empty_list_only_without_errors() {
    let list = |body: &str| RawServer::responding(200, body).signing_keys().list();
    for body in [
        r#"{"success":true,"result":null}"#,
        r#"{"success":true,"result":null,"errors":[]}"#,
        r#"{"success":true,"result":null,"errors":null}"#,
    ] {
        assert!(list(body).unwrap().is_empty(), "{body}");
    }
    for body in [
        r#"{"success":true}"#,
        r#"{"success":true,"errors":[]}"#,
        r#"{"success":true,"result":null,"errors":[{"code":10001,"message":"try later"}]}"#,
        r#"{"success":true,"result":[],"errors":[{"code":10001,"message":"try later"}]}"#,
    ] {
        let error = list(body).unwrap_err();
        assert_eq!(error.has_code(10001), body.contains("10001"));
        assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Decode, false), "{body}");
    }
}

#[test]
fn row_11_create_with_an_empty_part_is_an_error() {
    for (pem, jwk) in [("", "andr"), ("cGVt", ""), ("", "")] {
        let error = create_with_response(&created_body(pem, jwk)).unwrap_err();
        assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Decode, true));
        let part = |part: Option<Secret>| part.map_or(String::new(), |part| part.expose_secret().to_string());
        let key = error.into_recovered_key();
        assert_eq!(key.is_some(), !(pem.is_empty() && jwk.is_empty()));
        if let Some(key) = key {
            assert_eq!((part(key.pem), part(key.jwk)), (pem.to_string(), jwk.to_string()));
        }
    }
}

#[test]
fn row_12_result_of_the_wrong_type_is_a_decode_error() {
    for result in [json!(true), json!(1), json!("key")] {
        assert_eq!(list_with_result(result.clone()).unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(create_with_response(&success_body(result)).unwrap_err().kind(), ErrorKind::Decode);
    }
    assert_eq!(list_with_result(json!({ "id": "a" })).unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(list_with_result(json!([{ "id": 1 }])).unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(list_with_result(json!([{ "created": null }])).unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(list_with_result(json!([{ "id": "", "key_id": "" }])).unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(delete_with_response(&success_body(json!(["ok"]))).unwrap_err().kind(), ErrorKind::Decode);
}

#[test]
fn row_12_unknown_and_missing_fields_are_ignored() {
    let long = "f".repeat(40);
    let ids = list_with_result(json!([
        { "id": "a", "extra": { "deep": [1] } },
        { "id": "b", "created": "yesterday" },
        { "id": "c", "created": null, "key_id": null },
        { "key_id": "d" },
        { "id": "", "key_id": "e" },
        { "id": long },
    ]));
    assert_eq!(ids.unwrap(), ["a", "b", "c", "d", "e", &long]);

    let key = json!({ "id": long, "pem": "cGVt", "jwk": "andr", "created": "soon", "alg": "RS256" });
    let body = json!({ "success": true, "result": key, "result_info": {}, "errors": null }).to_string();
    let key = create_with_response(&body).unwrap();
    assert_eq!((key.id, key.created), (long, None));
}

#[test]
fn row_12_create_error_keeps_the_key_material() {
    let whole: Value = serde_json::from_str(&created_body("cGVt", "andr")).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = whole.clone();
        change(&mut body);
        create_with_response(&body.to_string()).unwrap_err()
    };
    let errors = [
        with(&|body| body["messages"] = json!("none")),
        with(&|body| body["result"]["id"] = json!(7)),
        with(&|body| body["result"]["created"] = json!(7)),
        with(&|body| body["result"] = json!([body["result"]])),
        with(&|body| drop(body.as_object_mut().unwrap().remove("success"))),
        with(&|body| drop(body["result"].as_object_mut().unwrap().remove("id"))),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.outcome_unknown());
        assert!(error.to_string().contains("recovered_key()"), "{error}");
        let key = error.into_recovered_key().unwrap();
        assert_eq!(key.pem.unwrap().expose_secret(), "cGVt");
        assert_eq!(key.jwk.unwrap().expose_secret(), "andr");
    }
    let error = with(&|body| body["result"]["pem"] = Value::Null);
    let key = error.into_recovered_key().unwrap();
    assert_eq!((key.id.as_deref(), key.pem.is_none()), (Some(KEY_ID), true));
    assert_eq!(key.jwk.unwrap().expose_secret(), "andr");
}

#[test]
fn row_13_redirects_are_not_followed() {
    let target = RawServer::responding(200, &success_body(json!([])));
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}/elsewhere\r\n", target.base_url());
        let errors = all_errors_for(response_with(status, &location, b""));
        for error in &errors {
            assert_eq!((error.kind(), status_of(error)), (ErrorKind::Api, Some(status)));
            assert!(error.to_string().contains("redirects are not followed"), "{error}");
            assert!(!error.is_retryable());
        }
        assert_eq!(errors.iter().map(Error::outcome_unknown).collect::<Vec<_>>(), [true, false, true]);
    }
    assert_eq!(target.connections(), 0);
    for error in all_errors_for(response_with(304, "", b"")) {
        assert!(error.to_string().contains(": HTTP status 304 Not Modified"), "{error}");
        assert!(!error.to_string().contains("redirects"), "{error}");
    }
}

const LIMIT: usize = 10 * 1024 * 1024;

#[test]
fn row_14_response_over_the_size_limit_is_a_decode_error() {
    let padded = |length: usize| {
        let body = created_body("cGVt", "andr");
        body + &" ".repeat(length.saturating_sub(created_body("cGVt", "andr").len()))
    };
    assert_eq!(create_with_response(&padded(LIMIT)).unwrap().id, KEY_ID);
    let error = create_with_response(&padded(LIMIT + 1)).unwrap_err();
    assert_eq!((error.kind(), status_of(&error)), (ErrorKind::Decode, Some(200)));
    assert!(error.outcome_unknown());
    assert_eq!(error.into_recovered_key().unwrap().pem.unwrap().expose_secret(), "cGVt");
}

#[test]
fn row_14_size_limit_is_configurable() {
    for (call, body) in [(LIST, success_body(json!([]))), (DELETE, success_body(json!("ok")))] {
        let server = RawServer::responding(200, &body);
        let call = |limit: usize| {
            let client = server.client_builder().max_response_size(limit as u64).build().unwrap();
            call(&client.signing_keys("a").unwrap())
        };
        assert!(call(body.len()).is_ok());
        assert_eq!(call(body.len() - 1).unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(server.requests().len(), 2, "another attempt would have the same response");
    }
}

/// `Content-Encoding` headers of compressed responses. Some servers compress without saying so.
const GZIP_HEADERS: [&str; 4] =
    ["content-encoding: gzip\r\n", "Content-Encoding: GZIP\r\n", "content-encoding: x-gzip\r\n", ""];

#[test]
fn gzip_response_is_decompressed_whatever_its_headers_say() {
    for headers in GZIP_HEADERS {
        let server = RawServer::start(move |_, request| {
            let body = match request.starts_with("POST") {
                true => created_body("cGVt", "andr"),
                false => success_body(json!(ids_of(1000))),
            };
            Reply::Bytes(response_with(200, headers, &gzip(body.as_bytes())))
        });
        let key = server.signing_keys().create().unwrap();
        assert_eq!((key.id.as_str(), key.jwk.expose_secret()), (KEY_ID, "andr"), "{headers}");
        assert_eq!(server.signing_keys().list().unwrap().len(), 1000, "{headers}");
    }
}

fn ids_of(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({ "id": format!("{n:032x}") })).collect()
}

#[test]
fn row_14_size_limit_applies_to_the_decompressed_body() {
    let limit = 20_000;
    let mut body = created_body("cGVt", "andr").into_bytes();
    body.resize(limit, b' ');
    let within = gzip(&body);
    body.resize(8 << 20, b' ');
    let bomb = gzip(&body);
    assert!(bomb.len() < limit, "8 MiB compress to less than the limit");
    for headers in GZIP_HEADERS {
        let keys = |body: &[u8]| {
            let server = RawServer::with_replies(vec![Reply::Bytes(response_with(200, headers, body))]);
            let client = server.client_builder().max_response_size(limit as u64).build();
            client.unwrap().signing_keys(ACCOUNT_ID).unwrap()
        };
        assert_eq!(keys(&within).create().unwrap().id, KEY_ID, "{headers}");
        let keys = keys(&bomb);
        let create = keys.create().unwrap_err();
        for error in [&create, &keys.list().unwrap_err(), &keys.delete(KEY_ID).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Decode, "{headers}");
            assert!(error.to_string().contains(&format!("response body exceeds {limit} bytes")), "{error}");
        }
        assert_whole_key(create);
    }
}

#[test]
fn row_14_corrupt_gzip_is_an_error_that_keeps_the_key() {
    for headers in GZIP_HEADERS {
        let whole = gzip(created_body("cGVt", "andr").as_bytes());
        // The trailer is a checksum and the length.
        let mut corrupt = whole.clone();
        *corrupt.last_mut().unwrap() ^= 1;
        for (body, kind, message) in [
            (corrupt, ErrorKind::Decode, "could not be decompressed"),
            // It ends early, as a truncated response does.
            (whole[..whole.len() - 4].to_vec(), ErrorKind::Transport, "incomplete response from "),
        ] {
            let errors = all_errors_for(response_with(200, headers, &body));
            for error in &errors {
                assert_eq!(error.kind(), kind, "{headers} {error}");
                assert!(error.to_string().contains(message), "{error}");
            }
            assert_whole_key(errors.into_iter().next().unwrap());
        }
    }
}

fn assert_whole_key(error: Error) {
    assert!(error.outcome_unknown(), "{error}");
    let key = error.into_recovered_key().expect("the whole key arrived");
    assert_eq!(key.id.as_deref(), Some(KEY_ID));
    assert_eq!(key.pem.unwrap().expose_secret(), "cGVt");
    assert_eq!(key.jwk.unwrap().expose_secret(), "andr");
}

#[test]
fn row_04_framing_error_after_a_whole_create_response_keeps_the_key() {
    let body = created_body("cGVt", "andr");
    let size = format!("{:x}", body.len());
    let long = "a".repeat(100_000);
    for reply in [
        Reply::BytesThenClose(chunked(&format!("{size}\r\n{body}\r\nZZ\r\n\r\n"))),
        Reply::BytesThenClose(chunked(&format!("{size}\r\n{body}\r\n{long}"))),
        Reply::BytesThenClose(chunked(&format!("{size}\r\n{body}\r\nffffffffffffffffff\r\n"))),
        Reply::BytesThenClose(chunked(&format!("{size}\r\n{body}0\r\n\r\n"))),
        Reply::BytesThenClose(chunked(&format!("{size}\r\n{body}"))),
        Reply::BytesThenClose(chunked(&format!("fff\r\n{body}"))),
        Reply::BytesThenReset(chunked(&format!("{size}\r\n{body}"))),
        Reply::BytesThenReset(format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{body}").into_bytes()),
    ] {
        let server = RawServer::with_replies(vec![reply]);
        let error = server.signing_keys().create().unwrap_err();
        assert_eq!((error.kind(), status_of(&error)), (ErrorKind::Transport, Some(200)), "{error}");
        assert_whole_key(error);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn long_chunk_extension_loses_no_key() {
    let body = created_body("cGVt", "andr");
    let chunks = format!("{:x}\r\n{body}\r\n0;{}\r\n\r\n", body.len(), "a".repeat(1_000_000));
    let server = RawServer::with_replies(vec![Reply::BytesThenClose(chunked(&chunks))]);
    match server.signing_keys().create() {
        Ok(key) => assert_eq!((key.pem.expose_secret(), key.jwk.expose_secret()), ("cGVt", "andr")),
        Err(error) => assert_whole_key(error),
    }
}

#[test]
fn large_chunked_response_is_decoded() {
    let body = success_body(json!(ids_of(5000)));
    assert!(body.len() > 3 * 64 * 1024);
    for size in [100, 100_000] {
        let chunks = body.as_bytes().chunks(size).map(|chunk| std::str::from_utf8(chunk).unwrap());
        let chunks: String = chunks.map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
        let server = RawServer::with_replies(vec![Reply::Bytes(chunked(&(chunks + "0\r\n\r\n")))]);
        assert_eq!(server.signing_keys().list().unwrap().len(), 5000);
    }
}

#[test]
fn huge_content_length_allocates_nothing() {
    let body = created_body("cGVt", "andr");
    for length in [100 * 1024 * 1024 * 1024, u64::MAX] {
        let bytes = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes();
        let server = RawServer::with_replies(vec![Reply::BytesThenClose(bytes)]);
        let client = server.client_builder().max_response_size(u64::MAX).build().unwrap();
        let keys = client.signing_keys("a").unwrap();
        assert_eq!(keys.list().unwrap_err().kind(), ErrorKind::Transport);
        let error = keys.create().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert_whole_key(error);
    }
}

#[test]
fn row_15_malformed_and_oversized_responses_are_errors() {
    let deeply_nested = format!(r#"{{"success":true,"result":{}"#, "[".repeat(100_000));
    let long_header = format!("x-big: {}\r\n", "x".repeat(1 << 20));
    let many_headers = (0..5000).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let bodies: [&[u8]; 4] =
        [b"\xff\xfe\xfd", b"{\"success\":true,\"result\":\"\xc3\x28\"}", b"\0\0\0\0", deeply_nested.as_bytes()];
    for body in bodies {
        for error in all_errors_for(response_with(200, "", body)) {
            assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        }
    }
    for headers in [long_header, many_headers] {
        for error in all_errors_for(response_with(200, &headers, success_body(json!([])).as_bytes())) {
            assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
        }
    }
    for garbage in
        [&b"\0\0\0\0\r\n\r\n"[..], b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 20x OK\r\n\r\n", b"SSH-2.0-OpenSSH\r\n\r\n"]
    {
        for error in all_errors_for(garbage.to_vec()) {
            assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
        }
    }
}

#[test]
fn row_17_delete_of_an_unknown_key_is_not_found() {
    let failure = |code| json!({ "success": false, "errors": [{ "code": code, "message": "" }] }).to_string();
    for (status, code) in [(404, 7003), (404, 10003), (400, 10003), (200, 10003)] {
        let error = RawServer::responding(status, &failure(code)).signing_keys().delete(KEY_ID).unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
    // A wrong base URL must not look like a key that is gone.
    let html = "<html><h1>404 Not Found</h1></html>".to_string();
    let without_code = r#"{"success":false,"errors":[{"message":"no upstream"}]}"#.to_string();
    for (status, body) in
        [(400, failure(7003)), (403, failure(10003)), (404, failure(7000)), (404, without_code), (404, html)]
    {
        let error = RawServer::responding(status, &body).signing_keys().delete(KEY_ID).unwrap_err();
        assert!(!error.is_not_found() && !error.outcome_unknown(), "{error}");
        assert_eq!(error.to_string().contains("check the base URL"), status == 404, "{error}");
    }
}

#[test]
fn row_17_not_found_after_an_attempt_without_a_definite_response_may_be_a_success() {
    let not_found = Reply::Bytes(response(404, r#"{"success":false,"errors":[{"code":10003,"message":"no"}]}"#));
    for (first_reply, may_have_deleted) in [
        (Reply::BytesThenClose(vec![]), true),
        (Reply::BytesThenReset(vec![]), true),
        (Reply::BytesThenClose(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"succ".to_vec()), true),
        (Reply::Bytes(response(500, "")), true),
        (Reply::Bytes(response(502, "<html></html>")), true),
        (Reply::Bytes(response(408, "")), true),
        // It was rejected, so it deleted nothing.
        (Reply::Bytes(response_with(429, "retry-after: 0\r\n", b"")), false),
    ] {
        let server = RawServer::with_replies(vec![first_reply, not_found.clone()]);
        let error = server.signing_keys().delete(KEY_ID).unwrap_err();
        assert_eq!((error.is_not_found(), error.outcome_unknown()), (true, may_have_deleted), "{error:#?}");
        let hint = if may_have_deleted {
            "an earlier attempt of this call may have deleted the key"
        } else {
            "check the key ID and the account ID"
        };
        assert!(error.to_string().contains(hint), "{error}");
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn codes_of_any_type_do_not_hide_other_errors() {
    let body = r#"{"success":false,"errors":[
        {"code":"6003","message":"a","error_chain":[{"code":6111.0,"message":"b"},{"code":"x"}]},
        {"code":99999999999999999999,"message":"c"},
        {"code":1.5,"message":"d"},
        {"code":null,"message":"e"},
        {"code":[1],"message":"f"},
        {"code":10005,"message":"g"}]}"#;
    for error in all_errors(403, body) {
        let messages: Vec<_> = error.errors().iter().map(|error| error.message.as_str()).collect();
        assert_eq!(messages, ["a", "c", "d", "e", "f", "g"]);
        assert_eq!(error.codes().collect::<Vec<_>>(), [6003, 6111, 10005]);
        assert!(error.has_code(6111) && !error.has_code(1));
    }
}

#[test]
fn only_errors_that_can_pass_are_retryable() {
    for (status, is_retryable) in
        [(400, false), (401, false), (403, false), (404, false), (408, true), (429, true), (500, true), (503, true)]
    {
        let bytes = response_with(status, "retry-after: 3000\r\n", b"");
        let errors = all_errors_for(bytes);
        let create = is_retryable && status == 429;
        assert_eq!(
            errors.iter().map(Error::is_retryable).collect::<Vec<_>>(),
            [create, is_retryable, is_retryable],
            "{status}"
        );
    }
}
