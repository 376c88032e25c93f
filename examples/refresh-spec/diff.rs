//! How two fragments differ, in words, and what that means for the crate's callers.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::extract::NAMED;

/// One difference.
pub struct Difference {
    /// Where: `components > schemas > stream_keys > properties > pem`.
    pub path: String,
    /// What: "is gone (was a string)".
    pub what: String,
    /// Whether code that calls the crate can stop compiling, or stop working.
    pub breaks_callers: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.breaks_callers { "can break callers" } else { "no harm to callers" };
        write!(f, "{}: {} [{verdict}]", self.path, self.what)
    }
}

/// What changes from one to the other.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), before, after, &mut found);
    found
}

fn compare(at: &mut Vec<String>, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(before), Value::Object(after)) => compare_objects(at, before, after, found),
        (Value::Array(before), Value::Array(after)) if last(at) == "parameters" => {
            compare_objects(at, &by_name(before), &by_name(after), found);
        }
        (Value::Array(before), Value::Array(after)) => compare_lists(at, before, after, found),
        _ => found.push(difference(at, format!("was {}, is {}", words(before), words(after)), breaks(at))),
    }
}

fn compare_objects(
    at: &mut Vec<String>,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        at.push(key.clone());
        match (before.get(key), after.get(key)) {
            (Some(before), Some(after)) => compare(at, before, after, found),
            (Some(before), None) => found.push(difference(at, format!("is gone (was {})", words(before)), breaks(at))),
            (None, Some(after)) => {
                let what = format!("is new: {}", words(after));
                found.push(difference(at, what, addition_breaks(at, after)));
            }
            (None, None) => {}
        }
        at.pop();
    }
}

/// Lists whose order does not matter: `required`, `enum`, `security`, `tags`.
fn compare_lists(at: &[String], before: &[Value], after: &[Value], found: &mut Vec<Difference>) {
    let without = |list: &[Value], other: &[Value]| -> Vec<String> {
        list.iter().filter(|item| !other.contains(item)).map(words).collect()
    };
    let (gone, new) = (without(before, after), without(after, before));
    let (no_longer, now) = match last(at) {
        "required" => ("no longer required", "now required"),
        "security" => ("no longer accepted", "now accepted"),
        _ => ("no longer there", "now there as well"),
    };
    if !gone.is_empty() {
        found.push(difference(at, format!("{no_longer}: {}", gone.join(", ")), breaks(at)));
    }
    if !new.is_empty() {
        let breaks = last(at) == "required" && is_request(at);
        found.push(difference(at, format!("{now}: {}", new.join(", ")), breaks));
    }
}

fn difference(at: &[String], what: String, breaks_callers: bool) -> Difference {
    Difference { path: at.join(" > "), what, breaks_callers }
}

/// Whether it matters to callers that this is gone, or another.
fn breaks(at: &[String]) -> bool {
    // The client checks no limits, and takes anything as absent or null.
    const HARMLESS: [&str; 14] = [
        "required",
        "enum",
        "nullable",
        "maxLength",
        "minLength",
        "pattern",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "uniqueItems",
        "default",
        "tags",
        "deprecated",
    ];
    !HARMLESS.contains(&keyword(at)) && !at.first().is_some_and(|first| first == "info" || first == "openapi")
}

/// Whether it matters to callers that this is there now.
fn addition_breaks(at: &[String], added: &Value) -> bool {
    match keyword(at) {
        // A field becomes a secret, a parameter or a body becomes an argument, a form becomes another type.
        "x-sensitive" => added == &Value::Bool(true),
        "requestBody" | "format" | "parameters" => true,
        _ if at.len() > 1 && at[at.len() - 2] == "parameters" => true,
        _ => false,
    }
}

fn is_request(at: &[String]) -> bool {
    at.iter().any(|part| part == "requestBody" || part == "parameters")
}

/// OpenAPI's word that the path ends in; nothing where it ends in a name of the document's own: a property can be called
/// `default`, and be missed.
fn keyword(at: &[String]) -> &str {
    match at {
        [.., parent, _] if NAMED.contains(&parent.as_str()) => "",
        _ => last(at),
    }
}

fn last(at: &[String]) -> &str {
    at.last().map_or("", String::as_str)
}

/// Parameters by what tells them apart.
fn by_name(parameters: &[Value]) -> Map<String, Value> {
    let text =
        |parameter: &Value, key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
    let name = |parameter: &Value| match text(parameter, "$ref") {
        reference if reference.is_empty() => format!("{} {}", text(parameter, "in"), text(parameter, "name")),
        reference => reference,
    };
    parameters.iter().map(|parameter| (name(parameter), parameter.clone())).collect()
}

/// A value in a few words.
fn words(value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if let Some(reference) = text("$ref") {
        return format!("a reference to {}", reference.rsplit('/').next().unwrap_or(reference));
    }
    if let Some(id) = text("operationId") {
        return format!("the operation {id}");
    }
    if let Some(kind) = text("type") {
        let article = if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
        let mut words = format!("{article} {kind}");
        if let Some(format) = text("format") {
            words += &format!(" ({format})");
        }
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            words += &format!(" with {}", properties.keys().cloned().collect::<Vec<_>>().join(", "));
        }
        if value.get("x-sensitive") == Some(&Value::Bool(true)) {
            words += ", sensitive";
        }
        return words;
    }
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(members) if members.values().any(Value::is_object) => {
            let words = members
                .iter()
                .filter(|(_, value)| value.is_object())
                .map(|(key, value)| format!("{key}, {}", words(value)));
            words.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}
