use std::fmt::Write as _;

use super::*;

#[test]
fn codes_are_unique_kebab_case_and_have_valid_statuses() {
    let mut seen = std::collections::BTreeSet::new();
    for cause in Cause::ALL {
        assert!(seen.insert(cause.code()), "duplicate code {}", cause.code());
        assert!(
            cause
                .code()
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'-')
        );
        assert_eq!(cause.status().as_u16(), cause.status_number());
    }
}

#[test]
fn only_error_statuses_of_the_source_are_passed_on() {
    for (source, answered) in [
        (404, 404),
        (429, 429),
        (500, 500),
        (302, 502),
        (200, 502),
        (101, 502),
    ] {
        let refusal = Refusal::source_error(StatusCode::from_u16(source).unwrap(), "");
        assert_eq!(refusal.status().as_u16(), answered);
    }
}

#[test]
fn the_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        found,
        page(),
        "run BLESS=1 cargo test -p hushgate-gateway refusal"
    );
}

fn page() -> String {
    let mut page = String::from(HEAD);
    for cause in Cause::ALL {
        let status = match cause {
            Cause::SourceError => "the source's".to_owned(),
            cause => cause.status().as_u16().to_string(),
        };
        let who = match cause.side() {
            Side::Caller => "caller",
            Side::Gateway => "operator",
            Side::Source => "source",
        };
        let psoxy = cause
            .psoxy()
            .map_or_else(|| "–".to_owned(), |name| format!("`{name}`"));
        let (code, meaning, next) = (cause.code(), cause.meaning(), cause.next_step());
        writeln!(
            page,
            "| `{code}` | {status} | {who} | {meaning} | {next} | {psoxy} |"
        )
        .unwrap();
    }
    page.push_str(FOOT);
    page
}

const HEAD: &str = "\
# Errors

Every refusal has a stable code. It stands in the header `X-Hushgate-Error` and in the body:

```json
{\"error\": {\"code\": \"endpoint-not-listed\", \"message\": \"…\", \"next\": \"…\", \"request_id\": \"…\"}}
```

The message and the next step are fixed texts. What exactly was wrong stands in the function's log, under the request id
(`X-Hushgate-Request-Id`); it never holds a value of the request or the response. Codes are never renamed or reused.

A request without a valid token learns nothing but that: every bad token gets the same answer, whatever is wrong with it. The headers
`X-Hushgate-Rules` (digest of the rules) and `X-Hushgate-Version` are sent only to callers whose token was verified.

Errors of the source keep the source's status, so that clients back off as they would with the source itself, and its checked
`retry-after` and rate-limit headers. The body is withheld, since it may name people.

With `HUSHGATE_COMPAT=psoxy`, the name in the last column is sent as `X-Psoxy-Error` as well.

This page is written by `BLESS=1 cargo test -p hushgate-gateway refusal`.

| code | status | who acts | when | what to do | psoxy |
|---|---|---|---|---|---|
";

const FOOT: &str = "
## What a request must look like

- The target is a path and, if need be, a query; the absolute form (`GET https://…`), `*` and `CONNECT` are refused.
- Header names with an underscore are refused: many servers can't tell `a_b` from `a-b`.
- `GET` and `HEAD` have no body. Other bodies are JSON or a form, in UTF-8, not compressed.
- Control headers are given once: `X-Hushgate-Target-Path`, `X-Hushgate-Target-Query` (replace path and query of the target, at most 4096
  printable ASCII characters), `X-Hushgate-User-To-Impersonate` (the account to act as, where the source's credential allows it; may
  be a reversible pseudonym), `X-Hushgate-Health-Check` (any value). Other `X-Hushgate-…` headers are refused. No header skips the sanitizer.
- With `HUSHGATE_COMPAT=psoxy`, the reference's names `X-Psoxy-TargetPath`, `X-Psoxy-TargetQuery`, `X-Psoxy-User-To-Impersonate` and
  `X-Psoxy-Health-Check` mean the same.

## What is passed on of the source's headers

`cache-control`, `etag`, `expires`, `last-modified`, `retry-after` and rate-limit headers (`x-ratelimit…`, `ratelimit…`), each only in a form that has
no room for an identifier. The content type is one of two fixed texts. A `link` header is rewritten to the request's own path and keeps only
parameters the rules list, with values that are numbers, opaque cursors or the request's own; what doesn't fit is dropped. Everything else is dropped.

Redirects are followed at most three times, within the same origin, for `GET` and `HEAD`, and only to where the same endpoint of the
rules admits the new path and query.

## Codes that only the log has

| code | when |
|---|---|
| `caller-gone` | The caller closed its connection before the answer was there; the call to the source was ended. |
| `caller-stalled` | The caller took nothing of an answer for `HUSHGATE_CALLER_IDLE_SECONDS`; the rest was dropped. The request's own line was written before. |
";
