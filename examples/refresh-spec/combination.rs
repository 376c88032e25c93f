//! Matches the members of an `allOf`, `anyOf` or `oneOf`.

use serde_json::Value;

use crate::resolve::{Document, Node, component_name};
use crate::words::describe;

/// A member, with what tells it from the others: a component's name, a title, or else the words that describe it.
pub struct Member<'a> {
    pub name: String,
    pub node: Node<'a>,
}

pub fn members<'a>(document: Document<'a>, combination: &Node<'a>) -> Vec<Member<'a>> {
    let items = combination.value.as_array().into_iter().flatten().enumerate();
    let members = items.map(|(i, value)| {
        let node = Node::new(value, format!("{} > {i}", combination.at));
        let schema = document.schema(node.clone());
        let component = schema.component.as_deref().map(component_name);
        let title = schema.get("title").and_then(Value::as_str);
        Member { name: component.or(title).map_or_else(|| describe(value), String::from), node }
    });
    members.collect()
}

/// The indices of members that belong together, and of those that are left.
pub struct Pairing {
    pub pairs: Vec<(usize, usize)>,
    pub gone: Vec<usize>,
    pub new: Vec<usize>,
}

impl Pairing {
    /// Pairs members of the same name, then the others in their order.
    pub fn of(old: &[Member], new: &[Member]) -> Self {
        let mut added: Vec<usize> = (0..new.len()).collect();
        let (mut pairs, mut gone) = (Vec::new(), Vec::new());
        for (i, member) in old.iter().enumerate() {
            match added.iter().position(|&k| new[k].name == member.name) {
                Some(found) => pairs.push((i, added.remove(found))),
                None => gone.push(i),
            }
        }
        let others = gone.len().min(added.len());
        pairs.extend(gone.drain(..others).zip(added.drain(..others)));
        pairs.sort_unstable();
        Self { pairs, gone, new: added }
    }

    pub fn keeps_order(&self) -> bool {
        self.pairs.is_sorted_by_key(|&(_, new)| new)
    }
}
