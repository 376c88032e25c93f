//! Puts parts of a document into a few words.

use serde_json::Value;

/// Describes a schema, an operation, a body or any other value.
pub fn describe(value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if let Some(reference) = text("$ref") {
        return format!("a reference to {}", reference.rsplit('/').next().unwrap_or(reference));
    }
    if let Some(kind) = text("type") {
        return describe_schema(kind, value);
    }
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => list(items.iter().map(describe)),
        Value::Object(members) if members.is_empty() => "anything".to_string(),
        Value::Object(members) if members.contains_key("schema") => describe(&members["schema"]),
        Value::Object(members) => {
            let nested = members.iter().filter(|(_, value)| value.is_object() || value.is_array());
            let words = list(nested.map(|(key, value)| format!("{key}: {}", describe(value))));
            if words.is_empty() { value.to_string() } else { words }
        }
        other => other.to_string(),
    }
}

fn describe_schema(kind: &str, schema: &Value) -> String {
    let article = if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    let mut words = format!("{article} {kind}");
    if let Some(format) = schema.get("format").and_then(Value::as_str) {
        words += &format!(" ({format})");
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        words += &format!(" with {}", list(properties.keys().cloned()));
    }
    if schema.get("x-sensitive") == Some(&Value::Bool(true)) {
        words += ", sensitive";
    }
    words
}

/// Tells what became of a keyword: "was string, is integer".
pub fn change(before: Option<&Value>, after: Option<&Value>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("was {}, is {}", describe(before), describe(after)),
        (Some(before), None) => format!("is gone (was {})", describe(before)),
        (None, Some(after)) => format!("is new: {}", describe(after)),
        (None, None) => "is as before".to_string(),
    }
}

pub fn list(words: impl IntoIterator<Item = String>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}
