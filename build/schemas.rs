//! Adapts schemas, by their marks and never by their names: strict in what is sent, lenient in what is received.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::all_of::flatten_all;
use super::directions::{adapt_requests, adapt_responses, remove_unreachable, separate_requests_from_responses};
use super::names::snake_case;
use super::spec::{remove_keys, visit_schemas};
use super::success::declare_success;
use super::types::{inline_scalars, simplify_parameters, substitute, tell_apart};

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
    visit_schemas(spec, &mut clean);
    flatten_all(spec);
    declare_success(spec)?;
    separate_requests_from_responses(spec);
    remove_unreachable(spec);
    adapt_requests(spec);
    adapt_responses(spec);
    remove_unreachable(spec);
    if side == Side::MockServer {
        visit_schemas(spec, &mut default_constants);
    }
    substitute(spec, side)?;
    simplify_parameters(spec, side);
    inline_scalars(spec);
    tell_apart(spec);
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

/// Removes all but one of the properties that would become the same field, those first that are deprecated.
fn remove_equal_fields(properties: &mut Map<String, Value>) {
    let mut names: Vec<String> = properties.keys().cloned().collect();
    names.sort_by_key(|name| properties[name].get("deprecated") == Some(&json!(true)));
    let mut fields = BTreeSet::new();
    for name in names {
        if !fields.insert(snake_case(&name)) {
            properties.remove(&name);
        }
    }
}

/// Removes what does not matter to the generated types. `format` matters only if it is `date-time`, or `binary` for a body.
fn clean(schema: &mut Value) {
    remove_keys(schema, &IGNORED);
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
        remove_equal_fields(properties);
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
            1 if schema.get("properties").is_none() => *schema = schema["oneOf"][0].clone(),
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
