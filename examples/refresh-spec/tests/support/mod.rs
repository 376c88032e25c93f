//! A spec, and a document to refresh it from.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "../../../../build/mod.rs"]
pub mod build;

pub const SPEC: &str = include_str!("../../../../openapi/stream-keys.json");
pub const MATCHES: &str = "The spec matches the document.\n";

pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program.
pub fn run(arguments: &[&str], paths: &[&Path]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_refresh-spec")).args(arguments).args(paths).output().unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub struct Case {
    pub folder: TempDir,
    pub spec: String,
}

impl Case {
    /// Pairs the project's spec with this document.
    pub fn new(document: impl AsRef<[u8]>) -> Self {
        let case = Self { folder: tempfile::tempdir().unwrap(), spec: SPEC.to_string() };
        fs::write(case.path(), SPEC).unwrap();
        fs::write(case.document(), document).unwrap();
        case
    }

    /// Pairs the spec of the document that the first changes make with the document that the others make of it.
    pub fn changed(before: &Value, changes: &Value) -> Self {
        let mut document: Value = serde_json::from_str(SPEC).unwrap();
        apply(&mut document, before);
        let mut case = Self::new(document.to_string());
        if *before != json!({}) {
            assert_eq!(case.run(&[]).code, 0);
            case.spec = case.text();
        }
        apply(&mut document, changes);
        fs::write(case.document(), document.to_string()).unwrap();
        case
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("stream-keys.json")
    }

    pub fn document(&self) -> PathBuf {
        self.folder.path().join("document.json")
    }

    /// Returns the text of the spec.
    pub fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    pub fn run(&self, options: &[&str]) -> Outcome {
        run(&[options, &["--spec"]].concat(), &[&self.path(), &self.document()])
    }

    /// Returns the error message, which must leave the spec alone.
    pub fn error(&self) -> String {
        let outcome = self.run(&[]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
        assert_eq!(self.text(), self.spec);
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 2, "no other file is left");
        outcome.stderr
    }

    /// Rewrites the spec. Returns it, and the output.
    pub fn refreshed(&self) -> (Value, String) {
        let outcome = self.run(&[]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert_eq!(self.run(&["--check"]).stdout.lines().last().unwrap(), MATCHES.trim_end());
        (serde_json::from_str(&self.text()).unwrap(), outcome.stdout)
    }
}

/// Sets each of these pointers to a value, or to a copy of what another pointer has if the value is `@` and that pointer.
/// Removes it if the value is null. `keys`, `list` and so on are short for what is often changed.
pub fn apply(document: &mut Value, changes: &Value) {
    let original = document.clone();
    for (pointer, value) in changes.as_object().unwrap() {
        let pointer = long(pointer);
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/");
        let copied = value.as_str().and_then(|value| value.strip_prefix('@'));
        let value = match copied {
            Some(source) => original.pointer(&long(source)).unwrap_or_else(|| panic!("{source}")),
            None => value,
        };
        let mut node = &mut *document;
        for key in parent.split('/').skip(1).map(|key| key.replace("~1", "/")) {
            node = match node {
                Value::Array(items) => &mut items[key.parse::<usize>().unwrap()],
                node => node.as_object_mut().unwrap().entry(key).or_insert_with(|| json!({})),
            };
        }
        match node {
            Value::Array(items) if key == "-" => items.push(value.clone()),
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
            node if value.is_null() => drop(node.as_object_mut().unwrap().remove(&key).unwrap()),
            node => node[key] = value.clone(),
        }
    }
}

fn long(pointer: &str) -> String {
    let (first, rest) =
        pointer.split_once('/').map_or((pointer, String::new()), |(first, rest)| (first, format!("/{rest}")));
    let collection = "/paths/~1accounts~1{account_id}~1stream~1keys";
    let first = match first {
        "" => "".to_string(),
        "schemas" => "/components/schemas".to_string(),
        "keys" => "/components/schemas/stream_keys/properties".to_string(),
        "deleted" => "/components/schemas/stream_deleted_response/properties".to_string(),
        "failure" => "/components/schemas/stream_api-response-common-failure/properties".to_string(),
        "collection" => collection.to_string(),
        "item" => format!("{collection}~1{{identifier}}"),
        "list" => format!("{collection}/get"),
        "create" => format!("{collection}/post"),
        "body" => format!("{collection}/post/requestBody/content/application~1json/schema"),
        "delete" => format!("{collection}~1{{identifier}}/delete"),
        other => panic!("{other}"),
    };
    first + &rest
}
