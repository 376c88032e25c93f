//! Adapts the responses of an operation: leaves one kind of success and one kind of error, so that no failure is
//! mistaken for a success.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::all_of::is_combined;
use super::directions::KEPT;
use super::schemas::Side;
use super::spec::{operations, reference, resolve, schemas, schemas_mut, target};

/// Leaves one kind of success and one kind of error, which is all that progenitor supports. Any 2xx is the success that
/// the spec describes: a key in a 201 must not be lost because the spec says 200. Errors of another kind, as the 429 of
/// Cloudflare's URL Scanner, are returned as unexpected responses.
pub fn normalize_responses(operation: &mut Value, hoisted: &mut Map<String, Value>) -> Result<(), String> {
    let (mut successes, mut errors) = (Vec::new(), Vec::new());
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        // Cloudflare spells some ranges `4xx`.
        let status = if status == "default" { status.clone() } else { status.to_uppercase() };
        let entry = (content(&status, response), response["description"].clone());
        match status.as_bytes().first() {
            Some(b'2') => successes.push(entry),
            Some(b'4' | b'5' | b'd') => errors.push((status, entry)),
            _ => {}
        }
    }
    // A default response on its own describes successes as well.
    if successes.is_empty() {
        successes.extend(errors.iter().find(|(status, _)| status == "default").map(|(_, entry)| entry.clone()));
    }
    successes.dedup_by(|(one, _), (other, _)| one == other);
    let [(content, description)] = &successes[..] else {
        return Err("it has no success response, or several with different contents".to_string());
    };
    let mut normalized = json!({ "2XX": { "description": description, "content": content } });

    // JSON says more than anything else, and a range says more of errors in general than a single status.
    errors.sort_by_key(|(status, (content, _))| (content.get(JSON).is_none(), status.parse::<u16>().is_ok()));
    if let Some((_, (mut shared, _))) = errors.first().cloned() {
        errors.retain(|(_, (content, _))| *content == shared);
        if let Some(schema) = shared.pointer_mut("/application~1json/schema")
            && target(schema).is_none()
        {
            let name = format!("{}-error", operation["operationId"].as_str().unwrap_or_default());
            hoisted.insert(name.clone(), std::mem::replace(schema, reference(&name)));
        }
        for (status, (_, description)) in errors {
            normalized[status] = json!({ "description": description, "content": shared });
        }
    }
    operation["responses"] = normalized;
    Ok(())
}

const JSON: &str = "application/json";

/// Returns the content of a response with one media type, preferably JSON.
fn content(status: &str, response: &Value) -> Value {
    let content = response["content"].as_object().filter(|_| !["204", "205"].contains(&status));
    // With a charset, or a kind of JSON as in Cloudflare's SCIM. Failures are only recognized in JSON.
    let is_json = |media_type: &str| media_type.starts_with(JSON) || media_type.contains("+json");
    let json = content.into_iter().flatten().find(|(media_type, _)| is_json(media_type));
    match (json, content.and_then(|content| content.keys().next())) {
        (Some((_, media_type)), _) => {
            json!({ JSON: { "schema": media_type.get("schema").cloned().unwrap_or_else(|| json!({})) } })
        }
        (None, Some(media_type)) => json!({ media_type: {} }),
        (None, None) => json!({}),
    }
}

/// Gives successes the status 200 instead of a range: helpers for tests are named after statuses. A service whose 4xx
/// has an envelope can send it with a 5xx.
pub fn use_named_statuses(spec: &mut Value) {
    for operation in operations(spec) {
        let Some(responses) = operation.value["responses"].as_object_mut() else { continue };
        let success = responses.remove("2XX");
        responses.extend(success.map(|success| ("200".to_string(), success)));
        if let Some(error) = responses.get("4XX").cloned() {
            responses.entry("5XX").or_insert(error);
        }
    }
}

/// Makes the member `success` of every envelope a constant, so that a response with the other value is an error
/// whatever its status. An envelope with `errors` and without `success` gets one: a failure must not look like a
/// success because the spec has lost a member.
pub fn declare_success(spec: &mut Value, side: Side) -> Result<(), String> {
    let named = schemas(spec);
    let mut envelopes: BTreeMap<String, (bool, Value)> = BTreeMap::new();
    for operation in operations(spec) {
        for (status, response) in operation.value["responses"].as_object_mut().into_iter().flatten() {
            let Some(schema) = response.pointer_mut("/content/application~1json/schema") else { continue };
            let value = status.starts_with('2');
            match (envelope(schema, value, side, &named), target(schema)) {
                (Ok(Some(envelope)), Some(name)) => {
                    // Cloudflare's Radar uses one envelope for both.
                    let is_taken = envelopes.get(name).is_some_and(|(other, _)| *other != value);
                    let name = if is_taken { format!("{name}_{value}") } else { name.to_string() };
                    *schema = reference(&name);
                    envelopes.insert(name, (value, envelope));
                }
                (Ok(Some(envelope)), None) => *schema = envelope,
                (Err(problem), name) if value => {
                    let name = name.unwrap_or("its schema");
                    return Err(format!("response {status}: {name} has {problem}"));
                }
                // The status of an error says enough.
                _ => {}
            }
        }
    }
    if let Some(named) = schemas_mut(spec) {
        named.extend(envelopes.into_iter().map(|(name, (_, envelope))| (name, envelope)));
    }
    Ok(())
}

/// Returns an envelope with a constant `success`, or `None` if the schema is not an envelope.
fn envelope(
    schema: &Value,
    value: bool,
    side: Side,
    named: &Map<String, Value>,
) -> Result<Option<Value>, &'static str> {
    if !is_envelope(schema, named, 0) {
        return Ok(None);
    }
    let object = resolve(schema, named).filter(|schema| !is_combined(schema));
    let mut object = object.cloned().ok_or("a `success` that is not a member of one object")?;
    let properties = &object["properties"];
    let anything = json!({});
    let success = resolve(&properties["success"], named).filter(|schema| !schema.is_null()).unwrap_or(&anything);
    let values = success["enum"].as_array();
    if !["boolean", ""].contains(&success["type"].as_str().unwrap_or_default()) {
        return Err("a `success` that is not a boolean");
    }
    // The status of an error response is definite, whatever the spec says of its envelope.
    if value && values.is_some_and(|values| !values.contains(&json!(true))) {
        return Err("a `success` that is never true");
    }
    let description = success["description"].as_str().unwrap_or("Whether the request succeeded.");
    object["properties"]["success"] = match side {
        Side::Client => json!({ "type": "boolean", "enum": [value], "description": description, KEPT: true }),
        // A test need not name it.
        Side::MockServer => json!({ "type": "boolean", "default": value, "description": description }),
    };
    Ok(Some(object))
}

/// Returns whether a schema, or one that it combines, has `success` or `errors`.
fn is_envelope(schema: &Value, named: &Map<String, Value>, depth: usize) -> bool {
    let Some(schema) = resolve(schema, named).filter(|_| depth < 8) else { return false };
    let mut combined = ["allOf", "oneOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
    ["success", "errors"].iter().any(|name| schema["properties"].get(name).is_some())
        || combined.any(|member| is_envelope(member, named, depth + 1))
}
