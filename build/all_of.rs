//! Merges allOf, which progenitor supports for few schemas.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schemas::is_substantial;
use super::spec::{Kind, is_scalar, is_true, resolve, schemas, target, visit};

/// How deeply allOfs can be nested. Cloudflare's envelopes have three levels.
const MAX_DEPTH: usize = 8;

/// Keywords that say something about a schema beside what its allOf says.
const MARKS: [&str; 6] = ["deprecated", "description", "nullable", "readOnly", "writeOnly", "x-sensitive"];

/// Replaces an allOf whose schemas have the same type with one merged schema, and an allOf of one schema with that
/// schema. Progenitor merges the rest.
pub fn flatten_all(spec: &mut Value) -> Result<(), String> {
    let named = schemas(spec);
    let mut nested = Vec::new();
    // The merged schema can contain another allOf.
    for _ in 0..MAX_DEPTH {
        nested.clear();
        visit(spec, Kind::Object, "", &mut |schema, kind, at| {
            if kind == Kind::Schema
                && schema.get("allOf").is_some()
                && let Some(flat) = flatten(schema, &named, 0)
            {
                *schema = flat;
                nested.push(at.to_string());
            }
        });
    }
    match nested.first() {
        Some(at) => Err(format!("{at}: its allOf contains itself; give it a name in components > schemas")),
        None => Ok(()),
    }
}

/// Merges an allOf. Returns `None` if it stays an allOf.
fn flatten(schema: &Value, named: &Map<String, Value>, depth: usize) -> Option<Value> {
    let members = schema.get("allOf").and_then(Value::as_array)?;
    let (marks, own): (Map<_, _>, Map<_, _>) =
        schema.as_object()?.clone().into_iter().partition(|(key, _)| MARKS.contains(&key.as_str()));
    let own = Value::Object(own.into_iter().filter(|(key, _)| key != "allOf").collect());
    let substantial: Vec<&Value> = members.iter().chain([&own]).filter(|member| is_substantial(member)).collect();
    if let [only] = substantial[..]
        && target(only).is_some()
        && !is_true(schema, "x-sensitive")
        && let Some(object) = resolve(only, named).filter(|schema| !is_scalar(schema))
        && is_true(schema, "nullable") <= is_true(object, "nullable")
    {
        let mut only = only.clone();
        only.as_object_mut()?.extend(marks);
        return Some(only);
    }

    let flat =
        substantial.into_iter().map(|member| flatten_member(member, named, depth)).collect::<Option<Vec<_>>>()?;
    let mut merged = match &flat[..] {
        [] => json!({}),
        [only] => only.clone(),
        _ => merge(&flat)?,
    };
    let required: BTreeSet<String> = members.iter().chain(&flat).chain([&own]).flat_map(required).collect();
    if merged.get("properties").is_some() {
        merged["required"] = required.into_iter().collect();
    }
    if flat.iter().any(|member| is_true(member, "x-sensitive")) {
        merged["x-sensitive"] = json!(true);
    }
    merged.as_object_mut()?.extend(marks);
    Some(merged)
}

/// Follows references to a member, and merges the member if it is an allOf.
fn flatten_member(member: &Value, named: &Map<String, Value>, depth: usize) -> Option<Value> {
    let member = resolve(member, named).filter(|_| depth <= MAX_DEPTH)?;
    match member.get("allOf") {
        Some(_) => resolve(&flatten(member, named, depth + 1)?, named).cloned(),
        None => Some(member.clone()),
    }
}

/// Merges schemas of one type. A schema's keywords beside its type do not describe the merged schema.
fn merge(schemas: &[Value]) -> Option<Value> {
    let kind = schemas.iter().find_map(|schema| schema.get("type")).cloned().unwrap_or_else(|| json!("object"));
    let (mut merged, mut properties) = (Map::new(), Map::new());
    for schema in schemas {
        let has_kind = !is_combined(schema) && schema.get("type").is_none_or(|other| *other == kind);
        let members = schema.as_object().filter(|_| has_kind)?.clone();
        properties.extend(schema["properties"].as_object().cloned().unwrap_or_default());
        merged.extend(members.into_iter().filter(|(key, _)| !MARKS.contains(&key.as_str())));
    }
    if kind == "object" {
        merged.insert("properties".to_string(), Value::Object(properties));
    }
    merged.insert("type".to_string(), kind);
    Some(Value::Object(merged))
}

fn required(schema: &Value) -> impl Iterator<Item = String> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(String::from)
}

/// Returns whether several schemas describe a value.
pub fn is_combined(schema: &Value) -> bool {
    schema.get("allOf").is_some() || schema.get("oneOf").is_some()
}
