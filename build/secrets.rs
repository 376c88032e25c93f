//! Makes sure that a secret does not become a type that prints it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::spec::{Kind, is_scalar, is_true, reachable, resolve, schemas, target, visit, visit_schemas};

/// The mark of a secret.
pub const SENSITIVE: &str = "x-sensitive";

/// Leaves of the schema of a secret string what it is recognized by, and puts it where a reference beside the mark leads.
/// Refuses other secrets: Cloudflare's are strings, except one object.
pub fn mark(spec: &mut Value) -> Result<(), String> {
    let named = schemas(spec);
    visit_schemas(spec, Kind::Object, &mut |schema| {
        let scalar = resolve(schema, &named).filter(|resolved| is_scalar(resolved)).cloned();
        if let Some(scalar) = scalar.filter(|_| is_true(schema, SENSITIVE) && target(schema).is_some()) {
            *schema = scalar;
            schema[SENSITIVE] = json!(true);
        }
        if let Some(members) = schema.as_object_mut().filter(|members| members.contains_key(SENSITIVE)) {
            members.retain(|key, _| key != "enum" && key != "format");
        }
    });
    let mut problem = Ok(());
    visit(spec, Kind::Object, "", &mut |schema, kind, at| {
        if kind != Kind::Schema {
            return;
        }
        let kind = schema["type"].as_str().unwrap_or("any");
        // typify keeps no marks in what it merges, and what matches no alternative would be any JSON.
        let is_combined =
            schema["allOf"].as_array().is_some_and(|members| members.len() > 1) || schema["oneOf"].is_array();
        if is_true(schema, SENSITIVE) && kind != "string" {
            problem = Err(format!("{at} is a secret of type {kind}, not a string"));
        } else if is_combined && has_secret(schema, &named) {
            problem = Err(format!("{at} combines schemas, of which one contains a secret"));
        }
    });
    problem
}

/// Returns whether a secret is in a schema, or in one that it refers to.
pub fn has_secret(schema: &Value, named: &Map<String, Value>) -> bool {
    let mut names = BTreeSet::new();
    reachable(schema, named, &mut names);
    let is_marked = |schema: &Value| schema.to_string().contains("\"x-sensitive\":true");
    is_marked(schema) || names.iter().filter_map(|name| named.get(name)).any(is_marked)
}
