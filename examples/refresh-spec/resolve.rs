//! Reads a document as if everything stood in place: references are followed, an `allOf` of one is its member.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A value of the document, and where it stands: `components > schemas > stream_pem`.
#[derive(Clone)]
pub struct Node<'a> {
    pub value: &'a Value,
    pub at: String,
}

impl<'a> Node<'a> {
    pub fn new(value: &'a Value, at: impl Into<String>) -> Self {
        Self { value, at: at.into() }
    }

    pub fn child(&self, key: &str) -> Option<Self> {
        self.value.get(key).map(|value| Self::new(value, format!("{} > {key}", self.at)))
    }

    /// Returns the members of the object, by name.
    pub fn members(&self) -> BTreeMap<&'a str, Self> {
        let names = self.value.as_object().into_iter().flat_map(Map::keys);
        names.filter_map(|name| Some((name.as_str(), self.child(name)?))).collect()
    }

    /// Returns the members of the object `key`, by name.
    pub fn children(&self, key: &str) -> BTreeMap<&'a str, Self> {
        self.child(key).map(|node| node.members()).unwrap_or_default()
    }

    pub fn text(&self, key: &str) -> &'a str {
        self.value.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn is_true(&self, key: &str) -> bool {
        self.value.get(key) == Some(&Value::Bool(true))
    }
}

/// A whole document, or the spec.
#[derive(Clone, Copy)]
pub struct Document<'a>(pub &'a Value);

impl<'a> Document<'a> {
    pub fn component(self, section: &str, name: &str) -> Option<Node<'a>> {
        let value = self.0.get("components")?.get(section)?.get(name)?;
        Some(Node::new(value, format!("components > {section} > {name}")))
    }

    /// Follows references until something stands there itself.
    pub fn resolve(self, node: Node<'a>) -> Node<'a> {
        let mut seen = Vec::new();
        let mut node = node;
        while let Some(target) = self.target(&node).filter(|target| !seen.contains(&target.at)) {
            seen.push(target.at.clone());
            node = target;
        }
        node
    }

    fn target(self, node: &Node<'a>) -> Option<Node<'a>> {
        let mut path = node.value.get("$ref")?.as_str()?.strip_prefix("#/components/")?.splitn(2, '/');
        self.component(path.next()?, path.next()?)
    }

    /// Reads the schema through its references, and through every `allOf`, `anyOf` or `oneOf` of one.
    pub fn schema(self, node: Node<'a>) -> Schema<'a> {
        let mut schema = Schema { members: BTreeMap::new(), layers: Vec::new(), component: None };
        let mut next = Some(node);
        while let Some(layer) = next.take().filter(|layer| !schema.layers.contains(&layer.at)) {
            let target = self.target(&layer);
            if let Some(target) = &target {
                schema.component.get_or_insert_with(|| target.at.clone());
            }
            let wrapped = if target.is_some() { None } else { wrapped(&layer) };
            for (key, value) in layer.value.as_object().into_iter().flatten() {
                // Beside a reference OpenAPI ignores everything, and the build script everything but this mark.
                let counts = match (&target, &wrapped) {
                    (Some(_), _) => key == "x-sensitive",
                    (None, Some(_)) => !COMBINATIONS.contains(&key.as_str()),
                    (None, None) => true,
                };
                if counts && !is_default(key, value) {
                    schema.members.entry(key.as_str()).or_insert_with(|| Node::new(value, layer.at.clone()));
                }
            }
            schema.layers.push(layer.at);
            next = target.or(wrapped);
        }
        schema
    }
}

/// Returns whether the keyword means the same as its absence.
fn is_default(keyword: &str, value: &Value) -> bool {
    match keyword {
        "default" => false,
        "additionalProperties" => *value == Value::Bool(true),
        _ => *value == Value::Bool(false),
    }
}

/// What combines schemas. With one member it means that member.
pub const COMBINATIONS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// What may stand beside a combination of one that is no more than a wrapper.
const ON_A_WRAPPER: [&str; 8] =
    ["type", "nullable", "default", "title", "deprecated", "readOnly", "writeOnly", "x-sensitive"];

fn wrapped<'a>(schema: &Node<'a>) -> Option<Node<'a>> {
    let combination = COMBINATIONS.into_iter().find(|key| schema.value.get(key).is_some())?;
    let [member] = schema.value[combination].as_array()?.as_slice() else { return None };
    let mut keys = schema.value.as_object()?.keys().map(String::as_str);
    let is_wrapper = keys.all(|key| key == combination || ON_A_WRAPPER.contains(&key));
    is_wrapper.then(|| Node::new(member, format!("{} > {combination} > 0", schema.at)))
}

/// A schema with all its keywords in one place.
pub struct Schema<'a> {
    /// Each keyword with its value, and where the schema stands that has it.
    pub members: BTreeMap<&'a str, Node<'a>>,
    /// Where its parts stand, from the outermost to the innermost.
    pub layers: Vec<String>,
    /// The first component that it was reached through: the generated type is named after it.
    pub component: Option<String>,
}

impl<'a> Schema<'a> {
    pub fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.members.get(keyword).map(|member| member.value)
    }

    /// Returns its type, which need not be written where it follows from another keyword.
    pub fn kind(&self) -> Option<&'a str> {
        let implied = || match () {
            _ if self.members.contains_key("properties") => Some("object"),
            _ if self.members.contains_key("items") => Some("array"),
            _ => None,
        };
        self.get("type").and_then(Value::as_str).or_else(implied)
    }

    pub fn is_sensitive(&self) -> bool {
        self.get("x-sensitive") == Some(&Value::Bool(true))
    }

    /// Returns whether the build script puts a type of the crate in its place.
    pub fn is_own_string(&self) -> bool {
        let is_date_time = self.get("format") == Some(&Value::from("date-time"));
        self.kind() == Some("string") && (self.is_sensitive() || is_date_time)
    }

    /// Returns the keyword as a node of its own.
    pub fn child(&self, keyword: &str) -> Option<Node<'a>> {
        let member = self.members.get(keyword)?;
        Some(Node::new(member.value, format!("{} > {keyword}", member.at)))
    }

    /// Returns the members of the keyword's object, by name.
    pub fn children(&self, keyword: &str) -> BTreeMap<&'a str, Node<'a>> {
        self.child(keyword).map(|node| node.members()).unwrap_or_default()
    }
}

pub fn component_name(at: &str) -> &str {
    at.rsplit(" > ").next().unwrap_or(at)
}
