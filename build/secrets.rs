//! Makes sure that a secret does not become a type that prints it, and no property is lost.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::names::snake_case;
use super::spec::{Kind, is_scalar, is_true, reachable, resolve, schemas, target, visit, visit_schemas};

/// The mark of a secret.
pub const SENSITIVE: &str = "x-sensitive";

/// Leaves of the schema of a secret string what it is recognized by, and puts it where a reference beside the mark leads.
/// Cloudflare's secrets are strings, except one object.
pub fn mark(spec: &mut Value) {
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
}

/// Refuses secrets that would lose their mark, and properties that would become the same field.
pub fn check(spec: &mut Value) -> Result<(), String> {
    let named = schemas(spec);
    let mut problem = Ok(());
    visit(spec, Kind::Object, "", &mut |schema, kind, at| {
        let kind_of_value = schema["type"].as_str().unwrap_or("any");
        // typify keeps no marks in what it merges, and what matches no alternative would be any JSON.
        let is_combined =
            schema["allOf"].as_array().is_some_and(|members| members.len() > 1) || schema["oneOf"].is_array();
        let mut fields: Vec<_> = schema["properties"].as_object().into_iter().flat_map(Map::keys).collect();
        fields.sort_by_key(|name| snake_case(name));
        let equal = fields.windows(2).find(|pair| snake_case(pair[0]) == snake_case(pair[1]));
        match equal {
            _ if kind != Kind::Schema => {}
            Some(pair) => {
                problem = Err(format!("{at} > properties: `{}` and `{}` become the same field", pair[0], pair[1]))
            }
            None if is_true(schema, SENSITIVE) && kind_of_value != "string" => {
                problem = Err(format!("{at} is a secret of type {kind_of_value}, not a string"));
            }
            None if is_combined && has_secret(schema, &named) => {
                problem = Err(format!("{at} combines schemas, of which one contains a secret"));
            }
            None => {}
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
