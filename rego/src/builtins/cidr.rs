//! `net.cidr_*`: networks of IPv4 and IPv6, as Go reads and writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::CallContext;
use super::operand::{Answer, Failure, give, string, value};
use crate::value::Value;

/// A network: its first address and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    prefix: u8,
}

/// Memory of an address in a set, in bytes.
const ADDRESS: usize = 64;

/// An address; IPv4 in IPv6 is read as IPv4, and zones are refused.
fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse::<IpAddr>().ok()?.to_canonical())
}

fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn from_bits(bits: u128, length: u8) -> IpAddr {
    if length == 32 {
        IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)))
    } else {
        IpAddr::V6(Ipv6Addr::from_bits(bits))
    }
}

/// Returns a mask of the bits behind a prefix.
fn host(prefix: u8, length: u8) -> u128 {
    match length.saturating_sub(prefix) {
        128 => u128::MAX,
        free => (1 << free) - 1,
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address_text, prefix) = text.split_once('/')?;
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let prefix: u8 = prefix.parse().ok()?;
        let given: IpAddr = address_text.parse().ok()?;
        let (own, length) = bits(given);
        if prefix > length {
            return None;
        }
        let first = from_bits(own & !host(prefix, length), length);
        // IPv4 in IPv6 with a prefix behind the mapping is a network of IPv4.
        match (first, first.to_canonical()) {
            (IpAddr::V6(_), first @ IpAddr::V4(_)) if prefix >= 96 => Some(Self {
                first,
                prefix: prefix - 96,
            }),
            _ => Some(Self { first, prefix }),
        }
    }

    fn last(self) -> IpAddr {
        let (own, length) = bits(self.first);
        from_bits(own | host(self.prefix, length), length)
    }

    fn contains(self, address: IpAddr) -> bool {
        let ((own, length), (given, given_length)) = (bits(self.first), bits(address));
        length == given_length && own == given & !host(self.prefix, length)
    }
}

fn network(text: &str) -> Result<Network, Failure> {
    let found = Network::parse(text);
    found.ok_or_else(|| Failure::new(format!("invalid CIDR address: {text}")))
}

/// Tells if a network contains an address or a network.
fn within(whole: &str, part: &str) -> Result<bool, Failure> {
    let whole = network(whole)?;
    if let Some(address) = address(part) {
        return Ok(whole.contains(address));
    }
    let part = Network::parse(part).ok_or_else(|| {
        let text = "not a valid textual representation of an IP address or CIDR";
        Failure::new(format!("{text}: {part}"))
    })?;
    Ok(whole.contains(part.first) && whole.contains(part.last()))
}

/// `net.cidr_contains(cidr, cidr_or_ip)`: an error for texts that are not addresses.
pub(super) fn contains(operands: &[Value]) -> Answer {
    give(within(string(operands, 0)?, string(operands, 1)?)?)
}

/// `net.cidr_intersects(a, b)`: true if one network contains the other.
pub(super) fn intersects(operands: &[Value]) -> Answer {
    let (a, b) = (
        network(string(operands, 0)?)?,
        network(string(operands, 1)?)?,
    );
    give(a.contains(b.first) || b.contains(a.first))
}

/// `net.cidr_is_valid(text)`: false for other values than strings.
pub(super) fn is_valid(operands: &[Value]) -> Answer {
    give(
        value(operands, 0)
            .as_str()
            .is_some_and(|text| Network::parse(text).is_some()),
    )
}

/// Returns the networks of an operand, each with its index, itself or its key as name.
fn named_networks(operands: &[Value], at: usize) -> Result<Vec<(&str, Value)>, Failure> {
    let wrong = || {
        let text = "element must be string or non-empty array";
        Failure::new(format!("operand {}: {text}", at + 1))
    };
    let text = |item| network_text(item).ok_or_else(wrong);
    match value(operands, at) {
        whole @ Value::String(own) => Ok(vec![(own.as_ref(), whole.clone())]),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(at, item)| Ok((text(item)?, Value::from(at))))
                .collect()
        }
        Value::Set(items) => items
            .iter()
            .map(|item| Ok((text(item)?, item.clone())))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, item)| Ok((text(item)?, key.clone())))
            .collect(),
        _ => Ok(Vec::new()),
    }
}

/// A network, or the first part of an array.
fn network_text(item: &Value) -> Option<&str> {
    match item {
        Value::String(text) => Some(text),
        Value::Array(parts) => parts.first()?.as_str(),
        _ => None,
    }
}

/// `net.cidr_contains_matches(cidrs, cidrs_or_ips)`: the pairs of names.
pub(super) fn contains_matches(operands: &[Value]) -> Answer {
    let mut found = Vec::new();
    let parts = named_networks(operands, 1)?;
    for (whole, whole_name) in named_networks(operands, 0)? {
        for (part, part_name) in &parts {
            if within(whole, part)? {
                found.push(Value::array(vec![whole_name.clone(), part_name.clone()]));
            }
        }
    }
    give(Value::set(found))
}

/// `net.cidr_expand(cidr)`: the set of all its addresses.
pub(super) fn expand(operands: &[Value], context: &mut CallContext) -> Answer {
    let network = network(string(operands, 0)?)?;
    let (first, length) = bits(network.first);
    let (last, _) = bits(network.last());
    let count = usize::try_from(last - first).unwrap_or(usize::MAX);
    context.charge(count.saturating_mul(ADDRESS))?;
    let all = (first..=last).map(|bits| Value::from(address_text(from_bits(bits, length))));
    give(Value::set(all.collect()))
}

fn address_text(address: IpAddr) -> String {
    address.to_string()
}

/// `net.cidr_merge(cidrs_or_ips)`: the fewest networks that cover the same addresses.
pub(super) fn merge(operands: &[Value]) -> Answer {
    let items = match value(operands, 0) {
        Value::Array(items) => items.as_ref(),
        Value::Set(items) => items.items(),
        _ => return Err(Failure::new("operand must be an array")),
    };
    let mut ranges = Vec::new();
    for item in items {
        let network = mergeable(item)?;
        let ((first, length), (last, _)) = (bits(network.first), bits(network.last()));
        // OPA does not mask an address alone if nothing is merged with it.
        let alone = item.as_str().and_then(address);
        let alone = alone.map(|own| format!("{}/{}", own.to_canonical(), network.prefix));
        ranges.push((length, first, last, alone));
    }
    ranges.sort_unstable();
    let mut merged: Vec<(u8, u128, u128, Option<String>)> = Vec::new();
    for (length, first, last, alone) in ranges {
        match merged.last_mut() {
            Some((own, _, end, text)) if *own == length && first <= end.saturating_add(1) => {
                *end = last.max(*end);
                *text = None;
            }
            _ => merged.push((length, first, last, alone)),
        }
    }
    let mut found = Vec::new();
    for (length, first, last, alone) in merged {
        match alone {
            Some(text) => found.push(text),
            None => cover(length, first, last, &mut found),
        }
    }
    give(Value::set(found.into_iter().map(Value::from).collect()))
}

/// A network, or an address of IPv4 in the network of its old class.
fn mergeable(item: &Value) -> Result<Network, Failure> {
    let text = item
        .as_str()
        .ok_or_else(|| Failure::new("element must be string"))?;
    match address(text) {
        None => network(text),
        Some(IpAddr::V6(_)) => Err(Failure::new("IPv6 invalid: needs prefix length")),
        Some(first @ IpAddr::V4(own)) => {
            let prefix = match own.octets() {
                [0..=127, ..] => 8,
                [128..=191, ..] => 16,
                [192..=223, ..] => 24,
                _ => 32,
            };
            let (own, length) = bits(first);
            Ok(Network {
                first: from_bits(own & !host(prefix, length), length),
                prefix,
            })
        }
    }
}

/// Returns the networks that cover a range exactly.
fn cover(length: u8, mut first: u128, last: u128, found: &mut Vec<String>) {
    loop {
        let mut free = first.trailing_zeros().min(u32::from(length));
        while free > 0 {
            let size = if free >= 128 {
                u128::MAX
            } else {
                (1 << free) - 1
            };
            if first.checked_add(size).is_some_and(|end| end <= last) {
                break;
            }
            free -= 1;
        }
        let size = if free >= 128 {
            u128::MAX
        } else {
            (1 << free) - 1
        };
        let prefix = u32::from(length) - free;
        found.push(format!(
            "{}/{prefix}",
            address_text(from_bits(first, length))
        ));
        match first.checked_add(size).filter(|end| *end < last) {
            Some(end) => first = end + 1,
            None => return,
        }
    }
}
