//! The host of a source: fixed, or given by the account and held to a pattern.

use reqwest::Url;

use super::{HostError, Source, SourceHost};

/// What an account's host must look like: labels of a host name, the first ones free.
///
/// Written `*.my.salesforce.com` (one or more free labels before the fixed end) or `*` (any name).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(String);

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says what a pattern looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let end = text
            .strip_prefix("*.")
            .or((text == "*").then_some("example.com"));
        match end {
            Some(end) if is_host_name(end) && end.contains('.') => Ok(Self(text.to_owned())),
            _ => Err("write `*.` and the fixed end of the host, such as `*.my.example.com`, or `*` for any host".to_owned()),
        }
    }

    /// Whether a host name fits.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let fits = match self.0.strip_prefix('*') {
            Some("") | None => true,
            Some(end) => host.len() > end.len() && host.ends_with(end),
        };
        fits && is_host_name(&host) && host.contains('.')
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A DNS name in its plain form: letters, digits and inner hyphens, not an IP address.
pub(super) fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    // A last label of digits would be read as an IPv4 address (WHATWG URL, "ends in a number").
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    host.len() <= 253 && host.split('.').all(label) && !numeric
}

/// A path that writing a URL leaves as it is: begins with a slash, ends with none, no escapes, no
/// empty or dot segments.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let segment = |s: &str| !matches!(s, "" | "." | "..") && s.bytes().all(plain);
    path.strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(segment))
}

pub(super) fn origin(
    source: &Source,
    target_host: Option<&str>,
    dev_loopback: bool,
) -> Result<Url, HostError> {
    let not_allowed = |allowed: String| HostError::NotAllowed {
        source_id: source.id.clone(),
        allowed,
    };
    let given = target_host.map(str::trim).filter(|host| !host.is_empty());
    if let Some(local) = given.filter(|_| dev_loopback).and_then(loopback_origin) {
        return Ok(local);
    }
    let host = match (&source.host, given) {
        (SourceHost::Fixed(host), None) => host,
        (SourceHost::Fixed(host), Some(given)) => {
            let bare = given.strip_prefix("https://").unwrap_or(given);
            if !bare.trim_end_matches('/').eq_ignore_ascii_case(host) {
                return Err(not_allowed(format!(
                    "it is always `{host}`; remove the variable"
                )));
            }
            host
        }
        (SourceHost::Account { example, .. }, None) => {
            return Err(HostError::Missing {
                source_id: source.id.clone(),
                example: example.clone(),
            });
        }
        (SourceHost::Account { pattern, example }, Some(given)) => {
            let bare = given.strip_prefix("https://").unwrap_or(given);
            let bare = bare.trim_end_matches('/');
            if !pattern.matches(bare) {
                return Err(not_allowed(format!(
                    "write a host like `{example}` (pattern `{}`), without path or port",
                    pattern.as_str()
                )));
            }
            bare
        }
    };
    Url::parse(&format!("https://{}", host.to_ascii_lowercase()))
        .map_err(|_| not_allowed("write a plain host name".to_owned()))
}

/// An address of this machine as origin: `http://127.0.0.1:8080`, `127.0.0.1:8080`, `[::1]:8080`.
pub(crate) fn loopback_origin(text: &str) -> Option<Url> {
    let url = if text.contains("://") {
        Url::parse(text).ok()?
    } else {
        Url::parse(&format!("http://{text}")).ok()?
    };
    let plain =
        matches!(url.path(), "/" | "") && url.query().is_none() && url.username().is_empty();
    (plain && is_loopback(&url)).then_some(url)
}

/// Whether a URL points to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse::<std::net::IpAddr>();
    matches!(url.scheme(), "http" | "https")
        && (host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback()))
}
