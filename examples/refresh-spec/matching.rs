//! Matches what two objects have, by name.

use std::collections::{BTreeMap, BTreeSet};

/// What became of a member.
pub enum Match<T> {
    Both(T, T),
    Gone(T),
    New(T),
}

/// Returns all members of both, in the order of their names.
pub fn by_name<K: Ord + Clone, T: Clone>(old: &BTreeMap<K, T>, new: &BTreeMap<K, T>) -> Vec<(K, Match<T>)> {
    let names: BTreeSet<&K> = old.keys().chain(new.keys()).collect();
    let matched = names.into_iter().filter_map(|name| {
        let found = match (old.get(name).cloned(), new.get(name).cloned()) {
            (Some(old), Some(new)) => Match::Both(old, new),
            (Some(old), None) => Match::Gone(old),
            (None, new) => Match::New(new?),
        };
        Some((name.clone(), found))
    });
    matched.collect()
}
