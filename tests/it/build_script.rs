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
    let field = |name: &str| format!("pub {name}: ::std::option::Option<crate::client::runtime::SecretValue>");
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

const COLLECTION: &str = "/accounts/{account_id}/stream/keys";
const ITEM: &str = "/accounts/{account_id}/stream/keys/{identifier}";

fn delete_operation(spec: &mut Value) -> &mut Value {
    &mut spec["paths"][ITEM]["delete"]
}

/// Fails unless the build reports one problem that has all these words, for the spec with this change.
fn assert_rejected(words: &[&str], change: impl FnOnce(&mut Value)) {
    let error = error_of(Some(&changed(change)));
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
    assert!(!error.contains("Some(") && !error.contains("{ "), "no debug output: {error}");
}

#[test]
fn unsupported_operations_are_rejected_with_id_reason_and_remedy() {
    let id = "operation `stream-signing-keys-delete-signing-keys` is not supported";
    let remedy = "remove the operation from the spec";
    let json_body = |content: Value| json!({ "required": true, "content": content });
    assert_rejected(&[id, "multipart/form-data", remedy], |spec| {
        delete_operation(spec)["requestBody"] = json_body(json!({ "multipart/form-data": { "schema": {} } }));
    });
    assert_rejected(&[id, "several media types (application/json, text/plain)", remedy], |spec| {
        delete_operation(spec)["requestBody"] = json_body(json!({ "application/json": {}, "text/plain": {} }));
    });
    assert_rejected(&[id, "`session` is a cookie parameter", remedy], |spec| {
        let cookie = json!({ "in": "cookie", "name": "session", "schema": { "type": "string" } });
        delete_operation(spec)["parameters"].as_array_mut().unwrap().push(cookie);
    });
    assert_rejected(&[id, "parameter `filter` has the style deepObject", remedy], |spec| {
        let filter = json!({ "in": "query", "name": "filter", "style": "deepObject", "schema": { "type": "object" } });
        delete_operation(spec)["parameters"].as_array_mut().unwrap().push(filter);
    });
    assert_rejected(&[id, "success responses have different schemas", remedy], |spec| {
        let list = json!({ "schema": { "type": "array", "items": {} } });
        delete_operation(spec)["responses"]["202"] =
            json!({ "description": "", "content": { "application/json": list } });
    });
    assert_rejected(&[id, "does not declare the path parameter `identifier`", remedy], |spec| {
        delete_operation(spec)["parameters"].as_array_mut().unwrap().remove(0);
    });
    assert_rejected(&[id, "`account-id` becomes the same argument as `account_id`", remedy], |spec| {
        let query = json!({ "in": "query", "name": "account-id", "schema": { "type": "string" } });
        delete_operation(spec)["parameters"].as_array_mut().unwrap().push(query);
    });
    assert_rejected(&["becomes the same method as `stream-signing-keys-list-signing-keys`", remedy], |spec| {
        delete_operation(spec)["operationId"] = json!("list_signing_keys");
    });
    assert_rejected(
        &["operation `DELETE /accounts/{account_id}/stream/keys/{identifier}`", "no operationId"],
        |spec| {
            delete_operation(spec).as_object_mut().unwrap().remove("operationId");
        },
    );
}

#[test]
fn every_unsupported_operation_is_reported() {
    let outcome = run_on(Some(&changed(|spec| {
        let body = json!({ "content": { "multipart/form-data": {} } });
        spec["paths"][COLLECTION]["post"]["requestBody"] = body.clone();
        delete_operation(spec)["requestBody"] = body;
    })));
    assert_eq!(outcome.stdout.matches("cargo::error=").count(), 2, "{}", outcome.stdout);
}

#[test]
fn success_that_cannot_be_checked_is_rejected() {
    let property = "/components/schemas/stream_deleted_response/properties/success";
    assert_rejected(&["operation `delete-signing-keys`", "`success` is not a boolean"], |spec| {
        *spec.pointer_mut(property).unwrap() = json!({ "type": "string" });
    });
    assert_rejected(&["operation `delete-signing-keys`", "`success` is never true"], |spec| {
        spec.pointer_mut(property).unwrap()["enum"] = json!([false]);
    });
    assert_rejected(&["operation `delete-signing-keys`", "`success` is not a member of one object"], |spec| {
        let envelope = spec["components"]["schemas"]["stream_deleted_response"].clone();
        spec["components"]["schemas"]["stream_deleted_response"] = json!({ "oneOf": [envelope, { "type": "string" }] });
    });
}

#[test]
fn success_is_a_constant_however_it_is_declared() {
    let constant = "pub success: crate::client::runtime::ConstBool<true>";
    let before = run_on(Some(SPEC)).client;
    assert_eq!(before.matches(constant).count(), 3);
    let without_enum = |spec: &mut Value| {
        for name in ["stream_deleted_response", "stream_key_generation_response", "stream_key_response_collection"] {
            let envelope = &mut spec["components"]["schemas"][name];
            envelope["properties"]["success"] = json!({ "$ref": "#/components/schemas/flag" });
            envelope.as_object_mut().unwrap().remove("required");
        }
        spec["components"]["schemas"]["flag"] = json!({ "type": "boolean" });
    };
    assert_eq!(client_with(without_enum).matches(constant).count(), 3);
    let inline = client_with(|spec| {
        let envelope = spec["components"]["schemas"]["stream_deleted_response"].clone();
        let content = json!({ "application/json": { "schema": { "allOf": [
            { "type": "object", "properties": { "success": { "type": "boolean" } } }, envelope,
        ] } } });
        spec["components"]["responses"] = json!({ "deleted": { "description": "", "content": content } });
        delete_operation(spec)["responses"]["200"] = json!({ "$ref": "#/components/responses/deleted" });
    });
    assert_eq!(inline.matches(constant).count(), 3);
}

#[test]
fn components_with_the_same_rust_name_are_told_apart() {
    let client = client_with(|spec| {
        let schemas = &mut spec["components"]["schemas"];
        schemas["a-b"] = json!({ "type": "object", "properties": { "one": { "type": "string" } } });
        schemas["a_b"] = json!({ "type": "object", "properties": { "two": { "type": "string" } } });
        schemas["stream_keys"]["properties"]["first"] = json!({ "$ref": "#/components/schemas/a-b" });
        schemas["stream_keys"]["properties"]["second"] = json!({ "$ref": "#/components/schemas/a_b" });
    });
    assert!(client.contains("pub struct AB {") && client.contains("pub struct AB2 {"));
}

#[test]
fn base_url_comes_from_the_spec() {
    let client = client_with(|spec| spec["servers"] = json!([{ "url": "https://api.example.com/v5/" }]));
    assert!(client.contains(r#"BASE_URL: &str = "https://api.example.com/v5""#));
    for servers in [json!([]), json!([{ "url": "/v4" }]), json!([{ "url": "https://{region}.example.com" }])] {
        assert_rejected(&["`servers` does not begin with an https URL"], |spec| spec["servers"] = servers);
    }
}

#[test]
fn what_progenitor_rejects_is_reported_with_the_operation() {
    assert_rejected(&["operation `delete-signing-keys`", "stream_nothing", "remove it from the spec"], |spec| {
        spec["components"]["schemas"]["stream_deleted_response"]["properties"]["result"] =
            json!({ "$ref": "#/components/schemas/stream_nothing" });
    });
}

#[test]
fn other_versions_of_openapi_are_rejected() {
    assert_rejected(&["OpenAPI 3.1.0 is not supported"], |spec| spec["openapi"] = json!("3.1.0"));
}

#[test]
fn mock_helpers_escape_path_patterns_and_nothing_else() {
    let mock: String = run_on(Some(SPEC)).mock.split_whitespace().collect();
    let (escaped, patterns) = (mock.matches("regex::escape").count(), mock.matches("$\",regex::escape(&value").count());
    assert_eq!((escaped, patterns), (4, 4), "one for each path parameter of the three operations");
}
