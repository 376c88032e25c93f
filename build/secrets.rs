//! Makes sure that a secret does not become a type that prints it.

use serde_json::{Map, Value, json};

use super::spec::{Kind, is_scalar, is_true, remove_keys, resolve, schemas, target, visit_schemas};

/// The mark of a secret.
pub const SENSITIVE: &str = "x-sensitive";

/// What is left of the schema of a secret, so that it is recognized.
const KEPT: [&str; 6] = ["type", "description", "nullable", "readOnly", "writeOnly", SENSITIVE];

/// Moves marks down to the strings that they cover. A mark that is not on a string afterwards cannot be kept.
pub fn mark(spec: &mut Value) {
    let named = schemas(spec);
    visit_schemas(spec, Kind::Object, &mut |schema| {
        if is_true(schema, SENSITIVE) {
            mark_schema(schema, &named);
        }
    });
}

fn mark_schema(schema: &mut Value, named: &Map<String, Value>) {
    if target(schema).is_some()
        && let Some(scalar) = resolve(schema, named).filter(|resolved| is_scalar(resolved))
    {
        *schema = scalar.clone();
    }
    schema[SENSITIVE] = json!(true);
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => {
            schema.as_object_mut().into_iter().for_each(|schema| schema.retain(|key, _| KEPT.contains(&key.as_str())));
        }
        Some("array") => {
            remove_keys(schema, &[SENSITIVE]);
            mark_schema(&mut schema["items"], named);
        }
        Some("object") if schema.get("properties").is_some() => {
            remove_keys(schema, &[SENSITIVE]);
            let additional = schema["additionalProperties"].take();
            for property in schema["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
                mark_schema(property, named);
            }
            if additional.is_object() {
                schema["additionalProperties"] = additional;
                mark_schema(&mut schema["additionalProperties"], named);
            } else {
                remove_keys(schema, &["additionalProperties"]);
            }
        }
        _ => {}
    }
}
