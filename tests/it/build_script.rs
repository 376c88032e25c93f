//! The build script, run on the spec and on modified specs.

use crate::support::build_script::run_on;
use serde_json::{Value, json};

const SPEC: &str = include_str!("../../openapi/stream-keys.json");

/// Returns the client that is generated from the spec with this change.
fn client_with(change: impl FnOnce(&mut Value)) -> String {
    let outcome = run_on(Some(&changed(change)));
    assert!(!outcome.stdout.contains("cargo::error"), "{}", outcome.stdout);
    outcome.client
}

fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut spec: Value = serde_json::from_str(SPEC).unwrap();
    change(&mut spec);
    spec.to_string()
}

/// Returns the message that fails the build; there must be only one.
fn error_of(spec: Option<&str>) -> String {
    let outcome = run_on(spec);
    let errors: Vec<&str> = outcome.stdout.lines().filter_map(|line| line.strip_prefix("cargo::error=")).collect();
    let [error] = errors[..] else { panic!("one message, not {errors:?}") };
    assert!(error.starts_with("openapi/stream-keys.json: "), "{error}");
    error.to_string()
}

#[test]
fn client_is_blocking_and_does_not_mention_reqwest() {
    let client = run_on(Some(SPEC)).client;
    for word in ["async", "await", "reqwest", "progenitor", "unwrap", "chrono", "ByteStream"] {
        assert!(!client.contains(word), "{word}");
    }
    for method in ["list_signing_keys", "create_signing_keys", "delete_signing_keys"] {
        assert_eq!(client.matches(&format!("pub fn {method}<")).count(), 1);
    }
}

#[test]
fn output_is_deterministic() {
    let (one, two) = (run_on(Some(SPEC)), run_on(Some(SPEC)));
    assert_eq!(one.client, two.client);
    assert_eq!(one.mock, two.mock);
    // The order of members in the spec does not matter either.
    let reordered: Value = serde_json::from_str(SPEC).unwrap();
    assert_eq!(one.client, run_on(Some(&reordered.to_string())).client);
}

#[test]
fn build_script_reruns_only_if_the_spec_changes() {
    let outcome = run_on(Some(SPEC));
    let reasons: Vec<&str> = outcome.stdout.lines().filter(|line| line.contains("rerun-if")).collect();
    assert_eq!(reasons, ["cargo::rerun-if-changed=openapi/stream-keys.json"]);
}

#[test]
fn x_sensitive_strings_become_secrets() {
    let field = |name: &str| format!("pub {name}: ::std::option::Option<crate::Secret>");
    let client = run_on(Some(SPEC)).client;
    assert!(client.contains(&field("pem")) && client.contains(&field("jwk")));
    assert!(!client.contains("StreamPem") && !client.contains("StreamJwk"), "no other type can hold them");

    let keys = "/components/schemas/stream_keys/properties";
    let client = client_with(|spec| {
        let keys = spec.pointer_mut(keys).unwrap();
        keys["hint"] = json!({ "type": "string", "x-sensitive": true });
        keys["plain"] = json!({ "type": "string", "x-sensitive": false });
        keys["beside"] = json!({ "$ref": "#/components/schemas/stream_identifier-2", "x-sensitive": true });
    });
    assert!(client.contains(&field("hint")) && client.contains(&field("beside")));
    assert!(!client.contains(&field("plain")) && !client.contains(&field("id")));

    let client = client_with(|spec| spec["components"]["schemas"]["stream_identifier-2"]["x-sensitive"] = json!(true));
    assert!(client.contains(&field("id")));

    let error = error_of(Some(&changed(|spec| {
        spec.pointer_mut(keys).unwrap()["bits"] = json!({ "type": "integer", "x-sensitive": true });
    })));
    assert!(error.contains("x-sensitive") && error.contains("integer"), "{error}");
}

#[test]
fn new_operation_becomes_a_method() {
    let client = client_with(|spec| {
        let item = &mut spec["paths"]["/accounts/{account_id}/stream/keys/{identifier}"];
        let mut patch = item["delete"].clone();
        patch["operationId"] = json!("stream-signing-keys-rename-signing-key");
        patch["requestBody"] = json!({ "required": true, "content": { "application/json": {
            "schema": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } },
        }}});
        item["patch"] = patch;
    });
    assert!(client.contains("pub fn rename_signing_key<"));
    assert!(client.contains(".patch(url)"));
}

#[test]
fn missing_spec_is_named() {
    let error = error_of(None);
    assert!(error.contains("cannot be read") && error.contains("restore it"), "{error}");
}

#[test]
fn invalid_json_is_reported_with_its_position() {
    let error = error_of(Some("{\n  \"openapi\": \"3.0.3\",\n  oops\n}"));
    assert!(error.contains("not valid JSON") && error.contains("line 3 column 3"), "{error}");
    assert!(error_of(Some("")).contains("line 1 column 0"));
}

#[test]
fn invalid_openapi_is_reported_with_its_position() {
    let error = error_of(Some("{\n  \"swagger\": \"2.0\"\n}"));
    assert!(error.contains("not OpenAPI 3.0") && error.contains("line 3 column 1"), "{error}");
    for json in ["[]", "null", "42", "{}"] {
        assert!(error_of(Some(json)).contains("not OpenAPI 3.0"));
    }
}

#[test]
fn what_progenitor_rejects_is_reported_in_one_line() {
    let delete = "/paths/~1accounts~1{account_id}~1stream~1keys~1{identifier}/delete";
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(&str, Change); 5] = [
        ("3.1.0", &|spec| spec["openapi"] = json!("3.1.0")),
        ("operation ID", &|spec| {
            drop(spec.pointer_mut(delete).unwrap().as_object_mut().unwrap().remove("operationId"))
        }),
        ("duplicate", &|spec| {
            spec.pointer_mut(delete).unwrap()["operationId"] = json!("stream-signing-keys-list-signing-keys");
        }),
        ("stream_nothing", &|spec| {
            spec["components"]["schemas"]["stream_deleted_response"]["properties"]["result"] =
                json!({ "$ref": "#/components/schemas/stream_nothing" });
        }),
        ("progenitor", &|spec| {
            let responses = &mut spec.pointer_mut(delete).unwrap()["responses"];
            responses["202"] = json!({ "description": "", "content": { "application/json": { "schema": { "type": "array", "items": {} } } } });
        }),
    ];
    for (word, change) in cases {
        let error = error_of(Some(&changed(change)));
        assert!(error.contains("progenitor") && error.contains(word) && error.contains("undo"), "{error}");
    }
}

#[test]
fn mock_helpers_escape_path_patterns_and_nothing_else() {
    let mock: String = run_on(Some(SPEC)).mock.split_whitespace().collect();
    let (escaped, patterns) = (mock.matches("regex::escape").count(), mock.matches("$\",regex::escape(&value").count());
    assert_eq!((escaped, patterns), (4, 4), "one for each path parameter of the three operations");
}
