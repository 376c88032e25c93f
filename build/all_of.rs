//! Merges allOf, which progenitor supports for few schemas.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schemas::is_substantial;
use super::spec::{Kind, is_scalar, is_true, resolve, schemas, target, visit};

/// How deep an allOf can stand in another. Cloudflare's envelopes have three levels.
const MAX_DEPTH: usize = 8;

/// Keywords that say something about a schema beside what its allOf says.
const MARKS: [&str; 6] = ["deprecated", "description", "nullable", "readOnly", "writeOnly", "x-sensitive"];

/// Replaces every allOf of objects by one object, one of strings or numbers by one such schema, and an allOf of one schema
/// by that schema. What is left is progenitor's to merge.
pub fn flatten_all(spec: &mut Value) -> Result<(), String> {
    let named = schemas(spec);
    let mut nested = Vec::new();
    // What is merged can contain an allOf again.
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

/// Merges an allOf. Returns `None` if it stays one.
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
    {
        if is_true(schema, "nullable") && !is_true(object, "nullable") {
            return None; // progenitor makes an Option of it.
        }
        let mut only = only.clone();
        let directions = marks.into_iter().filter(|(key, _)| ["readOnly", "writeOnly"].contains(&key.as_str()));
        only.as_object_mut()?.extend(directions);
        return Some(only);
    }

    let flat =
        substantial.into_iter().map(|member| flatten_member(member, named, depth)).collect::<Option<Vec<_>>>()?;
    let mut merged = match &flat[..] {
        [] => json!({}),
        [only] => only.clone(),
        [first, ..] if is_scalar(first) => merge_scalars(&flat)?,
        _ => merge_objects(&flat)?,
    };
    let required: BTreeSet<String> = members.iter().chain([&merged]).flat_map(required).collect();
    if merged.get("properties").is_some() {
        merged["required"] = required.into_iter().collect();
    }
    if flat.iter().any(|member| is_true(member, "x-sensitive")) {
        merged["x-sensitive"] = json!(true);
    }
    merged.as_object_mut()?.extend(marks);
    Some(merged)
}

/// Follows references to a member, and merges the allOf that it may be.
fn flatten_member(member: &Value, named: &Map<String, Value>, depth: usize) -> Option<Value> {
    let member = resolve(member, named).filter(|_| depth <= MAX_DEPTH)?;
    match member.get("allOf") {
        Some(_) => resolve(&flatten(member, named, depth + 1)?, named).cloned(),
        None => Some(member.clone()),
    }
}

fn merge_scalars(scalars: &[Value]) -> Option<Value> {
    let mut merged = Map::new();
    for scalar in scalars.iter().rev() {
        merged.extend(scalar.as_object().filter(|_| scalar["type"] == scalars[0]["type"])?.clone());
    }
    Some(Value::Object(merged))
}

fn merge_objects(objects: &[Value]) -> Option<Value> {
    let mut merged = json!({ "type": "object" });
    let (mut properties, mut names) = (Map::new(), BTreeSet::new());
    for object in objects.iter().map(|object| is_object(object).then_some(object)) {
        properties.extend(object?.get("properties").and_then(Value::as_object).cloned().unwrap_or_default());
        names.extend(required(object?));
        if let Some(additional) = object?.get("additionalProperties") {
            merged["additionalProperties"] = additional.clone();
        }
    }
    merged["properties"] = Value::Object(properties);
    merged["required"] = names.into_iter().collect();
    Some(merged)
}

fn required(schema: &Value) -> impl Iterator<Item = String> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(String::from)
}

fn is_object(schema: &Value) -> bool {
    let has = |key| schema.get(key).is_some();
    (schema["type"] == "object" || !has("type")) && !has("allOf") && !has("oneOf")
}

/// Returns a schema as an object without allOf and references, or `None` if it is not an object.
pub fn object(schema: &Value, named: &Map<String, Value>) -> Option<Value> {
    flatten_member(schema, named, 0).filter(is_object)
}
