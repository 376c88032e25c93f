//! Adapts schemas, by their marks and never by their names, and chooses Rust types for them.

use std::collections::BTreeSet;

use progenitor::GenerationSettings;
use serde_json::{Map, Value, json};

use super::all_of::flatten_all;
use super::directions::{self, KEPT, LENIENT};
use super::names::snake_case;
use super::responses::declare_success;
use super::secrets::{self, SENSITIVE, has_secret};
use super::spec::{
    Kind, is_scalar, is_true, operations, remove_keys, resolve, schemas, schemas_mut, target, visit_schemas,
};

/// Returns whether a keyword matters to the generated types. Limits are the service's to check, and defaults its to
/// apply.
fn is_type_keyword(key: &str) -> bool {
    let structure = ["$ref", "type", "enum", "items", "properties", "required", "additionalProperties"];
    let rest = ["allOf", "oneOf", "nullable", "readOnly", "writeOnly", "description", "deprecated", SENSITIVE];
    structure.contains(&key) || rest.contains(&key)
}

/// Which side of an exchange code is generated for.
#[derive(Clone, Copy, PartialEq)]
pub enum Side {
    /// Sends requests, and must not show the secrets in responses.
    Client,
    /// Sends responses, secrets included.
    MockServer,
}

pub fn normalize(spec: &mut Value, side: Side) -> Result<(), String> {
    inline_scalars(spec);
    visit_schemas(spec, Kind::Object, &mut |schema| clean(schema, side));
    flatten_all(spec)?;
    directions::remove_unreachable(spec);
    visit_schemas(spec, Kind::Object, &mut remove_equal_fields);
    declare_success(spec, side)?;
    secrets::check(spec)?;
    directions::adapt(spec);
    inline_scalars(spec);
    simplify_parameters(spec, side)?;
    Ok(())
}

/// Removes what does not matter to the generated types. `format` matters only if it is `binary` for a body, or
/// `date-time` for a client: a test names a time as a string.
fn clean(schema: &mut Value, side: Side) {
    let format = schema["format"].take();
    if let Some(members) = schema.as_object_mut() {
        let alternatives = members.remove("anyOf").or_else(|| members.remove("oneOf"));
        members.retain(|key, value| is_type_keyword(key) && *value != json!(false));
        if let Some(Value::Array(mut alternatives)) = alternatives {
            // Alternatives that only require members are a limit.
            alternatives.retain(is_substantial);
            if !alternatives.is_empty() {
                // A single alternative is merged with the keywords beside it.
                let is_merged = alternatives.len() == 1 && !members.contains_key("allOf");
                members.insert(if is_merged { "allOf" } else { "oneOf" }.to_string(), Value::Array(alternatives));
                members.remove("type");
            }
        }
    }
    if schema["type"] == "string" && (format == "binary" || format == "date-time" && side == Side::Client) {
        schema["format"] = format;
    }
    // A member that can only be null says nothing, and a response with something there must not be rejected.
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|_, property| property["enum"] != json!([null]));
    }
}

/// Returns whether a member of an allOf says anything about the type.
pub fn is_substantial(member: &Value) -> bool {
    let Some(members) = member.as_object() else { return true };
    let says_nothing =
        |key: &String| ["description", "nullable", "required"].contains(&key.as_str()) || key.starts_with("x-");
    !members.keys().all(says_nothing) && *member != json!({ "type": "object" })
}

/// Removes a property that would become the same field as a property with the field's name, as with `notification_url`
/// and `notificationUrl` in Stream's webhook. Keeps it if it is required and not deprecated, and the build then fails.
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

/// Lets progenitor use types of this crate for schemas that are equal to these, apart from descriptions.
pub fn convert(settings: &mut GenerationSettings) -> Result<(), String> {
    for (schema, name) in [
        (json!({ "type": "integer", LENIENT: true }), "Code"),
        (json!({ "type": "string", SENSITIVE: true }), "SecretValue"),
        (json!({ "type": "string", "format": "date-time" }), "Timestamp"),
        (json!({ "type": "boolean", "enum": [true], KEPT: true }), "ConstBool<true>"),
        (json!({ "type": "boolean", "enum": [false], KEPT: true }), "ConstBool<false>"),
    ] {
        let schema = serde_json::from_value(schema).map_err(|e| e.to_string())?;
        settings.with_conversion(schema, format!("crate::client::runtime::{name}"), std::iter::empty());
    }
    Ok(())
}

/// Takes parameters in paths and headers as strings unless they are other scalars, and secrets as strings too: they are
/// not kept. A test helper expects one value of a list in a query.
fn simplify_parameters(spec: &mut Value, side: Side) -> Result<(), String> {
    let named = schemas(spec);
    let parameters = operations(spec).flat_map(|operation| operation.value["parameters"].as_array_mut());
    for parameter in parameters.flatten() {
        let in_query = parameter["in"] == "query";
        let resolved = resolve(&parameter["schema"], &named).cloned().unwrap_or_default();
        let is_list = in_query && resolved["type"] == "array";
        if let Some(problem) = parameter_problem(parameter, &resolved, &named) {
            return Err(format!("parameter {} {problem}", parameter["name"]));
        }
        if is_list && side == Side::Client && parameter["explode"] == json!(false) {
            // The runtime joins the values of such a parameter with commas. Cloudflare has twelve.
            parameter["name"] = json!(format!("{},", parameter["name"].as_str().unwrap_or_default()));
        }
        let schema = &mut parameter["schema"];
        // A parameter is there or not.
        remove_keys(schema, &["nullable"]);
        if in_query && side == Side::Client || is_scalar(&resolved) && !is_true(&resolved, SENSITIVE) {
            continue;
        }
        let item = resolved.get("items").filter(|items| is_list && is_scalar(items));
        *schema = item.cloned().unwrap_or_else(|| json!({ "type": "string" }));
    }
    Ok(())
}

fn parameter_problem(parameter: &Value, schema: &Value, named: &Map<String, Value>) -> Option<&'static str> {
    let item = resolve(&schema["items"], named)?;
    match (parameter["in"].as_str()?, schema["type"].as_str()?) {
        ("path", _) if has_secret(schema, named) => Some("is a secret, and paths are logged"),
        // One operation of Cloudflare has an object, a few have lists of objects.
        ("query", "object") => Some("is an object"),
        ("query", "array") if item.get("type").is_some() && !is_scalar(item) => Some("is a list of objects"),
        _ => None,
    }
}

/// Puts scalars, and references to another schema, where they are referred to. So methods take `&str`, and no name that
/// Cloudflare numbers is public. Keeps the marks beside a reference: Cloudflare's ID of a monitor group is `readOnly`
/// there.
fn inline_scalars(spec: &mut Value) {
    let named = schemas(spec);
    let is_enum = |schema: &Value| schema["type"] == "string" && schema.get("enum").is_some();
    let is_inlined = |schema: &Value| target(schema).is_some() || is_scalar(schema) && !is_enum(schema);
    visit_schemas(spec, Kind::Object, &mut |schema| {
        let mut marks = BTreeSet::new();
        // Limited, so that references in a circle cannot hang the build.
        for _ in 0..=named.len() {
            marks.extend([SENSITIVE, "readOnly", "writeOnly"].into_iter().filter(|mark| is_true(schema, mark)));
            let inlined = target(schema).and_then(|name| named.get(name));
            match inlined.filter(|schema| is_inlined(schema) || marks.contains(SENSITIVE)) {
                Some(inlined) => *schema = inlined.clone(),
                None => break,
            }
        }
        marks.into_iter().for_each(|mark| schema[mark] = json!(true));
    });
    if let Some(schemas) = schemas_mut(spec) {
        schemas.retain(|_, schema| !is_inlined(schema));
    }
}
