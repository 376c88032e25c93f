use crate::Error;
use crate::generated::types::StreamIdentifier2;

/// Takes an id that can stand as one segment of a path: RFC 3986's unreserved characters, and not `.` or `..`. An empty
/// one would turn the deletion of a key into a request for the collection.
pub(crate) fn parse_id(setting: &'static str, id: &str) -> Result<StreamIdentifier2, Error> {
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    match id {
        "" => Err(Error::invalid_input(setting, "is empty")),
        "." | ".." => Err(Error::invalid_input(setting, "is a relative path")),
        _ if !id.bytes().all(is_unreserved) => {
            Err(Error::invalid_input(setting, "has a character other than letters, digits, '-', '.', '_' and '~'"))
        }
        _ => Ok(StreamIdentifier2(id.to_string())),
    }
}
