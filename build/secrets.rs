//! Makes sure that a secret does not become a type that prints it, and no property is lost.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::all_of::is_combined;
use super::names::snake_case;
use super::spec::{Kind, is_true, reachable, remove_keys, schemas, visit};

/// The mark of a secret.
pub const SENSITIVE: &str = "x-sensitive";

/// Rejects secrets that would lose their mark, and properties that would become the same field. Reduces the schema of a
/// secret string to what identifies it. Cloudflare's secrets are strings, except one object.
pub fn check(spec: &mut Value) -> Result<(), String> {
    let named = schemas(spec);
    let mut problem = Ok(());
    visit(spec, Kind::Object, "", &mut |schema, kind, at| {
        let kind_of_value = schema["type"].as_str().unwrap_or("any");
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
            // typify keeps no marks when it merges schemas, and a value that matches no alternative would become any
            // JSON.
            None if is_combined(schema) && has_secret(schema, &named) => {
                problem = Err(format!("{at} combines schemas, one of which contains a secret"));
            }
            None if is_true(schema, SENSITIVE) => remove_keys(schema, &["enum", "format"]),
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
