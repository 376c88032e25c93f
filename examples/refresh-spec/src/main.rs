//! Takes over the structure of `stream-keys.json` from Cloudflare's OpenAPI document, or tells what would change.
//!
//! It generates code from the old and the new spec, as the build does, and compares the two. Beside that it prints what
//! changes in the spec.

#[path = "../../../build/mod.rs"]
mod build;
mod code_diff;
mod descriptions;
mod extract;
mod spec_diff;

use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use build::spec::Kind;

const USAGE: &str = "\
usage: refresh-spec [--check] [--spec PATH] DOCUMENT

Updates openapi/stream-keys.json from Cloudflare's OpenAPI document, plain or gzipped.

  --check      writes nothing
  --spec PATH  names another spec
  --help       prints this

Exit codes:
  0  the spec was written, or --check found nothing that matters to callers
  1  --check found differences
  2  the arguments or the files cannot be used, or no code can be generated; nothing was written

A change can break callers if their code can stop compiling, or stop working.
";
const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/stream-keys.json");
/// In bytes, decompressed. The document had 12.5 MB in 2026.
const MAX_DOCUMENT_SIZE: u64 = 256 * 1024 * 1024;

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("refresh-spec: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<ExitCode, Box<dyn Error>> {
    let (mut check, mut spec, mut document) = (false, PathBuf::from(SPEC), None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--check" => check = true,
            "--help" | "-h" => {
                print!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            "--spec" => spec = arguments.next().ok_or(USAGE)?.into(),
            option if option.starts_with('-') => return Err(USAGE.into()),
            _ if document.is_none() => document = Some(PathBuf::from(argument)),
            _ => return Err(USAGE.into()),
        }
    }
    refresh(&document.ok_or(USAGE)?, &spec, check)
}

fn refresh(document: &Path, spec: &Path, check: bool) -> Result<ExitCode, Box<dyn Error>> {
    let in_document = |problem: String| format!("{}: {problem}", document.display());
    let in_spec = |problem: String| format!("{}: {problem}", spec.display());
    let newest = serde_json::from_slice(&read(document)?).map_err(|e| in_document(format!("not JSON: {e}")))?;
    let old_text = String::from_utf8(read(spec)?).map_err(|e| in_spec(e.to_string()))?;
    let current = serde_json::from_str(&old_text).map_err(|e| in_spec(format!("not JSON: {e}")))?;

    let mut notes = Vec::new();
    let mut new = extract::spec(&newest, &current, &mut notes).map_err(in_document)?;
    let places = spec_diff::compare(&respelled(&current).map_err(in_spec)?, &respelled(&new).map_err(in_document)?);
    let undescribed = descriptions::merge(&current, &mut new);
    let new_text = serde_json::to_string_pretty(&new)? + "\n";
    let compare = |generate: fn(&str) -> Result<String, Vec<String>>| {
        let old = generate(&old_text).map_err(|problems| in_spec(problems.join("\n")))?;
        let new = generate(&new_text).map_err(|problems| in_document(problems.join("\n")))?;
        code_diff::compare(&old, &new)
    };
    let (client, mock) = (compare(build::client)?, compare(build::mock)?);

    notes.iter().for_each(|note| println!("note: {note}"));
    let differs = report(&places, &client, &mock);
    match old_text == new_text {
        true => println!("The spec matches the document."),
        false if !differs => println!("The file differs from the document, but the generated code is the same."),
        false => {}
    }
    if check {
        return Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    if old_text == new_text {
        println!("{} is unchanged.", spec.display());
        return Ok(ExitCode::SUCCESS);
    }
    write(spec, &new_text)?;
    println!("{} is rewritten. Run `cargo check`.", spec.display());
    if !undescribed.is_empty() {
        println!("New, and to be described in our own words:");
        undescribed.iter().for_each(|node| println!("  {node}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what changes. Returns whether it matters to callers.
fn report(places: &[spec_diff::Change], client: &[code_diff::Change], mock: &[code_diff::Change]) -> bool {
    places.iter().for_each(|place| println!("{}", place.text));
    for (changes, name, victims) in [(client, "client", "callers"), (mock, "httpmock helpers", "tests with them")] {
        for change in changes {
            let verdict = if change.can_break { format!(" [can break {victims}]") } else { String::new() };
            println!("{name}: {} {}{verdict}", change.item, change.what);
        }
    }
    let unseen = places.iter().filter(|place| place.is_unseen).count();
    let breaking = client.iter().filter(|change| change.can_break).count();
    let differs = unseen + client.len() + mock.len() > 0;
    if differs {
        println!("Items of the client that change: {}, of which can break callers: {breaking}.", client.len());
        println!("Places of the spec that change: {}, of which the code cannot show: {unseen}.", places.len());
    }
    differs
}

/// Replaces the file. Written beside it and renamed: whatever happens, the spec is the old one or the new one.
fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    file.persist(path)?;
    Ok(())
}

/// Reads the file, decompressed if need be.
fn read(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let describe = |problem: std::io::Error| format!("{}: {problem}", path.display());
    let bytes = fs::read(path).map_err(describe)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes.as_slice()).take(MAX_DOCUMENT_SIZE);
    decoder.read_to_end(&mut text).map_err(|e| format!("{}: cannot be decompressed: {e}", path.display()))?;
    Ok(text)
}

/// Returns the structure of a spec in the spelling of OpenAPI 3.0.
fn respelled(spec: &Value) -> Result<Value, String> {
    let mut spec = extract::structure(spec, Kind::Object);
    build::spelling::normalize(&mut spec)?;
    Ok(spec)
}
