//! Rewrites progenitor's output. Every rule is counted, and fails the build if it finds nothing to rewrite: then
//! progenitor's output has changed.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprMacro, ImplItem, Item, UseTree, parse_quote};

use super::names::snake_case;

/// Turns async code on reqwest and progenitor_client into blocking code on the crate's runtime.
pub fn make_blocking(file: &mut syn::File) -> Result<(), Vec<String>> {
    let mut rules = MakeBlocking::default();
    rules.visit_file_mut(file);
    open_responses(file, &mut rules.applied);
    remove_unused(file, &mut rules.applied);
    rules.applied.check(&[
        "async fn",
        ".await",
        "reqwest path",
        "progenitor_client path",
        "Client::new",
        "Client::new_with_client",
        "api-version",
        "ByteStream",
        "response type",
        "mod error",
        "mod prelude",
    ])
}

/// Corrects the helpers for httpmock, and documents them. IDs are escaped in regular expressions, so that a '.' matches only
/// itself.
pub fn fix_mock_helpers(file: &mut syn::File, has_ids: bool) -> Result<(), Vec<String>> {
    let mut rules = FixMockHelpers::default();
    rules.visit_file_mut(file);
    remove_unused(file, &mut rules.applied);
    rules.applied.check(&[
        "json_body_obj",
        "When and Then",
        "method of When and Then",
        "extension trait",
        "mod error",
    ])?;
    if has_ids { rules.applied.check(&["path pattern"]) } else { Ok(()) }
}

/// Lets responses get new members: nobody but this crate can build types that no method takes, or match them exhaustively.
fn open_responses(file: &mut syn::File, applied: &mut Applied) {
    let mut taken = BTreeSet::new();
    for item in &file.items {
        let Item::Impl(item) = item else { continue };
        for item in &item.items {
            if let ImplItem::Fn(function) = item {
                collect_names(function.sig.inputs.to_token_stream(), &mut taken);
            }
        }
    }
    for types in file.items.iter_mut().filter_map(|item| module(item, "types")) {
        // What a method takes can contain other types.
        let mut known = 0;
        while known < taken.len() {
            known = taken.len();
            for item in types.iter() {
                if name(item).is_some_and(|name| taken.contains(&name)) {
                    collect_names(item.to_token_stream(), &mut taken);
                }
            }
        }
        for item in types.iter_mut().filter(|item| name(item).is_some_and(|name| !taken.contains(&name))) {
            applied.count("response type");
            match item {
                Item::Struct(item) => item.attrs.push(parse_quote!(#[non_exhaustive])),
                Item::Enum(item) => item.attrs.push(parse_quote!(#[non_exhaustive])),
                _ => {}
            }
        }
    }
}

/// Removes public items that nothing uses, and documentation that only repeats a name.
fn remove_unused(file: &mut syn::File, applied: &mut Applied) {
    for types in file.items.iter_mut().filter_map(|item| module(item, "types")) {
        let mut used = BTreeSet::new();
        for item in types.iter_mut() {
            if module(item, "error").is_none() {
                collect_names(item.to_token_stream(), &mut used);
            } else {
                applied.count("mod error");
            }
        }
        types.retain_mut(|item| used.contains("ConversionError") || module(item, "error").is_none());
        for item in types {
            let (Item::Struct(syn::ItemStruct { ident, attrs, .. }) | Item::Enum(syn::ItemEnum { ident, attrs, .. })) =
                item
            else {
                continue;
            };
            let filler = format!("`{ident}`");
            attrs.retain(|attribute| !attribute.to_token_stream().to_string().contains(&filler));
        }
    }
    file.items.retain_mut(|item| {
        let is_prelude = module(item, "prelude").is_some();
        if is_prelude {
            applied.count("mod prelude");
        }
        let is_empty = matches!(item, Item::Impl(item) if item.trait_.is_none() && item.items.is_empty());
        !is_prelude && !is_empty
    });
}

/// Returns the items of the module with this name.
fn module<'a>(item: &'a mut Item, name: &str) -> Option<&'a mut Vec<Item>> {
    match item {
        Item::Mod(module) if module.ident == name => module.content.as_mut().map(|(_, items)| items),
        _ => None,
    }
}

/// Returns the name of a struct or an enum.
fn name(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
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

/// How often each rule was applied.
#[derive(Default)]
struct Applied(BTreeMap<&'static str, usize>);

impl Applied {
    fn count(&mut self, rule: &'static str) {
        *self.0.entry(rule).or_default() += 1;
    }

    fn check(&self, rules: &[&str]) -> Result<(), Vec<String>> {
        match rules.iter().find(|rule| !self.0.contains_key(*rule)) {
            Some(rule) => {
                Err(vec![format!("progenitor's code has no `{rule}` to rewrite; adapt build/blocking.rs to it")])
            }
            None => Ok(()),
        }
    }
}

#[derive(Default)]
struct MakeBlocking {
    applied: Applied,
}

impl MakeBlocking {
    fn is_replaced(&mut self, name: &syn::Ident) -> bool {
        let rule = match name.to_string().as_str() {
            "reqwest" => "reqwest path",
            "progenitor_client" => "progenitor_client path",
            _ => return false,
        };
        self.applied.count(rule);
        true
    }
}

impl VisitMut for MakeBlocking {
    fn visit_signature_mut(&mut self, signature: &mut syn::Signature) {
        if signature.asyncness.take().is_some() {
            self.applied.count("async fn");
        }
        visit_mut::visit_signature_mut(self, signature);
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        while let Expr::Await(awaited) = expr {
            *expr = *awaited.base.clone();
            self.applied.count(".await");
        }
        visit_mut::visit_expr_mut(self, expr);
    }

    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        if path.segments.first().is_some_and(|first| self.is_replaced(&first.ident)) {
            let rest = path.segments.iter().skip(1);
            *path = parse_quote!(crate::client::runtime #(::#rest)*);
        }
        visit_mut::visit_path_mut(self, path);
    }

    fn visit_use_tree_mut(&mut self, tree: &mut UseTree) {
        if let UseTree::Path(path) = tree
            && self.is_replaced(&path.ident)
        {
            let rest = &path.tree;
            *tree = parse_quote!(crate::client::runtime::#rest);
        }
        visit_mut::visit_use_tree_mut(self, tree);
    }

    /// Renames `ByteStream`: the runtime has read the whole body.
    fn visit_ident_mut(&mut self, ident: &mut syn::Ident) {
        if ident == "ByteStream" {
            *ident = syn::Ident::new("Body", ident.span());
            self.applied.count("ByteStream");
        }
    }

    /// Removes the constructors: `Client::new` panics if reqwest cannot be set up, and users create clients with
    /// `ClientBuilder`.
    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        item.items.retain(|item| match item {
            ImplItem::Fn(function) if function.sig.ident == "new" => {
                self.applied.count("Client::new");
                false
            }
            ImplItem::Fn(function) if function.sig.ident == "new_with_client" => {
                self.applied.count("Client::new_with_client");
                false
            }
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, item);
    }

    /// Removes the header `api-version` that progenitor adds to every request: Cloudflare does not use it, and an operation
    /// can have a parameter of that name.
    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(|statement| {
            let code = statement.to_token_stream().to_string().replace(' ', "");
            let is_version = code.starts_with("header_map.append(") && code.contains("Self::api_version()");
            if is_version {
                self.applied.count("api-version");
            }
            !is_version
        });
        visit_mut::visit_block_mut(self, block);
    }
}

#[derive(Default)]
struct FixMockHelpers {
    applied: Applied,
}

impl VisitMut for FixMockHelpers {
    /// Rewrites `format!("^/accounts/{}$", value.to_string())`. An ID can stand in a path more than once.
    fn visit_expr_macro_mut(&mut self, expr: &mut ExprMacro) {
        if !expr.mac.path.is_ident("format") {
            return;
        }
        let arguments = expr.mac.parse_body_with(Punctuated::<Expr, syn::Token![,]>::parse_terminated);
        let Ok(arguments) = arguments else { return };
        let mut arguments = arguments.into_iter();
        let (Some(Expr::Lit(pattern)), Some(value), None) = (arguments.next(), arguments.next(), arguments.next())
        else {
            return;
        };
        if let syn::Lit::Str(pattern) = pattern.lit
            && pattern.value().starts_with('^')
        {
            let pattern = pattern.value().replace("{}", "{0}");
            expr.mac.tokens = quote::quote!(#pattern, regex::escape(&#value));
            self.applied.count("path pattern");
        }
    }

    /// Rewrites `.json_body_obj(value)`, whose value is not a reference if its type is a number.
    fn visit_expr_method_call_mut(&mut self, call: &mut syn::ExprMethodCall) {
        if call.method == "json_body_obj"
            && let Some(value) = call.args.first_mut()
        {
            *value = parse_quote!(&#value);
            self.applied.count("json_body_obj");
        }
        visit_mut::visit_expr_method_call_mut(self, call);
    }

    /// Documents the types `…When` and `…Then`.
    fn visit_item_struct_mut(&mut self, item: &mut syn::ItemStruct) {
        let name = item.ident.to_string();
        let (subject, operation) = match (name.strip_suffix("When"), name.strip_suffix("Then")) {
            (Some(operation), _) => ("requests", operation),
            (_, Some(operation)) => ("the response", operation),
            _ => return,
        };
        let doc = format!("Describes {subject} of `{}`.", snake_case(operation));
        item.attrs.push(parse_quote!(#[doc = #doc]));
        self.applied.count("When and Then");
    }

    /// Documents their methods.
    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        visit_mut::visit_item_impl_mut(self, item);
        let syn::Type::Path(owner) = &*item.self_ty else { return };
        let owner = owner.path.segments.last().map(|owner| owner.ident.to_string()).unwrap_or_default();
        let is_when = owner.ends_with("When");
        if !is_when && !owner.ends_with("Then") {
            return;
        }
        for item in &mut item.items {
            let ImplItem::Fn(function) = item else { continue };
            let name = function.sig.ident.to_string();
            let doc = match name.as_str() {
                "new" => "Wraps httpmock's own type.".to_string(),
                "into_inner" => "Returns httpmock's own type, which can deviate from the spec.".to_string(),
                "client_error" => "Responds with a status code from 400 to 499.".to_string(),
                "server_error" => "Responds with a status code from 500 to 599.".to_string(),
                _ if is_when => format!("Matches requests with this `{name}`."),
                _ => format!("Responds with the status code `{name}`."),
            };
            function.attrs.push(parse_quote!(#[doc = #doc]));
            self.applied.count("method of When and Then");
        }
    }

    /// Documents the methods of the extension trait.
    fn visit_trait_item_fn_mut(&mut self, function: &mut syn::TraitItemFn) {
        self.applied.count("extension trait");
        let doc = format!("Mocks `{}`.", function.sig.ident);
        function.attrs.push(parse_quote!(#[doc = #doc]));
    }
}
