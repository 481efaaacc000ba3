//! Request headers that rules have no say in.

/// Request headers that are never the caller's to set, whatever rules list: they frame the message,
/// route it, carry credentials, steer a gateway, or are what a cloud's platform says to its functions. In any case of letters.
pub fn is_reserved_header(name: &str) -> bool {
    const RESERVED: [&str; 20] = [
        "authorization",
        "proxy-authorization",
        "proxy-authenticate",
        "cookie",
        "host",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "content-type",
        "content-encoding",
        "accept-encoding",
        "expect",
        "forwarded",
        "via",
        "x-serverless-authorization",
        "user-agent",
    ];
    const PREFIXES: [&str; 9] = [
        "x-hushgate-",
        "x-psoxy-",
        "x-forwarded-",
        "proxy-",
        "x-amz-",
        "x-amzn-",
        "x-goog-",
        "x-cloud-trace-",
        "x-http-method",
    ];
    let begins = |prefix: &&str| {
        let start = name.as_bytes().get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    RESERVED.iter().any(|own| name.eq_ignore_ascii_case(own)) || PREFIXES.iter().any(begins)
}
