//! Generates the blocking client from the spec, `openapi/stream-keys.json`. `src/client/generated.rs` includes it.
//! CONTRIBUTING.md describes how.
//!
//! With the `httpmock` feature, helpers for httpmock are generated from the same spec. Without the `client` feature,
//! there is nothing to generate.

#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[cfg(feature = "client")]
#[path = "build/mod.rs"]
mod build;

#[cfg(feature = "client")]
fn main() {
    const SPEC: &str = "openapi/stream-keys.json";
    println!("cargo::rerun-if-changed={SPEC}");
    for problem in run(SPEC).err().unwrap_or_default() {
        // This fails the build. With a nonzero exit code, cargo would bury the message in all other output.
        println!("cargo::error={SPEC}: {}", problem.replace('\n', " "));
    }
}

#[cfg(feature = "client")]
fn run(spec: &str) -> Result<(), Vec<String>> {
    use std::path::Path;
    use std::{env, fs};

    let variable = |name| env::var(name).map_err(|_| vec![format!("{name} is not set; build with cargo")]);
    let path = Path::new(&variable("CARGO_MANIFEST_DIR")?).join(spec);
    let out_dir = variable("OUT_DIR")?;
    let write = |name: &str, code: String| {
        let path = Path::new(&out_dir).join(name);
        fs::write(path, code).map_err(|e| vec![format!("cannot write {name} to OUT_DIR: {e}")])
    };

    let text =
        fs::read_to_string(path).map_err(|e| vec![format!("cannot be read: {e}; restore it from version control")])?;
    write("client.rs", build::client(&text)?)?;
    if env::var_os("CARGO_FEATURE_HTTPMOCK").is_some() {
        write("mock.rs", build::mock(&text)?)?;
    }
    Ok(())
}

#[cfg(not(feature = "client"))]
fn main() {}
