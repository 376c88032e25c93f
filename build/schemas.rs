//! Adapts schemas, by their marks and never by their names.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::all_of::flatten_all;
use super::directions::{adapt_requests, adapt_responses, remove_unreachable, separate_requests_from_responses};
use super::names::snake_case;
use super::secrets::SENSITIVE;
use super::spec::{Kind, is_true, remove_keys, visit_schemas};
use super::success::declare_success;
use super::types::{inline_scalars, simplify_parameters, use_plain_types};
use super::{refusals, secrets};

/// Limits are the service's to check, and defaults its to apply; the rest says nothing about the type.
const IGNORED: [&str; 20] = [
    "additionalItems",
    "default",
    "discriminator",
    "example",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "externalDocs",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "pattern",
    "title",
];

/// Which side of an exchange code is generated for.
#[derive(Clone, Copy, PartialEq)]
pub enum Side {
    /// Sends requests, and must not show the secrets in responses.
    Client,
    /// Sends responses, secrets included.
    MockServer,
}

pub fn normalize(spec: &mut Value, side: Side) -> Result<(), Vec<String>> {
    visit_schemas(spec, Kind::Object, &mut clean);
    flatten_all(spec)?;
    visit_schemas(spec, Kind::Object, &mut remove_equal_fields);
    declare_success(spec)?;
    secrets::mark(spec);
    separate_requests_from_responses(spec);
    refusals::check(spec)?;
    adapt_requests(spec);
    adapt_responses(spec);
    remove_unreachable(spec);
    if side == Side::MockServer {
        visit_schemas(spec, Kind::Object, &mut default_constants);
        visit_schemas(spec, Kind::Object, &mut use_plain_types);
    }
    simplify_parameters(spec, side);
    inline_scalars(spec);
    Ok(())
}

/// Makes the value of a constant its default, so that a test need not name it.
fn default_constants(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let mut constants = BTreeSet::new();
    for (name, property) in properties {
        if let Some([Value::Bool(value)]) = property["enum"].as_array().map(Vec::as_slice) {
            property["default"] = json!(*value);
            constants.insert(name.clone());
        }
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_none_or(|name| !constants.contains(name)));
    }
}

/// Removes what does not matter to the generated types. `format` matters only if it is `date-time`, or `binary` for a body.
fn clean(schema: &mut Value) {
    remove_keys(schema, &IGNORED);
    if let Some(schema) = schema.as_object_mut() {
        schema.retain(|key, value| !key.starts_with("x-") || key == SENSITIVE && *value == json!(true));
    }
    if schema["type"] != "string" || !["date-time", "binary"].iter().any(|format| schema["format"] == *format) {
        remove_keys(schema, &["format"]);
    }
    if schema["type"] == "array" {
        remove_keys(schema, &["uniqueItems"]);
        if let Some(schema) = schema.as_object_mut() {
            schema.entry("items").or_insert_with(|| json!({}));
        }
    }
    // A member that can only be null says nothing, and a response with something there must not be rejected.
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|_, property| property.get("enum") != Some(&json!([null])));
    }
    if schema.get("additionalProperties") == Some(&json!(false)) {
        remove_keys(schema, &["additionalProperties"]);
    }
    if let Some(members) = schema.as_object_mut().and_then(|schema| schema.remove("anyOf")) {
        schema["oneOf"] = members;
    }
    // Alternatives that only require members are a limit.
    if let Some(members) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        members.retain(is_substantial);
        match members.len() {
            0 => remove_keys(schema, &["oneOf"]),
            // Merged with what stands beside it.
            1 if schema.get("allOf").is_none() => {
                schema["allOf"] = schema["oneOf"].take();
                remove_keys(schema, &["oneOf", "type"]);
            }
            _ => remove_keys(schema, &["type"]),
        }
    }
}

/// Returns whether a member of an allOf says anything about the type.
pub fn is_substantial(member: &Value) -> bool {
    let Some(members) = member.as_object() else { return true };
    let says_nothing =
        |key: &String| ["description", "nullable", "required"].contains(&key.as_str()) || key.starts_with("x-");
    !members.keys().all(says_nothing) && *member != json!({ "type": "object" })
}

/// Keeps one of the properties that would become the same field: the one that has the field's name, as with
/// `notification_url` and `notificationUrl` in Stream's webhook. A deprecated or required one decides first.
fn remove_equal_fields(schema: &mut Value) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| required.as_array().is_some_and(|names| names.iter().any(|other| other == name));
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let fields: BTreeSet<String> = properties.keys().cloned().collect();
    properties.retain(|name, property| {
        let field = snake_case(name);
        field == *name || !fields.contains(&field) || is_required(name) && !is_true(property, "deprecated")
    });
}

/// Returns two properties that would become the same field.
pub fn equal_fields(properties: &Map<String, Value>) -> Option<(&String, &String)> {
    let mut names = properties.keys();
    names.find_map(|name| {
        let other = properties.keys().find(|other| *other > name && snake_case(other) == snake_case(name))?;
        Some((name, other))
    })
}
