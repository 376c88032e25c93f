//! Generates the blocking client from the spec, `openapi/stream-keys.json`. `src/generated.rs` includes it.
//!
//! ```text
//! spec -> normalize -> progenitor -> make blocking -> $OUT_DIR/client.rs
//! ```
//!
//! The spec has exactly the structure that Cloudflare publishes. The rules in `build/` adapt it to the live service and to
//! progenitor, so that a new spec needs no new code. With the `mock` feature, helpers for httpmock are
//! generated from the same spec.

mod build {
    pub mod all_of;
    pub mod blocking;
    pub mod directions;
    pub mod generate;
    pub mod names;
    pub mod operations;
    pub mod responses;
    pub mod schemas;
    pub mod spec;
    pub mod success;
    pub mod types;
}

use std::path::Path;
use std::{env, fs};

use openapiv3::OpenAPI;
use serde_json::Value;

use build::schemas::Side;
use build::{blocking, generate, operations, responses, schemas};

const SPEC: &str = "openapi/stream-keys.json";

fn main() {
    println!("cargo::rerun-if-changed={SPEC}");
    // The tests run this program on other specs.
    if let Ok(build_script) = env::current_exe() {
        println!("cargo::rustc-env=BUILD_SCRIPT={}", build_script.display());
    }
    for problem in run().err().unwrap_or_default() {
        // This fails the build. With a nonzero exit code, cargo would bury the message in all other output.
        println!("cargo::error={SPEC}: {}", problem.replace('\n', " "));
    }
}

fn run() -> Result<(), Vec<String>> {
    let variable = |name| env::var(name).map_err(|_| vec![format!("{name} is not set; build with cargo")]);
    let path = Path::new(&variable("CARGO_MANIFEST_DIR")?).join(SPEC);
    let out_dir = variable("OUT_DIR")?;
    let write = |name: &str, file: syn::File| {
        let path = Path::new(&out_dir).join(name);
        fs::write(path, prettyplease::unparse(&file)).map_err(|e| vec![format!("cannot write {name} to OUT_DIR: {e}")])
    };

    let text =
        fs::read_to_string(path).map_err(|e| vec![format!("cannot be read: {e}; restore it from version control")])?;
    let mut spec = parse(&text).map_err(|problem| vec![problem])?;
    operations::normalize(&mut spec)?;
    write("client.rs", client(spec.clone())?)?;
    if env::var_os("CARGO_FEATURE_MOCK").is_some() {
        write("mock.rs", mock(spec)?)?;
    }
    Ok(())
}

/// Parses the spec. Validates it as OpenAPI from the text, so that errors have a line and a column.
fn parse(text: &str) -> Result<Value, String> {
    let spec = serde_json::from_str(text).map_err(|e| format!("not valid JSON: {e}; fix it there"))?;
    let document: OpenAPI = serde_json::from_str(text).map_err(|e| format!("not OpenAPI 3.0: {e}; fix it there"))?;
    match document.openapi.starts_with("3.0.") {
        true => Ok(spec),
        false => Err(format!("OpenAPI {} is not supported, only 3.0; convert it", document.openapi)),
    }
}

/// Generates the blocking client, with the base URL and the paths of the operations.
fn client(mut spec: Value) -> Result<syn::File, Vec<String>> {
    let urls = generate::urls(&spec)?;
    schemas::normalize(&mut spec, Side::Client)?;
    let mut file = generate::client(&spec)?;
    blocking::make_blocking(&mut file)?;
    file.items.extend(urls);
    Ok(file)
}

/// Generates typed helpers for httpmock, with types of their own: a server sends secrets, which the client's types refuse
/// to serialize.
fn mock(mut spec: Value) -> Result<syn::File, Vec<String>> {
    responses::use_named_statuses(&mut spec);
    schemas::normalize(&mut spec, Side::MockServer)?;
    let mut file = generate::mock(&spec)?;
    blocking::fix_mock_helpers(&mut file)?;
    Ok(file)
}
