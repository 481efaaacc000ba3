//! What kind of address an IP is, looking through the IPv6 forms that carry an IPv4 address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kinds of address egress distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// Reachable on the public internet.
    Public,
    /// 127.0.0.0/8 and `::1`.
    Loopback,
    /// RFC 1918, RFC 6598 (carrier-grade NAT) and unique local addresses (RFC 4193).
    Private,
    /// 169.254.0.0/16 and `fe80::/10`.
    LinkLocal,
    /// A cloud's metadata or platform service.
    Metadata,
    /// Multicast and broadcast.
    Multicast,
    /// Unspecified, documentation, benchmarking, reserved, and tunnels to unknown places.
    Reserved,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
        })
    }
}

/// The address a URL's host is, if it is a literal.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse().ok()
}

/// The class of an address. IPv4 inside IPv6 (mapped, compatible, 6to4, NAT64) is classed as that
/// IPv4 address, except that such a form is never public: no public service needs to be called so.
pub fn classify(ip: IpAddr) -> AddressClass {
    match ip {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

fn classify_v4(ip: Ipv4Addr) -> AddressClass {
    const AZURE_WIRE_SERVER: [u8; 4] = [168, 63, 129, 16];
    match ip.octets() {
        [169, 254, 169 | 170, _] | [100, 100, 100, 200] | [192, 0, 0, 192] | AZURE_WIRE_SERVER => {
            AddressClass::Metadata
        }
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [192, 168, ..] => AddressClass::Private,
        [172, b, ..] if (16..32).contains(&b) => AddressClass::Private,
        [100, b, ..] if (64..128).contains(&b) => AddressClass::Private,
        [169, 254, ..] => AddressClass::LinkLocal,
        [224..=239, ..] | [255, 255, 255, 255] => AddressClass::Multicast,
        [0 | 240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn classify_v6(ip: Ipv6Addr) -> AddressClass {
    const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    const GOOGLE_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);
    if ip == Ipv6Addr::LOCALHOST {
        return AddressClass::Loopback;
    }
    if ip == AWS_METADATA || ip == GOOGLE_METADATA {
        return AddressClass::Metadata;
    }
    if let Some(inner) = embedded_v4(ip) {
        return match classify_v4(inner) {
            AddressClass::Public | AddressClass::Loopback | AddressClass::Private => {
                AddressClass::Reserved
            }
            class => class,
        };
    }
    match ip.segments() {
        [s, ..] if s & 0xfe00 == 0xfc00 => AddressClass::Private,
        [s, ..] if s & 0xffc0 == 0xfe80 => AddressClass::LinkLocal,
        [s, ..] if s & 0xff00 == 0xff00 => AddressClass::Multicast,
        // 2000::/3 is all that is in public use; inside it, Teredo, benchmarking, ORCHID and documentation.
        [0x2001, s, ..] if s < 0x0200 => AddressClass::Reserved,
        [0x2001, 0x0db8, ..] => AddressClass::Reserved,
        [0x3fff, s, ..] if s & 0xf000 == 0 => AddressClass::Reserved,
        [s, ..] if s & 0xe000 == 0x2000 => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        // IPv4-mapped and the deprecated IPv4-compatible form; stateless translation (RFC 7915).
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            Some(pair(high, low))
        }
        // 6to4 (RFC 3056); NAT64, well-known and local prefix (RFC 6052, RFC 8215).
        [0x2002, high, low, ..] | [0x0064, 0xff9b, 0 | 1, .., high, low] => Some(pair(high, low)),
        _ => None,
    }
}
