//! Takes over the structure of `stream-keys.json` from Cloudflare's OpenAPI document, or tells what would change.
//!
//! ```text
//! cargo run --example refresh-spec -- path/to/openapi.json           # rewrites openapi/stream-keys.json
//! cargo run --example refresh-spec -- --check path/to/openapi.json   # writes nothing, tells what changed
//! ```
//!
//! The document may be compressed (`.json.gz`). `--spec PATH` names another spec than the crate's. Descriptions are our
//! own: they are kept, and parts that have none yet are listed.
//!
//! `--check` compares what the two mean, with all references followed. It exits with
//!
//! * 0 if a rewrite changes nothing for callers. It prints "The spec matches the document." if a rewrite would leave
//!   the file as it is to the byte. Otherwise the file would change in form only: a list in another order, a schema
//!   moved into a component, `2XX` for `200`. If a type of the raw layer gets another name by that, a note says so.
//! * 1 if there are differences. Each is a line that says where, what, whether it can break callers, and which
//!   hand-written code to look at.
//! * 2 if the arguments or the files cannot be used. Nothing is written.
//!
//! A change can break callers if their code can stop compiling or stop working, be it the facade's or the raw layer's.
//! What counts as one follows the build script, which is strict in what is sent and lenient in what is received.

mod changes;
mod combination;
mod content;
mod dependents;
mod descriptions;
mod diff;
mod extract;
mod matching;
mod operation;
mod parameters;
mod request_body;
mod resolve;
mod responses;
mod rules;
mod schemas;
mod scope;
mod words;

use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::changes::Effect;

const USAGE: &str = "usage: refresh-spec [--check] [--spec PATH] DOCUMENT (--check writes nothing; it exits with 1 if something changes for callers, else with 0)";
const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/stream-keys.json");
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
            "--spec" => spec = arguments.next().ok_or(USAGE)?.into(),
            option if option.starts_with('-') => return Err(USAGE.into()),
            _ if document.is_none() => document = Some(PathBuf::from(argument)),
            _ => return Err(USAGE.into()),
        }
    }
    let document = document.ok_or(USAGE)?;
    let newest = extract::spec(&parse(&document, &read(&document)?)?);
    let newest = newest.map_err(|problem| format!("{}: {problem}", document.display()))?;
    let text = read(&spec)?;
    let refresh = Refresh::new(&parse(&spec, &text)?, newest)?;
    if check { Ok(refresh.report(&text)) } else { refresh.write(&spec) }
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

fn parse(path: &Path, text: &[u8]) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_slice(text).map_err(|e| format!("{}: not JSON: {e}", path.display()))?)
}

/// The step from the spec to the document's newest structure.
struct Refresh {
    changes: changes::Changes,
    text: Vec<u8>,
    undescribed: Vec<String>,
}

impl Refresh {
    fn new(current: &Value, mut newest: Value) -> Result<Self, Box<dyn Error>> {
        let changes = diff::compare(&extract::structure(current), &newest);
        let undescribed = descriptions::merge(current, &mut newest);
        let mut text = serde_json::to_vec_pretty(&newest)?;
        text.push(b'\n');
        Ok(Self { changes, text, undescribed })
    }

    fn report(&self, current: &[u8]) -> ExitCode {
        print!("{}", self.changes);
        let breaking = self.changes.count(Effect::CanBreak);
        let differences = breaking + self.changes.count(Effect::Harmless);
        if differences > 0 {
            println!("Differences: {differences}, of which can break callers: {breaking}.");
            return ExitCode::FAILURE;
        }
        println!(
            "{}",
            match () {
                _ if self.text == current => "The spec matches the document.",
                _ if self.changes.count(Effect::Rename) > 0 => {
                    "Rewriting would change the file, and perhaps type names of the raw layer, but nothing for callers of the facade."
                }
                _ => "Rewriting would change the file, but nothing for callers.",
            }
        );
        ExitCode::SUCCESS
    }

    fn write(&self, path: &Path) -> Result<ExitCode, Box<dyn Error>> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Written beside it and renamed: whatever happens, the spec is the old one or the new one.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&self.text)?;
        file.as_file().set_permissions(fs::metadata(path)?.permissions())?;
        file.persist(path)?;
        println!("{} matches the document.", path.display());
        if !self.undescribed.is_empty() {
            println!("New, and to be described in our own words:");
            self.undescribed.iter().for_each(|node| println!("  {node}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
