//! Where the function is, and which of its paths is called; every byte as it was given.

use std::net::IpAddr;

use http::uri::PathAndQuery;

use super::code::Code;
use crate::connection::failure::Failure;

/// The address of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Whether it is called over TLS.
    pub(super) tls: bool,
    /// The host, an IPv6 address without brackets.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
    /// The host and, where it is not the scheme's, the port: the `Host` header.
    pub(super) authority: String,
    /// The path of the address, without a slash at the end.
    base: String,
    /// Path and query of the address, when it has more than a slash.
    own: Option<String>,
}

impl Target {
    /// Reads an address; http is allowed for this machine only.
    ///
    /// # Errors
    /// Says what is wrong with it; nothing of it but the scheme and the host is repeated.
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::usage(Code::UrlInvalid, what);
        if url.contains('#') {
            return Err(wrong(
                "a URL with a fragment (`#…`): leave it out, it is never sent",
            ));
        }
        let uri: http::Uri = url.parse().map_err(|_| {
            wrong("the URL is not one: give it as https://host/path, with other characters percent-encoded")
        })?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("the URL has no scheme: give it as https://host"));
        };
        if authority.as_str().contains('@') {
            return Err(wrong(
                "a URL with a name or password in it: others on this machine could read it; use --token-file or --token-command",
            ));
        }
        let tls = match scheme {
            "https" => true,
            "http" => false,
            other => return Err(wrong(&format!("the scheme `{other}` is not https"))),
        };
        let host = authority
            .host()
            .trim_matches(['[', ']'])
            .to_ascii_lowercase();
        if host.is_empty() {
            return Err(wrong("the URL has no host"));
        }
        if !tls && !is_loopback(&host) {
            return Err(wrong(
                "http is for this machine only (127.0.0.1, [::1], localhost): a token must not travel in clear; give the https address",
            ));
        }
        let port = match authority.as_str().rsplit_once(':') {
            Some((_, port)) if !port.contains(']') => port
                .parse()
                .map_err(|_| wrong("the port of the URL is not a number from 1 to 65535"))?,
            _ if tls => 443,
            _ => 80,
        };
        if port == 0 {
            return Err(wrong("the port of the URL is not a number from 1 to 65535"));
        }
        let bracketed = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let usual = if tls { 443 } else { 80 };
        let own = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        Ok(Self {
            tls,
            authority: if port == usual {
                bracketed
            } else {
                format!("{bracketed}:{port}")
            },
            host,
            port,
            base: uri.path().trim_end_matches('/').to_owned(),
            own: (own != "/").then(|| own.to_owned()),
        })
    }

    /// Scheme, host and port: what an identity token for this function is usually meant for.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// The request target of a call: the path of the address with `path` behind it.
    ///
    /// # Errors
    /// When `path` is none, or the address has a query of its own.
    pub(super) fn with(&self, path: &str) -> Result<PathAndQuery, Failure> {
        let wrong = |what: &str| Failure::usage(Code::PathInvalid, what);
        if self.own.as_deref().is_some_and(|own| own.contains('?')) {
            return Err(wrong(
                "the URL has a query: leave it out here; what is to be called stands in PATH, with its query",
            ));
        }
        if !path.starts_with('/') {
            return Err(wrong("PATH must start with `/`"));
        }
        if path.contains('#') {
            return Err(wrong("PATH has a `#`; write it as %23"));
        }
        let target = format!("{}{path}", self.base);
        let visible = target.bytes().all(|b| (0x21..=0x7e).contains(&b));
        let parsed = target.parse::<PathAndQuery>().ok();
        parsed
            .filter(|parsed| visible && parsed.as_str() == target)
            .ok_or_else(|| wrong("PATH has characters that must be percent-encoded"))
    }

    /// Whether a path is the one at which a function says that it runs: `/healthz`, alone or behind the
    /// path of the address.
    pub(super) fn is_liveness(&self, path: &str) -> bool {
        path == "/healthz" || path.strip_prefix(self.base.as_str()) == Some("/healthz")
    }

    /// The request target that the address itself names; none if it is only a host.
    pub(super) fn own(&self) -> Option<PathAndQuery> {
        self.own.as_deref()?.parse().ok()
    }
}

/// Whether a host is this machine by its name or address.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_and_keeps_every_byte_of_a_path() {
        let target = Target::parse("https://Fn.Example/prod/").unwrap();
        assert_eq!(target.authority, "fn.example");
        assert_eq!((target.tls, target.port), (true, 443));
        for path in [
            "/a/../b",
            "//x",
            "/a%2Fb%252f",
            "/x?b=2&a=%31&b=1&c",
            "/v2/m/Hk/w==",
            "/?",
        ] {
            let called = target.with(path).unwrap();
            assert_eq!(called.as_str(), format!("/prod{path}"));
        }
        let six = Target::parse("http://[::1]:8080").unwrap();
        assert_eq!(six.authority, "[::1]:8080");
        assert_eq!(
            (six.host.as_str(), six.port, six.own()),
            ("::1", 8080, None)
        );
        let own = Target::parse("http://127.0.0.1/v2/users?x=1").unwrap();
        assert_eq!(own.own().unwrap().as_str(), "/v2/users?x=1");
    }

    #[test]
    fn refuses_what_is_no_address_of_a_function() {
        for (url, says) in [
            ("fn.example", "no scheme"),
            ("http://fn.example", "this machine only"),
            ("http://127.0.0.1.evil.example", "this machine only"),
            ("http://10.0.0.1", "this machine only"),
            ("ftp://fn.example", "not https"),
            ("https://user:secret-x@fn.example", "name or password"),
            ("https://fn.example/#top", "fragment"),
            ("https://fn.example:0/", "port"),
            ("https://fn.example:99999/", "not one"),
            ("https:///x", "not one"),
            ("https://fn .example", "not one"),
            ("", "not one"),
        ] {
            let failure = Target::parse(url).unwrap_err();
            assert!(failure.usage, "{url}");
            let port = failure.message.contains("port") && url.contains(":9");
            assert!(
                failure.message.contains(says) || port,
                "{url}: {}",
                failure.message
            );
            assert!(!failure.message.contains("secret-x"));
        }
        let target = Target::parse("https://fn.example").unwrap();
        for path in [
            "v2",
            "",
            "/a#b",
            "/a b",
            "/ä",
            "/a\r\nx: y",
            "https://evil.example",
        ] {
            assert!(target.with(path).is_err(), "{path}");
        }
    }
}
