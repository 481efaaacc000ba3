//! Which headers of a source's answer may be passed on, and in what form.
//!
//! Each header has a grammar of its own that leaves no room for an identifier; what doesn't fit is
//! dropped, since a header is never worth a leak.

use http::header::{CACHE_CONTROL, ETAG, EXPIRES, LAST_MODIFIED, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Longest value that is passed, in bytes.
const LONGEST: usize = 256;
/// Most rate-limit headers that are passed.
const MOST_LIMITS: usize = 16;

/// Headers of a source's answer that passed their grammar.
#[derive(Debug, Default, Clone)]
pub(crate) struct PassedHeaders(HeaderMap);

impl PassedHeaders {
    /// Picks what may be passed on: the common headers, rate limits, and those the source declares,
    /// which have to look like rate limits.
    pub(crate) fn from_source(headers: &HeaderMap, declared: &[HeaderName]) -> Self {
        let mut passed = HeaderMap::new();
        for (name, accepts) in &GRAMMARS {
            if let Some(value) = headers.get(name).and_then(printable).and_then(accepts) {
                insert(&mut passed, name.clone(), &value);
            }
        }
        let limits = headers
            .keys()
            .filter(|n| {
                is_limit(n.as_str())
                    || declared.contains(n) && !GRAMMARS.iter().any(|(g, _)| g == *n)
            })
            .take(MOST_LIMITS);
        for name in limits {
            if let Some(value) = headers.get(name).and_then(printable).and_then(limit) {
                insert(&mut passed, name.clone(), &value);
            }
        }
        Self(passed)
    }

    /// The headers as a map.
    pub(crate) fn into_map(self) -> HeaderMap {
        self.0
    }
}

type Grammar = fn(&str) -> Option<String>;

static GRAMMARS: [(HeaderName, Grammar); 5] = [
    (CACHE_CONTROL, cache_control),
    (ETAG, entity_tag),
    (EXPIRES, date),
    (LAST_MODIFIED, date),
    (RETRY_AFTER, seconds_or_date),
];

fn insert(passed: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        passed.insert(name, value);
    }
}

fn printable(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|v| v.len() <= LONGEST)
}

/// The directives of RFC 9111, RFC 5861 and RFC 8246; others are left out.
fn cache_control(value: &str) -> Option<String> {
    const BARE: &[&str] = &[
        "public",
        "private",
        "no-cache",
        "no-store",
        "no-transform",
        "must-revalidate",
        "proxy-revalidate",
        "must-understand",
        "immutable",
    ];
    const SECONDS: &[&str] = &[
        "max-age",
        "s-maxage",
        "stale-while-revalidate",
        "stale-if-error",
    ];
    let known: Vec<String> = value
        .split(',')
        .map(|d| d.trim().to_ascii_lowercase())
        .filter(|d| match d.split_once('=') {
            None => BARE.contains(&d.as_str()),
            Some((name, number)) => SECONDS.contains(&name) && is_number(number),
        })
        .collect();
    (!known.is_empty()).then(|| known.join(", "))
}

fn entity_tag(value: &str) -> Option<String> {
    let opaque = value.strip_prefix("W/").unwrap_or(value);
    let inner = opaque.strip_prefix('"')?.strip_suffix('"')?;
    let plain = inner
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"+/=_.:~-".contains(&b));
    (plain && inner.len() <= 128).then(|| value.to_owned())
}

/// An IMF-fixdate of RFC 9110, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(value: &str) -> Option<String> {
    const DAYS: &[&str] = &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: &[&str] = &[
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (day, rest) = value.split_once(", ")?;
    let [date, month, year, time, "GMT"] = rest.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let clock: Vec<&str> = time.split(':').collect();
    let plain = DAYS.contains(&day)
        && MONTHS.contains(&month)
        && date.len() == 2
        && is_number(date)
        && year.len() == 4
        && is_number(year)
        && clock.len() == 3
        && clock.iter().all(|part| part.len() == 2 && is_number(part));
    plain.then(|| value.to_owned())
}

fn seconds_or_date(value: &str) -> Option<String> {
    if is_number(value) && value.len() <= 10 {
        return Some(value.to_owned());
    }
    date(value)
}

fn is_limit(name: &str) -> bool {
    let known = name == "ratelimit"
        || name.starts_with("ratelimit-")
        || name.starts_with("x-ratelimit")
        || name.starts_with("x-rate-limit");
    known && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Numbers, dates and short words: no `@`, no path, nothing long.
fn limit(value: &str) -> Option<String> {
    let plain = value.len() <= 128
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b" .,;:=\"-_".contains(&b))
        && value
            .split(|c: char| !c.is_ascii_alphanumeric())
            .all(|word| word.len() <= 24);
    plain.then(|| value.to_owned())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(name: &str, value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
        let passed = PassedHeaders::from_source(&headers, &[]).into_map();
        passed
            .values()
            .next()
            .map(|v| v.to_str().unwrap().to_owned())
    }

    #[test]
    fn passes_what_fits_its_grammar_and_drops_the_rest() {
        for (name, value, expected) in [
            (
                "cache-control",
                "private, max-age=60",
                Some("private, max-age=60"),
            ),
            (
                "cache-control",
                "Private, user=ada, no-store",
                Some("private, no-store"),
            ),
            ("cache-control", "max-age=ada@example.com", None),
            ("etag", "\"abc-1\"", Some("\"abc-1\"")),
            ("etag", "W/\"0815\"", Some("W/\"0815\"")),
            ("etag", "\"ada@example.com\"", None),
            ("etag", "abc", None),
            (
                "expires",
                "Sun, 06 Nov 1994 08:49:37 GMT",
                Some("Sun, 06 Nov 1994 08:49:37 GMT"),
            ),
            ("expires", "Sun, 06 Ada 1994 08:49:37 GMT", None),
            ("last-modified", "yesterday by ada", None),
            ("retry-after", "120", Some("120")),
            ("retry-after", "12345678901", None),
            ("retry-after", "ada", None),
            ("x-ratelimit-remaining", "4999", Some("4999")),
            (
                "X-RateLimit-Reset",
                "2026-01-01T00:00:00Z",
                Some("2026-01-01T00:00:00Z"),
            ),
            ("ratelimit-policy", "100;w=60", Some("100;w=60")),
            ("x-ratelimit-user", "ada@example.com", None),
            (
                "x-ratelimit-account",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                None,
            ),
            ("x-ratelimit-limit", "1/ada", None),
            ("set-cookie", "a=b", None),
            ("x-user", "ada", None),
            ("server", "x", None),
            ("location", "https://example.com/ada", None),
            ("link", "<https://example.com/ada>; rel=next", None),
            ("content-type", "application/json", None),
        ] {
            assert_eq!(pass(name, value).as_deref(), expected, "{name}: {value}");
        }
    }
}
