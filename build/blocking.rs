//! Rewrites progenitor's code. Every rule fails if it finds nothing to rewrite: then progenitor's output has changed.

use std::collections::BTreeSet;

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, ImplItem, Item, parse_quote};

/// Turns async code on reqwest and progenitor_client into blocking code on the crate's runtime. Removes the header
/// `api-version`, which Cloudflare does not use, and which can be the name of a parameter.
pub fn make_blocking(code: TokenStream) -> Result<TokenStream, String> {
    let runtime = quote!(crate::client::runtime);
    let version = quote! {
        header_map.append(
            #runtime::header::HeaderName::from_static("api-version"),
            #runtime::header::HeaderValue::from_static(Self::api_version()),
        );
    };
    let rules = [
        (quote!(async fn), quote!(fn)),
        (quote!(.await), quote!()),
        (quote!(ByteStream), quote!(Body)),
        (quote!(::reqwest), runtime.clone()),
        (quote!(reqwest), runtime.clone()),
        (quote!(progenitor_client), runtime),
        (version, quote!()),
    ];
    rules.into_iter().try_fold(code, |code, (pattern, replacement)| rewrite(code, &pattern, &replacement))
}

/// Replaces a sequence of tokens wherever it occurs.
pub fn rewrite(code: TokenStream, pattern: &TokenStream, replacement: &TokenStream) -> Result<TokenStream, String> {
    fn replace(code: TokenStream, pattern: &[String], replacement: &TokenStream, count: &mut usize) -> TokenStream {
        let tokens = code.into_iter().map(|token| match token {
            TokenTree::Group(group) => {
                let inner = replace(group.stream(), pattern, replacement, count);
                Group::new(group.delimiter(), inner).into()
            }
            token => token,
        });
        let mut rest: &[TokenTree] = &tokens.collect::<Vec<_>>();
        let mut replaced = TokenStream::new();
        while let [token, others @ ..] = rest {
            if rest.len() >= pattern.len() && pattern.iter().zip(rest).all(|(one, other)| *one == other.to_string()) {
                replaced.extend(replacement.clone());
                rest = &rest[pattern.len()..];
                *count += 1;
            } else {
                replaced.extend([token.clone()]);
                rest = others;
            }
        }
        replaced
    }
    let mut count = 0;
    let tokens: Vec<String> = pattern.clone().into_iter().map(|token| token.to_string()).collect();
    let code = replace(code, &tokens, replacement, &mut count);
    if count > 0 { Ok(code) } else { Err(missing(&pattern.to_string())) }
}

/// Describes a rule that found nothing.
pub fn missing(rule: &str) -> String {
    format!("progenitor's code has no `{rule}` to rewrite; adapt build/ to it")
}

/// Removes what nobody should use, and lets responses get new members: only this crate can build types that no method
/// takes, or match them exhaustively.
pub fn tidy(file: &mut syn::File) -> Result<(), String> {
    let mut taken = BTreeSet::new();
    let mut removed = 0;
    file.items.retain_mut(|item| match item {
        // Users create clients with `ClientBuilder`, and the generated constructor panics if reqwest cannot be set up.
        Item::Impl(item) if item.trait_.is_none() => {
            let before = item.items.len();
            item.items.retain(|item| {
                let ImplItem::Fn(function) = item else { return true };
                collect_names(function.sig.inputs.to_token_stream(), &mut taken);
                function.sig.ident != "new" && function.sig.ident != "new_with_client"
            });
            removed += before - item.items.len();
            !item.items.is_empty()
        }
        _ => true,
    });
    if removed != 2 {
        return Err(missing("Client::new and Client::new_with_client"));
    }
    remove_unused_error(file)?;

    let types = types(file).ok_or_else(|| missing("mod types"))?;
    // The arguments of a method can contain other types.
    let mut known = 0;
    while known < taken.len() {
        known = taken.len();
        for item in types.iter_mut() {
            if parts(item).is_some_and(|(name, _)| taken.contains(&name)) {
                collect_names(item.to_token_stream(), &mut taken);
            }
        }
    }
    for (name, attributes) in types.iter_mut().filter_map(parts) {
        if !taken.contains(&name) {
            attributes.push(parse_quote!(#[non_exhaustive]));
        }
    }
    Ok(())
}

/// Removes the error of conversions if no type has one.
pub fn remove_unused_error(file: &mut syn::File) -> Result<(), String> {
    let is_used = file.to_token_stream().to_string().contains("self :: error ::");
    let types = types(file).ok_or_else(|| missing("mod types"))?;
    let before = types.len();
    types.retain(|item| is_used || !matches!(item, Item::Mod(module) if module.ident == "error"));
    if is_used || types.len() < before { Ok(()) } else { Err(missing("mod error")) }
}

/// Returns the items of the module `types`.
pub fn types(file: &mut syn::File) -> Option<&mut Vec<Item>> {
    file.items.iter_mut().find_map(|item| match item {
        Item::Mod(module) if module.ident == "types" => module.content.as_mut().map(|(_, items)| items),
        _ => None,
    })
}

/// Returns the name and the attributes of a struct or an enum.
pub fn parts(item: &mut Item) -> Option<(String, &mut Vec<Attribute>)> {
    match item {
        Item::Struct(item) => Some((item.ident.to_string(), &mut item.attrs)),
        Item::Enum(item) => Some((item.ident.to_string(), &mut item.attrs)),
        _ => None,
    }
}

/// Adds all names in some code.
fn collect_names(code: TokenStream, names: &mut BTreeSet<String>) {
    for token in code {
        match token {
            TokenTree::Group(group) => collect_names(group.stream(), names),
            TokenTree::Ident(ident) => drop(names.insert(ident.to_string())),
            _ => {}
        }
    }
}
