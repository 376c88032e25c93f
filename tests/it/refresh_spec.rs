//! Tests for the example `refresh-spec`, which compares the spec with Cloudflare's document and rewrites it.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::build_script::run_on;
use crate::support::cloudflare_document;
use serde_json::{Value, json};
use tempfile::TempDir;

const SPEC: &str = include_str!("../../openapi/stream-keys.json");
const KEYS: &str = "/components/schemas/stream_keys/properties";
const LIST: &str = "/paths/~1accounts~1{account_id}~1stream~1keys/get";
const CREATE: &str = "/paths/~1accounts~1{account_id}~1stream~1keys/post";
const DELETE: &str = "/paths/~1accounts~1{account_id}~1stream~1keys~1{identifier}/delete";
const ITEM: &str = "/paths/~1accounts~1{account_id}~1stream~1keys~1{identifier}";
const COLLECTION: &str = "/paths/~1accounts~1{account_id}~1stream~1keys";
const MATCHES: &str = "The spec matches the document.\n";
const FORM_ONLY: &str = "Rewriting would change the file, but nothing for callers.\n";

/// A spec and a document to compare it with.
struct Case {
    folder: TempDir,
    spec: String,
}

struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Case {
    /// Pairs the project's spec with the document that it would have come from, changed.
    fn with(change: impl FnOnce(&mut Value)) -> Self {
        let mut document: Value = serde_json::from_str(SPEC).unwrap();
        change(&mut document);
        Self::with_document(document.to_string())
    }

    /// Pairs the spec of a document with the next version of that document.
    fn between(before: impl FnOnce(&mut Value), change: impl FnOnce(&mut Value)) -> Self {
        let mut document: Value = serde_json::from_str(SPEC).unwrap();
        before(&mut document);
        let mut case = Self::with_document(document.to_string());
        assert_eq!(case.run(&[]).code, 0);
        case.spec = case.text();
        change(&mut document);
        fs::write(case.document(), document.to_string()).unwrap();
        case
    }

    fn with_document(text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = Self { folder, spec: SPEC.to_string() };
        fs::write(case.document(), text).unwrap();
        fs::write(case.path(), SPEC).unwrap();
        case
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("stream-keys.json")
    }

    fn document(&self) -> PathBuf {
        self.folder.path().join("document.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn run(&self, options: &[&str]) -> Outcome {
        run(options, &self.path(), &self.document())
    }

    /// Runs `--check`, and makes sure that it agrees with what a rewrite does.
    fn check(&self) -> Outcome {
        let outcome = self.run(&["--check"]);
        assert_eq!(self.text(), self.spec, "--check writes nothing");
        let rewrite = self.run(&[]);
        assert_eq!(rewrite.code, 0, "{}", rewrite.stderr);
        assert_eq!(outcome.stdout == MATCHES, self.text() == self.spec, "{}", outcome.stdout);
        assert_eq!(self.run(&["--check"]).stdout, MATCHES);
        fs::write(self.path(), &self.spec).unwrap();
        outcome
    }

    /// Returns the differences that `--check` prints.
    fn differences(&self) -> Vec<String> {
        let outcome = self.check();
        assert_eq!(outcome.code, 1, "{}{}", outcome.stdout, outcome.stderr);
        let mut lines: Vec<String> = outcome.stdout.lines().map(String::from).collect();
        let count = lines.pop().unwrap();
        let breaking = lines.iter().filter(|line| line.contains("[can break callers]")).count();
        assert_eq!(count, format!("Differences: {}, of which can break callers: {breaking}.", lines.len()));
        lines
    }

    /// Returns the only difference, without the advice where to look.
    fn difference(&self) -> String {
        let differences = self.differences();
        let [difference] = &differences[..] else { panic!("one difference, not {differences:?}") };
        difference.split(", look at ").next().unwrap().to_string()
    }

    /// Asserts that the document differs in form only, and that the generated client is the same.
    fn changes_form_only(&self) {
        let outcome = self.check();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (0, FORM_ONLY), "{}", outcome.stderr);
        let before = client_of(self);
        self.refreshed();
        assert!(client_of(self) == before, "the client is another");
    }

    /// Asserts that nothing changes but names in the raw layer, and returns the notes.
    fn notes(&self) -> String {
        let outcome = self.check();
        let end = "Rewriting would change the file, and perhaps type names of the raw layer, but nothing for callers of the facade.\n";
        assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
        outcome.stdout.strip_suffix(end).unwrap_or_else(|| panic!("{}", outcome.stdout)).to_string()
    }

    /// Rewrites the spec. Returns it, and the output.
    fn refreshed(&self) -> (Value, String) {
        let outcome = self.run(&[]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        (serde_json::from_str(&self.text()).unwrap(), outcome.stdout)
    }

    /// Returns the error message, which must leave the spec alone.
    fn error(&self) -> String {
        for options in [&["--check"][..], &[]] {
            let outcome = self.run(options);
            assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
            assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
            assert_eq!(self.text(), self.spec);
            assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 2, "no other file is left");
        }
        self.run(&[]).stderr
    }
}

fn run(options: &[&str], spec: &Path, document: &Path) -> Outcome {
    let output = Command::new(example()).args(options).arg("--spec").args([spec, document]).output().unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Returns the path of the example, which lies beside this test's folder.
fn example() -> &'static Path {
    static EXAMPLE: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLE.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        // `cargo test` builds the examples before the tests, but `cargo test --test it` does not.
        if let Some(cargo) = env::var_os("CARGO") {
            let name = profile.file_name().and_then(|name| name.to_str()).map(|name| name.replace("debug", "dev"));
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "--example", "refresh-spec", "--profile", &name.unwrap(), "--target-dir"]);
            let status = build.arg(profile.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR")).status();
            assert!(status.unwrap().success(), "the example refresh-spec does not build");
        }
        let example = profile.join("examples").join(format!("refresh-spec{}", env::consts::EXE_SUFFIX));
        assert!(example.is_file(), "{} is missing; run `cargo build --example refresh-spec`", example.display());
        example
    })
}

/// Returns what the build script makes of the case's spec, without the documentation, which shows the schemas.
fn client_of(case: &Case) -> String {
    let outcome = run_on(Some(&case.text()));
    assert!(!outcome.stdout.contains("cargo::error"), "{}", outcome.stdout);
    outcome.client.lines().filter(|line| !line.trim_start().starts_with("///")).collect::<Vec<_>>().join("\n")
}

fn at<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Value {
    document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}"))
}

fn remove(document: &mut Value, pointer: &str, key: &str) -> Value {
    at(document, pointer).as_object_mut().unwrap().remove(key).unwrap()
}

fn push(document: &mut Value, pointer: &str, value: Value) {
    at(document, pointer).as_array_mut().unwrap().push(value);
}

/// Puts a component in the place of what stands at `pointer`.
fn move_to_component(document: &mut Value, pointer: &str, section: &str, name: &str) {
    let reference = json!({ "$ref": format!("#/components/{section}/{name}") });
    document["components"][section][name] = std::mem::replace(at(document, pointer), reference);
}

/// Gives create a body with a schema of its own.
fn add_create_body(document: &mut Value) {
    at(document, CREATE)["requestBody"]["content"]["application/json"]["schema"] =
        json!({ "$ref": "#/components/schemas/stream_create" });
    document["components"]["schemas"]["stream_create"] = json!({ "type": "object", "required": ["name"], "properties": {
        "name": { "type": "string" },
        "use": { "type": "string", "enum": ["sign", "verify"] },
        "bits": { "type": "integer" },
    }});
}

/// Gives list a query parameter.
fn add_page_parameter(document: &mut Value) {
    let parameter = json!({ "in": "query", "name": "page", "schema": { "type": "integer" } });
    push(document, &format!("{LIST}/parameters"), parameter);
}

#[test]
fn cloudflares_own_document_changes_nothing() {
    let Some(document) = cloudflare_document() else {
        // The test runner captures `eprintln!`, but not this.
        let _ =
            writeln!(io::stderr(), "SKIPPED: the refresh from Cloudflare's document; CLOUDFLARE_OPENAPI is not set");
        return;
    };
    let case = Case::with_document("");
    let outcome = run(&["--check"], &case.path(), &document);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, MATCHES), "{}", outcome.stderr);
    let outcome = run(&[], &case.path(), &document);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(case.text(), SPEC, "to the byte");
}

#[test]
fn what_is_not_part_of_the_structure_changes_nothing() {
    let case = Case::with(|document| {
        document["paths"]["/accounts/{account_id}/other"] =
            json!({ "get": { "tags": ["Other"], "operationId": "other", "responses": {} } });
        document["components"]["schemas"]["unused"] = json!({ "type": "string" });
        document["components"]["schemas"]["stream_pem"]["example"] = json!("LS0t");
        document["components"]["schemas"]["stream_pem"]["description"] = json!("In words of theirs.");
        document["components"]["schemas"]["stream_pem"]["x-auditable"] = json!(true);
        at(document, KEYS)["id"]["x-vendor"] = json!({ "$ref": "#/components/schemas/nothing" });
    });
    let outcome = case.check();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, MATCHES));
    let (_, output) = case.refreshed();
    assert_eq!(case.text(), SPEC, "to the byte");
    assert!(!output.contains("New"), "{output}");
}

#[test]
fn order_without_a_meaning_changes_the_form_only() {
    for list in [
        "/components/schemas/stream_deleted_response/required",
        &format!("{LIST}/security"),
        &format!("{DELETE}/parameters"),
    ] {
        Case::with(|document| at(document, list).as_array_mut().unwrap().reverse()).changes_form_only();
    }
    let add_enum = |document: &mut Value| at(document, KEYS)["use"] = json!({ "type": "string", "enum": ["a", "b"] });
    let reverse = |document: &mut Value| at(document, KEYS)["use"]["enum"] = json!(["b", "a"]);
    Case::between(add_enum, reverse).changes_form_only();
}

#[test]
fn an_added_field() {
    let case = Case::with(|document| {
        at(document, KEYS)["expires"] = json!({ "type": "string", "format": "date-time", "description": "Theirs." })
    });
    assert_eq!(
        case.differences(),
        [
            "components > schemas > stream_keys > properties > expires: is new: a string (date-time) [does not affect callers], look at SigningKeys::create and create_with in src/signing_keys.rs"
        ]
    );
    let (spec, output) = case.refreshed();
    assert_eq!(spec.pointer(KEYS).unwrap()["expires"], json!({ "type": "string", "format": "date-time" }));
    assert!(
        output.contains(
            "New, and to be described in our own words:\n  components/schemas/stream_keys/properties/expires\n"
        )
    );
}

#[test]
fn a_removed_field() {
    let case = Case::with(|document| drop(remove(document, KEYS, "created")));
    assert_eq!(
        case.difference(),
        "components > schemas > stream_keys > properties > created: is gone (was a reference to stream_signing_key_created) [can break callers]"
    );
}

#[test]
fn a_field_whose_name_is_a_keyword_is_a_field() {
    for keyword in ["default", "format", "description", "properties", "responses", "title", "x-sensitive"] {
        let case = Case::with(|document| at(document, KEYS)[keyword] = json!({ "type": "string" }));
        let at = format!("components > schemas > stream_keys > properties > {keyword}");
        assert_eq!(case.difference(), format!("{at}: is new: a string [does not affect callers]"));
        let (spec, _) = case.refreshed();
        assert_eq!(spec.pointer(KEYS).unwrap()[keyword], json!({ "type": "string" }));

        let add = |document: &mut Value| self::at(document, KEYS)[keyword] = json!({ "type": "string" });
        let case = Case::between(add, |document| drop(remove(document, KEYS, keyword)));
        assert_eq!(case.difference(), format!("{at}: is gone (was a string) [can break callers]"));
    }
}

#[test]
fn required_in_a_response_does_not_affect_callers() {
    let case = Case::with(|document| document["components"]["schemas"]["stream_keys"]["required"] = json!(["id"]));
    assert_eq!(
        case.difference(),
        "components > schemas > stream_keys > required: now required: id [does not affect callers]"
    );
    let case = Case::with(|document| drop(remove(document, "/components/schemas/stream_deleted_response", "required")));
    assert_eq!(
        case.difference(),
        "components > schemas > stream_deleted_response > required: no longer required: errors, messages, success [does not affect callers]"
    );
}

#[test]
fn a_changed_type() {
    let case =
        Case::with(|document| document["components"]["schemas"]["stream_identifier-2"]["type"] = json!("integer"));
    assert_eq!(
        case.differences(),
        [
            "components > schemas > stream_identifier-2 > type: was string, is integer [can break callers], look at SigningKeys::create and create_with in src/signing_keys.rs, SigningKeys::delete in src/signing_keys.rs, SigningKeys::list in src/signing_keys.rs"
        ],
        "once, with all that depends on it"
    );
}

#[test]
fn limits_matter_if_they_are_narrower_in_a_request() {
    let limit = |max: u32| {
        Case::with(move |document| {
            document["components"]["schemas"]["stream_identifier-2"]["maxLength"] = json!(max);
        })
    };
    let at = "components > schemas > stream_identifier-2 > maxLength: was 32, is";
    assert_eq!(limit(64).difference(), format!("{at} 64 [does not affect callers]"));
    assert_eq!(limit(16).difference(), format!("{at} 16 [can break callers]"));
    let code = "/components/schemas/stream_messages/items/properties/code";
    let case = Case::with(|document| self::at(document, code)["minimum"] = json!(2000));
    assert!(case.difference().ends_with("minimum: was 1000, is 2000 [does not affect callers]"));
}

#[test]
fn a_format_other_than_date_time_matters_in_a_request_only() {
    let key_id = "/components/schemas/stream_key_response_collection/properties/result/items/properties/key_id";
    let case = Case::with(|document| at(document, key_id)["format"] = json!("uuid"));
    assert!(case.difference().ends_with("key_id > format: is new: uuid [does not affect callers]"));
    let case = Case::with(|document| at(document, key_id)["format"] = json!("date-time"));
    assert!(case.difference().ends_with("key_id > format: is new: date-time [can break callers]"));
    let case = Case::between(add_create_body, |document| {
        document["components"]["schemas"]["stream_create"]["properties"]["bits"]["format"] = json!("int32");
    });
    assert!(case.difference().ends_with("bits > format: is new: int32 [can break callers]"));
}

#[test]
fn null_matters_in_a_response_if_it_makes_another_type() {
    let nullable = |pointer: &'static str| Case::with(move |document| at(document, pointer)["nullable"] = json!(true));
    let result = nullable("/components/schemas/stream_deleted_response/properties/result");
    assert!(result.difference().ends_with("result > nullable: is new: true [does not affect callers]"));
    let secret = nullable("/components/schemas/stream_pem");
    assert!(secret.difference().ends_with("stream_pem > nullable: is new: true [does not affect callers]"));
    let messages = nullable("/components/schemas/stream_messages");
    assert!(messages.difference().ends_with("stream_messages > nullable: is new: true [can break callers]"));
    Case::with(|document| document["components"]["schemas"]["stream_pem"]["nullable"] = json!(false))
        .changes_form_only();
}

#[test]
fn an_enum_matters_in_a_response_if_it_tells_success_from_failure() {
    let success = "/components/schemas/stream_deleted_response/properties/success";
    let case = Case::with(|document| drop(remove(document, success, "enum")));
    assert!(case.difference().ends_with("success > enum: is gone (was true) [can break callers]"));
    let result = "/components/schemas/stream_deleted_response/properties/result";
    let case = Case::with(|document| at(document, result)["enum"] = json!(["Revoked", "ok"]));
    assert!(case.difference().ends_with("result > enum: is new: Revoked, ok [does not affect callers]"));
}

#[test]
fn a_default_does_not_affect_callers() {
    let default = |value: &'static str| {
        move |document: &mut Value| {
            at(document, KEYS)["use"] = json!({ "type": "string" });
            if !value.is_empty() {
                at(document, KEYS)["use"]["default"] = json!(value);
            }
        }
    };
    let differences =
        [("", "a", "is new: a [does not"), ("a", "", "is gone (was a) [does not"), ("a", "b", "was a, is b [does not")];
    for (before, after, expected) in differences {
        let difference = Case::between(default(before), default(after)).difference();
        assert!(difference.contains(&format!("properties > use > default: {expected}")), "{difference}");
    }
}

#[test]
fn a_member_that_becomes_read_only_leaves_requests() {
    let body = |read_only: bool| {
        move |document: &mut Value| {
            let mut note = json!({ "type": "string" });
            if read_only {
                note["readOnly"] = json!(true);
            }
            at(document, CREATE)["requestBody"]["content"]["application/json"]["schema"] =
                json!({ "type": "object", "properties": { "note": note } });
        }
    };
    let difference = Case::between(body(false), body(true)).difference();
    assert!(difference.ends_with("note > readOnly: is new: true [can break callers]"), "{difference}");
    let case = Case::with(|document| at(document, KEYS)["id"]["readOnly"] = json!(true));
    assert!(case.check().code == 0 || case.difference().ends_with("[does not affect callers]"));
}

#[test]
fn a_new_endpoint_of_the_group_comes_along_with_all_it_refers_to() {
    let case = Case::with(|document| {
        let parameters = at(document, DELETE)["parameters"].clone();
        document["paths"]["/accounts/{account_id}/stream/keys/{identifier}/usage"] = json!({ "get": {
            "parameters": parameters,
            "tags": ["Stream Signing Keys"], "operationId": "stream-signing-keys-key-usage", "summary": "Theirs",
            "responses": { "200": { "description": "Theirs", "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/stream_usage" } } } } },
            "security": [{ "api_token": [] }],
        }});
        document["components"]["schemas"]["stream_usage"] = json!({ "type": "object", "properties": {
            "description": { "type": "string" }, "of": { "$ref": "#/components/schemas/stream_identifier-2" } } });
    });
    assert_eq!(
        case.difference(),
        "paths > /accounts/{account_id}/stream/keys/{identifier}/usage > get: is new: the operation stream-signing-keys-key-usage; add a method to SigningKeys [does not affect callers]"
    );
    let (spec, output) = case.refreshed();
    let usage = &spec["paths"]["/accounts/{account_id}/stream/keys/{identifier}/usage"]["get"];
    assert_eq!((&usage["summary"], &usage["responses"]["200"]["description"]), (&Value::Null, &json!("")));
    assert!(
        spec.pointer("/components/schemas/stream_usage/properties/description").is_some(),
        "a property of that name"
    );
    assert!(output.contains("/usage/get\n") && output.contains("  components/schemas/stream_usage\n"), "{output}");
    assert!(client_of(&case).contains("pub fn key_usage<"));
}

#[test]
fn an_endpoint_that_is_gone_renamed_or_moved() {
    let case = Case::with(|document| drop(remove(document, COLLECTION, "get")));
    assert_eq!(
        case.differences(),
        [
            "paths > /accounts/{account_id}/stream/keys > get: is gone (was the operation stream-signing-keys-list-signing-keys) [can break callers], look at SigningKeys::list in src/signing_keys.rs"
        ]
    );
    let case = Case::with(|document| at(document, LIST)["operationId"] = json!("list"));
    assert!(case.difference().ends_with("was stream-signing-keys-list-signing-keys, is list [can break callers]"));
    let case = Case::with(|document| {
        let item = at(document, ITEM).take();
        document["paths"].as_object_mut().unwrap().retain(|path, _| !path.ends_with("{identifier}"));
        document["paths"]["/accounts/{account_id}/stream/signing-keys/{identifier}"] = item;
    });
    assert!(case.difference().ends_with(
        "was DELETE /accounts/{account_id}/stream/keys/{identifier}, is DELETE /accounts/{account_id}/stream/signing-keys/{identifier} [can break callers]"
    ));
}

#[test]
fn parameters_that_are_new_gone_or_now_required() {
    let at = "paths > /accounts/{account_id}/stream/keys > get > parameters > query page";
    assert_eq!(
        Case::with(add_page_parameter).differences(),
        [format!(
            "{at}: is new: another argument in the raw layer [can break callers], look at SigningKeys::list in src/signing_keys.rs"
        )]
    );
    let gone = Case::between(add_page_parameter, |document| {
        self::at(document, LIST)["parameters"].as_array_mut().unwrap().pop();
    });
    assert_eq!(gone.difference(), format!("{at}: is gone [can break callers]"));
    let require = |required: bool| {
        move |document: &mut Value| self::at(document, LIST)["parameters"][1]["required"] = json!(required)
    };
    let case = Case::between(add_page_parameter, require(true));
    assert_eq!(case.difference(), format!("{at} > required: is now required [can break callers]"));
    Case::between(add_page_parameter, require(false)).changes_form_only();
}

#[test]
fn a_parameter_that_becomes_required_behind_a_reference() {
    let add = |document: &mut Value| {
        add_page_parameter(document);
        move_to_component(document, &format!("{LIST}/parameters/1"), "parameters", "x-page");
        push(document, &format!("{CREATE}/parameters"), json!({ "$ref": "#/components/parameters/x-page" }));
    };
    let case = Case::between(add, |document| document["components"]["parameters"]["x-page"]["required"] = json!(true));
    assert_eq!(case.difference(), "components > parameters > x-page > required: is now required [can break callers]");
}

#[test]
fn a_parameter_of_the_path_item_is_one_of_each_operation() {
    Case::with(|document| {
        let parameters = remove(document, LIST, "parameters");
        remove(document, CREATE, "parameters");
        at(document, COLLECTION)["parameters"] = parameters;
    })
    .changes_form_only();
    let case = Case::with(|document| {
        at(document, COLLECTION)["parameters"] = json!([{ "in": "query", "name": "dry_run", "required": true }]);
    });
    assert_eq!(
        case.difference(),
        "paths > /accounts/{account_id}/stream/keys > parameters > query dry_run: is new and required: another argument in the raw layer [can break callers]"
    );
}

#[test]
fn a_request_body_with_a_schema_where_there_was_none() {
    assert_eq!(
        Case::with(add_create_body).differences(),
        [
            "paths > /accounts/{account_id}/stream/keys > post > requestBody > content > application/json > schema: is new: a reference to stream_create [can break callers], look at SigningKeys::create and create_with in src/signing_keys.rs"
        ]
    );
    let case = Case::between(add_create_body, |document| {
        remove(document, &format!("{CREATE}/requestBody/content/application~1json"), "schema");
    });
    assert!(case.difference().ends_with("schema: is gone (was a reference to stream_create) [can break callers]"));
}

#[test]
fn a_request_body_that_is_new_gone_or_not_required() {
    let body = json!({ "required": true, "content": { "application/json": {
        "schema": { "type": "object", "properties": { "reason": { "type": "string" } } } } } });
    let case = Case::with(|document| at(document, DELETE)["requestBody"] = body);
    assert_eq!(
        case.difference(),
        "paths > /accounts/{account_id}/stream/keys/{identifier} > delete > requestBody: is new and required: application/json: an object with reason [can break callers]"
    );
    let case = Case::with(|document| drop(remove(document, CREATE, "requestBody")));
    assert!(case.difference().ends_with("post > requestBody: is gone [can break callers]"));
    let case = Case::with(|document| at(document, CREATE)["requestBody"]["required"] = json!(false));
    let optional = "requestBody: is no longer required; the raw layer always sends one [does not affect callers]";
    assert!(case.difference().ends_with(optional), "{}", case.difference());
    let before = client_of(&case);
    case.refreshed();
    assert!(client_of(&case) == before, "the client always sends one");
}

#[test]
fn members_of_a_request_body() {
    let at = "components > schemas > stream_create";
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(Change, String); 8] = [
        (&|body| body["required"] = json!(["name", "use"]), format!("{at} > required: now required: use [can break")),
        (&|body| body["required"] = json!([]), format!("{at} > required: no longer required: name [can break")),
        (
            &|body| {
                body["required"] = json!(["name", "note"]);
                body["properties"]["note"] = json!({ "type": "string" });
            },
            format!("{at} > properties > note: is new and required: a string [can break"),
        ),
        (
            &|body| body["properties"]["note"] = json!({ "type": "string" }),
            format!("{at} > properties > note: is new: a string; struct literals of the raw layer need it [can break"),
        ),
        (
            &|body| drop(remove(body, "/properties", "bits")),
            format!("{at} > properties > bits: is gone (was an integer) [can break"),
        ),
        (
            &|body| body["properties"]["bits"]["type"] = json!("string"),
            format!("{at} > properties > bits > type: was integer, is string [can break"),
        ),
        (
            &|body| body["properties"]["use"]["enum"] = json!(["sign"]),
            format!("{at} > properties > use > enum: no longer there: verify [can break"),
        ),
        (
            &|body| body["properties"]["use"]["enum"] = json!(["sign", "verify", "wrap"]),
            format!("{at} > properties > use > enum: now there as well: wrap [does not affect"),
        ),
    ];
    for (change, expected) in cases {
        let case = Case::between(add_create_body, |document| {
            change(&mut document["components"]["schemas"]["stream_create"]);
        });
        assert_eq!(case.difference(), format!("{expected} callers]"));
    }
}

#[test]
fn a_member_that_becomes_required_behind_references() {
    let add = |document: &mut Value| {
        add_create_body(document);
        move_to_component(document, &format!("{CREATE}/requestBody"), "requestBodies", "Create");
        document["components"]["schemas"]["stream_base"] = document["components"]["schemas"]["stream_create"].take();
        document["components"]["schemas"]["stream_create"] = json!({ "allOf": [
            { "$ref": "#/components/schemas/stream_base" },
            { "type": "object", "properties": { "note": { "type": "string" } } },
        ]});
    };
    let case = Case::between(add, |document| push(document, "/components/schemas/stream_base/required", json!("use")));
    assert_eq!(
        case.difference(),
        "components > schemas > stream_base > required: now required: use [can break callers]"
    );
    // Beside the member that it is about.
    let case = Case::between(add, |document| {
        document["components"]["schemas"]["stream_create"]["allOf"][1]["required"] = json!(["use"]);
    });
    assert_eq!(
        case.difference(),
        "components > schemas > stream_create > allOf > 1 > required: now required: use [can break callers]"
    );
}

#[test]
fn the_order_of_tags_matters_if_another_is_the_first() {
    let tags = |tags: Value| Case::with(move |document| at(document, LIST)["tags"] = tags);
    let at = "paths > /accounts/{account_id}/stream/keys > get > tags: was Stream Signing Keys, is";
    assert_eq!(
        tags(json!(["Stream Signing Keys", "Video"])).difference(),
        format!("{at} Stream Signing Keys, Video [does not affect callers]")
    );
    let case = tags(json!(["Video", "Stream Signing Keys"]));
    assert_eq!(case.difference(), format!("{at} Video, Stream Signing Keys [can break callers]"));
    case.refreshed();
    assert!(!client_of(&case).contains("pub fn list_signing_keys<"), "the method has another name");
}

#[test]
fn the_order_of_one_of_matters_and_that_of_all_of_does_not() {
    let members = json!([{ "$ref": "#/components/schemas/stream_keys" }, { "type": "string" }, { "type": "integer" }]);
    for (combination, verdict) in
        [("oneOf", "can break callers"), ("anyOf", "can break callers"), ("allOf", "does not affect callers")]
    {
        let add = |document: &mut Value| at(document, KEYS)["parent"] = json!({ combination: members });
        let parent = format!("{KEYS}/parent/{combination}");
        let case = Case::between(add, |document| at(document, &parent).as_array_mut().unwrap().reverse());
        assert_eq!(
            case.difference(),
            format!(
                "components > schemas > stream_keys > properties > parent > {combination}: order was stream_keys, a string, an integer, is an integer, a string, stream_keys [{verdict}]"
            )
        );
        let case = Case::between(add, |document| push(document, &parent, json!({ "type": "boolean" })));
        let new = format!("{combination}: now there as well: a boolean [can break callers]");
        assert!(case.difference().ends_with(&new));
        let case = Case::between(add, |document| drop(at(document, &parent).as_array_mut().unwrap().remove(1)));
        let gone = format!("{combination}: no longer there: a string [can break callers]");
        assert!(case.difference().ends_with(&gone));
    }
}

#[test]
fn additional_properties_matter_in_a_request() {
    let forbid = |schema: &'static str| {
        move |document: &mut Value| document["components"]["schemas"][schema]["additionalProperties"] = json!(false)
    };
    let request = "components > schemas > stream_create > additionalProperties";
    let case = Case::between(add_create_body, forbid("stream_create"));
    assert_eq!(case.difference(), format!("{request}: is new: false [can break callers]"));
    let add = |document: &mut Value| {
        add_create_body(document);
        forbid("stream_create")(document);
    };
    let allow = |document: &mut Value| {
        remove(document, "/components/schemas/stream_create", "additionalProperties");
    };
    assert_eq!(
        Case::between(add, allow).difference(),
        format!("{request}: is gone (was false) [does not affect callers]")
    );

    let response = "components > schemas > stream_keys > additionalProperties";
    let case = Case::with(forbid("stream_keys"));
    assert_eq!(case.difference(), format!("{response}: is new: false [does not affect callers]"));
    let case = Case::between(forbid("stream_keys"), |document| {
        remove(document, "/components/schemas/stream_keys", "additionalProperties");
    });
    assert_eq!(case.difference(), format!("{response}: is gone (was false) [does not affect callers]"));
    let case = Case::with(|document| {
        document["components"]["schemas"]["stream_keys"]["additionalProperties"] = json!({ "type": "string" });
    });
    assert_eq!(case.difference(), format!("{response}: is new: a string [can break callers]"));
    Case::with(|document| document["components"]["schemas"]["stream_keys"]["additionalProperties"] = json!(true))
        .changes_form_only();
}

#[test]
fn a_member_of_one_of_that_changes_is_compared() {
    let member = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let add = |document: &mut Value| at(document, KEYS)["form"] = json!({ "oneOf": [{ "type": "string" }, member] });
    let case = Case::between(add, |document| {
        at(document, KEYS)["form"]["oneOf"][1]["properties"]["b"] = json!({ "type": "string" });
    });
    assert!(case.difference().ends_with("oneOf > 1 > properties > b: is new: a string [does not affect callers]"));
}

#[test]
fn a_change_in_a_request_and_a_response_has_the_worse_effect() {
    let add = |document: &mut Value| {
        add_create_body(document);
        at(document, "/components/schemas/stream_key_response_collection/properties")["created_with"] =
            json!({ "$ref": "#/components/schemas/stream_create" });
    };
    let case =
        Case::between(add, |document| push(document, "/components/schemas/stream_create/required", json!("use")));
    assert_eq!(
        case.differences(),
        [
            "components > schemas > stream_create > required: now required: use [can break callers], look at SigningKeys::create and create_with in src/signing_keys.rs, SigningKeys::list in src/signing_keys.rs"
        ]
    );
}

#[test]
fn the_document_itself() {
    let case = Case::with(|document| document["info"]["version"] = json!("4.1.0"));
    assert_eq!(case.difference(), "info > version: was 4.0.0, is 4.1.0 [does not affect callers]");
    let case = Case::with(|document| document["openapi"] = json!("3.0.4"));
    assert_eq!(case.difference(), "openapi: was 3.0.3, is 3.0.4 [does not affect callers]");
}

#[test]
fn servers_at_every_level() {
    let servers = |pointer: &'static str, urls: &[&str]| {
        let servers = json!(urls.iter().map(|url| json!({ "url": url, "description": "Theirs" })).collect::<Vec<_>>());
        Case::with(move |document| at(document, pointer)["servers"] = servers)
    };
    let was = "servers: was https://api.cloudflare.com/client/v4, is";
    assert_eq!(
        servers("", &["https://api.cloudflare.com/client/v5"]).differences(),
        [format!(
            "{was} https://api.cloudflare.com/client/v5 [can break callers], look at ClientBuilder in src/client.rs"
        )]
    );
    assert_eq!(
        servers("", &["https://api.cloudflare.com/client/v4", "https://other"]).difference(),
        format!("{was} https://api.cloudflare.com/client/v4, https://other [does not affect callers]")
    );
    let of_path = format!("paths > /accounts/{{account_id}}/stream/keys > {was} https://other [can break callers]");
    assert_eq!(servers(COLLECTION, &["https://other"]).difference(), of_path, "once for both operations");
    let of_operation =
        format!("paths > /accounts/{{account_id}}/stream/keys > post > {was} https://other [can break callers]");
    assert_eq!(servers(CREATE, &["https://other"]).difference(), of_operation);
    servers(CREATE, &["https://api.cloudflare.com/client/v4"]).changes_form_only();
}

#[test]
fn credentials_that_are_no_longer_accepted() {
    let case = Case::with(|document| at(document, LIST)["security"] = json!([{ "api_token": [] }]));
    assert_eq!(
        case.differences(),
        [
            "paths > /accounts/{account_id}/stream/keys > get > security: no longer accepted: api_email with api_key [can break callers], look at Credentials::apply in src/credentials.rs"
        ]
    );
    let open = |document: &mut Value| at(document, LIST)["security"] = json!([]);
    let differences = Case::with(open).differences();
    assert_eq!(differences.len(), 3);
    assert!(differences.iter().all(|difference| difference.contains("[does not affect callers]")), "{differences:?}");
    let case = Case::between(open, |document| at(document, LIST)["security"] = json!([{ "api_token": [] }]));
    assert!(case.differences()[1].contains("now accepted: api_token [does not affect callers]"));
    assert!(case.differences()[0].contains("no longer accepted: no credentials [can break callers]"));
    let case = Case::with(|document| push(document, &format!("{LIST}/security"), json!({ "api_key": [] })));
    assert!(case.difference().ends_with("security: now accepted: api_key [does not affect callers]"));
    let case = Case::with(|document| document["components"]["securitySchemes"]["api_key"]["name"] = json!("X-Key"));
    assert_eq!(
        case.difference(),
        "components > securitySchemes > api_key > name: was X-Auth-Key, is X-Key [can break callers]"
    );
}

#[test]
fn security_that_operations_inherit_is_taken_over() {
    let inherit = |document: &mut Value| {
        document["security"] = remove(document, LIST, "security");
    };
    let case = Case::with(inherit);
    case.changes_form_only();
    let (spec, _) = case.refreshed();
    assert_eq!(spec["security"], json!([{ "api_token": [] }, { "api_email": [], "api_key": [] }]));
    let case = Case::between(inherit, |document| document["security"] = json!([{ "api_token": [] }]));
    assert_eq!(case.difference(), "security: no longer accepted: api_email with api_key [can break callers]");
}

#[test]
fn a_field_newly_marked_as_sensitive_becomes_a_secret() {
    let case =
        Case::with(|document| document["components"]["schemas"]["stream_identifier-2"]["x-sensitive"] = json!(true));
    assert_eq!(
        case.difference(),
        "components > schemas > stream_identifier-2 > x-sensitive: is new: the value becomes a Secret [can break callers]"
    );
    let beside = Case::with(|document| at(document, KEYS)["id"]["x-sensitive"] = json!(true));
    assert_eq!(
        beside.difference(),
        "components > schemas > stream_keys > properties > id > x-sensitive: is new: the value becomes a Secret [can break callers]"
    );
    let field = "pub id: ::std::option::Option<crate::client::runtime::SecretValue>";
    for case in [case, beside] {
        assert!(!client_of(&case).contains(field));
        case.refreshed();
        assert!(client_of(&case).contains(field));
    }
}

#[test]
fn a_field_no_longer_marked_as_sensitive_is_a_danger() {
    let gone =
        "x-sensitive: is gone: a Secret becomes a plain value, which can be printed and logged [can break callers]";
    let case = Case::with(|document| drop(remove(document, "/components/schemas/stream_pem", "x-sensitive")));
    assert_eq!(case.difference(), format!("components > schemas > stream_pem > {gone}"));
    let case = Case::with(|document| at(document, KEYS)["pem"] = json!({ "type": "string" }));
    assert_eq!(case.difference(), format!("components > schemas > stream_keys > properties > pem > {gone}"));
}

#[test]
fn a_success_of_another_form() {
    let at = "paths > /accounts/{account_id}/stream/keys/{identifier} > delete > responses >";
    let case = Case::with(|document| self::at(document, DELETE)["responses"]["204"] = json!({ "description": "" }));
    assert_eq!(
        case.differences(),
        [format!(
            "{at} 204: is new: without content; the result becomes an Option in the raw layer [can break callers], look at SigningKeys::delete in src/signing_keys.rs, build/operations.rs"
        )]
    );
    let case = Case::with(|document| {
        remove(document, &format!("{DELETE}/responses"), "200");
        self::at(document, DELETE)["responses"]["204"] = json!({ "description": "" });
    });
    assert_eq!(
        case.difference(),
        format!(
            "{at} 200 > content > application/json: is gone (was a reference to stream_deleted_response) [can break callers]"
        )
    );
}

#[test]
fn a_response_with_content_where_there_was_none() {
    let without = |document: &mut Value| drop(remove(document, &format!("{DELETE}/responses/200"), "content"));
    let case = Case::between(without, |document| {
        at(document, DELETE)["responses"]["200"]["content"] =
            json!({ "application/json": { "schema": { "type": "object" } } });
    });
    let new = "responses > 200 > content > application/json: is new: an object [can break callers]";
    assert!(case.difference().ends_with(new), "{}", case.difference());
}

#[test]
fn an_error_with_a_status_of_its_own() {
    let at = "paths > /accounts/{account_id}/stream/keys > get > responses > 429";
    let case = Case::with(|document| {
        let failure = self::at(document, LIST)["responses"]["4XX"].clone();
        self::at(document, LIST)["responses"]["429"] = failure;
    });
    assert_eq!(
        case.differences(),
        [format!(
            "{at}: is new: application/json: a reference to stream_api-response-common-failure [does not affect callers], look at Error::from_failure in src/error.rs"
        )]
    );
    let case = Case::with(|document| self::at(document, LIST)["responses"]["429"] = json!({ "description": "" }));
    assert_eq!(case.difference(), format!("{at}: is new: without content [does not affect callers]"));
    let other = json!({ "description": "", "content": { "application/json": { "schema": { "type": "string" } } } });
    let case = Case::with(|document| self::at(document, LIST)["responses"]["429"] = other);
    assert!(
        case.difference().ends_with("; all errors of an operation share one type in the raw layer [can break callers]")
    );
    let add = |document: &mut Value| {
        let failure = self::at(document, LIST)["responses"]["4XX"].clone();
        self::at(document, LIST)["responses"]["429"] = failure;
    };
    let case = Case::between(add, |document| {
        remove(document, &format!("{LIST}/responses"), "429");
        remove(document, "/components/schemas/stream_messages/items", "required");
    });
    let differences = case.differences();
    assert_eq!(differences.len(), 2, "{differences:?}");
    assert!(differences[1].starts_with(&format!("{at}: is gone")), "{differences:?}");
    assert!(differences[1].contains("[does not affect callers]"), "4XX still covers it: {differences:?}");
    let case = Case::with(|document| drop(remove(document, &format!("{LIST}/responses"), "4XX")));
    assert!(case.difference().ends_with("reference to stream_api-response-common-failure) [can break callers]"));
}

#[test]
fn another_media_type_beside_the_first() {
    let form = json!({ "schema": { "type": "object" } });
    let case = Case::with(|document| at(document, CREATE)["requestBody"]["content"]["multipart/form-data"] = form);
    assert_eq!(
        case.differences(),
        [
            "paths > /accounts/{account_id}/stream/keys > post > requestBody > content > multipart/form-data: is new: an object; the build rejects several media types [can break callers], look at SigningKeys::create and create_with in src/signing_keys.rs, build/operations.rs"
        ]
    );
    let table = json!({ "schema": { "type": "string" } });
    let case = Case::with(|document| at(document, LIST)["responses"]["200"]["content"]["text/csv"] = table.clone());
    assert!(case.difference().ends_with("content > text/csv: is new: a string [does not affect callers]"));
    let case = Case::with(|document| at(document, LIST)["responses"]["200"]["content"] = json!({ "text/csv": table }));
    assert!(case.differences()[0].contains("content > application/json: is gone"));
    assert!(case.differences()[0].contains("[can break callers]"));
}

#[test]
fn deprecation_does_not_affect_callers() {
    let case = Case::between(add_page_parameter, |document| {
        at(document, LIST)["deprecated"] = json!(true);
        at(document, LIST)["parameters"][1]["deprecated"] = json!(true);
        at(document, KEYS)["id"] = json!({ "allOf": [at(document, KEYS)["id"].take()], "deprecated": true });
    });
    let differences = case.differences();
    assert_eq!(differences.len(), 3, "{differences:?}");
    for difference in differences {
        assert!(difference.contains("deprecated: is new: true [does not affect callers]"), "{difference}");
    }
    Case::with(|document| at(document, LIST)["deprecated"] = json!(false)).changes_form_only();
}

#[test]
fn the_style_of_a_parameter_matters_unless_it_is_the_default() {
    let style =
        |style: &'static str| move |document: &mut Value| at(document, LIST)["parameters"][1]["style"] = json!(style);
    Case::between(add_page_parameter, style("form")).changes_form_only();
    let case = Case::between(add_page_parameter, style("spaceDelimited"));
    assert!(case.difference().ends_with("> style: was form, exploded, is spaceDelimited [can break callers]"));
}

#[test]
fn the_error_envelope_is_read_in_one_place() {
    let case = Case::with(|document| {
        remove(document, "/components/schemas/stream_api-response-common-failure/properties", "errors");
    });
    assert_eq!(
        case.differences(),
        [
            "components > schemas > stream_api-response-common-failure > properties > errors: is gone (was a reference to stream_messages) [can break callers], look at Error::from_failure in src/error.rs"
        ]
    );
}

#[test]
fn another_status_for_the_same_success_changes_the_form_only() {
    let rename = |status: &'static str| {
        Case::with(move |document| {
            let success = remove(document, &format!("{LIST}/responses"), "200");
            at(document, LIST)["responses"][status] = success;
        })
    };
    rename("2XX").changes_form_only();
    assert_eq!(rename("201").check().stdout, FORM_ONLY);
    let case = Case::with(|document| {
        let success = at(document, LIST)["responses"]["200"].clone();
        at(document, LIST)["responses"]["202"] = success;
    });
    assert_eq!(case.check().stdout, FORM_ONLY);
}

#[test]
fn a_move_into_a_component_and_back_changes_the_form_only() {
    for (pointer, section) in [
        (format!("{LIST}/responses/200"), "responses"),
        (format!("{CREATE}/requestBody"), "requestBodies"),
        (format!("{DELETE}/parameters/0"), "parameters"),
    ] {
        let mv = |document: &mut Value| move_to_component(document, &pointer, section, "moved");
        let back = |document: &mut Value| {
            *at(document, &pointer) = remove(document, &format!("/components/{section}"), "moved");
        };
        let case = Case::with(mv);
        case.changes_form_only();
        let reference = json!({ "$ref": format!("#/components/{section}/moved") });
        assert_eq!(case.refreshed().0.pointer(&pointer), Some(&reference), "and nothing beside it");
        Case::between(mv, back).changes_form_only();
    }
}

#[test]
fn an_all_of_one_changes_the_form_only() {
    for pointer in [
        format!("{KEYS}/pem"),
        format!("{KEYS}/id"),
        format!("{LIST}/responses/200/content/application~1json/schema"),
        "/components/schemas/stream_keys".to_string(),
    ] {
        let wrap = |document: &mut Value| {
            let schema = at(document, &pointer);
            *schema = json!({ "allOf": [schema.take()] });
        };
        let unwrap = |document: &mut Value| {
            let schema = at(document, &pointer);
            *schema = schema["allOf"][0].take();
        };
        Case::with(wrap).changes_form_only();
        Case::between(wrap, unwrap).changes_form_only();
    }
    let case = Case::with(|document| {
        at(document, KEYS)["pem"] = json!({ "allOf": [{ "$ref": "#/components/schemas/stream_identifier-2" }] });
    });
    let differences = case.differences();
    assert_eq!(differences.len(), 2, "what is wrapped is compared: {differences:?}");
    assert!(
        differences[0].starts_with("components > schemas > stream_keys > properties > pem > maxLength: is new: 32")
    );
    assert!(differences[1].starts_with("components > schemas > stream_keys > properties > pem > x-sensitive: is gone"));
}

#[test]
fn a_schema_inlined_or_renamed_changes_names_of_the_raw_layer_only() {
    let inline = |document: &mut Value| {
        let schema = document["components"]["schemas"]["stream_key_response_collection"].clone();
        *at(document, &format!("{LIST}/responses/200/content/application~1json/schema")) = schema;
    };
    let name = |document: &mut Value| {
        *at(document, &format!("{LIST}/responses/200/content/application~1json/schema")) =
            json!({ "$ref": "#/components/schemas/stream_key_response_collection" });
    };
    let at = "note: components > schemas > stream_key_response_collection:";
    let rest = "its type may have another name in the raw layer, look at SigningKeys::list in src/signing_keys.rs\n";
    assert_eq!(Case::with(inline).notes(), format!("{at} is inline now; {rest}"));
    assert_eq!(Case::between(inline, name).notes(), format!("{at} was inline; {rest}"));

    let rename = |text: String| text.replace("stream_identifier-2", "stream_identifier-3");
    let notes = Case::with(|document| *document = rename(document.to_string()).parse().unwrap()).notes();
    assert!(notes.starts_with("note: components > schemas > stream_identifier-3: was stream_identifier-2; "));
    assert_eq!(notes.lines().count(), 1, "once: {notes}");

    let copy = |document: &mut Value| {
        document["components"]["schemas"]["copy"] = document["components"]["schemas"]["stream_keys"].clone();
        self::at(document, KEYS)["copy"] = json!({ "$ref": "#/components/schemas/copy" });
    };
    let redirect = |document: &mut Value| {
        document["components"]["schemas"]["stream_key_generation_response"]["properties"]["result"] =
            json!({ "$ref": "#/components/schemas/copy" });
        remove(document, KEYS, "copy");
        document["components"]["schemas"]["copy"]["properties"]["copy"] =
            json!({ "$ref": "#/components/schemas/copy" });
    };
    let notes = Case::between(copy, redirect).check().stdout;
    assert!(notes.contains("stream_key_generation_response > properties > result: is copy now; "), "{notes}");

    let item = "/components/schemas/stream_key_response_collection/properties/result/items";
    let notes = Case::with(|document| self::at(document, item)["title"] = json!("Listed")).notes();
    assert!(notes.contains("result > items > title: is new: Listed; "), "{notes}");
}

#[test]
fn a_change_in_a_schema_that_moved_is_found() {
    let case = Case::with(|document| {
        move_to_component(document, &format!("{LIST}/responses/200"), "responses", "list");
        remove(document, "/components/schemas/stream_key_response_collection/properties", "result");
    });
    assert_eq!(
        case.difference(),
        "components > schemas > stream_key_response_collection > properties > result: is gone (was an array) [can break callers]"
    );
}

#[test]
fn a_schema_that_refers_to_itself_is_taken() {
    let parent = |document: &mut Value| {
        at(document, KEYS)["parent"] = json!({ "$ref": "#/components/schemas/stream_keys" });
    };
    let case = Case::with(parent);
    assert_eq!(
        case.difference(),
        "components > schemas > stream_keys > properties > parent: is new: a reference to stream_keys [does not affect callers]"
    );
    case.refreshed();
    assert!(client_of(&case).contains("pub parent: "));
    let case = Case::between(parent, |document| drop(remove(document, KEYS, "jwk")));
    assert!(case.difference().contains("jwk: is gone"));
}

#[test]
fn descriptions_follow_their_parameters() {
    let case = Case::between(
        |document| {
            add_page_parameter(document);
            push(document, &format!("{LIST}/parameters"), json!({ "in": "header", "name": "page", "schema": {} }));
        },
        |document| {
            let list = at(document, LIST)["parameters"].as_array_mut().unwrap();
            list.reverse();
            list[0]["required"] = json!(true);
            list.insert(0, json!({ "in": "query", "name": "order", "schema": { "type": "string" } }));
        },
    );
    let mut spec: Value = serde_json::from_str(&case.spec).unwrap();
    for (i, description) in ["The account.", "The page.", "The header."].iter().enumerate() {
        at(&mut spec, LIST)["parameters"][i]["description"] = json!(description);
    }
    fs::write(case.path(), spec.to_string()).unwrap();
    let (spec, output) = case.refreshed();
    let parameters = spec.pointer(LIST).unwrap()["parameters"].as_array().unwrap();
    let described: Vec<_> = parameters.iter().map(|p| (p["name"].as_str().unwrap(), &p["description"])).collect();
    assert_eq!(
        described,
        [
            ("order", &Value::Null),
            ("page", &json!("The header.")),
            ("page", &json!("The page.")),
            ("account_id", &json!("The account."))
        ]
    );
    assert!(output.contains("get/parameters/query order\n") && !output.contains("page"), "{output}");
}

#[test]
fn descriptions_follow_the_members_of_one_of() {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let titled = |title: &str| json!({ "title": title, "type": "string" });
    let members = json!([reference("stream_pem"), titled("Old"), { "type": "integer" }]);
    let case = Case::between(
        |document| at(document, KEYS)["form"] = json!({ "oneOf": members }),
        |document| {
            let members = json!([{ "type": "boolean" }, { "type": "integer" }, titled("Old"), reference("stream_pem")]);
            at(document, KEYS)["form"] = json!({ "oneOf": members });
        },
    );
    let mut spec: Value = serde_json::from_str(&case.spec).unwrap();
    for (i, description) in ["A PEM.", "A title.", "A number."].iter().enumerate() {
        at(&mut spec, KEYS)["form"]["oneOf"][i]["description"] = json!(description);
    }
    fs::write(case.path(), spec.to_string()).unwrap();
    let (spec, _) = case.refreshed();
    let members = spec.pointer(KEYS).unwrap()["form"]["oneOf"].as_array().unwrap();
    let described: Vec<_> = members.iter().map(|member| member["description"].clone()).collect();
    assert_eq!(described, [Value::Null, json!("A number."), json!("A title."), json!("A PEM.")]);
}

#[test]
fn descriptions_follow_what_moves() {
    let response = format!("{LIST}/responses/200");
    let description = |spec: &Value, pointer: &str| spec.pointer(pointer).unwrap()["description"].clone();
    let spec: Value = serde_json::from_str(SPEC).unwrap();
    let expected = description(&spec, &response);

    let case = Case::with(|document| move_to_component(document, &response, "responses", "list"));
    let (spec, output) = case.refreshed();
    assert_eq!(description(&spec, "/components/responses/list"), expected);
    assert!(!output.contains("New"), "{output}");

    let case = Case::with(|document| {
        let success = remove(document, &format!("{LIST}/responses"), "200");
        at(document, LIST)["responses"]["2XX"] = success;
    });
    assert_eq!(description(&case.refreshed().0, &format!("{LIST}/responses/2XX")), expected);

    let schema = format!("{response}/content/application~1json/schema");
    let case = Case::with(|document| {
        let envelope = document["components"]["schemas"]["stream_key_response_collection"].clone();
        *at(document, &schema) = envelope;
    });
    let (spec, output) = case.refreshed();
    assert_eq!(description(&spec, &format!("{schema}/properties/result")), "The keys, in no promised order.");
    assert!(!output.contains("New"), "{output}");
}

#[test]
fn a_description_is_not_given_to_a_member_of_another_type() {
    let reference = json!({ "$ref": "#/components/schemas/stream_identifier-2" });
    let refreshed = |member: Value| {
        let members = |member: Value| json!({ "oneOf": [reference, member] });
        let case = Case::between(
            |document| at(document, KEYS)["form"] = members(json!({ "type": "object" })),
            |document| at(document, KEYS)["form"] = members(member),
        );
        let mut spec: Value = serde_json::from_str(&case.spec).unwrap();
        at(&mut spec, KEYS)["form"]["oneOf"][1]["description"] = json!("An object.");
        fs::write(case.path(), spec.to_string()).unwrap();
        case.refreshed().0.pointer(KEYS).unwrap()["form"]["oneOf"][1]["description"].clone()
    };
    assert_eq!(refreshed(json!({ "type": "object", "properties": {} })), "An object.");
    assert_eq!(refreshed(json!({ "type": "integer" })), Value::Null);
}

#[test]
fn data_is_taken_over_to_the_letter() {
    let data = json!({ "description": "data", "x-data": 1 });
    let case =
        Case::with(|document| at(document, KEYS)["use"] = json!({ "type": "object", "default": data, "enum": [data] }));
    let (spec, _) = case.refreshed();
    let schema = &spec.pointer(KEYS).unwrap()["use"];
    assert_eq!((&schema["default"], &schema["enum"]), (&data, &json!([data])));
}

#[test]
fn a_compressed_document_is_decompressed() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(SPEC.as_bytes()).unwrap();
    let compressed = encoder.finish().unwrap();
    assert_eq!(Case::with_document(&compressed).check().code, 0);
    let truncated = &compressed[..compressed.len() / 2];
    assert!(Case::with_document(truncated).error().contains("cannot be decompressed"));
}

#[test]
fn a_missing_tag_is_reported_with_the_tags_there_are() {
    let case = Case::with(|document| {
        for operation in [LIST, CREATE, DELETE] {
            at(document, operation)["tags"] = json!(["Stream Keys"]);
        }
        document["paths"]["/zones"] = json!({ "get": { "tags": ["Zones"] } });
    });
    let expected = "document.json: no operation has the tag `Stream Signing Keys`; paths with /stream/keys have the tags: Stream Keys\n";
    assert!(case.error().ends_with(expected), "{}", case.error());
    let case = Case::with(|document| document["paths"] = json!({}));
    assert!(
        case.error()
            .ends_with("no operation has the tag `Stream Signing Keys`; no path with /stream/keys has any tag\n")
    );
}

#[test]
fn invalid_input_is_an_error_and_the_spec_stays() {
    let dangling = |document: &mut Value| at(document, KEYS)["pem"] = json!({ "$ref": "#/components/schemas/nothing" });
    let elsewhere = |document: &mut Value| at(document, KEYS)["pem"] = json!({ "$ref": "other.json#/pem" });
    for (case, reason) in [
        (Case::with_document("{"), "not JSON"),
        (Case::with_document(""), "not JSON"),
        (Case::with_document("[]"), "not an OpenAPI document"),
        (Case::with_document(r#"{"openapi":"3.0.3"}"#), "no `paths`"),
        (Case::with(|document| document["openapi"] = json!("3.1.0")), "OpenAPI 3.1.0 is not supported"),
        (
            Case::with(|document| document["components"]["securitySchemes"] = json!({})),
            "`#/components/securitySchemes/api_token` does not exist",
        ),
        (Case::with(dangling), "`#/components/schemas/nothing` does not exist"),
        (Case::with(elsewhere), "`other.json#/pem` does not refer to a component"),
    ] {
        let error = case.error();
        assert!(error.contains(reason) && error.contains("document.json"), "{error}");
    }
    let case = Case::with(|_| {});
    let missing = run(&[], &case.path(), Path::new("nowhere.json"));
    assert!(missing.code == 2 && missing.stderr.contains("nowhere.json"), "{}", missing.stderr);
    let missing = run(&[], Path::new("nowhere.json"), &case.document());
    assert!(missing.code == 2 && missing.stderr.contains("nowhere.json"), "{}", missing.stderr);
    let unknown = case.run(&["--verbose"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("usage: refresh-spec"), "{}", unknown.stderr);
}
