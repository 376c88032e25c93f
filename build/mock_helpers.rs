//! Corrects and documents the helpers for httpmock that progenitor generates. Every rule fails if it finds nothing.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{ImplItem, parse_quote};

use super::blocking::{missing, rewrite};
use super::names::snake_case;

/// Passes every body as a reference, which progenitor forgets if its type is a number.
pub fn pass_references(code: TokenStream) -> Result<TokenStream, String> {
    rewrite(code, &quote!(.json_body_obj(value)), &quote!(.json_body_obj(&value)))
}

/// Escapes IDs in regular expressions, so that a '.' matches only itself, and documents types and methods.
pub fn improve(file: &mut syn::File, has_ids: bool) -> Result<(), String> {
    let mut rules = Rules::default();
    rules.visit_file_mut(file);
    let ids = has_ids.then_some("format!(\"^\")");
    let expected = ["struct When", "fn of When", "trait"].into_iter().chain(ids);
    expected.filter(|rule| !rules.found.contains(rule)).map(|rule| Err(missing(rule))).next().unwrap_or(Ok(()))
}

#[derive(Default)]
struct Rules {
    found: BTreeSet<&'static str>,
}

impl VisitMut for Rules {
    /// Rewrites `format!("^/accounts/{}$", value.to_string())`.
    fn visit_macro_mut(&mut self, call: &mut syn::Macro) {
        let mut tokens = call.tokens.clone().into_iter();
        if let Some(TokenTree::Literal(pattern)) = tokens.next()
            && pattern.to_string().starts_with("\"^")
        {
            let value: TokenStream = tokens.skip(1).collect();
            call.tokens = quote!(#pattern, regex::escape(&#value));
            self.found.insert("format!(\"^\")");
        }
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
        self.found.insert("struct When");
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
                "ok" => "Responds with 200 OK.".to_string(),
                _ => format!("Responds with the status code for `{name}`."),
            };
            function.attrs.push(parse_quote!(#[doc = #doc]));
            self.found.insert("fn of When");
        }
    }

    /// Documents the methods of the extension trait.
    fn visit_trait_item_fn_mut(&mut self, function: &mut syn::TraitItemFn) {
        self.found.insert("trait");
        let doc = format!("Mocks `{}`.", function.sig.ident);
        function.attrs.push(parse_quote!(#[doc = #doc]));
    }
}
