//! Runs the build script as cargo does.

use std::fs;
use std::process::Command;

/// What the build script printed and wrote.
pub struct Outcome {
    pub stdout: String,
    pub client: String,
    pub mock: String,
}

/// Runs the build script on this spec, or without one.
pub fn run_on(spec: Option<&str>) -> Outcome {
    let package = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    fs::create_dir(package.path().join("openapi")).unwrap();
    if let Some(text) = spec {
        fs::write(package.path().join("openapi/stream-keys.json"), text).unwrap();
    }
    let output = Command::new(env!("BUILD_SCRIPT"))
        .env("CARGO_MANIFEST_DIR", package.path())
        .env("OUT_DIR", out.path())
        .env("CARGO_FEATURE_HTTPMOCK", "1")
        .output()
        .unwrap();
    let read = |name| fs::read_to_string(out.path().join(name)).unwrap_or_default();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "the problem is reported once");
    assert!(output.status.success(), "cargo fails the build because of cargo::error, and shows only that");
    Outcome { stdout: String::from_utf8(output.stdout).unwrap(), client: read("client.rs"), mock: read("mock.rs") }
}
