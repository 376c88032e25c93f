//! The command that brings the fragment up to date, and says how far it is from a document.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::build_script::run_on;
use crate::support::cloudflare_document;
use serde_json::{Value, json};
use tempfile::TempDir;

const FRAGMENT: &str = include_str!("../../openapi/stream-keys.json");
const KEYS: &str = "/components/schemas/stream_keys/properties";
const ITEM: &str = "/paths/~1accounts~1{account_id}~1stream~1keys~1{identifier}";
const COLLECTION: &str = "/paths/~1accounts~1{account_id}~1stream~1keys";

/// A fragment and a document to compare it with.
struct Case {
    folder: TempDir,
}

struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Case {
    /// The crate's own fragment, and the document that it would have come from, changed.
    fn with(change: impl FnOnce(&mut Value)) -> Self {
        let mut document: Value = serde_json::from_str(FRAGMENT).unwrap();
        change(&mut document);
        Self::with_document(document.to_string())
    }

    fn with_document(text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("document.json"), text).unwrap();
        fs::write(folder.path().join("stream-keys.json"), FRAGMENT).unwrap();
        Self { folder }
    }

    fn fragment(&self) -> PathBuf {
        self.folder.path().join("stream-keys.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.fragment()).unwrap()
    }

    fn run(&self, options: &[&str]) -> Outcome {
        refresh(options, &self.fragment(), &self.folder.path().join("document.json"))
    }

    /// What `--check` says, which must leave the fragment alone.
    fn check(&self) -> Outcome {
        let outcome = self.run(&["--check"]);
        assert_eq!(self.text(), FRAGMENT, "--check writes nothing");
        outcome
    }

    /// The one difference that is found.
    fn difference(&self) -> String {
        let outcome = self.check();
        assert_eq!(outcome.code, 1, "{}", outcome.stderr);
        let lines: Vec<&str> = outcome.stdout.lines().collect();
        let [difference, count] = lines[..] else { panic!("one difference, not {lines:?}") };
        assert!(count.starts_with("Differences: 1, of which can break callers: "), "{count}");
        difference.to_string()
    }

    /// Rewrites the fragment.
    fn refreshed(&self) -> (Value, String) {
        let outcome = self.run(&[]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert_eq!(self.check_after().code, 0);
        (serde_json::from_str(&self.text()).unwrap(), outcome.stdout)
    }

    fn check_after(&self) -> Outcome {
        self.run(&["--check"])
    }

    /// The complaint, which must leave the fragment alone.
    fn refusal(&self) -> String {
        for options in [&["--check"][..], &[]] {
            let outcome = self.run(options);
            assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
            assert_eq!(self.text(), FRAGMENT);
            assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 2, "nothing is left lying about");
        }
        self.run(&[]).stderr
    }
}

/// The documented command.
fn refresh(options: &[&str], fragment: &Path, document: &Path) -> Outcome {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--example", "refresh-spec", "--"])
        .args(options)
        .arg("--fragment")
        .args([fragment, document])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn at<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Value {
    document.pointer_mut(pointer).unwrap()
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
    let outcome = refresh(&["--check"], &case.fragment(), &document);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (0, "The fragment is as in the document.\n"),
        "{}",
        outcome.stderr
    );
    let outcome = refresh(&[], &case.fragment(), &document);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(case.text(), FRAGMENT, "to the byte");
}

#[test]
fn a_document_as_it_was_changes_nothing() {
    let case = Case::with(|document| {
        document["paths"]["/accounts/{account_id}/other"] =
            json!({ "get": { "tags": ["Other"], "operationId": "other", "responses": {} } });
        document["components"]["schemas"]["unused"] = json!({ "type": "string" });
        document["components"]["schemas"]["stream_pem"]["example"] = json!("LS0t");
        document["components"]["schemas"]["stream_pem"]["description"] = json!("In words of theirs.");
        document["components"]["schemas"]["stream_pem"]["x-auditable"] = json!(true);
        at(document, "/components/schemas/stream_keys/properties")["id"]["x-vendor"] = json!(1);
        at(document, "/components/schemas/stream_deleted_response/required").as_array_mut().unwrap().reverse();
    });
    assert_eq!(case.check().code, 0, "{}", case.check().stdout);
    // But for the order of a list, which is the document's.
    let (fragment, output) = case.refreshed();
    assert_eq!(
        fragment["components"]["schemas"]["stream_pem"]["description"],
        "The private key as PKCS#1 PEM, in base64. A secret."
    );
    assert!(fragment["components"]["schemas"].get("unused").is_none());
    assert!(fragment["paths"].get("/accounts/{account_id}/other").is_none());
    assert!(!output.contains("New"), "{output}");
}

#[test]
fn an_added_field() {
    let case = Case::with(|document| {
        at(document, KEYS)["expires"] = json!({ "type": "string", "format": "date-time", "description": "Theirs." })
    });
    assert_eq!(
        case.difference(),
        "components > schemas > stream_keys > properties > expires: is new: a string (date-time) [no harm to callers]"
    );
    let (fragment, output) = case.refreshed();
    assert_eq!(fragment.pointer(KEYS).unwrap()["expires"], json!({ "type": "string", "format": "date-time" }));
    assert!(
        output.contains(
            "New, and to be described in our own words:\n  components/schemas/stream_keys/properties/expires\n"
        )
    );
}

#[test]
fn a_removed_field() {
    let case = Case::with(|document| drop(at(document, KEYS).as_object_mut().unwrap().remove("created")));
    assert_eq!(
        case.difference(),
        "components > schemas > stream_keys > properties > created: is gone (was a reference to stream_signing_key_created) [can break callers]"
    );
}

#[test]
fn a_field_whose_name_is_a_keyword_is_a_field() {
    let without = Case::with(|_| {});
    let mut fragment: Value = serde_json::from_str(FRAGMENT).unwrap();
    at(&mut fragment, KEYS)["default"] = json!({ "type": "string" });
    fs::write(without.fragment(), fragment.to_string()).unwrap();
    let gone = "components > schemas > stream_keys > properties > default: is gone (was a string) [can break callers]";
    assert!(without.run(&["--check"]).stdout.starts_with(gone));

    let case = Case::with(|document| at(document, KEYS)["format"] = json!({ "type": "string" }));
    let new = "components > schemas > stream_keys > properties > format: is new: a string [no harm to callers]";
    assert_eq!(case.difference(), new);
}

#[test]
fn a_field_that_is_now_required() {
    let case = Case::with(|document| document["components"]["schemas"]["stream_keys"]["required"] = json!(["id"]));
    assert_eq!(case.difference(), "components > schemas > stream_keys > required: is new: id [no harm to callers]");
    let case = Case::with(|document| {
        at(document, "/components/schemas/stream_deleted_response/required")
            .as_array_mut()
            .unwrap()
            .push(json!("result"));
    });
    assert_eq!(
        case.difference(),
        "components > schemas > stream_deleted_response > required: now required: result [no harm to callers]"
    );
}

#[test]
fn a_changed_type() {
    let case =
        Case::with(|document| document["components"]["schemas"]["stream_identifier-2"]["type"] = json!("integer"));
    assert_eq!(
        case.difference(),
        "components > schemas > stream_identifier-2 > type: was string, is integer [can break callers]"
    );
    let case = Case::with(|document| document["components"]["schemas"]["stream_identifier-2"]["maxLength"] = json!(64));
    assert_eq!(
        case.difference(),
        "components > schemas > stream_identifier-2 > maxLength: was 32, is 64 [no harm to callers]"
    );
}

#[test]
fn a_new_endpoint_of_the_group_comes_along_with_all_it_refers_to() {
    let case = Case::with(|document| {
        let parameters = at(document, ITEM)["delete"]["parameters"].clone();
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
    let outcome = case.check();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(
        lines[0],
        "components > schemas > stream_usage: is new: an object with description, of [no harm to callers]"
    );
    assert!(
        lines[1]
            .starts_with("paths > /accounts/{account_id}/stream/keys/{identifier}/usage: is new: get, the operation "),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2], "Differences: 2, of which can break callers: 0.");

    let (fragment, output) = case.refreshed();
    let usage = &fragment["paths"]["/accounts/{account_id}/stream/keys/{identifier}/usage"]["get"];
    assert_eq!((&usage["summary"], &usage["responses"]["200"]["description"]), (&Value::Null, &json!("")));
    assert!(
        fragment.pointer("/components/schemas/stream_usage/properties/description").is_some(),
        "a property of that name"
    );
    assert!(output.contains("/usage/get\n") && output.contains("  components/schemas/stream_usage\n"), "{output}");
    assert!(client_of(&case).contains("pub fn key_usage<"));
}

#[test]
fn an_endpoint_that_is_gone_or_renamed() {
    let case = Case::with(|document| drop(at(document, COLLECTION).as_object_mut().unwrap().remove("get")));
    let outcome = case.check();
    let gone = "paths > /accounts/{account_id}/stream/keys > get: is gone (was the operation stream-signing-keys-list-signing-keys) [can break callers]";
    assert!(outcome.stdout.contains(gone), "{}", outcome.stdout);
    let case = Case::with(|document| at(document, COLLECTION)["get"]["operationId"] = json!("list"));
    assert!(case.difference().ends_with("was stream-signing-keys-list-signing-keys, is list [can break callers]"));
}

#[test]
fn a_new_parameter() {
    let case = Case::with(|document| {
        let parameter = json!({ "in": "query", "name": "page", "schema": { "type": "integer" } });
        at(document, COLLECTION)["get"]["parameters"].as_array_mut().unwrap().insert(0, parameter);
    });
    let difference = case.difference();
    assert!(
        difference.contains(" > get > parameters > query page: is new") && difference.ends_with("[can break callers]"),
        "{difference}"
    );
}

#[test]
fn a_field_newly_marked_as_sensitive_becomes_a_secret() {
    let case =
        Case::with(|document| document["components"]["schemas"]["stream_identifier-2"]["x-sensitive"] = json!(true));
    assert_eq!(
        case.difference(),
        "components > schemas > stream_identifier-2 > x-sensitive: is new: true [can break callers]"
    );
    let field = "pub id: ::std::option::Option<crate::runtime::SecretValue>";
    assert!(!client_of(&case).contains(field));
    case.refreshed();
    assert!(client_of(&case).contains(field));
}

/// What the build script makes of the case's fragment.
fn client_of(case: &Case) -> String {
    let outcome = run_on(Some(&case.text()));
    assert!(!outcome.stdout.contains("cargo::error"), "{}", outcome.stdout);
    outcome.client
}

#[test]
fn a_packed_document_is_unpacked() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(FRAGMENT.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(Case::with_document(&packed).check().code, 0);
    assert!(Case::with_document(&packed[..packed.len() / 2]).refusal().contains("cannot be unpacked"));
}

#[test]
fn bad_input_is_refused_and_the_fragment_stays() {
    let dangling = |document: &mut Value| at(document, KEYS)["pem"] = json!({ "$ref": "#/components/schemas/nothing" });
    let circular = |document: &mut Value| {
        document["components"]["schemas"]["stream_pem"] =
            json!({ "allOf": [{ "$ref": "#/components/schemas/stream_keys" }] });
    };
    let elsewhere = |document: &mut Value| at(document, KEYS)["pem"] = json!({ "$ref": "other.json#/pem" });
    for (case, reason) in [
        (Case::with_document("{"), "not JSON"),
        (Case::with_document(""), "not JSON"),
        (Case::with_document("[]"), "not an OpenAPI document"),
        (Case::with_document(r#"{"openapi":"3.0.3"}"#), "no `paths`"),
        (Case::with(|document| document["openapi"] = json!("3.1.0")), "OpenAPI 3.1.0"),
        (Case::with(|document| document["paths"] = json!({})), "no operation with the tag `Stream Signing Keys`"),
        (
            Case::with(|document| document["components"]["securitySchemes"] = json!({})),
            "securitySchemes/api_email` refers to nothing",
        ),
        (Case::with(dangling), "`#/components/schemas/nothing` refers to nothing"),
        (Case::with(elsewhere), "`other.json#/pem` refers to nothing"),
        (Case::with(circular), "`#/components/schemas/stream_keys` refers to itself"),
    ] {
        let refusal = case.refusal();
        assert!(refusal.contains(reason) && refusal.contains("document.json"), "{refusal}");
    }
    let missing = refresh(&[], &Case::with(|_| {}).fragment(), Path::new("nowhere.json"));
    assert!(missing.code == 2 && missing.stderr.contains("nowhere.json"), "{}", missing.stderr);
    assert!(Case::with(|_| {}).run(&["--verbose"]).stderr.contains("usage"));
}
