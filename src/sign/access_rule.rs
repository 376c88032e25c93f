use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::countries;
use crate::Error;

/// `0.0.0.0/0` and `::/0`.
const ALL_ADDRESSES: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
];

/// A rule that allows or blocks viewers by country or IP address.
///
/// A token can have up to 5 rules. Rules are alternatives: they are evaluated in order, and the first rule that matches
/// the viewer applies. If no rule matches, the viewer is allowed, so a list of allowed viewers must end with
/// [`block_any`](Self::block_any). [`only_countries`](Self::only_countries) and [`only_ips`](Self::only_ips) return
/// both rules:
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
///     .access_rules(AccessRule::only_countries(["GB", "IE"])?)
///     .sign()?;
/// # let _ = token;
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
///
/// # Requiring both a country and a range
/// A single rule cannot require both. First block all addresses outside the ranges, so that the rules after it apply
/// only to viewers inside them. The order matters:
///
/// ```
/// # use cloudflare_stream_keys::mock::{FakeServer, TokenError, Viewer};
/// # use cloudflare_stream_keys::{AccessRule, Signer};
/// # let server = FakeServer::start();
/// # let signer = Signer::new(&server.signing_keys().create()?)?;
/// let only_from_germany_and_from_this_range = signer
///     .token("5d5bc37ffcf54c9b82e996823bffbb81")
///     .access_rule(AccessRule::block_ips_outside(["203.0.113.0/24", "2001:db8::/32"])?)
///     .access_rules(AccessRule::only_countries(["DE"])?)
///     .sign()?;
/// # let verify = |ip: [u8; 4], country| {
/// #     server.verify_token_for(only_from_germany_and_from_this_range.as_str(), &Viewer::new(ip, country))
/// # };
/// # assert_eq!(verify([203, 0, 113, 7], "DE"), Ok(()));
/// # assert_eq!(verify([203, 0, 113, 7], "FR"), Err(TokenError::Blocked));
/// # assert_eq!(verify([203, 0, 114, 7], "DE"), Err(TokenError::Blocked));
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
///
/// # Rules in a config file
/// A rule can be deserialized from the JSON that a token contains. The checks are those of the constructors:
///
/// ```
/// # use cloudflare_stream_keys::AccessRule;
/// let rules: Vec<AccessRule> = serde_json::from_str(
///     r#"[{"type": "ip.geoip.country", "action": "allow", "country": ["GB", "IE"]},
///         {"type": "ip.src", "action": "allow", "ip": ["203.0.113.0/24", "2001:db8::/32"]},
///         {"type": "any", "action": "block"}]"#,
/// )?;
/// # assert_eq!(rules[2], AccessRule::block_any());
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Limitations
/// - An IPv4 range never matches an IPv6 viewer, and vice versa. Many viewers have addresses of both families, and
///   cannot choose which address their player uses. List ranges of both families, or allow by country.
/// - Rules are evaluated again during playback, so a viewer who switches networks can be blocked in the middle of a
///   video.
/// - Rules cannot match continents, regions or networks (ASNs).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedRule")]
pub struct AccessRule {
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    pub(crate) action: Action,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) country: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ip: Vec<IpNet>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) enum Kind {
    #[serde(rename = "any")]
    Any,
    #[serde(rename = "ip.geoip.country")]
    Country,
    #[serde(rename = "ip.src")]
    Ip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Allow,
    Block,
}

/// A rule from a file or from another program's token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an access rule")]
struct UncheckedRule {
    r#type: String,
    action: String,
    #[serde(default)]
    country: Vec<String>,
    #[serde(default)]
    ip: Vec<String>,
}

impl TryFrom<UncheckedRule> for AccessRule {
    type Error = Error;

    fn try_from(rule: UncheckedRule) -> Result<Self, Error> {
        let UncheckedRule { r#type, action, country, ip } = rule;
        let action = match action.as_str() {
            "allow" => Action::Allow,
            "block" => Action::Block,
            _ => return Err(Error::invalid_input(format!("access rule action {action:?} is neither allow nor block"))),
        };
        match r#type.as_str() {
            "any" if country.is_empty() && ip.is_empty() => Ok(Self::any(action)),
            "ip.geoip.country" if ip.is_empty() => Self::countries(action, country),
            "ip.src" if country.is_empty() => Self::ips(action, ip),
            "any" | "ip.geoip.country" | "ip.src" => {
                Err(Error::invalid_input(format!("access rule of type {type} has a list of another type; remove it")))
            }
            _ => Err(Error::invalid_input(format!("access rule type {type:?} is not any, ip.geoip.country or ip.src"))),
        }
    }
}

impl AccessRule {
    /// Allows viewers in these countries. Each is an ISO 3166-1 alpha-2 code such as `GB`, in upper or lower case. Two
    /// other codes are accepted: `T1` for the Tor network, and `XX` for an unknown country.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the list is empty or contains an invalid
    /// code, such as `UK` or `EU`.
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
    /// `2001:db8::/32`. An IPv4-mapped IPv6 address, such as `::ffff:203.0.113.7`, means the IPv4 address.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the list is empty, or if an item is
    /// neither an address nor a range. Also rejects:
    /// - a range with host bits set, such as `203.0.113.7/24`, which could mean the range `203.0.113.0/24` or the
    ///   address `203.0.113.7`, and
    /// - a private, loopback, link-local or multicast range, such as `10.0.0.0/8`: Cloudflare sees public addresses.
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

    /// Blocks viewers with any other address, so that later rules apply only to these addresses.
    ///
    /// A list of only IPv4 addresses blocks every IPv6 viewer, and vice versa. The rule lists all other ranges, without those
    /// that no viewer can be in. This makes the token about 0.6 KB longer for one IPv4 range, and up to 5 KB longer for one IPv6 range.
    ///
    /// # Errors
    /// Returns the same errors as [`allow_ips`](Self::allow_ips). Also returns
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the list covers every address.
    pub fn block_ips_outside<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, Error> {
        let ranges = parse_ranges(addresses)?;
        let others = ALL_ADDRESSES.into_iter().flat_map(|all| outside(all, &ranges));
        let ip: Vec<IpNet> = others.filter(|range| space_without_viewers(*range).is_none()).collect();
        if ip.is_empty() {
            return Err(Error::invalid_input("access rule can never match, because the list covers every address"));
        }
        Ok(Self { kind: Kind::Ip, action: Action::Block, country: Vec::new(), ip })
    }

    /// Allows every viewer. Must be the last rule.
    pub fn allow_any() -> Self {
        Self::any(Action::Allow)
    }

    /// Blocks every viewer. Must be the last rule.
    pub fn block_any() -> Self {
        Self::any(Action::Block)
    }

    /// Allows viewers in these countries, and blocks all others. The two rules must come last.
    ///
    /// # Errors
    /// Returns the same errors as [`allow_countries`](Self::allow_countries).
    pub fn only_countries<C: AsRef<str>>(countries: impl IntoIterator<Item = C>) -> Result<[Self; 2], Error> {
        Ok([Self::allow_countries(countries)?, Self::block_any()])
    }

    /// Allows viewers with these addresses, and blocks all others. The two rules must come last.
    ///
    /// # Errors
    /// Returns the same errors as [`allow_ips`](Self::allow_ips).
    pub fn only_ips<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<[Self; 2], Error> {
        Ok([Self::allow_ips(addresses)?, Self::block_any()])
    }

    /// Returns whether the rule allows only some viewers. As the last rule, it changes nothing, because all other
    /// viewers are allowed too.
    pub(super) fn is_redundant_as_last(&self) -> bool {
        self.action == Action::Allow && self.kind != Kind::Any
    }

    fn any(action: Action) -> Self {
        Self { kind: Kind::Any, action, country: Vec::new(), ip: Vec::new() }
    }

    fn countries<C: AsRef<str>>(action: Action, countries: impl IntoIterator<Item = C>) -> Result<Self, Error> {
        let country = countries.into_iter().map(|code| parse_country(code.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if country.is_empty() {
            return Err(Error::invalid_input("access rule has no country"));
        }
        Ok(Self { kind: Kind::Country, action, country, ip: Vec::new() })
    }

    fn ips<A: AsRef<str>>(action: Action, addresses: impl IntoIterator<Item = A>) -> Result<Self, Error> {
        Ok(Self { kind: Kind::Ip, action, country: Vec::new(), ip: parse_ranges(addresses)? })
    }
}

/// Returns the position of the first rule that can never match, because earlier rules already match all its viewers.
pub(super) fn find_unreachable(rules: &[AccessRule]) -> Option<usize> {
    let mut everyone = false;
    let mut countries: Vec<&str> = Vec::new();
    let mut ips: Vec<IpNet> = Vec::new();
    rules.iter().position(|rule| {
        let is_covered = match rule.kind {
            Kind::Any => false,
            Kind::Country => rule.country.iter().all(|country| countries.contains(&country.as_str())),
            Kind::Ip => rule.ip.iter().all(|range| ips.iter().any(|earlier| earlier.contains(range))),
        };
        let is_unreachable = everyone || is_covered;
        countries.extend(rule.country.iter().map(String::as_str));
        // Merges adjacent ranges, so that a covered range lies within a single range.
        ips = IpNet::aggregate(&[&ips, rule.ip.as_slice()].concat());
        everyone |= rule.kind == Kind::Any || ALL_ADDRESSES.iter().all(|all| ips.contains(all));
        is_unreachable
    })
}

fn parse_country(code: &str) -> Result<String, Error> {
    let upper = code.to_ascii_uppercase();
    if countries::is_known(&upper) {
        return Ok(upper);
    }
    let hint = match upper.as_str() {
        "UK" => "; the United Kingdom is GB",
        "EU" => "; list each EU country",
        _ => "",
    };
    Err(Error::invalid_input(format!("country {code:?} is not an ISO 3166-1 alpha-2 code, T1 or XX{hint}")))
}

fn parse_ranges<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Vec<IpNet>, Error> {
    let ranges = addresses.into_iter().map(|address| parse_range(address.as_ref())).collect::<Result<Vec<_>, _>>()?;
    if ranges.is_empty() {
        return Err(Error::invalid_input("access rule has no address"));
    }
    Ok(ranges)
}

fn parse_range(text: &str) -> Result<IpNet, Error> {
    let range: Result<IpNet, _> = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let range = range.map_err(|_| {
        Error::invalid_input(format!("address {text:?} is neither an IP address nor a range such as 203.0.113.0/24"))
    })?;
    let first = range.trunc();
    if range != first {
        let address = range.addr();
        return Err(Error::invalid_input(format!(
            "range {text} has host bits set; write {first} for the range, or {address} for the address"
        )));
    }
    let range = without_mapping(range);
    match space_without_viewers(range) {
        Some(space) => {
            Err(Error::invalid_input(format!("range {text} is {space}; list the viewers' public addresses")))
        }
        None => Ok(range),
    }
}

/// Returns why no viewer can have an address in a range, according to the IANA special-purpose registries.
fn space_without_viewers(range: IpNet) -> Option<&'static str> {
    let (first, last) = (range.network(), range.broadcast());
    let all = |has_v4: fn(&Ipv4Addr) -> bool, has_v6: fn(&Ipv6Addr) -> bool| {
        [first, last].iter().all(|ip| match ip {
            IpAddr::V4(ip) => has_v4(ip),
            IpAddr::V6(ip) => has_v6(ip),
        })
    };
    match () {
        () if all(Ipv4Addr::is_private, Ipv6Addr::is_unique_local) => Some("private"),
        () if all(Ipv4Addr::is_loopback, Ipv6Addr::is_loopback) => Some("loopback"),
        () if all(Ipv4Addr::is_link_local, Ipv6Addr::is_unicast_link_local) => Some("link-local"),
        () if all(Ipv4Addr::is_multicast, Ipv6Addr::is_multicast) => Some("multicast"),
        () if without_mapping(range) != range => Some("mapped from IPv4"),
        () => None,
    }
}

/// Converts an IPv4-mapped IPv6 range to an IPv4 range (RFC 4291, section 2.5.5.2). Operating systems report mapped
/// addresses for IPv4 clients of a dual-stack socket.
fn without_mapping(range: IpNet) -> IpNet {
    let mapped = match range {
        IpNet::V6(range) => range.addr().to_ipv4_mapped().zip(range.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    let range_v4 = mapped.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    range_v4.map_or(range, IpNet::V4)
}

/// Returns the parts of `whole` that are in none of these ranges.
fn outside(whole: IpNet, ranges: &[IpNet]) -> Vec<IpNet> {
    if ranges.iter().any(|range| range.contains(&whole)) {
        return Vec::new();
    }
    let within: Vec<IpNet> = ranges.iter().copied().filter(|range| whole.contains(range)).collect();
    if within.is_empty() {
        return vec![whole];
    }
    let halves = whole.subnets(whole.prefix_len() + 1).into_iter().flatten();
    halves.flat_map(|half| outside(half, &within)).collect()
}
