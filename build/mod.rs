//! From the text of the spec to generated code. The spec has exactly the structure that Cloudflare publishes. The rules in
//! this folder adapt it to the live service and to progenitor.

mod all_of;
mod blocking;
mod directions;
mod generate;
mod names;
mod operations;
mod refusals;
mod responses;
mod schemas;
mod secrets;
pub mod spec;
pub mod spelling;
mod success;
mod types;

use openapiv3::OpenAPI;
use serde_json::Value;

use schemas::Side;

/// Generates the blocking client from the text of a spec. An error lists what is wrong with the spec.
pub fn client(text: &str) -> Result<String, Vec<String>> {
    let mut spec = parse(text)?;
    let urls = generate::urls(&spec)?;
    schemas::normalize(&mut spec, Side::Client)?;
    let mut file = generate::client(&spec)?;
    blocking::make_blocking(&mut file)?;
    file.items.extend(urls);
    Ok(prettyplease::unparse(&file))
}

/// Generates typed helpers for httpmock, with types of their own: a server sends secrets, which the client's types refuse
/// to serialize.
pub fn mock(text: &str) -> Result<String, Vec<String>> {
    let mut spec = parse(text)?;
    responses::use_named_statuses(&mut spec);
    schemas::normalize(&mut spec, Side::MockServer)?;
    let mut file = generate::mock(&spec)?;
    let has_ids = spec["paths"].as_object().is_some_and(|paths| paths.keys().any(|path| path.contains('{')));
    blocking::fix_mock_helpers(&mut file, has_ids)?;
    Ok(prettyplease::unparse(&file))
}

/// Parses the spec and normalizes its operations.
fn parse(text: &str) -> Result<Value, Vec<String>> {
    let mut spec: Value = serde_json::from_str(text).map_err(|e| vec![format!("not valid JSON: {e}; fix it there")])?;
    let is_older = spec.get("openapi").and_then(Value::as_str).is_none_or(|version| version.starts_with("3.0."));
    spelling::normalize(&mut spec)?;
    if let Err(e) = serde_json::from_value::<OpenAPI>(spec.clone()) {
        // The text gives the error a line and a column.
        let e = serde_json::from_str::<OpenAPI>(text).err().filter(|_| is_older).unwrap_or(e);
        return Err(vec![format!("not OpenAPI 3.0: {e}; fix it there")]);
    }
    operations::normalize(&mut spec)?;
    Ok(spec)
}
