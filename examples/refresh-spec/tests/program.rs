//! What the program does beside comparing: how it is called, what it writes, and what it keeps.

mod support;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use support::{Case, MATCHES, SPEC, build, run};

fn case(changes: Value) -> Case {
    Case::changed(&json!({}), &changes)
}

/// Returns the case with descriptions of our own at these pointers of the spec.
fn described(mut case: Case, descriptions: &[(&str, &str)]) -> Case {
    let mut spec: Value = serde_json::from_str(&case.spec).unwrap();
    for (pointer, description) in descriptions {
        spec.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}"))["description"] = json!(description);
    }
    case.spec = spec.to_string();
    fs::write(case.path(), &case.spec).unwrap();
    case
}

#[test]
fn cloudflares_own_document_changes_nothing() {
    let Some(document) = std::env::var_os("CLOUDFLARE_OPENAPI").filter(|path| !path.is_empty()) else {
        // The test runner captures `eprintln!`, but not this.
        let _ = writeln!(io::stderr(), "SKIPPED: Cloudflare's document; CLOUDFLARE_OPENAPI is not set");
        return;
    };
    let case = Case::new("");
    for (options, end) in [(&["--check"][..], ""), (&[], "stream-keys.json is unchanged.\n")] {
        let outcome = run(&[options, &["--spec"]].concat(), &[&case.path(), Path::new(&document)]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(outcome.stdout.starts_with(MATCHES) && outcome.stdout.ends_with(end), "{}", outcome.stdout);
    }
    assert_eq!(case.text(), SPEC, "to the byte");
}

#[test]
fn help_and_wrong_arguments() {
    let help = run(&["--help"], &[]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for word in ["usage: refresh-spec", "--check", "Exit codes:", "\n  0 ", "\n  1 ", "\n  2 "] {
        assert!(help.stdout.contains(word), "{}", help.stdout);
    }
    let case = Case::new(SPEC);
    for (arguments, paths, reason) in [
        (&["--verbose"][..], &[][..], "usage: refresh-spec"),
        (&[], &[Path::new("nowhere.json")], "nowhere.json: No such file"),
        (&["--spec", "nowhere.json"], &[&case.document()], "nowhere.json: No such file"),
    ] {
        let outcome = run(arguments, paths);
        assert!(outcome.code == 2 && outcome.stderr.contains(reason), "{}", outcome.stderr);
    }
}

#[test]
fn unusable_documents_leave_the_spec_alone() {
    for (document, reason) in [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[]", "not an OpenAPI document: it has no `openapi`"),
        (r#"{"openapi":"3.0.3","info":{}}"#, "it has no `servers`"),
        (r#"{"openapi":"3.0.3","info":{},"servers":[],"paths":{}}"#, "no operation has the tag `Stream Signing Keys`"),
    ] {
        let error = Case::new(document).error();
        assert!(error.contains(reason) && error.contains("document.json: "), "{error}");
    }
    let error = case(json!({ "keys/pem": { "$ref": "other.json#/pem" } })).error();
    assert!(error.contains("`other.json#/pem` does not refer to a component"), "{error}");
    let error = case(json!({ "/components/securitySchemes/api_token": null })).error();
    assert!(error.contains("`#/components/securitySchemes/api_token` does not exist"), "{error}");
}

#[test]
fn compressed_documents_are_decompressed() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(SPEC.as_bytes()).unwrap();
    let compressed = encoder.finish().unwrap();
    assert_eq!(Case::new(&compressed).run(&["--check"]).stdout, MATCHES);
    assert!(Case::new(&compressed[..compressed.len() / 2]).error().contains("cannot be decompressed"));
}

#[test]
fn a_check_writes_nothing_and_a_write_says_what_changed() {
    let case = case(json!({ "keys/expires": { "type": "string", "description": "Theirs." }, "keys/created": null }));
    let check = case.run(&["--check"]);
    assert_eq!((check.code, case.text().as_str()), (1, SPEC));
    assert_eq!(
        check.stdout,
        "components > schemas > stream_keys > properties > created: is gone (was {\"$ref\":\"#/components/schemas/stream_signing_key_created\"})
components > schemas > stream_keys > properties > expires: is new: {\"type\":\"string\"}
client: types::StreamKeys.created is gone [can break callers]
client: types::StreamKeys.expires is new
httpmock helpers: types::StreamKeys changes [can break tests with them]
Items of the client that change: 2, of which can break callers: 1.
Places of the spec that change: 2, of which the code cannot show: 0.
"
    );
    let (spec, output) = case.refreshed();
    assert_eq!(
        output.strip_prefix(&check.stdout).unwrap(),
        format!(
            "{} is rewritten. Run `cargo check`.\nNew, and to be described in our own words:\n  components > schemas > stream_keys > properties > expires\n",
            case.path().display()
        )
    );
    assert_eq!(spec.pointer("/components/schemas/stream_keys/properties/expires"), Some(&json!({ "type": "string" })));
    assert!(case.run(&[]).stdout.ends_with("stream-keys.json is unchanged.\n"));
}

#[test]
fn operations_with_another_tag_are_mentioned_and_ignored_ones_are_not_new() {
    let usage = "/paths/~1accounts~1{account_id}~1stream~1keys~1{identifier}~1usage/get";
    let add = json!({ usage: "@delete", format!("{usage}/operationId"): "usage", format!("{usage}/tags"): ["Video"] });
    let case = Case::changed(&json!({}), &add);
    let note =
        "note: GET /accounts/{account_id}/stream/keys/{identifier}/usage has the tag Video, so it is not taken\n";
    assert_eq!(case.run(&["--check"]).stdout, format!("{note}{MATCHES}"));

    let mut case = Case::changed(&json!({}), &json!({ usage: "@delete", format!("{usage}/operationId"): "usage" }));
    assert_eq!(case.run(&["--check"]).code, 1);
    let mut spec: Value = serde_json::from_str(SPEC).unwrap();
    spec["x-ignored-operations"] = json!(["usage"]);
    case.spec = serde_json::to_string_pretty(&spec).unwrap() + "\n";
    fs::write(case.path(), &case.spec).unwrap();
    let check = case.run(&["--check"]);
    let note =
        "note: GET /accounts/{account_id}/stream/keys/{identifier}/usage is ignored, as `x-ignored-operations` says\n";
    assert_eq!((check.code, check.stdout), (0, format!("{note}{MATCHES}")));
}

#[test]
fn security_that_operations_inherit_is_taken_over() {
    let case = case(json!({ "/security": "@list/security", "list/security": null }));
    let (spec, _) = case.refreshed();
    assert_eq!(spec["security"], json!([{ "api_token": [] }, { "api_email": [], "api_key": [] }]));
}

#[test]
fn data_is_taken_over_to_the_letter() {
    let data = json!({ "description": "data", "x-data": 1, "$ref": "#/not/a/reference" });
    let (spec, _) = case(json!({ "keys/use": { "type": "object", "default": data, "enum": [data] } })).refreshed();
    let schema = spec.pointer("/components/schemas/stream_keys/properties/use").unwrap();
    assert_eq!((&schema["default"], &schema["enum"]), (&data, &json!([data])));
}

#[test]
fn descriptions_follow_parameters_and_alternatives() {
    let list = "/paths/~1accounts~1{account_id}~1stream~1keys/get/parameters";
    let keys = "/components/schemas/stream_keys/properties/form/oneOf";
    let parameter = |place: &str, name: &str| json!({ "in": place, "name": name, "schema": { "type": "string" } });
    let account = json!({ "in": "path", "name": "account_id", "required": true, "schema": { "type": "string" } });
    let titled = json!({ "title": "Old", "type": "array", "items": {} });
    let before = json!({
        "list/parameters": [account, parameter("query", "page"), parameter("header", "x-page")],
        "keys/form": { "oneOf": [{ "$ref": "#/components/schemas/stream_identifier-2" }, titled, { "type": "integer" }] },
    });
    let after = json!({
        "list/parameters": [parameter("query", "order"), parameter("header", "x-page"), parameter("query", "page"), account],
        "keys/form": { "oneOf": [{ "type": "boolean" }, { "type": "integer" }, titled, { "$ref": "#/components/schemas/stream_identifier-2" }] },
    });
    let case = described(
        Case::changed(&before, &after),
        &[
            (&format!("{list}/1"), "The page."),
            (&format!("{list}/2"), "The header."),
            (&format!("{keys}/0"), "An ID."),
            (&format!("{keys}/1"), "A title."),
            (&format!("{keys}/2"), "A number."),
        ],
    );
    let (spec, output) = case.refreshed();
    let descriptions = |pointer: &str| {
        let items = spec.pointer(pointer).unwrap().as_array().unwrap().iter();
        items.map(|item| item["description"].as_str().unwrap_or_default().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(descriptions(list), ["", "The header.", "The page.", ""]);
    assert_eq!(descriptions(keys), ["", "A number.", "A title.", "An ID."]);
    assert!(output.contains("get > parameters > query order\n") && !output.contains("query page\n"), "{output}");
}

#[test]
fn descriptions_follow_what_moves() {
    let list = "/paths/~1accounts~1{account_id}~1stream~1keys/get/responses";
    let description = |changes: Value, pointer: &str| {
        let (spec, output) = case(changes).refreshed();
        assert!(!output.contains("New, and"), "{output}");
        spec.pointer(pointer).unwrap()["description"].clone()
    };
    let expected = "The keys. `result` is null if there are none.";
    let component = json!({ "/components/responses/keys": "@list/responses/200", "list/responses/200": { "$ref": "#/components/responses/keys" } });
    assert_eq!(description(component, "/components/responses/keys"), expected);
    let range = json!({ "list/responses/2XX": "@list/responses/200", "list/responses/200": null });
    assert_eq!(description(range, &format!("{list}/2XX")), expected);
    let inline =
        json!({ "list/responses/200/content/application~1json/schema": "@schemas/stream_key_response_collection" });
    let result = format!("{list}/200/content/application~1json/schema/properties/result");
    assert_eq!(description(inline, &result), "The keys, in no promised order.");
}

#[test]
fn generated_code_is_blocking_deterministic_and_documented() {
    let (client, mock) = (build::client(SPEC).unwrap(), build::mock(SPEC).unwrap());
    for word in ["async", "await", "reqwest", "progenitor", "unwrap", "chrono", "ByteStream", "ConversionError"] {
        assert!(!client.contains(word), "{word}");
    }
    // The order of members in the spec does not matter.
    let reordered = serde_json::from_str::<Value>(SPEC).unwrap().to_string();
    assert_eq!((&client, &mock), (&build::client(&reordered).unwrap(), &build::mock(&reordered).unwrap()));
    assert_eq!(client.matches("#[non_exhaustive]").count(), client.matches("    pub struct ").count());
    for description in [
        "Whether the request succeeded.",
        "The private key as PKCS#1 PEM, in base64. A secret.",
        "When the key was created.",
    ] {
        assert!(client.contains(&format!("///{description}\n        ")), "{description}");
    }
    assert!(!client.contains("///`"), "no documentation that only repeats a name");
    // A '.' in an ID matches only itself.
    let mock: String = mock.split_whitespace().collect();
    assert_eq!((mock.matches("regex::escape").count(), mock.matches("$\",regex::escape(&value").count()), (4, 4));
}

#[test]
fn every_unsupported_operation_is_reported() {
    let body = json!({ "content": { "multipart/form-data": {} } });
    let error = case(json!({ "create/requestBody": body, "delete/requestBody": body })).error();
    assert_eq!(error.matches("is not supported").count(), 2, "{error}");
}

#[test]
fn invalid_openapi_is_reported_with_its_position() {
    let error = build::client("{\n  \"openapi\": \"3.0.3\"\n}").unwrap_err();
    assert!(error[0].contains("not OpenAPI 3.0") && error[0].contains("line 3 column 1"), "{error:?}");
}
