//! From the text of the spec to generated code. The spec has exactly the structure that Cloudflare publishes. The rules
//! in this folder adapt it to the live service and to progenitor, and reject what could only be generated wrongly.

mod all_of;
mod blocking;
mod directions;
mod generate;
mod mock_helpers;
mod names;
mod operations;
mod responses;
mod schemas;
mod secrets;
pub mod spec;
pub mod spelling;

use openapiv3::OpenAPI;
use serde_json::{Value, json};

use spec::operations;

/// Generates the blocking client from the text of a spec. An error lists what is wrong with the spec.
pub fn client(text: &str) -> Result<String, Vec<String>> {
    generate(text, generate::client)
}

/// Generates typed helpers for httpmock, with their own types: a server sends secrets, which the client's types do not
/// serialize.
pub fn mock(text: &str) -> Result<String, Vec<String>> {
    generate(text, generate::mock)
}

fn generate(text: &str, generate: fn(Value) -> Result<syn::File, String>) -> Result<String, Vec<String>> {
    let spec = parse(text).map_err(|problem| vec![problem])?;
    let problem = match generate(spec.clone()) {
        Ok(file) => return Ok(prettyplease::unparse(&file)),
        Err(problem) => problem,
    };
    // The operations that cannot be generated on their own are to blame.
    let problems: Vec<String> = operations(&mut spec.clone())
        .filter_map(|operation| {
            let mut single = spec.clone();
            single["paths"] = json!({ operation.path: { operation.method: operation.value } });
            generate(single).err().map(|problem| operations::unsupported(&operation, &problem))
        })
        .collect();
    Err(if problems.is_empty() { vec![problem] } else { problems })
}

/// Parses the spec, and inlines all references except those to schemas.
fn parse(text: &str) -> Result<Value, String> {
    let mut spec: Value = serde_json::from_str(text).map_err(|e| format!("not valid JSON: {e}; fix the spec"))?;
    let is_older = spec["openapi"].as_str().is_none_or(|version| version.starts_with("3.0."));
    spelling::normalize(&mut spec)?;
    if let Err(e) = serde_json::from_value::<OpenAPI>(spec.clone()) {
        // The text gives the error a line and a column.
        let e = serde_json::from_str::<OpenAPI>(text).err().filter(|_| is_older).unwrap_or(e);
        return Err(format!("not OpenAPI 3.0: {e}; fix the spec"));
    }
    let base_url = spec.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or_default();
    if !base_url.starts_with("https://") || base_url.contains('{') {
        return Err("`servers` does not begin with an https URL without variables; fix the spec".to_string());
    }
    operations::inline_components(&mut spec);
    Ok(spec)
}
