//! Operations that Cloudflare might add: code for them is generated, compiled and called against a socket.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

const SPEC: &str = "openapi/stream-keys.json";

/// Builds this crate with a spec that has more operations, and runs `tests/changed_spec/calls.rs` with it.
#[test]
fn new_operations_compile_and_can_be_called() {
    let output = test(&package("changed-spec", &changed_spec().to_string()));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}\n{stdout}");
    assert!(stdout.contains("test result: ok. 10 passed"), "{stdout}");
}

#[test]
fn broken_spec_is_named() {
    let package = package("broken-spec", "{\n  \"openapi\": \"3.0.3\",\n  oops\n}");
    assert_fails(&package, "stream-keys.json: not valid JSON: key must be a string at line 3 column 3; fix the spec");
    fs::remove_file(package.join(SPEC)).unwrap();
    assert_fails(&package, "stream-keys.json: cannot be read: ");
}

/// Returns a package of this crate's code and another spec. It stays for the next run, which then has less to build.
fn package(name: &str, spec: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(package.join("openapi")).unwrap();
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let mut manifest: String =
        manifest.split_inclusive("\n\n").filter(|table| !table.starts_with("[[example]]")).collect();
    let path = |path: &str| json!(root.join(path));
    // Another version, so that it does not overwrite what was built from this package.
    let version = concat!("version = \"", env!("CARGO_PKG_VERSION"));
    manifest = manifest.replacen(version, &format!("build = {}\n{version}-{name}", path("build.rs")), 1);
    manifest += &format!("\n[lib]\npath = {}\n", path("src/lib.rs"));
    manifest += &format!("\n[[test]]\nname = \"calls\"\npath = {}\n", path("tests/changed_spec/calls.rs"));
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    // A file that is written is newer than what was built from it.
    if fs::read_to_string(package.join(SPEC)).ok().as_deref() != Some(spec) {
        fs::write(package.join(SPEC), spec).unwrap();
    }
    package
}

/// Runs the tests of the package. It shares the target folder and the backend, so that dependencies are not built
/// again.
fn test(package: &Path) -> Output {
    let features = if cfg!(feature = "aws-lc-rs") { "client,aws-lc-rs" } else { "client,ring" };
    Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string()))
        .args(["test", "--offline", "--test", "calls", "--no-default-features", "--features", features])
        .current_dir(package)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .output()
        .unwrap()
}

/// Fails unless the package does not build, with this message.
fn assert_fails(package: &Path, message: &str) {
    let output = test(package);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains(message), "{stderr}");
}

/// Returns the spec with the operations that `calls.rs` calls.
fn changed_spec() -> Value {
    let mut spec: Value = serde_json::from_str(include_str!("../../openapi/stream-keys.json")).unwrap();
    let account = json!({ "$ref": "#/components/parameters/account" });
    let key = json!({ "in": "path", "name": "identifier", "required": true, "schema": { "type": "string" } });
    let failure = json!({ "description": "", "content": {
        "application/json": { "schema": { "$ref": "#/components/schemas/stream_api-response-common-failure" } },
    }});
    let operation = |id: &str, parameters: Value, responses: Value| {
        let mut operation = json!({
            "tags": ["Stream Signing Keys"],
            "operationId": format!("stream-signing-keys-{id}"),
            "parameters": parameters,
            "responses": responses,
        });
        operation["responses"]["4XX"] = failure.clone();
        operation
    };
    let content = |media_type: &str, schema: Value| json!({ "content": { media_type: { "schema": schema } } });
    let response =
        |media_type: &str, schema: Value| json!({ "description": "", "content": { media_type: { "schema": schema } } });
    let envelope = |result: Value| {
        // Without an enum, and from two places: `success` must be checked all the same.
        json!({ "allOf": [{ "$ref": "#/components/schemas/common" }, { "type": "object", "properties": { "result": result } }] })
    };

    // New members of what the facade reads.
    for schema in [
        "stream_keys",
        "stream_key_generation_response",
        "stream_key_response_collection",
        "stream_key_response_collection/properties/result/items",
        "stream_deleted_response",
        "stream_api-response-common-failure",
        "stream_messages/items",
    ] {
        let schema = spec.pointer_mut(&format!("/components/schemas/{schema}/properties")).unwrap();
        schema["new_member"] = json!({ "type": "object", "properties": { "count": { "type": "integer" } } });
    }
    // The spec loses a member that tells failure from success.
    spec["components"]["schemas"]["stream_deleted_response"]["properties"].as_object_mut().unwrap().remove("success");
    let components = &mut spec["components"];
    components["parameters"] =
        json!({ "account": { "in": "path", "name": "account_id", "required": true, "schema": { "type": "string" } } });
    components["responses"] = json!({ "rotated": response("application/json", envelope(json!({
        "type": "object", "properties": { "secret": { "type": "string", "x-sensitive": true }, "id": { "type": "string" } },
    })))});
    components["schemas"]["common"] =
        json!({ "type": "object", "properties": { "success": { "$ref": "#/components/schemas/flag" } } });
    components["schemas"]["flag"] = json!({ "type": "boolean" });
    components["schemas"]["created"] = json!({ "type": "string", "format": "date-time", "readOnly": true });
    components["schemas"]["folder"] = json!({
        "type": "object", "required": ["name"], "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "maxLength": 3 },
            "kind": { "type": "string", "enum": ["plain", "smart"] },
            "passphrase": { "type": "string", "x-sensitive": true },
            "created": { "$ref": "#/components/schemas/created" },
            "folders": { "type": "array", "items": { "$ref": "#/components/schemas/folder" } },
        },
    });

    let base = "/accounts/{account_id}/stream/keys";
    let mut add = |path: String, method: &str, operation: Value| spec["paths"][path][method] = operation;
    let mut search = operation(
        "search",
        json!([
            account,
            { "in": "query", "name": "page", "schema": { "type": "integer" } },
            { "in": "query", "name": "text", "required": true, "schema": { "type": "string" } },
            { "in": "query", "name": "state", "schema": { "type": "string", "enum": ["active", "revoked"] } },
            { "in": "query", "name": "ids", "schema": { "type": "array", "items": { "type": "string" } } },
            { "in": "query", "name": "tags", "explode": false, "schema": { "type": "array", "items": { "type": "string" } } },
            { "in": "query", "name": "after", "schema": { "type": "string", "format": "date-time" } },
            { "in": "header", "name": "X-Trace", "schema": { "type": "string" } },
            { "in": "header", "name": "If-Match", "required": true, "schema": { "type": "string" } },
        ]),
        json!({ "200": response("application/json", envelope(json!({ "type": "integer" }))) }),
    );
    search["responses"] = json!({ "200": search["responses"]["200"], "default": failure });
    add(format!("{base}/search"), "get", search);
    let key_path = format!("{base}/{{identifier}}");
    let parameters = json!([account, key]);
    add(
        format!("{key_path}/touch"),
        "post",
        operation(
            "touch",
            json!([account, key, { "in": "header", "name": "api-version", "required": true, "schema": { "type": "string" } }]),
            json!({ "204": response("application/json", json!({})) }),
        ),
    );
    add(
        format!("{key_path}/pem"),
        "get",
        operation(
            "pem",
            parameters.clone(),
            json!({ "200": response("application/x-pem-file", json!({ "type": "string" })) }),
        ),
    );
    let mut upload = operation(
        "upload",
        parameters.clone(),
        json!({
            "200": response("application/json", envelope(json!({ "type": "string" }))),
            "202": response("application/json", envelope(json!({ "type": "string" }))),
        }),
    );
    upload["requestBody"] = content("application/octet-stream", json!({ "type": "string", "format": "binary" }));
    add(format!("{key_path}/file"), "put", upload);
    let mut note = operation("note", parameters.clone(), json!({ "200": { "description": "" } }));
    note["requestBody"] = content("text/plain", json!({ "type": "string" }));
    add(format!("{key_path}/note"), "put", note);
    let mut form = operation("form", parameters.clone(), json!({ "204": { "description": "" } }));
    form["requestBody"] = content(
        "application/x-www-form-urlencoded",
        json!({
            "type": "object", "required": ["name"], "properties": { "name": { "type": "string" }, "size": { "type": "integer" } },
        }),
    );
    add(format!("{key_path}/form"), "post", form);
    let mut folder = operation(
        "save-folder",
        parameters.clone(),
        json!({
            "200": response("application/json", envelope(json!({ "$ref": "#/components/schemas/folder" }))),
        }),
    );
    folder["requestBody"] = content("application/json", json!({ "$ref": "#/components/schemas/folder" }));
    folder["requestBody"]["content"]["multipart/form-data"] = json!({ "schema": { "type": "object" } });
    add(format!("{key_path}/folder"), "patch", folder);
    add(
        format!("{key_path}/rotate"),
        "post",
        operation("rotate", parameters.clone(), json!({ "200": { "$ref": "#/components/responses/rotated" } })),
    );
    let event = |kind: &str, member: &str| {
        json!({ "type": "object", "required": ["kind", member], "properties": {
            "kind": { "type": "string", "enum": [kind] }, member: { "type": "string" },
        }})
    };
    add(
        format!("{key_path}/event"),
        "get",
        operation(
            "last-event",
            parameters,
            json!({
                "200": response("application/json", envelope(json!({ "oneOf": [event("created", "by"), event("deleted", "reason")] }))),
            }),
        ),
    );
    spec
}
