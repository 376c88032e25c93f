//! The build script itself, run on the fragment and on fragments that are broken on purpose.

use crate::support::build_script::run_on;
use serde_json::{Value, json};

const FRAGMENT: &str = include_str!("../../openapi/stream-keys.json");

/// The client that is generated once `change` has been made to the fragment.
fn client_with(change: impl FnOnce(&mut Value)) -> String {
    let outcome = run_on(Some(&changed(change)));
    assert!(!outcome.stdout.contains("cargo::error"), "{}", outcome.stdout);
    outcome.client
}

fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut fragment: Value = serde_json::from_str(FRAGMENT).unwrap();
    change(&mut fragment);
    fragment.to_string()
}

/// The one message that stops the build.
fn refusal_of(fragment: Option<&str>) -> String {
    let outcome = run_on(fragment);
    let errors: Vec<&str> = outcome.stdout.lines().filter_map(|line| line.strip_prefix("cargo::error=")).collect();
    let [error] = errors[..] else { panic!("one message, not {errors:?}") };
    assert!(error.starts_with("openapi/stream-keys.json: "), "{error}");
    error.to_string()
}

#[test]
fn the_client_is_blocking_and_knows_no_reqwest() {
    let client = run_on(Some(FRAGMENT)).client;
    for word in ["async", "await", "reqwest", "progenitor", "api-version", "unwrap", "chrono", "ByteStream"] {
        let code = client.replace("api_version", "");
        assert!(!code.contains(word), "{word}");
    }
    for method in ["list_signing_keys", "create_signing_keys", "delete_signing_keys"] {
        assert_eq!(client.matches(&format!("pub fn {method}<")).count(), 1);
    }
}

#[test]
fn the_same_fragment_gives_the_same_code() {
    let (one, two) = (run_on(Some(FRAGMENT)), run_on(Some(FRAGMENT)));
    assert_eq!(one.client, two.client);
    assert_eq!(one.mock, two.mock);
    // Nor does the order of the fragment's members count.
    let reordered: Value = serde_json::from_str(FRAGMENT).unwrap();
    assert_eq!(one.client, run_on(Some(&reordered.to_string())).client);
}

#[test]
fn the_build_script_runs_again_for_the_fragment_only() {
    let outcome = run_on(Some(FRAGMENT));
    let reasons: Vec<&str> = outcome.stdout.lines().filter(|line| line.contains("rerun-if")).collect();
    assert_eq!(reasons, ["cargo::rerun-if-changed=openapi/stream-keys.json"]);
}

#[test]
fn secrets_are_told_by_their_mark() {
    let field = |name: &str| format!("pub {name}: ::std::option::Option<crate::Secret>");
    let client = run_on(Some(FRAGMENT)).client;
    assert!(client.contains(&field("pem")) && client.contains(&field("jwk")));
    assert!(!client.contains("StreamPem") && !client.contains("StreamJwk"), "no other type can hold them");

    let keys = "/components/schemas/stream_keys/properties";
    let client = client_with(|fragment| {
        let keys = fragment.pointer_mut(keys).unwrap();
        keys["hint"] = json!({ "type": "string", "x-sensitive": true });
        keys["plain"] = json!({ "type": "string", "x-sensitive": false });
        keys["beside"] = json!({ "$ref": "#/components/schemas/stream_identifier-2", "x-sensitive": true });
    });
    assert!(client.contains(&field("hint")) && client.contains(&field("beside")));
    assert!(!client.contains(&field("plain")) && !client.contains(&field("id")));

    let client =
        client_with(|fragment| fragment["components"]["schemas"]["stream_identifier-2"]["x-sensitive"] = json!(true));
    assert!(client.contains(&field("id")));

    let refusal = refusal_of(Some(&changed(|fragment| {
        fragment.pointer_mut(keys).unwrap()["bits"] = json!({ "type": "integer", "x-sensitive": true });
    })));
    assert!(refusal.contains("x-sensitive") && refusal.contains("integer"), "{refusal}");
}

#[test]
fn a_new_endpoint_becomes_a_method() {
    let client = client_with(|fragment| {
        let item = &mut fragment["paths"]["/accounts/{account_id}/stream/keys/{identifier}"];
        let mut patch = item["delete"].clone();
        patch["operationId"] = json!("stream-signing-keys-rename-signing-key");
        patch["requestBody"] = json!({ "required": true, "content": { "application/json": {
            "schema": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } },
        }}});
        item["patch"] = patch;
    });
    assert!(client.contains("pub fn rename_signing_key<"));
    assert!(client.contains(".request(crate::runtime::Method::PATCH, url)"));
}

#[test]
fn a_fragment_that_is_missing_is_named() {
    let refusal = refusal_of(None);
    assert!(refusal.contains("cannot be read") && refusal.contains("restore it"), "{refusal}");
}

#[test]
fn a_fragment_that_is_not_json_is_named_with_the_place() {
    let refusal = refusal_of(Some("{\n  \"openapi\": \"3.0.3\",\n  oops\n}"));
    assert!(refusal.contains("not JSON") && refusal.contains("line 3 column 3"), "{refusal}");
    assert!(refusal_of(Some("")).contains("line 1 column 0"));
}

#[test]
fn a_fragment_that_is_not_openapi_is_named_with_the_place() {
    let refusal = refusal_of(Some("{\n  \"swagger\": \"2.0\"\n}"));
    assert!(refusal.contains("not OpenAPI 3.0") && refusal.contains("line 3 column 1"), "{refusal}");
    for json in ["[]", "null", "42", "{}"] {
        assert!(refusal_of(Some(json)).contains("not OpenAPI 3.0"));
    }
}

#[test]
fn what_progenitor_refuses_is_passed_on_in_one_message() {
    let delete = "/paths/~1accounts~1{account_id}~1stream~1keys~1{identifier}/delete";
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(&str, Change); 5] = [
        ("3.1.0", &|fragment| fragment["openapi"] = json!("3.1.0")),
        ("operation ID", &|fragment| {
            drop(fragment.pointer_mut(delete).unwrap().as_object_mut().unwrap().remove("operationId"))
        }),
        ("duplicate", &|fragment| {
            fragment.pointer_mut(delete).unwrap()["operationId"] = json!("stream-signing-keys-list-signing-keys");
        }),
        ("stream_nothing", &|fragment| {
            fragment["components"]["schemas"]["stream_deleted_response"]["properties"]["result"] =
                json!({ "$ref": "#/components/schemas/stream_nothing" });
        }),
        ("progenitor", &|fragment| {
            let responses = &mut fragment.pointer_mut(delete).unwrap()["responses"];
            responses["202"] = json!({ "description": "", "content": { "application/json": { "schema": { "type": "array", "items": {} } } } });
        }),
    ];
    for (word, change) in cases {
        let refusal = refusal_of(Some(&changed(change)));
        assert!(refusal.contains("progenitor") && refusal.contains(word) && refusal.contains("undo"), "{refusal}");
    }
}
