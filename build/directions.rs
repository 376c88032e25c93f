//! Is strict in what is sent, and lenient in what is received.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::names::pascal_case;
use super::spec::{
    Kind, is_scalar, is_true, operations, reachable, reference, remove_keys, resolve, schemas, schemas_mut, target,
    visit_schemas,
};

/// Gives requests schemas of their own if responses use the same ones, which are more lenient.
pub fn separate_requests_from_responses(spec: &mut Value) {
    let named = schemas(spec);
    let (mut requests, mut responses) = (BTreeSet::new(), BTreeSet::new());
    for operation in operations(spec) {
        reachable(&operation.value["parameters"], &named, &mut requests);
        reachable(&operation.value["requestBody"], &named, &mut requests);
        reachable(&operation.value["responses"], &named, &mut responses);
    }
    let differs =
        |name: &&String| named.get(*name).is_some_and(|schema| !is_scalar(schema) || schema.get("enum").is_some());
    let shared: BTreeSet<String> = requests.intersection(&responses).filter(differs).cloned().collect();
    let mut rename = |schema: &mut Value| {
        if let Some(name) = target(schema).filter(|name| shared.contains(*name)) {
            *schema = reference(&request_name(name));
        }
    };
    for operation in operations(spec) {
        visit_schemas(&mut operation.value["parameters"], Kind::Object, &mut rename);
        visit_schemas(&mut operation.value["requestBody"], Kind::Object, &mut rename);
    }
    let Some(components) = schemas_mut(spec) else { return };
    for name in requests.iter().filter(|name| named.contains_key(*name)) {
        let mut schema = named[name].clone();
        visit_schemas(&mut schema, Kind::Schema, &mut rename);
        components.insert(if shared.contains(name) { request_name(name) } else { name.clone() }, schema);
    }
}

fn request_name(name: &str) -> String {
    format!("{name}_input")
}

pub fn remove_unreachable(spec: &mut Value) {
    let named = schemas(spec);
    let mut names = BTreeSet::new();
    reachable(&spec["paths"], &named, &mut names);
    if let Some(schemas) = schemas_mut(spec) {
        schemas.retain(|name, _| names.contains(name));
    }
}

pub fn adapt_requests(spec: &mut Value) {
    let named = schemas(spec);
    for_each_schema_of(spec, &["parameters", "requestBody"], &mut |schema| adapt_request_schema(schema, &named));
}

pub fn adapt_responses(spec: &mut Value) {
    let named = schemas(spec);
    for_each_schema_of(spec, &["responses"], &mut |schema| adapt_alternatives(schema, &named));
    for_each_schema_of(spec, &["responses"], &mut |schema| adapt_response_schema(schema, &named));
}

fn for_each_schema_of(spec: &mut Value, keys: &[&str], change: &mut dyn FnMut(&mut Value)) {
    let named = schemas(spec);
    let mut names = BTreeSet::new();
    for operation in operations(spec) {
        for key in keys {
            reachable(&operation.value[*key], &named, &mut names);
            visit_schemas(&mut operation.value[*key], Kind::Object, change);
        }
    }
    for (_, schema) in schemas_mut(spec).into_iter().flatten().filter(|(name, _)| names.contains(*name)) {
        visit_schemas(schema, Kind::Schema, change);
    }
}

/// Keeps `required` and the values of strings. Members that only responses have are not sent.
fn adapt_request_schema(schema: &mut Value, named: &Map<String, Value>) {
    if schema["type"] != "string" || !has_distinct_names(schema) {
        remove_keys(schema, &["enum"]);
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    properties.retain(|_, property| !has_mark(property, "readOnly", named));
    let names: BTreeSet<String> = properties.keys().cloned().collect();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_some_and(|name| names.contains(name)));
    }
}

/// Returns whether a property, or the schema that it refers to, has a mark.
fn has_mark(property: &Value, mark: &str, named: &Map<String, Value>) -> bool {
    is_true(property, mark) || resolve(property, named).is_some_and(|schema| is_true(schema, mark))
}

/// Returns whether the values of an enum become distinct variants of a Rust enum.
fn has_distinct_names(schema: &Value) -> bool {
    let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut names = BTreeSet::new();
    values.map(pascal_case).all(|name| !name.is_empty() && names.insert(name))
}

/// Lets responses differ from the spec if that does no harm: anything may be missing or null, and have other values, except
/// what tells success from failure or the alternatives of a oneOf apart. Live errors also have an `error_chain`, which the
/// spec does not mention, and a code of another type must not hide a message.
fn adapt_response_schema(schema: &mut Value, named: &Map<String, Value>) {
    let is_kept = |property: &Value| property.get(KEPT).is_some();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|_, property| !has_mark(property, "writeOnly", named));
        if properties.contains_key("code") && properties.contains_key("message") {
            if properties["code"]["type"] == "integer" {
                properties["code"][LENIENT] = json!(true);
            }
            let cause = json!({ "type": "object", "description": "A cause of an error.", "properties": {
                "code": properties["code"], "message": properties["message"],
            }});
            properties.entry("error_chain").or_insert_with(
                || json!({ "type": "array", "description": "The causes of the error.", "items": cause }),
            );
        }
        for property in properties.values_mut().filter(|property| property["type"] == "array" || is_map(property)) {
            property["nullable"] = json!(true);
        }
        let kept: Vec<&String> =
            properties.iter().filter(|(_, property)| is_kept(property)).map(|(name, _)| name).collect();
        schema["required"] = json!(kept);
    }
    if !is_kept(schema) {
        remove_keys(schema, &["enum"]);
    }
}

/// Marks a member of a response that must be there and have one of the values of its enum.
pub const KEPT: &str = "x-kept";

/// Marks an integer that is decoded whatever its type, because it is the code of an error.
pub const LENIENT: &str = "x-lenient";

fn is_map(schema: &Value) -> bool {
    schema["type"] == "object" && schema.get("properties").is_none()
}

/// Keeps the alternatives of a oneOf in a response if they can be told apart, by their types or by a member with distinct
/// values, and adds any other JSON as the last one. Otherwise the first would match everything, so only JSON is left.
fn adapt_alternatives(schema: &mut Value, named: &Map<String, Value>) {
    let Some(members) = schema.get("oneOf").and_then(Value::as_array) else { return };
    let members: Option<Vec<Value>> = members.iter().map(|member| resolve(member, named).cloned()).collect();
    let mut members = members.unwrap_or_default();
    let types: BTreeSet<&str> = members.iter().filter_map(|member| member["type"].as_str()).collect();
    let has_distinct_types = types.len() == members.len() && !(types.contains("integer") && types.contains("number"));
    if !has_distinct_types {
        let Some(name) = distinguishing_member(&members) else {
            *schema = json!({ "description": schema["description"] });
            return;
        };
        for member in &mut members {
            member["properties"][&name][KEPT] = json!(true);
        }
    }
    members.push(json!({}));
    *schema = json!({ "oneOf": members });
}

/// Returns the member that has a different value in each of these objects.
fn distinguishing_member(objects: &[Value]) -> Option<String> {
    let names = objects.first()?.get("properties")?.as_object()?.keys();
    let mut names = names.filter(|name| {
        let mut values = BTreeSet::new();
        objects.iter().all(|object| match object["properties"][name]["enum"].as_array().map(Vec::as_slice) {
            Some([Value::String(value)]) => values.insert(value.clone()),
            _ => false,
        })
    });
    names.next().cloned()
}
