//! Validates IDs.

use crate::Error;

/// Checks that an ID is safe as one segment of a path: it has only RFC 3986's unreserved characters, and is neither `.`
/// nor `..`. With an empty ID, the URL that deletes a key would be the URL that lists keys.
pub(crate) fn validate_id(argument: &str, id: &str) -> Result<(), Error> {
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    match id {
        "" => Err(Error::invalid_input(format!("{argument} is empty"))),
        "." | ".." => Err(Error::invalid_input(format!("{argument} must not be \".\" or \"..\""))),
        _ if !id.bytes().all(is_unreserved) => Err(Error::invalid_input(format!(
            "{argument} contains a character other than letters, digits, '-', '.', '_' and '~'"
        ))),
        _ => Ok(()),
    }
}
