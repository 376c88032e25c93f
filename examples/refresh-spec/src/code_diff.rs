//! Compares two versions of generated code, item by item.

use std::collections::BTreeMap;

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Fields, ImplItem, Item, TraitItem};

/// An item that is new, gone or changed.
pub struct Change {
    pub item: String,
    pub what: &'static str,
    /// Whether code that uses the item can stop compiling, or stop working.
    pub can_break: bool,
}

/// Returns what changes from one version to the other. Types that callers can build or match exhaustively are compared as
/// a whole, others field by field.
pub fn compare(old: &str, new: &str) -> Result<Vec<Change>, String> {
    let (old, new) = (items(old)?, items(new)?);
    let gone = old.iter().filter_map(|(item, code)| match new.get(item) {
        Some(new) if new == code => None,
        Some(_) => Some(Change { item: item.clone(), what: "changes", can_break: true }),
        None => Some(Change { item: item.clone(), what: "is gone", can_break: true }),
    });
    let added = new.keys().filter(|item| !old.contains_key(*item));
    let added = added.map(|item| Change { item: item.clone(), what: "is new", can_break: false });
    let mut changes: Vec<Change> = gone.chain(added).collect();
    changes.sort_by(|one, other| one.item.cmp(&other.item));
    Ok(changes)
}

/// Returns the code of every item, by its name.
fn items(code: &str) -> Result<BTreeMap<String, String>, String> {
    let invalid = |e: syn::Error| format!("generated code cannot be parsed: {e}");
    let code = code.parse().map_err(|e| invalid(syn::Error::from(e)))?;
    let file: syn::File = syn::parse2(without_docs(code)).map_err(invalid)?;
    let mut found = BTreeMap::new();
    file.items.into_iter().for_each(|item| collect(item, "", &mut found));
    Ok(found)
}

fn without_docs(code: TokenStream) -> TokenStream {
    let is_doc =
        |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.stream().to_string().starts_with("doc "));
    let mut tokens = code.into_iter().peekable();
    let mut kept = Vec::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' && tokens.peek().is_some_and(is_doc) => {
                drop(tokens.next())
            }
            TokenTree::Group(group) => kept.push(Group::new(group.delimiter(), without_docs(group.stream())).into()),
            token => kept.push(token),
        }
    }
    kept.into_iter().collect()
}

fn collect(item: Item, module: &str, found: &mut BTreeMap<String, String>) {
    let is_open = |attributes: &[Attribute]| attributes.iter().any(|a| a.path().is_ident("non_exhaustive"));
    let mut add = |name: String, code: &dyn ToTokens| {
        found.insert(format!("{module}{name}"), code.to_token_stream().to_string());
    };
    match item {
        Item::Mod(item) => {
            let module = format!("{module}{}::", item.ident);
            let items = item.content.map(|(_, items)| items).unwrap_or_default();
            items.into_iter().for_each(|item| collect(item, &module, found));
        }
        Item::Struct(mut item) => {
            let name = item.ident.to_string();
            if let (true, Fields::Named(fields)) = (is_open(&item.attrs), &mut item.fields) {
                for field in std::mem::take(&mut fields.named) {
                    add(format!("{name}.{}", field.ident.to_token_stream()), &field);
                }
            }
            add(name, &item);
        }
        Item::Enum(mut item) => {
            let name = item.ident.to_string();
            if is_open(&item.attrs) {
                for variant in std::mem::take(&mut item.variants) {
                    add(format!("{name}::{}", variant.ident), &variant);
                }
            }
            add(name, &item);
        }
        Item::Impl(mut item) => {
            let name = item.self_ty.to_token_stream().to_string();
            let name = match &item.trait_ {
                Some((_, path, _)) => format!("<{name} as {}>", path.to_token_stream()),
                None => name,
            };
            // The document's version is there, which is not sent.
            if name.contains("ClientInfo") {
                return;
            }
            for member in std::mem::take(&mut item.items) {
                match &member {
                    ImplItem::Fn(function) => add(format!("{name}::{}", function.sig.ident), function),
                    other => add(format!("{name}::{}", other.to_token_stream()), other),
                }
            }
            add(format!("impl {name}"), &item);
        }
        Item::Trait(mut item) => {
            for member in std::mem::take(&mut item.items) {
                if let TraitItem::Fn(function) = &member {
                    add(format!("{}::{}", item.ident, function.sig.ident), function);
                }
            }
            add(item.ident.to_string(), &item);
        }
        Item::Fn(item) => add(item.sig.ident.to_string(), &item),
        Item::Const(item) => add(item.ident.to_string(), &item),
        other => add(other.to_token_stream().to_string(), &other),
    }
}
