//! Turns `openapi/stream-keys.json` into the blocking client that `src/generated.rs` includes.
//!
//! ```text
//! fragment -> normalise -> progenitor -> blocking -> $OUT_DIR/client.rs
//! ```
//!
//! The fragment keeps Cloudflare's structure to the letter. Where the live service differs from it, and what progenitor
//! cannot take, is levelled here by rule, so that a newer fragment needs no new code. With feature `mock`, helpers for
//! httpmock are written as well, from the same fragment.

use std::collections::HashSet;
use std::path::Path;
use std::{env, fs, panic};

use openapiv3::OpenAPI;
use progenitor::{GenerationSettings, Generator, HooksMode};
use quote::{ToTokens, quote};
use serde_json::{Map, Value, json};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ImplItem, Item, UseTree, parse_quote};

const FRAGMENT: &str = "openapi/stream-keys.json";

fn main() {
    println!("cargo::rerun-if-changed={FRAGMENT}");
    // The tests run this very program on fragments that are broken on purpose.
    if let Ok(this) = env::current_exe() {
        println!("cargo::rustc-env=BUILD_SCRIPT={}", this.display());
    }
    if let Err(problem) = generate() {
        // This fails the build. To exit with an error would bury the message in all that was printed.
        println!("cargo::error={FRAGMENT}{}", problem.replace('\n', " "));
    }
}

/// Writes the generated files. An error is the rest of a sentence that begins with the fragment's name.
fn generate() -> Result<(), String> {
    let variable = |name| env::var(name).map_err(|_| format!(": cargo did not set {name}; build with cargo"));
    let fragment = Path::new(&variable("CARGO_MANIFEST_DIR")?).join(FRAGMENT);
    let out_dir = variable("OUT_DIR")?;
    let write = |name: &str, code: String| {
        fs::write(Path::new(&out_dir).join(name), code).map_err(|e| format!(": cannot write {name} to OUT_DIR ({e})"))
    };

    let text =
        fs::read_to_string(fragment).map_err(|e| format!(": cannot be read ({e}); restore it from version control"))?;
    let document = parse(&text)?;
    write("client.rs", client(document.clone())?)?;
    if env::var_os("CARGO_FEATURE_MOCK").is_some() {
        write("mock.rs", mock(document)?)?;
    }
    Ok(())
}

/// Reads the fragment, and makes sure that it is OpenAPI while lines and columns are still known.
fn parse(text: &str) -> Result<Value, String> {
    let document = serde_json::from_str(text).map_err(|e| format!(": not JSON: {e}; mend it there"))?;
    serde_json::from_str::<OpenAPI>(text).map_err(|e| format!(": not OpenAPI 3.0: {e}; mend it there"))?;
    Ok(document)
}

// ---- The two outputs ----

/// The blocking client: what `src/generated.rs` includes.
fn client(mut document: Value) -> Result<String, String> {
    complete_media_types(&mut document);
    shorten_operation_ids(&mut document);
    accept_any_success(&mut document);
    substitute_types(&mut document)?;
    relax(&mut document);

    let mut settings = GenerationSettings::new();
    settings.with_inner_type(quote!(crate::runtime::Settings)).with_hooks(HooksMode::Expected);
    for (name, path) in OWN_TYPES {
        settings.with_replacement(name, path, std::iter::empty());
    }
    let tokens = run_progenitor(&settings, &document, |generator, spec| generator.generate_tokens(spec))?;
    let mut file = syn::parse2(tokens).map_err(|e| format!(": progenitor wrote what is not Rust: {e}; {REPORT}"))?;
    MakeBlocking.visit_file_mut(&mut file);
    prune_imports(&mut file);
    Ok(prettyplease::unparse(&file))
}

/// Typed helpers for httpmock, with types of their own: a server writes secrets out, the client's types never do.
fn mock(mut document: Value) -> Result<String, String> {
    complete_media_types(&mut document);
    shorten_operation_ids(&mut document);
    visit_schemas(&mut document, &mut |schema| drop_keys(schema, &["format"]));
    relax(&mut document);

    let settings = GenerationSettings::new();
    let tokens = run_progenitor(&settings, &document, |generator, spec| {
        let helpers = generator.httpmock(spec, "crate::mock::generated")?;
        let types = generator.get_type_space().to_stream();
        Ok(quote! {
            /// What the service sends, secrets in full.
            #[allow(clippy::all)]
            pub mod types { #types }
            #helpers
        })
    })?;
    let file = syn::parse2(tokens).map_err(|e| format!(": progenitor wrote what is not Rust: {e}; {REPORT}"))?;
    // Ids go into patterns as they are: a '.' must match itself only.
    Ok(prettyplease::unparse(&file).replace("value.to_string())", "regex::escape(&value.to_string()))"))
}

const REPORT: &str = "undo the fragment's last change, or mend build.rs";

/// Runs progenitor, whose refusals are partly errors and partly panics.
fn run_progenitor<T>(
    settings: &GenerationSettings,
    document: &Value,
    generate: impl FnOnce(&mut Generator, &OpenAPI) -> Result<T, progenitor::Error> + panic::UnwindSafe,
) -> Result<T, String> {
    let spec = serde_json::from_value(document.clone())
        .map_err(|e| format!(": not OpenAPI 3.0 once normalised: {e}; {REPORT}"))?;
    let mut generator = panic::AssertUnwindSafe(Generator::new(settings));
    panic::set_hook(Box::new(|_| {}));
    let outcome = panic::catch_unwind(move || generate(&mut generator, &spec));
    let _ = panic::take_hook();
    match outcome {
        Ok(result) => result.map_err(|e| format!(": progenitor refuses it: {e}; {REPORT}")),
        Err(cause) => {
            let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref().copied());
            Err(format!(": progenitor gives up on it: {}; {REPORT}", cause.unwrap_or("for no reason given")))
        }
    }
}

// ---- Normalising ----

/// Gives every JSON media type a schema: progenitor refuses one without, and Cloudflare's POST has none.
fn complete_media_types(node: &mut Value) {
    if let Some(media_types) = node.get_mut("content").and_then(Value::as_object_mut) {
        for media_type in media_types.iter_mut().filter(|(name, _)| name.contains("json")).map(|(_, m)| m) {
            if let Some(media_type) = media_type.as_object_mut() {
                media_type.entry("schema").or_insert_with(|| json!({}));
            }
        }
    }
    children(node).for_each(complete_media_types);
}

/// Shortens the operation ids that begin with their own tag, for they become method names: with the tag
/// `Stream Signing Keys`, `stream-signing-keys-list-signing-keys` is `list-signing-keys`.
fn shorten_operation_ids(node: &mut Value) {
    let tag = node.pointer("/tags/0").and_then(Value::as_str).map(|tag| tag.to_lowercase().replace(' ', "-") + "-");
    let id = node.get("operationId").and_then(Value::as_str);
    if let Some(short) = id.zip(tag).and_then(|(id, tag)| id.strip_prefix(&tag)).map(String::from) {
        node["operationId"] = json!(short);
    }
    children(node).for_each(shorten_operation_ids);
}

/// A success is a success: 201 with a key in it must not lose the key because the document says 200.
fn accept_any_success(node: &mut Value) {
    if let Some(responses) = node.get_mut("responses").and_then(Value::as_object_mut)
        && let Some(success) = responses.remove("200")
    {
        responses.insert("2XX".to_string(), success);
    }
    children(node).for_each(accept_any_success);
}

/// Schemas that become a type of this crate: the component's name, and the type.
const OWN_TYPES: [(&str, &str); 4] = [
    ("OwnSecret", "crate::Secret"),
    ("OwnTimestamp", "crate::runtime::Timestamp"),
    ("OwnTrue", "crate::runtime::ConstBool<true>"),
    ("OwnFalse", "crate::runtime::ConstBool<false>"),
];

/// Which of [`OWN_TYPES`] a schema is: told by its marks, never by its name.
fn own_type(schema: &Value) -> Option<&'static str> {
    let kind = schema.get("type").and_then(Value::as_str);
    match (kind, schema.get("enum").and_then(Value::as_array).map(Vec::as_slice)) {
        (Some("string"), _) if is_sensitive(schema) => Some("OwnSecret"),
        (Some("string"), None) if schema.get("format") == Some(&json!("date-time")) => Some("OwnTimestamp"),
        (Some("boolean"), Some([Value::Bool(true)])) => Some("OwnTrue"),
        (Some("boolean"), Some([Value::Bool(false)])) => Some("OwnFalse"),
        _ => None,
    }
}

fn is_sensitive(schema: &Value) -> bool {
    schema.get("x-sensitive") == Some(&json!(true))
}

/// Puts a reference to one of [`OWN_TYPES`] wherever such a schema stands or is referred to.
fn substitute_types(document: &mut Value) -> Result<(), String> {
    let components = document.pointer("/components/schemas").cloned().unwrap_or_default();
    let mut exposed = None;
    visit_schemas(document, &mut |schema| {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/components/schemas/"));
        let mut target = target.map_or(&*schema, |name| &components[name]).clone();
        if is_sensitive(schema) {
            target["x-sensitive"] = json!(true);
        }
        match own_type(&target) {
            Some(name) => *schema = json!({ "$ref": format!("#/components/schemas/{name}") }),
            None if is_sensitive(&target) => exposed = Some(target.to_string()),
            None => {}
        }
    });
    if let Some(schema) = exposed {
        return Err(format!(": x-sensitive is known for strings only, not for {schema}; teach build.rs this type"));
    }
    if let Some(named) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        named.retain(|name, _| own_type(&components[name]).is_none());
        named.extend(OWN_TYPES.map(|(name, _)| (name.to_string(), json!({}))));
    }
    Ok(())
}

/// Lets an answer differ from the document where that does no harm: limits and lists of values are for the service to
/// keep, and anything may be absent or null but the word that tells a success from a failure. Live errors also carry an
/// `error_chain`, of which the document does not know.
fn relax(document: &mut Value) {
    visit_schemas(document, &mut |schema| {
        let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
        // What can only be null says nothing, and a live answer that says something there must not be refused.
        properties.retain(|_, property| property.get("enum") != Some(&json!([null])));
        if properties.contains_key("code") && properties.contains_key("message") {
            let link = json!({ "type": "object", "properties": {
                "code": properties["code"], "message": properties["message"],
            }});
            properties.entry("error_chain").or_insert_with(|| json!({ "type": "array", "items": link }));
        }
        for property in properties.values_mut().filter(|p| p["type"] == "array") {
            property["nullable"] = json!(true);
        }
        let telling: Vec<String> =
            properties.iter().filter(|(_, p)| tells_success(p)).map(|(n, _)| n.clone()).collect();
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| telling.iter().any(|t| name == t));
        }
    });
    visit_schemas(document, &mut |schema| {
        drop_keys(schema, &["enum", "maxLength", "minLength", "pattern", "uniqueItems", "minItems", "maxItems"]);
        drop_keys(schema, &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]);
    });
}

fn tells_success(schema: &Value) -> bool {
    let is_named = |name| schema.get("$ref") == Some(&json!(format!("#/components/schemas/{name}")));
    matches!(own_type(schema), Some("OwnTrue" | "OwnFalse")) || is_named("OwnTrue") || is_named("OwnFalse")
}

fn drop_keys(schema: &mut Value, keys: &[&str]) {
    if let Some(schema) = schema.as_object_mut() {
        schema.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

/// Calls `change` with every schema of the document, the inner ones first.
fn visit_schemas(document: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    fn inside(schema: &mut Value, change: &mut dyn FnMut(&mut Value)) {
        for key in ["items", "additionalProperties", "not"] {
            schema.get_mut(key).into_iter().for_each(|inner| inside(inner, change));
        }
        for key in ["properties", "allOf", "anyOf", "oneOf"] {
            schema.get_mut(key).into_iter().flat_map(children).for_each(|inner| inside(inner, change));
        }
        change(schema);
    }
    fn outside(node: &mut Value, change: &mut dyn FnMut(&mut Value)) {
        node.get_mut("schema").into_iter().for_each(|schema| inside(schema, change));
        children(node).for_each(|node| outside(node, change));
    }
    document.get_mut("paths").into_iter().for_each(|paths| outside(paths, change));
    let named = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    named.into_iter().flat_map(Map::values_mut).for_each(|schema| inside(schema, change));
}

fn children(node: &mut Value) -> Box<dyn Iterator<Item = &mut Value> + '_> {
    match node {
        Value::Object(members) => Box::new(members.values_mut()),
        Value::Array(items) => Box::new(items.iter_mut()),
        _ => Box::new(std::iter::empty()),
    }
}

// ---- From async on reqwest to blocking on the crate's runtime ----

struct MakeBlocking;

impl VisitMut for MakeBlocking {
    fn visit_signature_mut(&mut self, signature: &mut syn::Signature) {
        signature.asyncness = None;
        visit_mut::visit_signature_mut(self, signature);
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        while let Expr::Await(awaited) = expr {
            *expr = *awaited.base.clone();
        }
        visit_mut::visit_expr_mut(self, expr);
    }

    /// `self.client.get(url)` is `self.client.request(Method::GET, url)`, so that the runtime needs no method a verb.
    fn visit_expr_method_call_mut(&mut self, call: &mut syn::ExprMethodCall) {
        let verb = call.method.to_string().to_uppercase();
        let on_client =
            matches!(&*call.receiver, Expr::Field(field) if field.member.to_token_stream().to_string() == "client");
        if on_client && ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].contains(&verb.as_str()) {
            let verb = syn::Ident::new(&verb, call.method.span());
            call.method = parse_quote!(request);
            call.args.insert(0, parse_quote!(crate::runtime::Method::#verb));
        }
        visit_mut::visit_expr_method_call_mut(self, call);
    }

    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        if path.segments.first().is_some_and(|first| first.ident == "reqwest" || first.ident == "progenitor_client") {
            let rest = path.segments.iter().skip(1);
            *path = parse_quote!(crate::runtime #(::#rest)*);
        }
        visit_mut::visit_path_mut(self, path);
    }

    fn visit_use_tree_mut(&mut self, tree: &mut UseTree) {
        if let UseTree::Path(path) = tree
            && (path.ident == "reqwest" || path.ident == "progenitor_client")
        {
            let rest = &path.tree;
            *tree = parse_quote!(crate::runtime::#rest);
        }
        visit_mut::visit_use_tree_mut(self, tree);
    }

    /// Cloudflare knows no `api-version` header.
    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(|statement| !statement.to_token_stream().to_string().contains("\"api-version\""));
        visit_mut::visit_block_mut(self, block);
    }

    /// And its map of headers holds one less.
    fn visit_expr_call_mut(&mut self, call: &mut syn::ExprCall) {
        if call.func.to_token_stream().to_string().ends_with("HeaderMap :: with_capacity")
            && let Some(Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(capacity), .. })) = call.args.first_mut()
            && let Ok(n @ 1..) = capacity.base10_parse::<usize>()
        {
            *capacity = syn::LitInt::new(&format!("{}usize", n - 1), capacity.span());
        }
        visit_mut::visit_expr_call_mut(self, call);
    }

    /// `Client::new` makes a reqwest client and panics where it cannot; ours are made by the facade.
    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        item.items.retain(|item| !matches!(item, ImplItem::Fn(function) if function.sig.ident == "new"));
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

/// Takes out what the generated code imports and never uses, so that the runtime need not have it.
fn prune_imports(file: &mut syn::File) {
    fn prune(tree: &mut UseTree, used: &HashSet<String>) {
        match tree {
            UseTree::Path(path) => prune(&mut path.tree, used),
            UseTree::Group(group) => {
                let trees = std::mem::take(&mut group.items).into_iter();
                group.items = trees.filter(|t| used.contains(&t.to_token_stream().to_string())).collect();
            }
            _ => {}
        }
    }
    let rest = file.items.iter().filter(|item| !matches!(item, Item::Use(_)));
    let text = rest.map(|item| item.to_token_stream().to_string()).collect::<String>();
    let used = text.split(|c: char| !c.is_alphanumeric() && c != '_').map(String::from).collect();
    for item in &mut file.items {
        if let Item::Use(item) = item {
            prune(&mut item.tree, &used);
        }
    }
}
