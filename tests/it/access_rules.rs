//! Access rules: which input is valid, and which viewers they allow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cloudflare_stream_keys::mock::{FakeServer, TokenError, Viewer};
use cloudflare_stream_keys::{AccessRule, Error, Signer};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::example_key::*;

#[test]
fn access_rules_are_limited_to_5_and_must_be_reachable() {
    let signer = example_signer();
    let codes = ["GB", "IE", "DE", "FR", "ES", "PT"];
    let countries = |count| codes[..count].iter().map(|code| AccessRule::block_countries([code]).unwrap());
    let country = || AccessRule::block_countries(["GB"]).unwrap();
    let with = |rules: Vec<AccessRule>| {
        rules.into_iter().fold(signer.token(VIDEO), |token, rule| token.access_rule(rule)).sign()
    };
    assert!(with(vec![]).is_ok());
    assert!(with(countries(4).collect()).is_ok() && with(countries(5).collect()).is_ok());
    assert_rejected(with(countries(6).collect()), "token has more", "5 access rules");
    for any in [AccessRule::allow_any(), AccessRule::block_any()] {
        assert!(with(vec![country(), any.clone()]).is_ok());
        assert_rejected(with(vec![any.clone(), country()]), "access rule 2", "never match");
        assert_rejected(with(vec![country(), any.clone(), any]), "access rule 3", "never match");
    }
    let ips = |range| AccessRule::block_ips([range]).unwrap();
    let block = AccessRule::block_ips(["203.0.113.0/24"]).unwrap();
    assert!(with(vec![ips("203.0.113.0/25"), block.clone()]).is_ok());
    assert_rejected(with(vec![ips("203.0.113.0/25"), ips("203.0.113.128/25"), block]), "access rule 3", "never match");
    assert!(with(vec![ips("0.0.0.0/0"), country()]).is_ok());
    assert_rejected(with(vec![ips("0.0.0.0/0"), ips("::/0"), country()]), "access rule 3", "never match");
    assert_rejected(with(vec![ips("0.0.0.0/0"), ips("::/0"), AccessRule::block_any()]), "access rule 3", "never match");
    for allow in [AccessRule::allow_countries(["GB"]).unwrap(), AccessRule::allow_ips(["203.0.113.0/24"]).unwrap()] {
        assert!(with(vec![allow.clone(), AccessRule::block_any()]).is_ok());
        assert!(with(vec![allow.clone(), AccessRule::allow_any()]).is_ok());
        assert_rejected(with(vec![allow.clone()]), "last access rule has no effect", "add AccessRule::block_any()");
    }
}

#[test]
fn invalid_countries_are_rejected() {
    for code in ["", "G", "GBR", "G1", "  ", "ÄÖ", "é", "G ", "GB ", "ZZ", "AA", "XK", "T2", "AN", "GB IE", " "] {
        assert_rejected(AccessRule::allow_countries(["GB", code]), "country", "not an ISO 3166-1 alpha-2 code");
        assert_rejected(AccessRule::block_countries([code]), "country", "not an ISO 3166-1 alpha-2 code");
        assert_rejected(AccessRule::only_countries([code]), "country", "not an ISO 3166-1 alpha-2 code");
    }
    assert_rejected(AccessRule::allow_countries(["uk"]), "country", "the United Kingdom is GB");
    assert_rejected(AccessRule::allow_countries(["EU"]), "country", "list each EU country");
    for code in ["AD", "ZW", "de", "Gb", "BQ", "SS", "T1", "t1", "XX"] {
        assert!(AccessRule::allow_countries([code]).is_ok(), "{code}");
    }
    let all = (b'A'..=b'Z').flat_map(|a| (b'A'..=b'Z').map(move |b| String::from_utf8(vec![a, b]).unwrap()));
    // ISO 3166-1 has 249 assigned codes, and XX is Cloudflare's.
    assert_eq!(all.filter(|code| AccessRule::allow_countries([code]).is_ok()).count(), 250);
    let empty: [&str; 0] = [];
    assert_rejected(AccessRule::allow_countries(empty), "access rule", "no country");
    assert_rejected(AccessRule::block_countries(empty), "access rule", "no country");
}

#[test]
fn invalid_addresses_are_rejected() {
    for address in
        ["", "203.0.113", "203.0.113.256", "203.0.113.0/33", "2001:db8::/129", "example.com", "1.2.3.4/-1", "1.2.3.4 "]
    {
        assert_rejected(AccessRule::allow_ips(["203.0.113.7", address]), "address", "IP address");
        assert_rejected(AccessRule::block_ips([address]), "address", "range");
        assert_rejected(AccessRule::only_ips([address]), "address", "range");
        assert_rejected(AccessRule::block_ips_outside([address]), "address", "range");
    }
    for range in ["0.0.0.0/0", "203.0.113.0/32", "203.0.113.0/24", "::/0", "2001:db8::1/128"] {
        assert!(AccessRule::allow_ips([range]).is_ok(), "{range}");
    }
    let empty: [&str; 0] = [];
    assert_rejected(AccessRule::allow_ips(empty), "access rule", "no address");
    assert_rejected(AccessRule::block_ips(empty), "access rule", "no address");
    assert_rejected(AccessRule::block_ips_outside(empty), "access rule", "no address");
    assert_rejected(AccessRule::block_ips_outside(["0.0.0.0/0", "::/0"]), "access rule", "every address");
}

#[test]
fn range_with_host_bits_is_rejected_with_a_suggestion() {
    for (range, first, address) in [
        ("203.0.113.7/24", "203.0.113.0/24", "203.0.113.7"),
        ("203.0.113.0/0", "0.0.0.0/0", "203.0.113.0"),
        ("203.0.113.1/31", "203.0.113.0/31", "203.0.113.1"),
        ("2001:db8::1/32", "2001:db8::/32", "2001:db8::1"),
    ] {
        for rule in [AccessRule::allow_ips([range]), AccessRule::block_ips([range])] {
            let meant = format!("write {first} for the range, or {address} for the address");
            assert_rejected(rule, &format!("range {range}"), &meant);
        }
    }
}

#[test]
fn ranges_without_viewers_are_rejected() {
    for (space, ranges) in [
        ("private", "10.0.0.0/8 172.16.0.0/12 192.168.1.0/24 192.168.1.7 ::ffff:10.0.0.0/104 fc00::/7 fd12::1"),
        ("loopback", "127.0.0.1 127.0.0.0/8 ::1"),
        ("link-local", "169.254.0.0/16 fe80::/10"),
        ("multicast", "224.0.0.0/4 ff02::1"),
    ] {
        for range in ranges.split(' ') {
            for rule in [
                AccessRule::allow_ips(["203.0.113.7", range]),
                AccessRule::block_ips([range]),
                AccessRule::block_ips_outside([range]),
            ] {
                assert_rejected(rule, &format!("range {range} is {space}"), "list the viewers' public addresses");
            }
            assert_rejected(AccessRule::only_ips([range]), "range", space);
        }
    }
    let documentation = "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32";
    let beside_v4 =
        "9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.169.0.0 128.0.0.0 169.253.0.0/16 223.255.255.255";
    let around_v4 = "0.0.0.0/0 8.0.0.0/5 172.0.0.0/8 192.168.0.0/15 126.0.0.0/7";
    let beside_and_around_v6 = "::2 fe00::/9 ::/0 ::/127 f800::/5 fe00::/8";
    for range in [documentation, beside_v4, around_v4, beside_and_around_v6].iter().flat_map(|text| text.split(' ')) {
        assert!(AccessRule::allow_ips([range]).is_ok(), "{range}");
    }
}

#[test]
fn rules_are_deserialized_and_checked_as_by_the_constructors() {
    let parse = |json: Value| serde_json::from_value::<AccessRule>(json).map_err(|e| e.to_string());
    for rule in [
        AccessRule::allow_any(),
        AccessRule::block_any(),
        AccessRule::allow_countries(["GB", "T1"]).unwrap(),
        AccessRule::block_countries(["DE"]).unwrap(),
        AccessRule::allow_ips(["203.0.113.7", "2001:db8::/32"]).unwrap(),
        AccessRule::block_ips_outside(["203.0.113.0/24"]).unwrap(),
        // The other ranges would include a whole loopback, private, multicast or mapped range.
        AccessRule::block_ips_outside(["126.1.2.3", "::fffe:0:0/96"]).unwrap(),
        AccessRule::block_ips_outside(["11.0.0.0/8", "172.15.1.0/24", "192.169.0.0/16", "169.255.0.0/16"]).unwrap(),
        AccessRule::block_ips_outside(["240.0.0.0/4", "fec0::/10"]).unwrap(),
    ] {
        assert_eq!(parse(serde_json::to_value(&rule).unwrap()), Ok(rule));
    }
    let lower_case = json!({ "type": "ip.geoip.country", "action": "allow", "country": ["gb"], "ip": [] });
    assert_eq!(parse(lower_case), Ok(AccessRule::allow_countries(["GB"]).unwrap()));
    for (json, problem) in [
        (json!({ "type": "ip.src", "action": "allow", "ip": ["10.0.0.0/8"] }), "range 10.0.0.0/8 is private"),
        (json!({ "type": "ip.src", "action": "allow", "ip": ["203.0.113.7/24"] }), "has host bits set"),
        (json!({ "type": "ip.src", "action": "allow" }), "access rule has no address"),
        (json!({ "type": "ip.geoip.country", "action": "block", "country": ["UK"] }), "the United Kingdom is GB"),
        (json!({ "type": "any", "action": "allow", "countries": ["GB"] }), "unknown field `countries`"),
        (json!("block"), "expected an access rule"),
        (json!({ "type": "ip.geoip.country", "action": "block", "country": ["GB"], "ip": ["::/0"] }), "another type"),
        (json!({ "type": "ip.src", "action": "block", "country": ["GB"], "ip": ["::/0"] }), "another type"),
        (json!({ "type": "any", "action": "block", "country": ["GB"] }), "another type"),
        (json!({ "type": "any", "action": "block", "ip": ["::/0"] }), "another type"),
        (json!({ "type": "ip.geoip.continent", "action": "block" }), "is not any, ip.geoip.country or ip.src"),
        (json!({ "type": "any", "action": "Block" }), "is neither allow nor block"),
        (json!({ "type": "any" }), "missing field `action`"),
    ] {
        let error = parse(json.clone()).unwrap_err();
        assert!(error.contains(problem), "{json}: {error}");
    }
}

#[test]
fn ipv4_mapped_addresses_match_ipv4_viewers() {
    for (mapped, plain) in [
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
    ] {
        assert_eq!(AccessRule::allow_ips([mapped]).unwrap(), AccessRule::allow_ips([plain]).unwrap());
    }
    let wider = AccessRule::allow_ips(["::ffff:0:0/95"]);
    assert_rejected(wider, "range", "write ::fffe:0:0/95");
    assert_ne!(AccessRule::allow_ips(["::203.0.113.7"]).unwrap(), AccessRule::allow_ips(["203.0.113.7"]).unwrap());
}

#[test]
fn shortcuts_block_everyone_else() {
    let [allow, block] = AccessRule::only_countries(["GB", "IE"]).unwrap();
    assert_eq!((allow, block), (AccessRule::allow_countries(["GB", "IE"]).unwrap(), AccessRule::block_any()));
    let [allow, block] = AccessRule::only_ips(["203.0.113.7"]).unwrap();
    assert_eq!((allow, block), (AccessRule::allow_ips(["203.0.113.7"]).unwrap(), AccessRule::block_any()));
}

/// A rule as a test case.
#[derive(Clone, Debug)]
pub struct RuleCase {
    allow: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Any,
    Countries(Vec<&'static str>),
    Ranges(Vec<(IpAddr, u8)>),
}

const COUNTRIES: [&str; 4] = ["DE", "FR", "T1", "XX"];
/// The first of 8 addresses of each family. Random ranges are within these.
const V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 8);
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 8);

/// Returns the address that is `n` after `first`.
fn nth(first: IpAddr, n: u8) -> IpAddr {
    match first {
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits() + u32::from(n)).into(),
        IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits() + u128::from(n)).into(),
    }
}

/// Returns a viewer for every case that random rules can distinguish.
pub fn viewers() -> Vec<Viewer> {
    viewer_cases().into_iter().map(|(ip, country)| Viewer::new(ip, country)).collect()
}

fn viewer_cases() -> Vec<(IpAddr, &'static str)> {
    let neighbors = |first: IpAddr, before: IpAddr| (0..=8).map(move |n| nth(first, n)).chain([before]);
    let ips = neighbors(V4.into(), [203, 0, 113, 7].into())
        .chain(neighbors(V6.into(), Ipv6Addr::from_bits(V6.to_bits() - 1).into()));
    ips.flat_map(|ip| COUNTRIES.into_iter().chain(["GB"]).map(move |country| (ip, country))).collect()
}

impl RuleCase {
    pub fn rule(&self) -> AccessRule {
        let texts = |ranges: &[(IpAddr, u8)]| -> Vec<String> { ranges.iter().map(text).collect() };
        let rule = match (&self.kind, self.allow) {
            (Kind::Any, true) => Ok(AccessRule::allow_any()),
            (Kind::Any, false) => Ok(AccessRule::block_any()),
            (Kind::Countries(countries), true) => AccessRule::allow_countries(countries),
            (Kind::Countries(countries), false) => AccessRule::block_countries(countries),
            (Kind::Ranges(list), true) => AccessRule::allow_ips(texts(list)),
            (Kind::Ranges(list), false) => AccessRule::block_ips(texts(list)),
        };
        rule.unwrap()
    }

    /// Returns whether the rule matches, without using the crate.
    fn matches(&self, ip: IpAddr, country: &str) -> bool {
        match &self.kind {
            Kind::Any => true,
            Kind::Countries(countries) => countries.contains(&country),
            Kind::Ranges(ranges) => ranges.iter().any(|range| contains(*range, ip)),
        }
    }
}

fn text((first, length): &(IpAddr, u8)) -> String {
    format!("{first}/{length}")
}

fn contains((first, length): (IpAddr, u8), ip: IpAddr) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, 4),
        IpAddr::V6(ip) => (ip.to_bits(), 6),
    };
    let ((first, family), (ip, other)) = (bits(first), bits(ip));
    family == other && (first ^ ip).checked_shr(128 - u32::from(length)).is_none_or(|difference| difference == 0)
}

/// Generates a range within the 8 addresses, or all addresses of a family.
fn range() -> impl Strategy<Value = (IpAddr, u8)> {
    let within = (0..=3_u32, 0..8_u8, any::<bool>()).prop_map(|(bits, n, is_v4)| {
        let n = n >> bits << bits;
        match is_v4 {
            true => (nth(V4.into(), n), 32 - bits as u8),
            false => (nth(V6.into(), n), 128 - bits as u8),
        }
    });
    let all = select(vec![(IpAddr::from(Ipv4Addr::UNSPECIFIED), 0), (Ipv6Addr::UNSPECIFIED.into(), 0)]);
    prop_oneof![6 => within, 1 => all]
}

pub fn rule_case() -> impl Strategy<Value = RuleCase> {
    let kind = prop_oneof![
        1 => Just(Kind::Any),
        4 => subsequence(COUNTRIES.to_vec(), 1..=3).prop_map(Kind::Countries),
        4 => prop::collection::vec(range(), 1..4).prop_map(Kind::Ranges),
    ];
    (any::<bool>(), kind).prop_map(|(allow, kind)| RuleCase { allow, kind })
}

fn sign(signer: &Signer, rules: impl IntoIterator<Item = AccessRule>) -> Result<String, Error> {
    Ok(signer.token(VIDEO).access_rules(rules).sign()?.into())
}

/// A list is rejected if and only if one of its rules can never match. The fake server allows the viewers that the
/// first matching rule allows, or that no rule matches.
#[test]
fn first_matching_rule_applies() {
    let server = FakeServer::start();
    let signer = Signer::new(&server.signing_keys().create().unwrap()).unwrap();
    let viewers = viewer_cases();
    proptest!(|(cases in prop::collection::vec(rule_case(), 0..=5))| {
        let first_match = |ip, country| cases.iter().position(|case: &RuleCase| case.matches(ip, country));
        let is_reachable = |rule| viewers.iter().any(|(ip, country)| first_match(*ip, country) == Some(rule));
        let is_last_redundant = cases.last().is_some_and(|last| last.allow && !matches!(last.kind, Kind::Any));
        match sign(&signer, cases.iter().map(RuleCase::rule)) {
            Ok(token) => {
                prop_assert!((0..cases.len()).all(is_reachable) && !is_last_redundant);
                for (ip, country) in &viewers {
                    let is_allowed = first_match(*ip, country).is_none_or(|rule| cases[rule].allow);
                    let expected = if is_allowed { Ok(()) } else { Err(TokenError::Blocked) };
                    prop_assert_eq!(server.verify_token_for(&token, &Viewer::new(*ip, country)), expected);
                }
            }
            Err(error) => {
                let unreachable = (0..cases.len()).find(|rule| !is_reachable(*rule)).map(|rule| rule + 1);
                let expected = match unreachable {
                    Some(number) => format!("access rule {number} can never match"),
                    None if is_last_redundant => "last access rule has no effect".to_string(),
                    None => "no error".to_string(),
                };
                prop_assert!(error.to_string().starts_with(&expected), "{}", error);
            }
        }
    });
}

#[test]
fn block_outside_blocks_every_other_address() {
    let server = FakeServer::start();
    let signer = Signer::new(&server.signing_keys().create().unwrap()).unwrap();
    let edges = ["0.0.0.0", "255.255.255.255", "203.0.112.255", "::", "2001:db8::ffff", "ffff::"];
    let edges = edges.map(|ip| ip.parse::<IpAddr>().unwrap());
    let ips = viewer_cases().into_iter().filter(|(_, country)| *country == "DE").map(|(ip, _)| ip);
    let ips: Vec<IpAddr> = ips.chain(edges).collect();
    proptest!(|(ranges in prop::collection::vec(range(), 1..5))| {
        let Ok(rule) = AccessRule::block_ips_outside(ranges.iter().map(text)) else {
            prop_assert!(ips.iter().all(|ip| ranges.iter().any(|range| contains(*range, *ip))));
            return Ok(());
        };
        let token = sign(&signer, [rule]).unwrap();
        for ip in &ips {
            let is_inside = ranges.iter().any(|range| contains(*range, *ip));
            let expected = if is_inside { Ok(()) } else { Err(TokenError::Blocked) };
            prop_assert_eq!(server.verify_token_for(&token, &Viewer::new(*ip, "DE")), expected, "{}", ip);
        }
    });
}

#[test]
fn block_outside_makes_a_token_longer_as_documented() {
    let signer = example_signer();
    let length = |range: &str| {
        let rule = AccessRule::block_ips_outside([range]).unwrap();
        sign(&signer, [rule]).unwrap().len() - sign(&signer, []).unwrap().len()
    };
    assert!((500..700).contains(&length("203.0.113.0/24")), "{}", length("203.0.113.0/24"));
    let longest = length("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
    assert!((4000..5000).contains(&longest), "{longest}");
}
