use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Precedes the code in a host name, as in `customer-f33zs165nr7gyfy4.cloudflarestream.com`.
const HOST_PREFIX: &str = "customer-";
pub(super) const DOMAIN: &str = "cloudflarestream.com";
/// A label of a host name has at most 63 characters (RFC 1035), and `customer-` takes 9 of them.
const MAX_LENGTH: usize = 54;

/// An account's customer code, which is part of the host name in its video URLs.
///
/// The code is `CODE` in `customer-CODE.cloudflarestream.com`, the host of every URL in the Stream dashboard. Parse it
/// once, when the program starts, or deserialize it from a config file. The code, the host name and its https URL are
/// all accepted:
///
/// ```
/// use cloudflare_stream_keys::sign::CustomerCode;
///
/// let customer: CustomerCode = "f33zs165nr7gyfy4".parse()?;
/// assert_eq!(customer, "customer-f33zs165nr7gyfy4.cloudflarestream.com".parse()?);
/// assert_eq!(customer, "https://customer-f33zs165nr7gyfy4.cloudflarestream.com".parse()?);
/// assert_eq!(customer.to_string(), "f33zs165nr7gyfy4");
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
///
/// # Errors
/// Parsing returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the code is empty, is longer than 54
/// characters, or contains a character other than letters and digits. It also rejects 32 hexadecimal digits, which are
/// an account ID or a video UID.
///
/// ```
/// use cloudflare_stream_keys::sign::CustomerCode;
///
/// let error = "023e105f4ecef8ad9ca31a8372d0c353".parse::<CustomerCode>().unwrap_err();
/// assert!(error.to_string().contains("looks like an account ID"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct CustomerCode(String);

impl CustomerCode {
    /// Returns the code, without the rest of the host name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CustomerCode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |problem| {
            Error::invalid_input(format!("customer code {problem}; use CODE from {HOST_PREFIX}CODE.{DOMAIN}"))
        };
        // Host names are not case-sensitive.
        let text = text.to_ascii_lowercase();
        let url_host = text.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        let code_in_host = url_host.unwrap_or(&text).strip_prefix(HOST_PREFIX);
        let code_in_host = code_in_host.and_then(|rest| rest.strip_suffix(DOMAIN)?.strip_suffix('.'));
        let code = code_in_host.unwrap_or(&text);

        if code.is_empty() {
            return Err(invalid("is empty"));
        }
        if code.len() == 32 && code.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid("looks like an account ID or video UID"));
        }
        if !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(invalid("contains a character other than letters and digits"));
        }
        if code.len() > MAX_LENGTH {
            return Err(invalid("is longer than 54 characters"));
        }
        Ok(Self(code.to_string()))
    }
}

impl TryFrom<String> for CustomerCode {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl AsRef<str> for CustomerCode {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CustomerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
