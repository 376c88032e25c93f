//! What the service answers, and what the caller gets: rows 7 to 17 of the table in the README.

use std::io::Write as _;

use crate::support::{KEY_ID, RawServer, Reply, answer, answer_with, created, success};
use cloudflare_stream_keys::{ApiMessage, Error, ErrorKind, SigningKeys};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

/// Puts the same answer to all three operations, and gives the error of each; none may succeed.
fn errors_of_all(status: u16, body: &str) -> Vec<Error> {
    errors_of_all_to(answer(status, body))
}

fn errors_of_all_to(bytes: Vec<u8>) -> Vec<Error> {
    let wire = RawServer::replying(vec![Reply::Bytes(bytes)]);
    let keys = wire.keys();
    let errors = vec![keys.create().unwrap_err(), keys.list().unwrap_err(), keys.delete(KEY_ID).unwrap_err()];
    let creates = wire.requests().iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!(creates, 1, "a create is sent once");
    errors
}

fn list_of(result: Value) -> Result<Vec<String>, Error> {
    let wire = RawServer::answering(200, &success(result));
    Ok(wire.keys().list()?.into_iter().map(|key| key.id).collect())
}

fn delete_of(body: &str) -> Result<Option<String>, Error> {
    RawServer::answering(200, body).keys().delete(KEY_ID)
}

fn create_of(body: &str) -> Result<cloudflare_stream_keys::SigningKey, Error> {
    RawServer::answering(200, body).keys().create()
}

#[test]
fn a_created_key_comes_whole() {
    let key = create_of(&created("cGVt", "andr")).unwrap();
    assert_eq!(key.id, KEY_ID);
    assert_eq!(key.created, Some("2021-06-15T21:06:54.763937286Z".parse().unwrap()));
    assert_eq!(key.pem.expose_secret(), "cGVt");
    assert_eq!(key.jwk.expose_secret(), "andr");
}

#[test]
fn key_material_is_kept_as_it_came() {
    let key = create_of(&created("not base64!\n", "{\"kty\": \"ü\"}")).unwrap();
    assert_eq!(key.pem.expose_secret(), "not base64!\n");
    assert_eq!(key.jwk.expose_secret(), "{\"kty\": \"ü\"}");
}

#[test]
fn lists_of_0_1_and_1000_keys_keep_their_order() {
    for n in [0, 1, 1000] {
        let ids: Vec<String> = (0..n).map(|i| format!("{i:032x}")).collect();
        let created = "2014-01-02T02:20:00Z";
        let items: Vec<_> = ids.iter().map(|id| json!({ "id": id, "key_id": id, "created": created })).collect();
        let wire = RawServer::answering(200, &success(json!(items)));
        let keys = wire.keys().list().unwrap();
        assert_eq!(keys.iter().map(|key| key.id.clone()).collect::<Vec<_>>(), ids);
        assert!(keys.iter().all(|key| key.created == Some(created.parse().unwrap())));
        assert!(keys.iter().all(|key| key.key_id.as_ref() == Some(&key.id)));
    }
}

#[test]
fn a_deletion_gives_the_services_word() {
    assert_eq!(delete_of(&success(json!("Revoked"))).unwrap().as_deref(), Some("Revoked"));
    assert_eq!(delete_of(&success(json!("ok"))).unwrap().as_deref(), Some("ok"));
}

#[test]
fn any_2xx_is_a_success() {
    let wire = RawServer::answering(201, &created("cGVt", "andr"));
    assert_eq!(wire.keys().create().unwrap().id, KEY_ID);
}

#[test]
fn row_07_a_refusal_keeps_every_detail_and_is_not_retried() {
    let body = json!({
        "success": false, "result": null,
        "errors": [
            { "code": 6003, "message": "Invalid request headers", "documentation_url": "https://example.com/6003",
              "source": { "pointer": "/headers/authorization" }, "type": null,
              "error_chain": [{ "code": 6111, "message": "Invalid format for Authorization header" }] },
            { "code": 1001, "message": "second" },
        ],
        "messages": [{ "code": 1002, "message": "a remark", "type": null }],
    });
    let wire = RawServer::answering(400, &body.to_string());
    let keys = wire.keys();
    let calls: [&dyn Fn() -> Error; 3] =
        [&|| keys.create().unwrap_err(), &|| keys.list().unwrap_err(), &|| keys.delete(KEY_ID).unwrap_err()];
    for (n, call) in calls.iter().enumerate() {
        let error = call();
        assert_eq!(wire.requests().len(), n + 1, "not retried");
        assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(400)));
        assert_eq!(error.ray_id(), Some("8f1d2c3b4a596877-LHR"));
        let [first, second] = error.errors() else { panic!("two errors, not {:?}", error.errors()) };
        assert_eq!((first.code, first.message.as_str()), (Some(6003), "Invalid request headers"));
        assert_eq!(first.documentation_url.as_deref(), Some("https://example.com/6003"));
        assert_eq!(first.pointer.as_deref(), Some("/headers/authorization"));
        let chain: Vec<_> = first.error_chain.iter().map(|link| (link.code, link.message.as_str())).collect();
        assert_eq!(chain, [(Some(6111), "Invalid format for Authorization header")]);
        assert_eq!((second.code, second.message.as_str()), (Some(1001), "second"));
        assert_eq!(error.messages().iter().map(ApiMessage::to_string).collect::<Vec<_>>(), ["1002 a remark"]);
        assert!(error.has_code(6111) && error.has_code(1001) && !error.has_code(1002));
        assert!(error.is_unauthorized() && !error.is_forbidden() && !error.is_not_found());
        assert!(!error.outcome_unknown());
    }
    let text = keys.list().unwrap_err().to_string();
    assert_eq!(
        text,
        "listing the signing keys: the service answered 400 Bad Request: 6003 Invalid request headers < 6111 Invalid \
         format for Authorization header, 1001 second; check the credentials [cf-ray 8f1d2c3b4a596877-LHR]"
    );
}

#[test]
fn statuses_have_their_predicates() {
    let refusal = json!({ "success": false, "errors": [], "messages": [], "result": null }).to_string();
    type Predicate = fn(&Error) -> bool;
    let predicates: [(u16, Predicate); 4] = [
        (401, Error::is_unauthorized),
        (403, Error::is_forbidden),
        (404, Error::is_not_found),
        (429, Error::is_rate_limited),
    ];
    for (status, _) in predicates {
        for error in errors_of_all_once(status, &refusal) {
            let holds: Vec<u16> = predicates.iter().filter(|(_, is)| is(&error)).map(|(status, _)| *status).collect();
            assert_eq!(holds, [status], "{error}");
            assert!(!error.is_timeout() && !error.outcome_unknown());
        }
    }
}

/// As [`errors_of_all`], without retries.
fn errors_of_all_once(status: u16, body: &str) -> Vec<Error> {
    let wire = RawServer::answering(status, body);
    let keys: SigningKeys = wire.keys().with_retry_policy(cloudflare_stream_keys::RetryPolicy::none());
    vec![keys.create().unwrap_err(), keys.list().unwrap_err(), keys.delete(KEY_ID).unwrap_err()]
}

#[test]
fn an_error_without_a_code_or_with_other_types_is_still_a_refusal() {
    for (body, messages) in [
        (r#"{"success":false,"errors":[{"message":"no code"}]}"#, vec!["no code"]),
        (r#"{"success":false,"errors":null,"messages":null,"result":{"a":1}}"#, vec![]),
        (r#"{"success":false,"errors":"boom"}"#, vec![]),
        (r#"{"success":false,"errors":[{"code":"x"}]}"#, vec![]),
    ] {
        for error in errors_of_all(403, body) {
            assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(403)));
            let got: Vec<_> = error.errors().iter().map(|e| e.message.as_str()).collect();
            assert_eq!(got, messages);
        }
    }
}

#[test]
fn row_08_a_refusal_without_an_envelope_has_its_status_and_no_invented_message() {
    for body in ["<html><h1>403 Forbidden</h1></html>", "", "null", "[]", "{}", "{\"success\":true}"] {
        for error in errors_of_all(403, body) {
            assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(403)), "{body}");
            assert!(error.errors().is_empty() && error.messages().is_empty());
            assert!(error.is_forbidden() && !error.outcome_unknown());
        }
    }
}

#[test]
fn row_08_a_refusal_that_is_cut_short_is_one_all_the_same() {
    let cut = |status: u16| format!("HTTP/1.1 {status} Status\r\ncontent-length: 100\r\n\r\n{{\"succ").into_bytes();
    let wire = RawServer::replying(vec![Reply::BytesThenClose(cut(403))]);
    let keys = wire.keys();
    for error in [keys.create().unwrap_err(), keys.list().unwrap_err(), keys.delete(KEY_ID).unwrap_err()] {
        assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(403)));
        assert!(error.is_forbidden() && !error.outcome_unknown());
    }
    assert_eq!(wire.requests().len(), 3, "nor is it sent again");
    let wire = RawServer::replying(vec![Reply::BytesThenClose(cut(404))]);
    assert!(wire.keys().delete(KEY_ID).unwrap_err().is_not_found());
}

#[test]
fn row_09_success_false_is_an_error_whatever_the_status_says() {
    let body = json!({ "success": false, "errors": [{ "code": 10005, "message": "try later" }], "messages": [], "result": null });
    for error in errors_of_all(200, &body.to_string()) {
        assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(200)));
        assert!(error.has_code(10005) && !error.outcome_unknown());
    }
    // With a result of the right form as well.
    let mut with_key: Value = serde_json::from_str(&created("cGVt", "andr")).unwrap();
    with_key["success"] = json!(false);
    let error = create_of(&with_key.to_string()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Api);
    assert_eq!(error.into_recovered_key().unwrap().pem.unwrap().expose_secret(), "cGVt");
}

#[test]
fn an_answer_that_does_not_say_success_is_none() {
    for body in ["{}", r#"{"result":[]}"#, r#"{"success":"true","result":null}"#, r#"{"success":null}"#] {
        for error in errors_of_all(200, body) {
            assert_eq!(error.kind(), ErrorKind::Decode, "{body}");
        }
    }
}

#[test]
fn row_10_what_is_not_json_cannot_be_decoded() {
    for body in ["<html>Bad gateway</html>", "", "{\"success\":true", "{\"success\":true}}"] {
        let errors = errors_of_all(200, body);
        for error in &errors {
            assert_eq!((error.kind(), error.status()), (ErrorKind::Decode, Some(200)), "{body}");
        }
        assert_eq!(errors.iter().map(Error::outcome_unknown).collect::<Vec<_>>(), [true, false, false]);
    }
}

#[test]
fn row_11_result_null_or_absent() {
    for body in [success(Value::Null), r#"{"success":true}"#.to_string()] {
        let wire = RawServer::answering(200, &body);
        assert!(wire.keys().list().unwrap().is_empty());
        assert_eq!(delete_of(&body).unwrap(), None);
        let error = create_of(&body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.outcome_unknown() && error.recovered_key().is_none());
    }
}

#[test]
fn row_12_a_result_of_another_type_cannot_be_decoded() {
    for result in [json!(true), json!(1), json!("key")] {
        assert_eq!(list_of(result.clone()).unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(create_of(&success(result)).unwrap_err().kind(), ErrorKind::Decode);
    }
    assert_eq!(list_of(json!({ "id": "a" })).unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(list_of(json!([{ "id": 1 }])).unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(list_of(json!([{ "created": null }])).unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(delete_of(&success(json!(["ok"]))).unwrap_err().kind(), ErrorKind::Decode);
}

#[test]
fn row_12_unknown_and_absent_fields_are_fine() {
    let long = "f".repeat(40);
    let ids = list_of(json!([
        { "id": "a", "extra": { "deep": [1] } },
        { "id": "b", "created": "yesterday" },
        { "id": "c", "created": null, "key_id": null },
        { "key_id": "d" },
        { "id": long },
    ]));
    assert_eq!(ids.unwrap(), ["a", "b", "c", "d", &long]);

    let key = json!({ "id": long, "pem": "cGVt", "jwk": "andr", "created": "soon", "alg": "RS256" });
    let body = json!({ "success": true, "result": key, "result_info": {}, "errors": null }).to_string();
    let key = create_of(&body).unwrap();
    assert_eq!((key.id, key.created), (long, None));
}

#[test]
fn row_12_a_create_keeps_its_key_when_something_else_is_wrong() {
    let whole: Value = serde_json::from_str(&created("cGVt", "andr")).unwrap();
    let odd = |change: &dyn Fn(&mut Value)| {
        let mut body = whole.clone();
        change(&mut body);
        create_of(&body.to_string()).unwrap_err()
    };
    let errors = [
        odd(&|body| body["messages"] = json!("none")),
        odd(&|body| body["result"]["id"] = json!(7)),
        odd(&|body| body["result"]["created"] = json!(7)),
        odd(&|body| body["result"] = json!([body["result"]])),
        odd(&|body| drop(body.as_object_mut().unwrap().remove("success"))),
        odd(&|body| drop(body["result"].as_object_mut().unwrap().remove("id"))),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.outcome_unknown());
        assert!(error.to_string().contains("into_recovered_key()"), "{error}");
        let key = error.into_recovered_key().unwrap();
        assert_eq!(key.pem.unwrap().expose_secret(), "cGVt");
        assert_eq!(key.jwk.unwrap().expose_secret(), "andr");
    }
    let error = odd(&|body| body["result"]["pem"] = Value::Null);
    let key = error.into_recovered_key().unwrap();
    assert_eq!((key.id.as_deref(), key.pem.is_none()), (Some(KEY_ID), true));
    assert_eq!(key.jwk.unwrap().expose_secret(), "andr");
}

#[test]
fn row_13_redirects_are_not_followed() {
    let elsewhere = RawServer::answering(200, &success(json!([])));
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}/elsewhere\r\n", elsewhere.base_url());
        for error in errors_of_all_to(answer_with(status, &location, b"")) {
            assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(status)));
            assert!(error.to_string().contains("redirects are not followed"), "{error}");
            assert!(!error.outcome_unknown());
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

const LIMIT: usize = 10 * 1024 * 1024;

#[test]
fn row_14_an_answer_over_the_limit_is_not_read_on() {
    let padded = |length: usize| {
        let body = created("cGVt", "andr");
        body + &" ".repeat(length.saturating_sub(created("cGVt", "andr").len()))
    };
    assert_eq!(create_of(&padded(LIMIT)).unwrap().id, KEY_ID);
    let error = create_of(&padded(LIMIT + 1)).unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Decode, Some(200)));
    assert!(error.outcome_unknown());
    assert_eq!(error.into_recovered_key().unwrap().pem.unwrap().expose_secret(), "cGVt");

    for error in errors_of_all(200, &padded(LIMIT + 1)) {
        assert_eq!(error.kind(), ErrorKind::Decode);
    }
}

#[test]
fn row_14_a_gzip_bomb_is_not_unpacked() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(created("cGVt", "andr").as_bytes()).unwrap();
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&chunk).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20, "64 MiB in less than one");
    for error in errors_of_all_to(answer_with(200, "content-encoding: gzip\r\n", &bomb)) {
        assert_eq!(error.kind(), ErrorKind::Decode);
    }
}

#[test]
fn row_14_the_limit_can_be_set() {
    let wire = RawServer::answering(200, &success(json!([])));
    let limit = success(json!([])).len() as u64;
    let list = |limit| wire.builder().max_response_size(limit).build().unwrap().signing_keys("a").unwrap().list();
    assert!(list(limit).is_ok());
    assert_eq!(list(limit - 1).unwrap_err().kind(), ErrorKind::Decode);
}

#[test]
fn a_packed_answer_is_unpacked() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(created("cGVt", "andr").as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let wire = RawServer::replying(vec![Reply::Bytes(answer_with(200, "content-encoding: gzip\r\n", &packed))]);
    assert_eq!(wire.keys().create().unwrap().id, KEY_ID);
}

#[test]
fn row_15_hostile_bytes_are_errors() {
    let deep = format!(r#"{{"success":true,"result":{}"#, "[".repeat(100_000));
    let header = format!("x-big: {}\r\n", "x".repeat(1 << 20));
    let many = (0..5000).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let bodies: [&[u8]; 4] =
        [b"\xff\xfe\xfd", b"{\"success\":true,\"result\":\"\xc3\x28\"}", b"\0\0\0\0", deep.as_bytes()];
    for body in bodies {
        for error in errors_of_all_to(answer_with(200, "", body)) {
            assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        }
    }
    for headers in [header, many] {
        for error in errors_of_all_to(answer_with(200, &headers, success(json!([])).as_bytes())) {
            assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
        }
    }
    for garbage in
        [&b"\0\0\0\0\r\n\r\n"[..], b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 20x OK\r\n\r\n", b"SSH-2.0-OpenSSH\r\n\r\n"]
    {
        for error in errors_of_all_to(garbage.to_vec()) {
            assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
        }
    }
}

#[test]
fn row_17_deleting_an_unknown_key_is_not_found() {
    let refusal = |code| json!({ "success": false, "errors": [{ "code": code, "message": "" }] }).to_string();
    for (status, code) in [(404, 7003), (404, 10003), (400, 10003), (200, 10003)] {
        let error = RawServer::answering(status, &refusal(code)).keys().delete(KEY_ID).unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
    assert!(!RawServer::answering(400, &refusal(7003)).keys().delete(KEY_ID).unwrap_err().is_not_found());
    assert!(RawServer::answering(404, "").keys().delete(KEY_ID).unwrap_err().is_not_found());
}

#[test]
fn row_17_but_deleted_where_an_earlier_attempt_lost_its_answer() {
    let not_found = Reply::Bytes(answer(404, r#"{"success":false,"errors":[{"code":10003,"message":"no"}]}"#));
    for lost in [
        Reply::BytesThenClose(vec![]),
        Reply::BytesThenReset(vec![]),
        Reply::BytesThenClose(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"succ".to_vec()),
        Reply::Bytes(answer(502, "<html></html>")),
    ] {
        let wire = RawServer::replying(vec![lost, not_found.clone()]);
        assert_eq!(wire.keys().delete(KEY_ID).unwrap(), None);
        assert_eq!(wire.requests().len(), 2);
    }
    // 429 means that nothing was done.
    let wire = RawServer::replying(vec![Reply::Bytes(answer(429, "")), not_found]);
    assert!(wire.keys().delete(KEY_ID).unwrap_err().is_not_found());
}
