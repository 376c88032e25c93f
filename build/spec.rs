//! Walks an OpenAPI document. The tool that refreshes the spec uses this walker too.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

pub const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const SCHEMAS: &str = "#/components/schemas/";

/// What a value is. Only the keys that lead to it tell: `default` is a keyword of a schema, but it can also be the name
/// of a property or of a response.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Object,
    /// Objects by names that the document chooses.
    Objects,
    Schema,
    /// Schemas by names that the document chooses.
    Schemas,
    /// Anything, such as a default value.
    Data,
}

impl Kind {
    /// Returns what the member with this key is.
    pub fn member(self, key: &str) -> Self {
        match (self, key) {
            (Self::Objects, _) => Self::Object,
            (Self::Schemas, _) | (Self::Object, "schema") => Self::Schema,
            (Self::Data, _) => Self::Data,
            (Self::Object, "schemas") | (Self::Schema, "properties") => Self::Schemas,
            (Self::Schema, "items" | "additionalProperties" | "not" | "allOf" | "anyOf" | "oneOf") => Self::Schema,
            (_, "const" | "default" | "enum" | "example" | "examples" | "security") => Self::Data,
            (
                Self::Object,
                "callbacks" | "content" | "encoding" | "headers" | "links" | "mapping" | "parameters" | "paths"
                | "requestBodies" | "responses" | "securitySchemes" | "variables",
            ) => Self::Objects,
            _ if key.starts_with("x-") => Self::Data,
            _ => Self::Object,
        }
    }

    /// Returns what the items of a list are: `parameters` is one in an operation.
    pub fn item(self) -> Self {
        if self == Self::Objects { Self::Object } else { self }
    }
}

/// Calls `change` with an object and every object inside it, inner ones first, and with their places. Skips data.
/// References are not followed.
pub fn visit(value: &mut Value, kind: Kind, at: &str, change: &mut dyn FnMut(&mut Value, Kind, &str)) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter_mut().filter(|(key, _)| kind.member(key) != Kind::Data) {
                visit(member, kind.member(key), &join(at, key), change);
            }
            change(value, kind, at);
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                visit(item, kind.item(), &join(at, &i.to_string()), change);
            }
        }
        _ => {}
    }
}

/// Names the place of a member: `components > schemas > stream_keys`.
pub fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_string() } else { format!("{at} > {key}") }
}

/// Calls `change` with every schema of a document or a part of it, inner ones first.
pub fn visit_schemas(value: &mut Value, kind: Kind, change: &mut dyn FnMut(&mut Value)) {
    visit(value, kind, "", &mut |schema, kind, _| {
        if kind == Kind::Schema {
            change(schema);
        }
    });
}

/// An operation and its place.
pub struct Operation<'a> {
    pub path: &'a str,
    pub method: &'a str,
    pub value: &'a mut Value,
}

impl Operation<'_> {
    /// Returns the operation's ID, or its method and path if it has none.
    pub fn name(&self) -> String {
        self.value["operationId"].as_str().map_or_else(|| self.request_line(), String::from)
    }

    pub fn path_parameters(&self) -> impl Iterator<Item = &str> {
        self.path.split('{').skip(1).filter_map(|part| part.split('}').next())
    }

    pub fn request_line(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
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

/// Returns the name of the schema that this schema refers to.
pub fn target(schema: &Value) -> Option<&str> {
    schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix(SCHEMAS))
}

/// Creates a reference to a named schema.
pub fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{SCHEMAS}{name}") })
}

/// Follows references to the schema itself. Returns `None` if they lead nowhere or in a circle.
pub fn resolve<'a>(mut schema: &'a Value, named: &'a Map<String, Value>) -> Option<&'a Value> {
    for _ in 0..=named.len() {
        match target(schema) {
            Some(name) => schema = named.get(name)?,
            None => return Some(schema),
        }
    }
    None
}

/// Adds the names of all schemas that a part of a document refers to, directly or not.
pub fn reachable(part: &Value, named: &Map<String, Value>, names: &mut BTreeSet<String>) {
    if let Some(name) = target(part)
        && names.insert(name.to_string())
        && let Some(schema) = named.get(name)
    {
        reachable(schema, named, names);
    }
    match part {
        Value::Object(members) => members.values().for_each(|value| reachable(value, named, names)),
        Value::Array(items) => items.iter().for_each(|item| reachable(item, named, names)),
        _ => {}
    }
}

pub fn is_true(schema: &Value, key: &str) -> bool {
    schema.get(key) == Some(&Value::Bool(true))
}

pub fn is_scalar(schema: &Value) -> bool {
    ["string", "integer", "number", "boolean"].iter().any(|kind| schema["type"] == *kind)
}

pub fn remove_keys(schema: &mut Value, keys: &[&str]) {
    if let Some(schema) = schema.as_object_mut() {
        schema.retain(|key, _| !keys.contains(&key.as_str()));
    }
}
