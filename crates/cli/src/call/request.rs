//! A call as the command line describes it.

use std::io::Read as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use super::code::Code;
use super::exposed;
use super::identity::in_argument;
use super::target::Target;
use crate::connection::failure::Failure;

/// The most bytes of a body; functions take less.
const MOST_BYTES: u64 = 100 * 1024 * 1024;
/// What the command writes itself, beside [`IDENTITIES`].
const OWN: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-amz-content-sha256",
    "x-amz-date",
];
/// Headers that say who calls: their values are secrets.
const IDENTITIES: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-amz-security-token",
    "x-serverless-authorization",
];

/// What is sent with every call.
pub(super) struct Common<'a> {
    pub(super) target: &'a Target,
    pub(super) headers: HeaderMap,
}

impl<'a> Common<'a> {
    /// The headers of `-H`, and the user to act for under the name of the gateway or of psoxy.
    ///
    /// # Errors
    /// When one is no header, or one that the command makes itself.
    pub(super) fn new(
        target: &'a Target,
        lines: &[String],
        user: Option<&str>,
        psoxy: bool,
    ) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("hushgate-call/", env!("CARGO_PKG_VERSION"))),
        );
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("*/*"));
        for line in lines {
            let (name, value) = header(line)?;
            headers.append(name, value);
        }
        if let Some(user) = user {
            let value = HeaderValue::from_str(user)
                .ok()
                .filter(|_| !user.is_empty());
            let value = value.ok_or_else(|| {
                Failure::usage(
                    Code::UserInvalid,
                    "the user of --as-user can't stand in a header: it must be visible ASCII",
                )
            })?;
            let name = if psoxy {
                "x-psoxy-user-to-impersonate"
            } else {
                "x-hushgate-user-to-impersonate"
            };
            headers.insert(HeaderName::from_static(name), value);
        }
        let host = HeaderValue::from_str(&target.authority).map_err(|_| {
            Failure::usage(
                Code::UrlInvalid,
                "the host of the URL can't stand in a header",
            )
        })?;
        headers.insert(HOST, host);
        Ok(Self { target, headers })
    }

    /// One request, without identity.
    ///
    /// # Errors
    /// When the method is none.
    pub(super) fn request(
        &self,
        method: &str,
        target: &PathAndQuery,
        body: Bytes,
        content_type: Option<&str>,
    ) -> Result<Request<Bytes>, Failure> {
        let method = Method::from_bytes(method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT);
        let method = method.ok_or_else(|| {
            Failure::usage(
                Code::MethodInvalid,
                "the method is none, such as GET or POST",
            )
        })?;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = target.as_str().parse().map_err(|_| {
            Failure::usage(
                Code::PathInvalid,
                "PATH has characters that must be percent-encoded",
            )
        })?;
        *request.headers_mut() = self.headers.clone();
        if let Some(content_type) = content_type {
            let value = HeaderValue::from_str(content_type).map_err(|_| {
                Failure::usage(
                    Code::HeaderInvalid,
                    "the content type has characters that no header has",
                )
            })?;
            request.headers_mut().insert(CONTENT_TYPE, value);
        }
        Ok(request)
    }
}

/// `Name: value`, as `-H` takes it.
pub(super) fn header(line: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let wrong = |what: String| Failure::usage(Code::HeaderInvalid, what);
    let parsed = line.split_once(':').and_then(|(name, value)| {
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        let value = HeaderValue::from_str(value.trim()).ok()?;
        Some((name, value))
    });
    let (name, value) = parsed
        .ok_or_else(|| wrong("a header is given as 'Name: value', in visible ASCII".to_owned()))?;
    if IDENTITIES.contains(&name.as_str()) {
        let exposed = in_argument();
        let message = format!(
            "the header `{name}` is made by this command: {}",
            exposed.message
        );
        return Err(Failure { message, ..exposed });
    }
    if OWN.contains(&name.as_str()) {
        return Err(wrong(format!(
            "the header `{name}` is made by this command"
        )));
    }
    Ok((name, value))
}

/// The body in a file, or on standard input for `-`.
///
/// # Errors
/// When it can't be read or is larger than any function takes.
pub(super) fn body(from: &str) -> Result<Bytes, Failure> {
    let mut bytes = Vec::new();
    let read = if from == "-" {
        std::io::stdin()
            .lock()
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(from).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        let kind = error.kind();
        let what = if exposed::is_secret(from) {
            format!("--body names no file that can be read ({kind}): it takes a path, not the body")
        } else {
            format!("can't read the body from `{from}` ({kind})")
        };
        Failure::new(Code::BodyUnreadable, what)
    })?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::usage(
            Code::BodyTooLarge,
            "the body has more than 100 MiB, which no function takes",
        ));
    }
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_taken_as_given_and_those_of_the_command_are_refused() {
        let (name, value) = header("X-Hushgate-Target-Path: /v2:x").unwrap();
        assert_eq!(
            (name.as_str(), value.to_str().unwrap()),
            ("x-hushgate-target-path", "/v2:x")
        );
        for line in [
            "Authorization: Bearer secret-x",
            "HOST: evil.example",
            "content-length: 3",
            "x-serverless-authorization: secret-x",
            "no colon",
            ": empty",
            "a b: c",
            "x: a\r\ny: b",
            "x: ä\u{7f}",
        ] {
            let failure = header(line).unwrap_err();
            assert!(failure.usage, "{line}");
            assert!(!failure.lines().contains("secret-x"));
        }
    }
}
