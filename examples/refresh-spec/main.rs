//! Brings `stream-keys.json` up to Cloudflare's newest OpenAPI document, or says in words how far it is from it.
//!
//! ```text
//! cargo run --example refresh -- path/to/openapi.json           # rewrites openapi/stream-keys.json
//! cargo run --example refresh -- --check path/to/openapi.json   # writes nothing; 1 where there is a difference
//! ```
//!
//! The document may be packed (`.json.gz`). `--fragment PATH` names another fragment than the crate's.

mod diff;
mod extract;

use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

const USAGE: &str = "usage: refresh [--check] [--fragment PATH] DOCUMENT";
const FRAGMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/stream-keys.json");
/// Unpacked. The document had 12.5 MB in 2026.
const MAX_DOCUMENT: u64 = 256 * 1024 * 1024;

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("refresh: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<ExitCode, Box<dyn Error>> {
    let (mut check, mut fragment, mut document) = (false, PathBuf::from(FRAGMENT), None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--check" => check = true,
            "--fragment" => fragment = arguments.next().ok_or(USAGE)?.into(),
            option if option.starts_with('-') => return Err(USAGE.into()),
            _ if document.is_none() => document = Some(PathBuf::from(argument)),
            _ => return Err(USAGE.into()),
        }
    }
    let document = document.ok_or(USAGE)?;
    let newest = extract::fragment(&read(&document)?).map_err(|e| format!("{}: {e}", document.display()))?;
    let current = read(&fragment)?;
    if check { Ok(report(&current, &newest)) } else { rewrite(&fragment, &current, newest) }
}

fn read(path: &Path) -> Result<Value, Box<dyn Error>> {
    let describe = |problem: &dyn std::fmt::Display| format!("{}: {problem}", path.display());
    let bytes = fs::read(path).map_err(|e| describe(&e))?;
    let mut text = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = MultiGzDecoder::new(bytes.as_slice()).take(MAX_DOCUMENT);
        unpacked.read_to_end(&mut text).map_err(|e| describe(&format!("cannot be unpacked: {e}")))?;
    } else {
        text = bytes;
    }
    Ok(serde_json::from_slice(&text).map_err(|e| describe(&format!("not JSON: {e}")))?)
}

fn report(current: &Value, newest: &Value) -> ExitCode {
    let differences = diff::differences(&extract::structure(current), newest);
    if differences.is_empty() {
        println!("The fragment is as in the document.");
        return ExitCode::SUCCESS;
    }
    for difference in &differences {
        println!("{difference}");
    }
    let breaking = differences.iter().filter(|difference| difference.breaks_callers).count();
    println!("Differences: {}, of which can break callers: {breaking}.", differences.len());
    ExitCode::FAILURE
}

fn rewrite(path: &Path, current: &Value, mut newest: Value) -> Result<ExitCode, Box<dyn Error>> {
    let new_nodes = extract::merge_descriptions(current, &mut newest);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Written beside it and renamed: whatever happens, the fragment is the old one or the new one.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, &newest)?;
    writeln!(file)?;
    if let Ok(old) = File::open(path) {
        file.as_file().set_permissions(old.metadata()?.permissions())?;
    }
    file.persist(path)?;
    println!("{} is as in the document.", path.display());
    if !new_nodes.is_empty() {
        println!("New, and to be described in our own words:");
        new_nodes.iter().for_each(|node| println!("  {node}"));
    }
    Ok(ExitCode::SUCCESS)
}
