//! Generates the blocking client from the spec, `openapi/stream-keys.json`. `src/generated.rs` includes it.
//!
//! ```text
//! spec -> normalize -> progenitor -> make blocking -> $OUT_DIR/client.rs
//! ```
//!
//! The spec has exactly the structure that Cloudflare publishes. The rules in `build/normalize.rs` adapt it to the live
//! service and to progenitor, so that a new spec needs no new code. With the `mock` feature, helpers for httpmock are
//! generated from the same spec.

mod build {
    pub mod blocking;
    pub mod generate;
    pub mod normalize;
}

use std::path::Path;
use std::{env, fs};

use openapiv3::OpenAPI;
use serde_json::Value;

use build::generate;

const SPEC: &str = "openapi/stream-keys.json";

fn main() {
    println!("cargo::rerun-if-changed={SPEC}");
    // The tests run this program on other specs.
    if let Ok(build_script) = env::current_exe() {
        println!("cargo::rustc-env=BUILD_SCRIPT={}", build_script.display());
    }
    if let Err(problem) = run() {
        // This fails the build. With a nonzero exit code, cargo would bury the message in all other output.
        println!("cargo::error={SPEC}: {}", problem.replace('\n', " "));
    }
}

fn run() -> Result<(), String> {
    let variable = |name| env::var(name).map_err(|_| format!("{name} is not set; build with cargo"));
    let path = Path::new(&variable("CARGO_MANIFEST_DIR")?).join(SPEC);
    let out_dir = variable("OUT_DIR")?;
    let write = |name: &str, code: String| {
        fs::write(Path::new(&out_dir).join(name), code).map_err(|e| format!("cannot write {name} to OUT_DIR: {e}"))
    };

    let text = fs::read_to_string(path).map_err(|e| format!("cannot be read: {e}; restore it from version control"))?;
    let spec = parse(&text)?;
    write("client.rs", generate::client(spec.clone())?)?;
    if env::var_os("CARGO_FEATURE_MOCK").is_some() {
        write("mock.rs", generate::mock(spec)?)?;
    }
    Ok(())
}

/// Parses the spec. Validates it as OpenAPI from the text, so that errors have a line and a column.
fn parse(text: &str) -> Result<Value, String> {
    let spec = serde_json::from_str(text).map_err(|e| format!("not valid JSON: {e}; fix it there"))?;
    serde_json::from_str::<OpenAPI>(text).map_err(|e| format!("not OpenAPI 3.0: {e}; fix it there"))?;
    Ok(spec)
}
