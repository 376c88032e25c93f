//! Walks an OpenAPI document.

use serde_json::{Map, Value};

pub const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const SCHEMAS: &str = "#/components/schemas/";

/// An operation and where it stands.
pub struct Operation<'a> {
    pub path: &'a str,
    pub method: &'a str,
    pub value: &'a mut Value,
}

impl Operation<'_> {
    /// Returns the operation's id, or its method and path if it has none.
    pub fn name(&self) -> String {
        let id = self.value.get("operationId").and_then(Value::as_str);
        id.map_or_else(|| format!("{} {}", self.method.to_uppercase(), self.path), String::from)
    }
}

/// Returns all operations of the document.
pub fn operations(spec: &mut Value) -> impl Iterator<Item = Operation<'_>> {
    let paths = spec.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let members = item.as_object_mut().into_iter().flatten();
        members.filter(|(method, _)| METHODS.contains(&method.as_str())).map(move |(method, value)| Operation {
            path,
            method,
            value,
        })
    })
}

/// Returns the named schemas.
pub fn schemas_mut(spec: &mut Value) -> Option<&mut Map<String, Value>> {
    spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut)
}

/// Returns a copy of the named schemas.
pub fn schemas(spec: &Value) -> Map<String, Value> {
    spec.pointer("/components/schemas").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Returns the name of the schema that this one refers to.
pub fn target(schema: &Value) -> Option<&str> {
    schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix(SCHEMAS))
}

/// Creates a reference to a named schema.
pub fn reference(name: &str) -> Value {
    serde_json::json!({ "$ref": format!("{SCHEMAS}{name}") })
}

/// Follows references to the schema itself. Returns `None` if they lead nowhere or in a circle.
pub fn resolve<'a>(mut schema: &'a Value, schemas: &'a Map<String, Value>) -> Option<&'a Value> {
    for _ in 0..=schemas.len() {
        match target(schema) {
            Some(name) => schema = schemas.get(name)?,
            None => return Some(schema),
        }
    }
    None
}

/// Calls `change` with every schema of the document, inner ones first.
pub fn visit_schemas(spec: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    for operation in operations(spec) {
        visit_schemas_below(operation.value, change);
    }
    for schema in schemas_mut(spec).into_iter().flat_map(Map::values_mut) {
        visit_schema(schema, change);
    }
}

/// Calls `change` with every schema of a parameter, a request body, a response or an operation.
pub fn visit_schemas_below(node: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    node.get_mut("schema").into_iter().for_each(|schema| visit_schema(schema, change));
    children(node).for_each(|node| visit_schemas_below(node, change));
}

/// Calls `change` with a schema and everything inside it, inner ones first. References are not followed.
pub fn visit_schema(schema: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    for key in ["items", "additionalProperties", "not"] {
        schema.get_mut(key).filter(|inner| inner.is_object()).into_iter().for_each(|inner| visit_schema(inner, change));
    }
    for key in ["properties", "allOf", "anyOf", "oneOf"] {
        schema.get_mut(key).into_iter().flat_map(children).for_each(|inner| visit_schema(inner, change));
    }
    change(schema);
}

pub fn remove_keys(schema: &mut Value, keys: &[&str]) {
    if let Some(schema) = schema.as_object_mut() {
        schema.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

pub fn children(node: &mut Value) -> Box<dyn Iterator<Item = &mut Value> + '_> {
    match node {
        Value::Object(members) => Box::new(members.values_mut()),
        Value::Array(items) => Box::new(items.iter_mut()),
        _ => Box::new(std::iter::empty()),
    }
}
