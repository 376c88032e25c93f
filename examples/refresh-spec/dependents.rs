//! Names the hand-written code that depends on a part of the spec.

pub const BASE_URL: &[&str] = &["ClientBuilder in src/client.rs"];
pub const CREDENTIALS: &[&str] = &["Credentials::apply in src/credentials.rs"];
pub const ERROR_ENVELOPE: &[&str] = &["Error::from_failure in src/error.rs"];
/// Merges the responses of an operation, and rejects request bodies with several media types.
pub const GENERATOR: &[&str] = &["build/operations.rs"];

/// Returns the facade's methods that call the operation.
pub fn of_operation(id: &str) -> &'static [&'static str] {
    match id {
        "stream-signing-keys-list-signing-keys" => &["SigningKeys::list in src/signing_keys.rs"],
        "stream-signing-keys-create-signing-keys" => &["SigningKeys::create and create_with in src/signing_keys.rs"],
        "stream-signing-keys-delete-signing-keys" => &["SigningKeys::delete in src/signing_keys.rs"],
        _ => &[],
    }
}
