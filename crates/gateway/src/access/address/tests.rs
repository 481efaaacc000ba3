use std::time::Instant;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::*;

fn inbound(peer: Option<&str>, lines: &[&str]) -> Inbound {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(
            HeaderName::from_static(FORWARDED_FOR),
            HeaderValue::from_bytes(line.as_bytes()).unwrap(),
        );
    }
    Inbound {
        method: Method::GET,
        raw_path: "/".to_owned(),
        raw_query: None,
        headers,
        body: Bytes::new(),
        peer: peer.map(|p| p.parse().unwrap()),
        vouched: None,
        deadline: None,
        received: Instant::now(),
    }
}

#[test]
fn tells_the_callers_address_as_the_table_says() {
    let mut seen = 0;
    for row in include_str!("cases.txt").lines() {
        if row.is_empty() || row.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [setting, peer, lines, expected] = cells[..] else {
            panic!("four cells: {row}");
        };
        let proxies = match setting {
            "none" => TrustedProxies::None,
            _ if setting.starts_with("hops ") => {
                TrustedProxies::Hops(setting[5..].parse().unwrap())
            }
            ranges => {
                TrustedProxies::Ranges(ranges.split(' ').map(|r| parse_range(r).unwrap()).collect())
            }
        };
        let lines: Vec<&str> = lines.split(';').filter(|l| *l != "-").collect();
        let found = proxies.client_address(&inbound(Some(peer).filter(|p| *p != "-"), &lines));
        let expected = Some(expected)
            .filter(|e| *e != "unknown")
            .map(|e| e.parse().unwrap());
        assert_eq!(found, expected, "{row}");
        seen += 1;
    }
    assert!(seen >= 40, "{seen} rows");
}

#[test]
fn a_header_that_is_not_text_hides_only_what_it_holds() {
    let mut request = inbound(Some("10.0.0.1"), &[]);
    let trusted = TrustedProxies::Ranges(vec![parse_range("10.0.0.0/8").unwrap()]);
    let put = |request: &mut Inbound, value: &[u8]| {
        let name = HeaderName::from_static(FORWARDED_FOR);
        request
            .headers
            .insert(name, HeaderValue::from_bytes(value).unwrap());
    };
    put(&mut request, b"\xff\xfe");
    assert_eq!(trusted.client_address(&request), None);
    put(&mut request, b"\xff\xfe, 198.51.100.4");
    assert_eq!(
        trusted.client_address(&request),
        Some("198.51.100.4".parse().unwrap())
    );
}

#[test]
fn ranges_are_read_strictly() {
    for good in [
        "203.0.113.7",
        "203.0.113.0/24",
        "2001:db8::/32",
        "2001:db8::1",
        "10.0.0.0/8",
    ] {
        assert!(parse_range(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        " 203.0.113.7",
        "203.0.113.7 ",
        "203.0.113",
        "203.0.113.007",
        "203.0.113.0/33",
        "203.0.113.0/-1",
        "203.0.113.0/24/24",
        "203.0.113.1/24",
        "203.0.113.0/",
        "/24",
        "203.0.113.*",
        "203.0.113.1-9",
        "0xcb.0.113.7",
        "3405803783",
        "2001:db8::1/32",
        "::ffff:203.0.113.7",
        "::ffff:203.0.113.0/120",
        "fe80::1%eth0",
        "[2001:db8::1]",
        "localhost",
        "203.0.113.0/255.255.255.0",
        "any",
        "*",
    ] {
        assert!(parse_range(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_ipv4_address_inside_ipv6_counts_as_ipv4() {
    let ranges = [parse_range("203.0.113.0/24").unwrap()];
    assert!(contains(&ranges, "::ffff:203.0.113.9".parse().unwrap()));
    assert!(!contains(&ranges, "::ffff:203.0.114.9".parse().unwrap()));
    assert!(!contains(&ranges, "::203.0.113.9".parse().unwrap()));
}
