//! Finds the operations of a document.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::resolve::{Document, Node};

pub const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// An operation, with the path item that it belongs to.
pub struct Operation<'a> {
    pub path: &'a str,
    pub method: &'static str,
    pub node: Node<'a>,
    item: Node<'a>,
}

/// Returns all operations of the document.
pub fn operations(document: Document<'_>) -> Vec<Operation<'_>> {
    let paths = document.0.get("paths").and_then(Value::as_object);
    let items = paths.into_iter().flatten().map(|(path, item)| (path, Node::new(item, format!("paths > {path}"))));
    let operations = items.flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| {
            let node = item.child(method)?;
            Some(Operation { path, method, node, item: item.clone() })
        })
    });
    operations.collect()
}

impl<'a> Operation<'a> {
    pub fn id(&self) -> &'a str {
        self.node.text("operationId")
    }

    /// Returns method and path: `GET /accounts`.
    pub fn request_line(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    /// Returns what the operation has, or else its path item, or else the document.
    pub fn inherited(&self, document: Document<'a>, key: &str) -> Option<Node<'a>> {
        let of_document = || document.0.get(key).map(|value| Node::new(value, key));
        self.node.child(key).or_else(|| self.item.child(key)).or_else(of_document)
    }

    /// Returns its parameters and those of its path item, by location and name.
    pub fn parameters(&self, document: Document<'a>) -> BTreeMap<String, Node<'a>> {
        let mut parameters = BTreeMap::new();
        for owner in [&self.item, &self.node] {
            let items = owner.value.get("parameters").and_then(Value::as_array);
            for value in items.into_iter().flatten() {
                let parameter = document.resolve(Node::new(value, ""));
                let key = format!("{} {}", parameter.text("in"), parameter.text("name"));
                let inline = || format!("{} > parameters > {key}", owner.at);
                let at = if parameter.at.is_empty() { inline() } else { parameter.at.clone() };
                parameters.insert(key, Node::new(parameter.value, at));
            }
        }
        parameters
    }
}
