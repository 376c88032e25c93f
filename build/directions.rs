//! Makes requests strict and responses lenient.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::spec::{
    Kind, is_true, operations, reachable, reference, remove_keys, resolve, schemas, schemas_mut, target, visit_schemas,
};

/// Marks a member of a response that must be there and have the value of its enum.
pub const KEPT: &str = "x-kept";

/// Marks an integer that is decoded whatever its type, because it is the code of an error.
pub const LENIENT: &str = "x-lenient";

/// Gives requests schemas of their own, since responses are more lenient, and adapts both. More than half of
/// Cloudflare's tags have schemas for both.
pub fn adapt(spec: &mut Value) {
    let named = schemas(spec);
    let request = |part: &mut Value, kind| {
        visit_schemas(part, kind, &mut |schema| adapt_request(schema, &named));
        visit_schemas(part, kind, &mut |schema| {
            if let Some(name) = target(schema) {
                *schema = reference(&format!("{name}_input"));
            }
        });
    };
    let response = |part: &mut Value, kind| visit_schemas(part, kind, &mut |schema| adapt_response(schema, &named));
    let mut requests = named.clone();
    requests.values_mut().for_each(|schema| request(schema, Kind::Schema));
    for operation in operations(spec) {
        request(&mut operation.value["parameters"], Kind::Object);
        request(&mut operation.value["requestBody"], Kind::Object);
        response(&mut operation.value["responses"], Kind::Object);
    }
    if let Some(schemas) = schemas_mut(spec) {
        schemas.values_mut().for_each(|schema| response(schema, Kind::Schema));
        schemas.extend(requests.into_iter().map(|(name, schema)| (format!("{name}_input"), schema)));
    }
    remove_unreachable(spec);
}

pub fn remove_unreachable(spec: &mut Value) {
    let named = schemas(spec);
    let mut names = BTreeSet::new();
    reachable(&spec["paths"], &named, &mut names);
    schemas_mut(spec).into_iter().for_each(|schemas| schemas.retain(|name, _| names.contains(name)));
}

/// Returns whether a property, or the schema that it refers to, has a mark.
fn has_mark(property: &Value, mark: &str, named: &Map<String, Value>) -> bool {
    is_true(property, mark) || resolve(property, named).is_some_and(|schema| is_true(schema, mark))
}

/// Keeps `required` and the values of strings. Members that only responses have are not sent.
fn adapt_request(schema: &mut Value, named: &Map<String, Value>) {
    if schema["type"] != "string" {
        remove_keys(schema, &["enum"]);
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    properties.retain(|_, property| !has_mark(property, "readOnly", named));
    let names: BTreeSet<String> = properties.keys().cloned().collect();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_some_and(|name| names.contains(name)));
    }
}

/// Lets responses differ from the spec if that does no harm: anything may be missing or null, or have another value,
/// except what tells success from failure. Live errors also have an `error_chain`, which the spec does not mention, and
/// a code of another type must not hide a message.
fn adapt_response(schema: &mut Value, named: &Map<String, Value>) {
    if schema.get("oneOf").is_some() {
        // If anything may be missing, one alternative cannot be told from another.
        *schema = json!({ "description": schema["description"] });
    }
    if schema.get(KEPT).is_none() {
        remove_keys(schema, &["enum"]);
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    properties.retain(|_, property| !has_mark(property, "writeOnly", named));
    if properties.contains_key("code") && properties.contains_key("message") {
        if properties["code"]["type"] == "integer" {
            properties["code"][LENIENT] = json!(true);
        }
        let cause = json!({ "type": "object", "description": "A cause of an error.", "properties": {
            "code": properties["code"], "message": properties["message"],
        }});
        let causes = json!({ "type": "array", "description": "The causes of the error.", "items": cause });
        properties.entry("error_chain").or_insert(causes);
    }
    let is_map = |property: &Value| property["type"] == "object" && property.get("properties").is_none();
    for property in properties.values_mut().filter(|property| property["type"] == "array" || is_map(property)) {
        property["nullable"] = json!(true);
    }
    let kept = properties.iter().filter(|(_, property)| property.get(KEPT).is_some());
    schema["required"] = kept.map(|(name, _)| name.clone()).collect();
}
