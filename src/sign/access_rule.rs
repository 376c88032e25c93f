use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use crate::Error;

/// A rule that allows or blocks viewers by country or IP address.
///
/// A token can have up to 5 rules. They are evaluated in order, and the first rule that matches applies. If no rule
/// matches, the viewer is allowed, so a list of allowed viewers must end with [`block_any`](Self::block_any):
///
/// ```
/// # use cloudflare_stream_keys::mock::FakeServer;
/// use cloudflare_stream_keys::{AccessRule, Signer};
///
/// # let server = FakeServer::start();
/// # let signer = Signer::new(&server.signing_keys().create()?)?;
/// let token = signer
///     .token("5d5bc37ffcf54c9b82e996823bffbb81")
///     .access_rule(AccessRule::block_ips(["203.0.113.7"])?)
///     .access_rule(AccessRule::allow_countries(["GB", "IE"])?)
///     .access_rule(AccessRule::block_any())
///     .sign()?;
/// # let _ = token;
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessRule {
    #[serde(rename = "type")]
    kind: Kind,
    action: Action,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    country: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ip: Vec<IpNet>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Kind {
    #[serde(rename = "any")]
    Any,
    #[serde(rename = "ip.geoip.country")]
    Country,
    #[serde(rename = "ip.src")]
    Ip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Allow,
    Block,
}

impl AccessRule {
    /// Allows viewers in these countries. Each is a two-letter code (ISO 3166-1 alpha-2).
    ///
    /// This does not check whether a code is assigned to a country.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the list is empty, or if a code is not two
    /// letters.
    pub fn allow_countries<C: AsRef<str>>(countries: impl IntoIterator<Item = C>) -> Result<Self, Error> {
        Self::countries(Action::Allow, countries)
    }

    /// Blocks viewers in these countries.
    ///
    /// # Errors
    /// Returns the same errors as [`allow_countries`](Self::allow_countries).
    pub fn block_countries<C: AsRef<str>>(countries: impl IntoIterator<Item = C>) -> Result<Self, Error> {
        Self::countries(Action::Block, countries)
    }

    /// Allows viewers with these IPv4 or IPv6 addresses. Each is an address such as `203.0.113.7`, or a range such as
    /// `2001:db8::/32`.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the list is empty, or if an item is neither
    /// an address nor a range.
    pub fn allow_ips<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, Error> {
        Self::ips(Action::Allow, addresses)
    }

    /// Blocks viewers with these addresses.
    ///
    /// # Errors
    /// Returns the same errors as [`allow_ips`](Self::allow_ips).
    pub fn block_ips<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, Error> {
        Self::ips(Action::Block, addresses)
    }

    /// Allows every viewer. No rule can follow this one.
    pub fn allow_any() -> Self {
        Self { kind: Kind::Any, action: Action::Allow, country: Vec::new(), ip: Vec::new() }
    }

    /// Blocks every viewer. No rule can follow this one.
    pub fn block_any() -> Self {
        Self { kind: Kind::Any, action: Action::Block, country: Vec::new(), ip: Vec::new() }
    }

    pub(super) fn matches_everyone(&self) -> bool {
        self.kind == Kind::Any
    }

    fn countries<C: AsRef<str>>(action: Action, countries: impl IntoIterator<Item = C>) -> Result<Self, Error> {
        let parse = |code: C| match code.as_ref().as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => Ok(code.as_ref().to_ascii_uppercase()),
            _ => Err(Error::invalid_input("country is not a two-letter code (ISO 3166-1 alpha-2)")),
        };
        let country = countries.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if country.is_empty() {
            return Err(Error::invalid_input("access rule has no country"));
        }
        Ok(Self { kind: Kind::Country, action, country, ip: Vec::new() })
    }

    fn ips<A: AsRef<str>>(action: Action, addresses: impl IntoIterator<Item = A>) -> Result<Self, Error> {
        let parse = |address: A| {
            let address = address.as_ref();
            let range = address.parse().or_else(|_| address.parse::<IpAddr>().map(IpNet::from));
            range.map_err(|_| {
                Error::invalid_input("address is neither an IP address nor a range such as 203.0.113.0/24")
            })
        };
        let ip = addresses.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if ip.is_empty() {
            return Err(Error::invalid_input("access rule has no address"));
        }
        Ok(Self { kind: Kind::Ip, action, country: Vec::new(), ip })
    }
}
