//! Merges allOf, which progenitor supports for few schemas.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schemas::is_substantial;
use super::spec::{reference, remove_keys, resolve, schemas, schemas_mut, target, visit_schema, visit_schemas};
use super::types::is_sensitive;

/// Replaces every allOf of objects by one object, and an allOf of one schema by that schema.
pub fn flatten_all(spec: &mut Value) {
    let named = schemas(spec);
    let mut recursive: Vec<(Value, Value)> = Vec::new();
    let mut flatten_one = |schema: &mut Value| {
        if schema.get("allOf").is_none() {
            return;
        }
        if let Some((_, reference)) = recursive.iter().find(|(original, _)| original == schema) {
            *schema = reference.clone();
        } else if let Some(flat) = flatten(schema, &named, 0) {
            if contains(&flat, schema) {
                // It needs a name that it can refer to.
                recursive.push((schema.clone(), reference(&format!("merged-{}", recursive.len() + 1))));
            } else {
                *schema = flat;
            }
        }
    };
    // What is merged can contain an allOf again.
    for _ in 0..MAX_DEPTH {
        visit_schemas(spec, &mut flatten_one);
    }
    for (original, reference) in &recursive {
        if let (Some(mut flat), Some(name)) = (flatten(original, &named, 0), target(reference)) {
            visit_schema(&mut flat, &mut |schema| {
                if schema == original {
                    *schema = reference.clone();
                }
            });
            schemas_mut(spec).into_iter().for_each(|schemas| drop(schemas.insert(name.to_string(), flat.clone())));
        }
    }
}

/// How deep an allOf can stand in another.
const MAX_DEPTH: usize = 8;

fn contains(schema: &Value, inner: &Value) -> bool {
    schema == inner
        || match schema {
            Value::Object(members) => members.values().any(|member| contains(member, inner)),
            Value::Array(items) => items.iter().any(|item| contains(item, inner)),
            _ => false,
        }
}

/// Merges an allOf. Returns `None` if it is not one of objects.
fn flatten(schema: &Value, named: &Map<String, Value>, depth: usize) -> Option<Value> {
    let members = schema.get("allOf").and_then(Value::as_array)?;
    let mut own = schema.clone();
    remove_keys(&mut own, &["allOf", "description"]);
    let adds_nothing = own.get("properties").is_none() && own.get("oneOf").is_none();
    let substantial: Vec<&Value> = members.iter().filter(|member| is_substantial(member)).collect();
    if let ([only], true) = (&substantial[..], adds_nothing) {
        let nullable = schema.get("nullable") == Some(&json!(true)) && only.get("nullable").is_none();
        let sensitive = is_sensitive(schema);
        if !nullable && !sensitive {
            return Some(flatten(only, named, depth + 1).unwrap_or_else(|| (*only).clone()));
        }
        if target(only).is_some() && !sensitive {
            return None; // progenitor makes an Option of it.
        }
    }
    let mut merged = own.as_object().filter(|own| own.keys().any(|key| key == "properties")).cloned();
    let merged = merged.get_or_insert_default();
    for key in ["nullable", "x-sensitive", "description", "required"] {
        if let Some(value) = schema.get(key) {
            merged.insert(key.to_string(), value.clone());
        }
    }
    let mut properties = Map::new();
    let mut required = BTreeSet::new();
    for member in substantial.into_iter().chain(std::iter::once(&own)) {
        let member = object(member, named, depth)?;
        properties.extend(member.get("properties").and_then(Value::as_object).cloned().unwrap_or_default());
        let names = member.get("required").and_then(Value::as_array).into_iter().flatten();
        required.extend(names.filter_map(Value::as_str).map(String::from));
        if let Some(additional) = member.get("additionalProperties") {
            merged.insert("additionalProperties".to_string(), additional.clone());
        }
    }
    merged.insert("type".to_string(), json!("object"));
    merged.insert("properties".to_string(), Value::Object(properties));
    merged.insert("required".to_string(), json!(required));
    Some(Value::Object(std::mem::take(merged)))
}

/// Returns a schema as an object without allOf and references, or `None` if it is not an object.
pub fn object(schema: &Value, named: &Map<String, Value>, depth: usize) -> Option<Value> {
    let schema = resolve(schema, named).filter(|_| depth <= MAX_DEPTH)?;
    if schema.get("allOf").is_some() {
        let flat = flatten(schema, named, depth + 1)?;
        return object(&flat, named, depth + 1);
    }
    let is_object = schema["type"] == "object" || schema.get("type").is_none() && schema.get("oneOf").is_none();
    (is_object && schema.get("oneOf").is_none()).then(|| schema.clone())
}
