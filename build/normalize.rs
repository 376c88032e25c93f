//! Adapts the spec to the live service and to progenitor. The rules match on what a schema contains, never on its name.

use serde_json::{Map, Value, json};

/// Types of this crate that replace schemas: the name of a component, and the path of the type.
pub const SUBSTITUTES: [(&str, &str); 4] = [
    ("SubstituteSecret", "crate::Secret"),
    ("SubstituteTimestamp", "crate::runtime::Timestamp"),
    ("SubstituteTrue", "crate::runtime::ConstBool<true>"),
    ("SubstituteFalse", "crate::runtime::ConstBool<false>"),
];

pub fn for_client(mut spec: Value) -> Result<Value, String> {
    complete_media_types(&mut spec);
    shorten_operation_ids(&mut spec);
    accept_any_success(&mut spec);
    substitute_types(&mut spec)?;
    relax(&mut spec);
    Ok(spec)
}

pub fn for_mock(mut spec: Value) -> Value {
    complete_media_types(&mut spec);
    shorten_operation_ids(&mut spec);
    visit_schemas(&mut spec, &mut |schema| remove_keys(schema, &["format"]));
    inline_strings(&mut spec);
    relax(&mut spec);
    spec
}

/// Adds a schema to every JSON media type without one. Cloudflare's POST has none, and progenitor rejects that.
fn complete_media_types(node: &mut Value) {
    if let Some(media_types) = node.get_mut("content").and_then(Value::as_object_mut) {
        for media_type in media_types.iter_mut().filter(|(name, _)| name.contains("json")).map(|(_, m)| m) {
            if let Some(media_type) = media_type.as_object_mut() {
                media_type.entry("schema").or_insert_with(|| json!({}));
            }
        }
    }
    children(node).for_each(complete_media_types);
}

/// Removes the tag from operation IDs that begin with it, because they become method names. With the tag `Stream
/// Signing Keys`, `stream-signing-keys-list-signing-keys` becomes `list-signing-keys`.
fn shorten_operation_ids(node: &mut Value) {
    let tag = node.pointer("/tags/0").and_then(Value::as_str).map(|tag| tag.to_lowercase().replace(' ', "-") + "-");
    let id = node.get("operationId").and_then(Value::as_str);
    if let Some(short) = id.zip(tag).and_then(|(id, tag)| id.strip_prefix(&tag)).map(String::from) {
        node["operationId"] = json!(short);
    }
    children(node).for_each(shorten_operation_ids);
}

/// Accepts any 2xx as the success that the spec describes as 200. A key in a 201 must not be lost.
fn accept_any_success(node: &mut Value) {
    if let Some(responses) = node.get_mut("responses").and_then(Value::as_object_mut)
        && let Some(success) = responses.remove("200")
    {
        responses.insert("2XX".to_string(), success);
    }
    children(node).for_each(accept_any_success);
}

/// Returns the name of the substitute for a schema, if there is one.
fn substitute(schema: &Value) -> Option<&'static str> {
    let kind = schema.get("type").and_then(Value::as_str);
    match (kind, schema.get("enum").and_then(Value::as_array).map(Vec::as_slice)) {
        (Some("string"), _) if is_sensitive(schema) => Some("SubstituteSecret"),
        (Some("string"), None) if schema.get("format") == Some(&json!("date-time")) => Some("SubstituteTimestamp"),
        (Some("boolean"), Some([Value::Bool(true)])) => Some("SubstituteTrue"),
        (Some("boolean"), Some([Value::Bool(false)])) => Some("SubstituteFalse"),
        _ => None,
    }
}

fn is_sensitive(schema: &Value) -> bool {
    schema.get("x-sensitive") == Some(&json!(true))
}

/// Replaces schemas, and references to them, with references to [`SUBSTITUTES`].
fn substitute_types(spec: &mut Value) -> Result<(), String> {
    let components = spec.pointer("/components/schemas").cloned().unwrap_or_default();
    let mut rejected = None;
    visit_schemas(spec, &mut |schema| {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/components/schemas/"));
        let mut target = target.map_or(&*schema, |name| &components[name]).clone();
        if is_sensitive(schema) {
            target["x-sensitive"] = json!(true);
        }
        match substitute(&target) {
            Some(name) => *schema = json!({ "$ref": format!("#/components/schemas/{name}") }),
            None if is_sensitive(&target) => rejected = Some(target.to_string()),
            None => {}
        }
    });
    if let Some(schema) = rejected {
        return Err(format!("x-sensitive is supported for strings only, not for {schema}; add a rule to build/"));
    }
    if let Some(named) = spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        named.retain(|name, _| substitute(&components[name]).is_none());
        named.extend(SUBSTITUTES.map(|(name, _)| (name.to_string(), json!({}))));
    }
    inline_strings(spec);
    Ok(())
}

/// Inlines components that are plain strings, so that methods take `&str`.
fn inline_strings(spec: &mut Value) {
    let components = spec.pointer("/components/schemas").cloned().unwrap_or_default();
    visit_schemas(spec, &mut |schema| {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/components/schemas/"));
        if let Some(target) = target.map(|name| &components[name]).filter(|target| target["type"] == "string") {
            *schema = target.clone();
        }
    });
    if let Some(named) = spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        named.retain(|_, schema| schema["type"] != "string");
    }
}

/// Accepts responses that differ from the spec if that does no harm. Removes limits and lists of values, which only the
/// service can enforce. Makes every property optional except the one that distinguishes success from failure. Adds the
/// `error_chain` that live errors have, but the spec does not.
fn relax(spec: &mut Value) {
    visit_schemas(spec, &mut |schema| {
        let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
        // A property that can only be null is useless, and a response with another value must not be rejected.
        properties.retain(|_, property| property.get("enum") != Some(&json!([null])));
        if properties.contains_key("code") && properties.contains_key("message") {
            let cause = json!({ "type": "object", "properties": {
                "code": properties["code"], "message": properties["message"],
            }});
            properties.entry("error_chain").or_insert_with(|| json!({ "type": "array", "items": cause }));
        }
        for property in properties.values_mut().filter(|p| p["type"] == "array") {
            property["nullable"] = json!(true);
        }
        let telling: Vec<String> =
            properties.iter().filter(|(_, p)| tells_success(p)).map(|(n, _)| n.clone()).collect();
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| telling.iter().any(|t| name == t));
        }
    });
    visit_schemas(spec, &mut |schema| {
        remove_keys(schema, &["enum", "maxLength", "minLength", "pattern", "uniqueItems", "minItems", "maxItems"]);
        remove_keys(schema, &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]);
    });
}

fn tells_success(schema: &Value) -> bool {
    let is_named = |name| schema.get("$ref") == Some(&json!(format!("#/components/schemas/{name}")));
    matches!(substitute(schema), Some("SubstituteTrue" | "SubstituteFalse"))
        || is_named("SubstituteTrue")
        || is_named("SubstituteFalse")
}

fn remove_keys(schema: &mut Value, keys: &[&str]) {
    if let Some(schema) = schema.as_object_mut() {
        schema.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

/// Calls `change` with every schema of the spec, nested schemas first.
fn visit_schemas(spec: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    fn inside(schema: &mut Value, change: &mut dyn FnMut(&mut Value)) {
        for key in ["items", "additionalProperties", "not"] {
            schema.get_mut(key).into_iter().for_each(|inner| inside(inner, change));
        }
        for key in ["properties", "allOf", "anyOf", "oneOf"] {
            schema.get_mut(key).into_iter().flat_map(children).for_each(|inner| inside(inner, change));
        }
        change(schema);
    }
    fn outside(node: &mut Value, change: &mut dyn FnMut(&mut Value)) {
        node.get_mut("schema").into_iter().for_each(|schema| inside(schema, change));
        children(node).for_each(|node| outside(node, change));
    }
    spec.get_mut("paths").into_iter().for_each(|paths| outside(paths, change));
    let named = spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    named.into_iter().flat_map(Map::values_mut).for_each(|schema| inside(schema, change));
}

fn children(node: &mut Value) -> Box<dyn Iterator<Item = &mut Value> + '_> {
    match node {
        Value::Object(members) => Box::new(members.values_mut()),
        Value::Array(items) => Box::new(items.iter_mut()),
        _ => Box::new(std::iter::empty()),
    }
}
