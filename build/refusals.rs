//! Refuses what would be generated otherwise than the spec says.

use serde_json::{Map, Value};

use super::operations::unsupported;
use super::schemas::equal_fields;
use super::secrets::SENSITIVE;
use super::spec::{Kind, check_schemas, is_scalar, is_true, operations, resolve, schemas};

pub fn check(spec: &Value) -> Result<(), Vec<String>> {
    let named = schemas(spec);
    let mut problems = Vec::new();
    for operation in operations(&mut spec.clone()) {
        let mut refuse = |problem: String| problems.push(unsupported(&operation, &problem));
        for part in ["parameters", "requestBody", "responses"] {
            check_schemas(&operation.value[part], Kind::Object, part, &named, &mut |schema, at| {
                if let Some(problem) = problem(schema, part, &named) {
                    refuse(format!("{at} {problem}"));
                }
            });
        }
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            if let Some(problem) = parameter_problem(parameter, &named) {
                refuse(format!("parameter `{}` {problem}", parameter["name"].as_str().unwrap_or_default()));
            }
        }
    }
    problems.dedup();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn problem(schema: &Value, part: &str, named: &Map<String, Value>) -> Option<String> {
    let kind = schema.get("type").and_then(Value::as_str);
    if is_true(schema, SENSITIVE) && kind != Some("string") {
        return Some(format!("is a secret of type {}, not a string", kind.unwrap_or("any")));
    }
    if let Some((one, other)) = schema.get("properties").and_then(Value::as_object).and_then(equal_fields) {
        return Some(format!("has the properties `{one}` and `{other}`, which become the same field"));
    }
    // Alternatives in a response end with any JSON, and typify keeps no marks in what it merges.
    let loses_marks = match schema.get("allOf").and_then(Value::as_array) {
        Some(members) => members.len() > 1,
        None => schema.get("oneOf").is_some() && (part == "responses" || schema.get("properties").is_some()),
    };
    (loses_marks && has_secret(schema, named)).then(|| "has alternatives, of which one contains a secret".to_string())
}

fn has_secret(schema: &Value, named: &Map<String, Value>) -> bool {
    let mut found = false;
    check_schemas(schema, Kind::Schema, "", named, &mut |schema, _| found |= is_true(schema, SENSITIVE));
    found
}

fn parameter_problem(parameter: &Value, named: &Map<String, Value>) -> Option<&'static str> {
    let schema = resolve(&parameter["schema"], named)?;
    let is_flat =
        |schema: &Value| resolve(schema, named).is_none_or(|schema| is_scalar(schema) || schema["type"].is_null());
    match (parameter["in"].as_str()?, schema["type"].as_str()?) {
        ("path", _) if has_secret(schema, named) => Some("is a secret, and paths are logged"),
        ("query", "object") => Some("is an object"),
        ("query", "array") if !is_flat(&schema["items"]) => Some("is a list of objects"),
        _ => None,
    }
}
