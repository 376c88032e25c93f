//! Chooses Rust types: types of this crate by the marks of a schema, plain strings and numbers, and distinct names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::directions::{LENIENT, reachable};
use super::names::pascal_case;
use super::schemas::Side;
use super::spec::{operations, reference, remove_keys, resolve, schemas, schemas_mut, target, visit_schemas};

/// Types of this crate that stand in for schemas: the name of a component, and the type's path.
pub const SUBSTITUTES: [(&str, &str); 5] = [
    ("SubstituteCode", "crate::client::runtime::Code"),
    ("SubstituteSecret", "crate::client::runtime::SecretValue"),
    ("SubstituteTimestamp", "crate::client::runtime::Timestamp"),
    ("SubstituteTrue", "crate::client::runtime::ConstBool<true>"),
    ("SubstituteFalse", "crate::client::runtime::ConstBool<false>"),
];

pub fn is_sensitive(schema: &Value) -> bool {
    schema.get("x-sensitive") == Some(&json!(true))
}

pub fn is_scalar(schema: &Value) -> bool {
    ["string", "integer", "number", "boolean"].iter().any(|kind| schema["type"] == *kind)
}

/// Refers to one of [`SUBSTITUTES`] wherever a schema's marks ask for it.
pub fn substitute(spec: &mut Value, side: Side) -> Result<(), Vec<String>> {
    let named = schemas(spec);
    let mut rejected = BTreeSet::new();
    visit_schemas(spec, &mut |schema| mark_sensitive(schema, &named, false, &mut rejected));
    if !rejected.is_empty() {
        let problem = |schema| format!("x-sensitive is not supported on {schema}; add a rule to build/");
        return Err(rejected.into_iter().map(problem).collect());
    }
    visit_schemas(spec, &mut |schema| match (substitute_for(schema), side) {
        (Some(name), Side::Client) => *schema = reference(name),
        (Some(_), Side::MockServer) => remove_keys(schema, &["format", "enum", "x-sensitive"]),
        (None, _) => {}
    });
    if side == Side::Client
        && let Some(named) = schemas_mut(spec)
    {
        named.extend(SUBSTITUTES.map(|(name, _)| (name.to_string(), json!({}))));
    }
    Ok(())
}

/// Returns the substitute that a schema's marks ask for.
fn substitute_for(schema: &Value) -> Option<&'static str> {
    let kind = schema.get("type").and_then(Value::as_str);
    match (kind, schema.get("enum").and_then(Value::as_array).map(Vec::as_slice)) {
        (Some("integer"), _) if schema.get(LENIENT).is_some() => Some("SubstituteCode"),
        (Some("string"), _) if is_sensitive(schema) => Some("SubstituteSecret"),
        (Some("string"), None) if schema["format"] == "date-time" => Some("SubstituteTimestamp"),
        (Some("boolean"), Some([Value::Bool(true)])) => Some("SubstituteTrue"),
        (Some("boolean"), Some([Value::Bool(false)])) => Some("SubstituteFalse"),
        _ => None,
    }
}

/// Moves the mark `x-sensitive` down to the strings that it covers.
fn mark_sensitive(schema: &mut Value, named: &Map<String, Value>, inherited: bool, rejected: &mut BTreeSet<String>) {
    if !inherited && !is_sensitive(schema) {
        return;
    }
    if target(schema).is_some() {
        let mut inlined = resolve(schema, named).cloned().unwrap_or_else(|| json!({}));
        let mut names = BTreeSet::new();
        reachable(&inlined, named, &mut names);
        if names.iter().any(|name| named.get(name).is_none_or(|schema| !is_scalar(schema))) {
            rejected.insert(format!("a schema that refers to {}", names.into_iter().next().unwrap_or_default()));
            return;
        }
        std::mem::swap(schema, &mut inlined);
    }
    if let Some(members) = schema.as_object_mut() {
        members.remove("x-sensitive");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => schema["x-sensitive"] = json!(true),
        Some("array") => mark_sensitive(&mut schema["items"], named, true, rejected),
        Some("object") if schema.get("properties").is_some() => {
            for property in schema["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
                mark_sensitive(property, named, true, rejected);
            }
        }
        Some(kind) => drop(rejected.insert(format!("a schema of type {kind}"))),
        None => drop(rejected.insert("a schema without a type".to_string())),
    }
}

/// Takes parameters in paths and headers as strings unless they are other scalars, and secrets as strings too: they are not
/// kept. A test helper expects one value of a list in a query.
pub fn simplify_parameters(spec: &mut Value, side: Side) {
    let named = schemas(spec);
    for operation in operations(spec) {
        for parameter in operation.value["parameters"].as_array_mut().into_iter().flatten() {
            let in_query = parameter["in"] == "query";
            let schema = &mut parameter["schema"];
            let mut resolved = resolve(schema, &named).cloned().unwrap_or_default();
            if is_scalar(&resolved) && resolved.get("nullable").is_some() {
                // A parameter is there or not.
                remove_keys(&mut resolved, &["nullable"]);
                *schema = resolved.clone();
            }
            let is_timestamp = target(schema) == Some("SubstituteTimestamp");
            if in_query && side == Side::Client || is_scalar(&resolved) || is_timestamp {
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
    let is_inlined = |schema: &Value| target(schema).is_some() || is_scalar(schema) && schema.get("enum").is_none();
    visit_schemas(spec, &mut |schema| {
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

/// Numbers the components that would become the same Rust type, from the second on in alphabetical order.
pub fn tell_apart(spec: &mut Value) {
    let mut types = BTreeMap::new();
    let mut renamed = BTreeMap::new();
    for name in schemas(spec).keys().collect::<BTreeSet<_>>() {
        let count: &mut usize = types.entry(pascal_case(name)).or_default();
        *count += 1;
        if *count > 1 {
            renamed.insert(name.clone(), format!("{name}-{count}"));
        }
    }
    visit_schemas(spec, &mut |schema| {
        if let Some(name) = target(schema).and_then(|name| renamed.get(name)) {
            *schema = reference(name);
        }
    });
    if let Some(schemas) = schemas_mut(spec) {
        for (old, new) in renamed {
            if let Some(schema) = schemas.remove(&old) {
                schemas.insert(new, schema);
            }
        }
    }
}
