//! Chooses Rust types: types of this crate by the marks of a schema, and plain strings and numbers.

use progenitor::GenerationSettings;
use serde_json::{Value, json};

use super::directions::{KEPT, LENIENT};
use super::schemas::Side;
use super::secrets::SENSITIVE;
use super::spec::{
    Kind, is_scalar, is_true, operations, remove_keys, resolve, schemas, schemas_mut, target, visit_schemas,
};

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

/// Removes the marks that ask for other types than strings and booleans.
pub fn use_plain_types(schema: &mut Value) {
    if schema["type"] == "boolean" {
        remove_keys(schema, &["enum"]);
    }
    if schema["format"] == "date-time" {
        remove_keys(schema, &["format"]);
    }
}

/// Takes parameters in paths and headers as strings unless they are other scalars, and secrets as strings too: they are not
/// kept. A test helper expects one value of a list in a query.
pub fn simplify_parameters(spec: &mut Value, side: Side) {
    let named = schemas(spec);
    for operation in operations(spec) {
        for parameter in operation.value["parameters"].as_array_mut().into_iter().flatten() {
            let in_query = parameter["in"] == "query";
            let mut resolved = resolve(&parameter["schema"], &named).cloned().unwrap_or_default();
            if in_query && side == Side::Client && resolved["type"] == "array" && parameter["explode"] == json!(false) {
                // The runtime joins the values of such a parameter with commas, as RFC 6570 does.
                parameter["name"] = json!(format!("{},", parameter["name"].as_str().unwrap_or_default()));
            }
            let schema = &mut parameter["schema"];
            if is_scalar(&resolved) && resolved.get("nullable").is_some() {
                // A parameter is there or not.
                remove_keys(&mut resolved, &["nullable"]);
                *schema = resolved.clone();
            }
            let is_kept = is_scalar(&resolved) && !is_true(&resolved, SENSITIVE);
            if in_query && side == Side::Client || is_kept {
                continue;
            }
            *schema = match resolved.get("items").filter(|items| in_query && is_scalar(items)) {
                Some(item) => item.clone(),
                None => json!({ "type": "string" }),
            };
        }
    }
}

/// Puts scalars, and references to another schema, where they are referred to. So methods take `&str`, and no name that
/// Cloudflare numbers is public.
pub fn inline_scalars(spec: &mut Value) {
    let named = schemas(spec);
    let is_enum = |schema: &Value| schema["type"] == "string" && schema.get("enum").is_some();
    let is_inlined = |schema: &Value| target(schema).is_some() || is_scalar(schema) && !is_enum(schema);
    visit_schemas(spec, Kind::Object, &mut |schema| {
        // Limited, so that references in a circle cannot hang the build.
        for _ in 0..named.len() {
            match target(schema).and_then(|name| named.get(name)).filter(|schema| is_inlined(schema)) {
                Some(inlined) => *schema = inlined.clone(),
                None => break,
            }
        }
    });
    if let Some(schemas) = schemas_mut(spec) {
        schemas.retain(|_, schema| !is_inlined(schema));
    }
}
