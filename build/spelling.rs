//! Reads OpenAPI 3.1 as 3.0, where the two only spell the same thing differently.

use serde_json::{Map, Number, Value, json};

use super::spec::{Kind, visit};

/// Keywords of 3.1 that 3.0 has no counterpart for.
const UNSUPPORTED: [&str; 5] = ["$defs", "$dynamicRef", "if", "patternProperties", "prefixItems"];

/// Rewrites the document as OpenAPI 3.0.
pub fn normalize(document: &mut Value) -> Result<(), String> {
    let version = document["openapi"].as_str().unwrap_or_default();
    if version.starts_with("3.1.") {
        document["openapi"] = json!("3.0.3");
    } else if !version.is_empty() && !version.starts_with("3.0.") {
        return Err(format!("OpenAPI {version} is not supported, only 3.0 and 3.1; convert it"));
    }
    let sections = document.get_mut("components").and_then(Value::as_object_mut).into_iter().flatten();
    for section in sections.filter_map(|(_, section)| section.as_object_mut()) {
        *section =
            std::mem::take(section).into_iter().map(|(name, value)| (name.replace(['/', '~'], "-"), value)).collect();
    }
    let mut problem = Ok(());
    visit(document, Kind::Object, "", &mut |value, kind, at| {
        if let Some(Value::String(reference)) = value.get_mut("$ref") {
            *reference = reference.replace("~1", "-").replace("~0", "-");
        }
        if let (Kind::Schema, Value::Object(schema)) = (kind, &mut *value)
            && let Err(difference) = respell(schema)
        {
            problem = Err(format!("{at}: {difference}, which OpenAPI 3.0 does not have; rewrite it for 3.0"));
        }
    });
    problem
}

fn respell(schema: &mut Map<String, Value>) -> Result<(), String> {
    if let Some(keyword) = UNSUPPORTED.iter().find(|keyword| schema.contains_key(**keyword)) {
        return Err(format!("it has `{keyword}`"));
    }
    schema.values_mut().for_each(shorten_numbers);
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".to_string(), json!([value]));
    }
    if let Some(types) = schema.get("type").and_then(Value::as_array) {
        let others: Vec<Value> = types.iter().filter(|kind| **kind != "null").cloned().collect();
        let is_nullable = others.len() < types.len();
        let [only] = &others[..] else { return Err(format!("its type is {}", json!(types))) };
        schema.insert("type".to_string(), only.clone());
        if is_nullable {
            schema.insert("nullable".to_string(), json!(true));
        }
    }
    if schema.get("type") == Some(&json!("null")) {
        schema.remove("type");
        schema.insert("enum".to_string(), json!([null]));
    }
    for key in ["anyOf", "oneOf"] {
        let Some(members) = schema.get_mut(key).and_then(Value::as_array_mut) else { continue };
        let before = members.len();
        members.retain(|member| *member != json!({ "enum": [null] }));
        if members.len() < before {
            schema.insert("nullable".to_string(), json!(true));
        }
    }
    for (exclusive, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(value) = schema.get(exclusive).filter(|value| value.is_number()).cloned() {
            schema.insert(limit.to_string(), value);
            schema.insert(exclusive.to_string(), json!(true));
        }
    }
    Ok(())
}

/// Writes `1000000.0` as `1000000`, also in the values of an enum.
fn shorten_numbers(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(shorten_numbers),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 2f64.powi(53));
            if let Some(whole) = whole.filter(|_| number.is_f64()) {
                *number = Number::from(whole as i64);
            }
        }
        _ => {}
    }
}
