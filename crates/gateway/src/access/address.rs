//! The caller's address behind proxies, and lists of addresses.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

use crate::inbound::Inbound;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Which proxies may say, in `X-Forwarded-For`, for whom they forward.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TrustedProxies {
    /// None: the caller is the peer of the connection, the header is never read.
    #[default]
    None,
    /// Proxies with these addresses. The header is read only if the peer is one of them.
    Ranges(Vec<IpNet>),
    /// A fixed number of proxies in front, at least 1, with whatever addresses. Only right when
    /// nothing can reach this function except through them.
    Hops(u8),
}

impl TrustedProxies {
    /// The caller's address; `None` when it can't be told for sure.
    ///
    /// The header is read from the right, where our own proxies wrote; what a caller put at its
    /// left is never reached. Several header lines count as one list in their order (RFC 9110
    /// section 5.3).
    pub fn client_address(&self, inbound: &Inbound) -> Option<IpAddr> {
        let peer = inbound.peer?.to_canonical();
        match self {
            Self::None => Some(peer),
            Self::Ranges(ranges) if !contains(ranges, peer) => Some(peer),
            Self::Ranges(ranges) => first_untrusted(ranges, &inbound.headers),
            Self::Hops(hops) => hops_from_right(&inbound.headers).nth(usize::from(*hops) - 1)?,
        }
    }
}

/// Whether an address is in one of the ranges. An IPv4 address inside IPv6 counts as IPv4.
pub fn contains(ranges: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    ranges.iter().any(|range| range.contains(&address))
}

/// Reads one address or one range, strictly.
///
/// # Errors
/// Says what is wrong with the entry: not an address or range, bits beyond the prefix, or IPv4
/// written inside IPv6.
pub fn parse_range(text: &str) -> Result<IpNet, &'static str> {
    let range = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| {
            "is neither an IP address nor a range; write for example `203.0.113.7` or `203.0.113.0/24`"
        })?,
    };
    if range.trunc() != range {
        return Err("has bits set beyond its prefix length; write the first address of the range");
    }
    match range {
        IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some() => {
            Err("is an IPv4 range inside IPv6; write it as IPv4")
        }
        _ => Ok(range),
    }
}

/// The first address from the right that is not one of our proxies; if all are, the leftmost.
fn first_untrusted(ranges: &[IpNet], headers: &HeaderMap) -> Option<IpAddr> {
    let mut last = None;
    for hop in hops_from_right(headers) {
        let address = hop?;
        last = Some(address);
        if !contains(ranges, address) {
            break;
        }
    }
    last
}

/// The entries of all header lines from the right; `None` for an entry that is no address.
fn hops_from_right(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines: Vec<&[u8]> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(http::HeaderValue::as_bytes)
        .collect();
    lines
        .into_iter()
        .rev()
        .flat_map(|line| line.rsplit(|byte| *byte == b','))
        .map(parse_hop)
}

/// An address, or an address with a port as some load balancers write it.
fn parse_hop(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let address = entry
        .parse::<IpAddr>()
        .ok()
        .or_else(|| Some(entry.parse::<std::net::SocketAddr>().ok()?.ip()))
        .or_else(|| {
            let inner = entry.strip_prefix('[')?.strip_suffix(']')?;
            Some(IpAddr::V6(inner.parse().ok()?))
        })?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests;
