//! The responses and what every one of them says to the browser.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{Response, StatusCode};
use http_body_util::Full;

use super::guard::COOKIE_NAME;
use super::html::Html;

/// A response with its whole body.
pub(super) type Answer = Response<Full<Bytes>>;

/// Pages load the style sheet and pictures from here and nothing else; no script runs at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// What every response says: keep nothing, tell nobody, stand in no frame.
const ALWAYS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// A page.
pub(super) fn page(status: StatusCode, html: Html) -> Answer {
    let mut answer = file("text/html; charset=utf-8", Bytes::from(html.document()));
    *answer.status_mut() = status;
    answer
}

/// A style sheet or a picture.
pub(super) fn file(media: &'static str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(bytes));
    let headers = answer.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}

/// A page with forms. Browsers send no origin with a form of a page that sends no referrer (Fetch,
/// "serializing a request origin"), and not all say where it came from in another way; so this one
/// sends a referrer, to ourselves only.
pub(super) fn page_with_forms(html: Html) -> Answer {
    let mut answer = page(StatusCode::OK, html);
    let own = HeaderValue::from_static("same-origin");
    answer.headers_mut().insert(REFERRER_POLICY, own);
    answer
}

/// Sends the browser elsewhere with GET; `None` when the address can't stand in a header.
pub(super) fn see_other(url: &str) -> Option<Answer> {
    let location = HeaderValue::from_str(url).ok()?;
    let mut answer = file("text/plain", Bytes::new());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    answer.headers_mut().insert(LOCATION, location);
    Some(answer)
}

/// Gives the browser its cookie, for pages under `path` only: cookies are shared by all ports of a
/// machine, and the path is nobody else's.
pub(super) fn set_cookie(mut answer: Answer, value: &str, path: &str) -> Answer {
    let cookie = format!("{COOKIE_NAME}={value}; Path={path}; HttpOnly; SameSite=Strict");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}
