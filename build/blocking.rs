//! Rewrites progenitor's output. Every rule fails if it finds nothing to rewrite, because progenitor's output has
//! changed.

use std::collections::BTreeMap;

use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprMacro, ImplItem, UseTree, parse_quote};

use super::names::snake_case;

/// Turns async code on reqwest and progenitor_client into blocking code on the crate's runtime.
pub fn make_blocking(file: &mut syn::File) -> Result<(), Vec<String>> {
    let mut rules = MakeBlocking::default();
    rules.visit_file_mut(file);
    rules.applied.check(&["async fn", ".await", "reqwest path", "progenitor_client path", "Client::new", "ByteStream"])
}

/// Corrects the helpers for httpmock, and documents them. IDs are escaped in regular expressions, so that a '.' matches only
/// itself.
pub fn fix_mock_helpers(file: &mut syn::File) -> Result<(), Vec<String>> {
    let mut rules = FixMockHelpers::default();
    rules.visit_file_mut(file);
    rules.applied.check(&["path pattern", "json_body_obj", "When and Then"])
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

    /// Removes `Client::new`, which panics if reqwest cannot be set up, and hides `Client::new_with_client`, because
    /// users create clients with `ClientBuilder`.
    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        item.items.retain_mut(|item| match item {
            ImplItem::Fn(function) if function.sig.ident == "new" => {
                self.applied.count("Client::new");
                false
            }
            ImplItem::Fn(function) if function.sig.ident == "new_with_client" => {
                function.vis = parse_quote!(pub(crate));
                true
            }
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, item);
    }

    fn visit_attribute_mut(&mut self, attribute: &mut syn::Attribute) {
        if let syn::Meta::NameValue(syn::MetaNameValue { value: Expr::Lit(literal), .. }) = &mut attribute.meta
            && let syn::Lit::Str(text) = &mut literal.lit
        {
            *text = syn::LitStr::new(&text.value().replace("reqwest::Client", "runtime::Client"), text.span());
        }
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
        }
    }

    /// Documents the methods of the extension trait.
    fn visit_trait_item_fn_mut(&mut self, function: &mut syn::TraitItemFn) {
        let doc = format!("Mocks `{}`.", function.sig.ident);
        function.attrs.push(parse_quote!(#[doc = #doc]));
    }
}
