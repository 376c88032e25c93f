//! Adapts schemas, by their marks and never by their names: strict in what is sent, lenient in what is received.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::names::{pascal_case, snake_case};
use super::spec::{
    operations, reference, remove_keys, resolve, schemas, schemas_mut, target, visit_schema, visit_schemas,
    visit_schemas_below,
};

/// Types of this crate that stand in for schemas: the name of a component, and the type's path.
pub const SUBSTITUTES: [(&str, &str); 4] = [
    ("SubstituteSecret", "crate::runtime::SecretValue"),
    ("SubstituteTimestamp", "crate::runtime::Timestamp"),
    ("SubstituteTrue", "crate::runtime::ConstBool<true>"),
    ("SubstituteFalse", "crate::runtime::ConstBool<false>"),
];

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
    for_each_request_schema(spec, &mut adapt_request_schema);
    let named = schemas(spec);
    for_each_response_schema(spec, &mut |schema| adapt_alternatives(schema, &named));
    for_each_response_schema(spec, &mut adapt_response_schema);
    substitute(spec, side)?;
    simplify_parameters(spec, side);
    inline_scalars(spec);
    tell_apart(spec);
    Ok(())
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

// ---- allOf and envelopes ----

/// Replaces every allOf of objects by one object, and an allOf of one schema by that schema.
fn flatten_all(spec: &mut Value) {
    let named = schemas(spec);
    visit_schemas(spec, &mut |schema| {
        if schema.get("allOf").is_some()
            && let Some(flat) = flatten(schema, &named, 0)
        {
            *schema = flat;
        }
    });
}

/// Merges an allOf. Returns `None` if it is not one of objects.
fn flatten(schema: &Value, named: &Map<String, Value>, depth: usize) -> Option<Value> {
    let members = schema.get("allOf").and_then(Value::as_array)?;
    let mut own = schema.clone();
    remove_keys(&mut own, &["allOf", "description"]);
    let adds_nothing = own.get("properties").is_none() && own.get("oneOf").is_none();
    let substantial: Vec<&Value> = members.iter().filter(|member| is_substantial(member)).collect();
    if let ([only], true) = (&substantial[..], adds_nothing) {
        let nullable = schema.get("nullable") == Some(&json!(true)) && only.get("nullable").is_none();
        let sensitive = is_sensitive(schema);
        if !nullable && !sensitive {
            return Some(flatten(only, named, depth + 1).unwrap_or_else(|| (*only).clone()));
        }
        if target(only).is_some() && !sensitive {
            return None; // progenitor makes an Option of it.
        }
    }
    let mut merged = own.as_object().filter(|own| own.keys().any(|key| key == "properties")).cloned();
    let merged = merged.get_or_insert_default();
    for key in ["nullable", "x-sensitive", "description", "required"] {
        if let Some(value) = schema.get(key) {
            merged.insert(key.to_string(), value.clone());
        }
    }
    let mut properties = Map::new();
    let mut required = BTreeSet::new();
    for member in substantial.into_iter().chain(std::iter::once(&own)) {
        let member = object(member, named, depth)?;
        properties.extend(member.get("properties").and_then(Value::as_object).cloned().unwrap_or_default());
        let names = member.get("required").and_then(Value::as_array).into_iter().flatten();
        required.extend(names.filter_map(Value::as_str).map(String::from));
        if let Some(additional) = member.get("additionalProperties") {
            merged.insert("additionalProperties".to_string(), additional.clone());
        }
    }
    merged.insert("type".to_string(), json!("object"));
    merged.insert("properties".to_string(), Value::Object(properties));
    merged.insert("required".to_string(), json!(required));
    Some(Value::Object(std::mem::take(merged)))
}

/// Returns a schema as an object without allOf and references, or `None` if it is not an object.
fn object(schema: &Value, named: &Map<String, Value>, depth: usize) -> Option<Value> {
    let schema = resolve(schema, named).filter(|_| depth <= named.len().min(32))?;
    if schema.get("allOf").is_some() {
        let flat = flatten(schema, named, depth + 1)?;
        return object(&flat, named, depth + 1);
    }
    let is_object = schema["type"] == "object" || schema.get("type").is_none() && schema.get("oneOf").is_none();
    (is_object && schema.get("oneOf").is_none()).then(|| schema.clone())
}

/// Returns whether a member of an allOf says anything about the type.
fn is_substantial(member: &Value) -> bool {
    let Some(members) = member.as_object() else { return true };
    let says_nothing =
        |key: &String| ["description", "nullable", "required"].contains(&key.as_str()) || key.starts_with("x-");
    !members.keys().all(says_nothing) && *member != json!({ "type": "object" })
}

/// Makes the member `success` of every envelope a constant, so that a response with the other value is an error whatever
/// its status.
fn declare_success(spec: &mut Value) -> Result<(), Vec<String>> {
    let named = schemas(spec);
    let mut envelopes: BTreeMap<String, (bool, Value)> = BTreeMap::new();
    let mut problems = Vec::new();
    for operation in operations(spec) {
        let id = operation.name();
        for (status, response) in operation.value["responses"].as_object_mut().into_iter().flatten() {
            let Some(schema) = response.pointer_mut("/content/application~1json/schema") else { continue };
            let value = status.starts_with('2');
            match envelope(schema, value, &named) {
                Ok(None) => {}
                Ok(Some(envelope)) => match schema.get("allOf").and_then(|all| target(&all[0])).or(target(schema)) {
                    None => *schema = envelope,
                    Some(name) => {
                        let taken = envelopes.get(name).is_some_and(|(other, _)| *other != value);
                        let name = if taken {
                            format!("{name}_{}", if value { "success" } else { "failure" })
                        } else {
                            name.to_string()
                        };
                        if schema.get("allOf").is_some() {
                            schema["allOf"][0] = reference(&name);
                        } else {
                            *schema = reference(&name);
                        }
                        envelopes.insert(name, (value, envelope));
                    }
                },
                // The status of an error says enough.
                Err(_) if !value => {}
                Err(problem) => {
                    problems.push(format!(
                        "operation `{id}`: response {status}: {problem}; add a rule to build/schemas.rs"
                    ));
                }
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(named) = schemas_mut(spec) {
        named.extend(envelopes.into_iter().map(|(name, (_, envelope))| (name, envelope)));
    }
    Ok(())
}

/// Returns an envelope with a constant `success`, or `None` if the schema has no such member.
fn envelope(schema: &Value, value: bool, named: &Map<String, Value>) -> Result<Option<Value>, &'static str> {
    let nullable = schema.get("nullable") == Some(&json!(true));
    let inner = schema.get("allOf").filter(|_| nullable).map_or(schema, |all| &all[0]);
    let Some(mut object) = object(inner, named, 0) else {
        let has_alternatives = |schema: &Value| schema.get("oneOf").or(schema.get("allOf")).is_some();
        let resolved = resolve(inner, named).filter(|schema| has_alternatives(schema));
        let mentions_success = resolved.is_some_and(|schema| schema.to_string().contains("\"success\":"));
        return if mentions_success { Err("`success` is not a member of one object") } else { Ok(None) };
    };
    let Some(success) = object.pointer("/properties/success") else { return Ok(None) };
    let success = resolve(success, named).ok_or("`success` refers to nothing")?;
    let values = success.get("enum").and_then(Value::as_array);
    let is_boolean = success["type"] == "boolean"
        || success.get("type").is_none() && values.is_none_or(|values| values.iter().all(Value::is_boolean));
    if !is_boolean {
        return Err("`success` is not a boolean");
    }
    // The status of an error response is definite, whatever the spec says of its envelope.
    if value && values.is_some_and(|values| !values.contains(&json!(true))) {
        return Err("`success` is never true");
    }
    let mut success = success.clone();
    success["type"] = json!("boolean");
    success["enum"] = json!([value]);
    success[KEPT] = json!(true);
    object["properties"]["success"] = success;
    Ok(Some(object))
}

// ---- Requests and responses ----

/// Gives requests schemas of their own if responses use the same ones, which are more lenient.
fn separate_requests_from_responses(spec: &mut Value) {
    let named = schemas(spec);
    let (mut requests, mut responses) = (BTreeSet::new(), BTreeSet::new());
    for operation in operations(spec) {
        reachable(&operation.value["parameters"], &named, &mut requests);
        reachable(&operation.value["requestBody"], &named, &mut requests);
        reachable(&operation.value["responses"], &named, &mut responses);
    }
    let is_record = |name: &&String| named.get(*name).is_some_and(|schema| !is_scalar(schema));
    let shared: BTreeSet<String> = requests.intersection(&responses).filter(is_record).cloned().collect();
    let mut rename = |schema: &mut Value| {
        if let Some(name) = target(schema).filter(|name| shared.contains(*name)) {
            *schema = reference(&request_name(name));
        }
    };
    for operation in operations(spec) {
        visit_schemas_below(&mut operation.value["parameters"], &mut rename);
        visit_schemas_below(&mut operation.value["requestBody"], &mut rename);
    }
    let Some(components) = schemas_mut(spec) else { return };
    for name in requests.iter().filter(|name| named.contains_key(*name)) {
        let mut schema = named[name].clone();
        visit_schema(&mut schema, &mut rename);
        components.insert(if shared.contains(name) { request_name(name) } else { name.clone() }, schema);
    }
}

fn request_name(name: &str) -> String {
    format!("{name}_input")
}

/// Adds the names of all schemas that a node refers to, directly or not.
fn reachable(node: &Value, named: &Map<String, Value>, names: &mut BTreeSet<String>) {
    if let Some(name) = target(node)
        && names.insert(name.to_string())
        && let Some(schema) = named.get(name)
    {
        reachable(schema, named, names);
    }
    match node {
        Value::Object(members) => members.values().for_each(|value| reachable(value, named, names)),
        Value::Array(items) => items.iter().for_each(|item| reachable(item, named, names)),
        _ => {}
    }
}

pub fn remove_unreachable(spec: &mut Value) {
    let named = schemas(spec);
    let mut names = BTreeSet::new();
    reachable(&spec["paths"], &named, &mut names);
    if let Some(schemas) = schemas_mut(spec) {
        schemas.retain(|name, _| names.contains(name));
    }
}

fn for_each_request_schema(spec: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    for_each_schema_of(spec, &["parameters", "requestBody"], change);
}

fn for_each_response_schema(spec: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    for_each_schema_of(spec, &["responses"], change);
}

fn for_each_schema_of(spec: &mut Value, keys: &[&str], change: &mut dyn FnMut(&mut Value)) {
    let named = schemas(spec);
    let mut names = BTreeSet::new();
    for operation in operations(spec) {
        for key in keys {
            reachable(&operation.value[*key], &named, &mut names);
            visit_schemas_below(&mut operation.value[*key], change);
        }
    }
    for (_, schema) in schemas_mut(spec).into_iter().flatten().filter(|(name, _)| names.contains(*name)) {
        visit_schema(schema, change);
    }
}

/// Keeps `required` and the values of strings. Members that only responses have are not sent.
fn adapt_request_schema(schema: &mut Value) {
    if schema["type"] != "string" || !has_distinct_names(schema) {
        remove_keys(schema, &["enum"]);
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    properties.retain(|_, property| property.get("readOnly") != Some(&json!(true)));
    let names: BTreeSet<String> = properties.keys().cloned().collect();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_some_and(|name| names.contains(name)));
    }
}

/// Returns whether the values of an enum become distinct variants of a Rust enum.
fn has_distinct_names(schema: &Value) -> bool {
    let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut names = BTreeSet::new();
    values.map(pascal_case).all(|name| !name.is_empty() && names.insert(name))
}

/// Lets responses differ from the spec if that does no harm: anything may be missing or null, and have other values, except
/// what tells success from failure or the alternatives of a oneOf apart. Live errors also have an `error_chain`, which the
/// spec does not mention.
fn adapt_response_schema(schema: &mut Value) {
    let is_kept = |property: &Value| property.get(KEPT).is_some();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|_, property| property.get("writeOnly") != Some(&json!(true)));
        if properties.contains_key("code") && properties.contains_key("message") {
            let cause = json!({ "type": "object", "properties": {
                "code": properties["code"], "message": properties["message"],
            }});
            properties.entry("error_chain").or_insert_with(|| json!({ "type": "array", "items": cause }));
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
const KEPT: &str = "x-kept";

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

// ---- Types ----

fn is_sensitive(schema: &Value) -> bool {
    schema.get("x-sensitive") == Some(&json!(true))
}

fn is_scalar(schema: &Value) -> bool {
    ["string", "integer", "number", "boolean"].iter().any(|kind| schema["type"] == *kind)
}

/// Refers to one of [`SUBSTITUTES`] wherever a schema's marks ask for it.
fn substitute(spec: &mut Value, side: Side) -> Result<(), Vec<String>> {
    let named = schemas(spec);
    let mut rejected = BTreeSet::new();
    visit_schemas(spec, &mut |schema| mark_sensitive(schema, &named, false, &mut rejected));
    if !rejected.is_empty() {
        let problem = |schema| format!("x-sensitive is not supported on {schema}; add a rule to build/schemas.rs");
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
fn simplify_parameters(spec: &mut Value, side: Side) {
    let named = schemas(spec);
    for operation in operations(spec) {
        for parameter in operation.value["parameters"].as_array_mut().into_iter().flatten() {
            let in_query = parameter["in"] == "query";
            let schema = &mut parameter["schema"];
            let resolved = resolve(schema, &named).cloned().unwrap_or_default();
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
fn inline_scalars(spec: &mut Value) {
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
fn tell_apart(spec: &mut Value) {
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
