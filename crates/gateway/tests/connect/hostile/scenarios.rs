//! What a provider can answer instead of what it should.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::consents;
use super::shape::{NEXT, Names, Outcome, Refused, Scenario, Shape};
use crate::server::{Action, json, reply, reply_with};
use crate::setup::MARK;

pub(super) fn refused(
    cause: &'static str,
    code: &'static str,
    pause: u64,
    rows: Vec<(&'static str, Action)>,
) -> Vec<Scenario> {
    let outcome = Outcome::Refused(Refused { cause, code, pause });
    let scenario = |(name, action)| Scenario {
        name,
        action,
        outcome,
        saves: false,
    };
    rows.into_iter().map(scenario).collect()
}

/// Answers that take longer than anybody should wait.
pub(crate) fn slow(shape: &Shape) -> Vec<Scenario> {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
    let half = Duration::from_millis(500);
    let Action::Reply(good) = shape.good() else {
        return Vec::new();
    };
    let rows = vec![
        ("silence", Action::Silence),
        ("one byte every half second", Action::Dribble(half, good)),
        (
            "half a head and then silence",
            Action::Dribble(Duration::from_mins(10), head.to_vec()),
        ),
    ];
    refused("source-timeout", "connect-network", 0, rows)
}

/// All that come at once; a redirect leads to `elsewhere`.
pub(crate) fn of(shape: &Shape, elsewhere: &str) -> Vec<Scenario> {
    let own = match shape {
        Shape::Token(names) => [
            not_json(),
            wrong_members(names),
            good_enough(names),
            with_refresh_token(names),
        ]
        .concat(),
        Shape::Device => [not_json(), consents::wrong_device()].concat(),
        Shape::Oauth1 => consents::wrong_credentials(),
        Shape::Account => wrong_account(),
        Shape::Anything => any_success(),
    };
    [
        interrupted(),
        too_large(),
        redirects(elsewhere),
        unavailable(),
        rejected(),
        own,
    ]
    .concat()
}

fn interrupted() -> Vec<Scenario> {
    let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"acc";
    let rows = vec![
        ("a body cut off", Action::Break(begun.to_vec())),
        ("a reset in the body", Action::Reset(begun.to_vec())),
        ("a reset in the head", Action::Reset(begun[..20].to_vec())),
        ("a reset at once", Action::Reset(Vec::new())),
        ("closed at once", Action::Break(Vec::new())),
        ("not HTTP", Action::Reply(format!("{MARK}\r\n\r\n").into())),
        (
            "a head of a megabyte",
            reply_with("200 OK", &format!("x: {}\r\n", "y".repeat(1 << 20)), "{}"),
        ),
        (
            "a thousand headers",
            reply_with("200 OK", &"x: do-not-show\r\n".repeat(1000), "{}"),
        ),
        (
            "broken gzip",
            reply_with("200 OK", "content-encoding: gzip\r\n", MARK),
        ),
        (
            "chunks of nonsense",
            Action::Reply(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\ndo-not-show\r\n".to_vec(),
            ),
        ),
    ];
    refused("source-interrupted", "connect-network", 0, rows)
}

fn not_json() -> Vec<Scenario> {
    let (cause, code) = ("source-error", "connect-answer-invalid");
    [refused(cause, code, 0, no_json()), coded()].concat()
}

fn coded() -> Vec<Scenario> {
    let coded = reply_with("200 OK", "content-encoding: compress\r\n", MARK);
    let rows = vec![("an unknown coding", coded)];
    refused("source-error", "connect-answer-invalid", 0, rows)
}

/// An account is shown by what it is declared by; names are cleaned elsewhere.
fn wrong_account() -> Vec<Scenario> {
    let mut rows = no_json();
    rows.push((
        "a null as member",
        json(r#"{"id":null,"name":"do-not-show"}"#),
    ));
    let taken = taken(vec![
        (
            "an id beside rubbish",
            json(r#"{"id":[],"name":{"do-not-show":1}}"#),
        ),
        (
            "an id said to be a page",
            reply("200 OK", "text/html", r#"{"id":1}"#),
        ),
    ]);
    [refused("", "check-not-success", 0, rows), coded(), taken].concat()
}

fn any_success() -> Vec<Scenario> {
    [taken(no_json()), coded()].concat()
}

fn no_json() -> Vec<(&'static str, Action)> {
    let page = format!("<html>{MARK}</html>");
    let encoded = "access_token=do-not-show&token=do-not-show";
    vec![
        ("a page with 200", reply("200 OK", "text/html", &page)),
        (
            "a page said to be JSON",
            reply("200 OK", "application/json", &page),
        ),
        ("nothing", json("")),
        (
            "nothing, with 204",
            reply("204 No Content", "application/json", ""),
        ),
        ("a list", json("[1]")),
        ("null", json("null")),
        ("an empty object", json("{}")),
        (
            "cut JSON",
            json(r#"{"access_token":"do-not-show","token":"do-not-show","expires"#),
        ),
        (
            "JSON and more",
            json(r#"{"access_token":"do-not-show","token":"do-not-show"} do-not-show"#),
        ),
        (
            "JSON nested too deep",
            json(&format!(r#"{{"a":{}"#, "[".repeat(10_000))),
        ),
        (
            "not UTF-8",
            reply(
                "200 OK",
                "application/json",
                b"{\"access_token\":\"\xff\",\"token\":\"\xff\"}",
            ),
        ),
        (
            "a form-encoded answer",
            reply("200 OK", "application/x-www-form-urlencoded", encoded),
        ),
    ]
}

fn wrong_members(names: &Names) -> Vec<Scenario> {
    let century = if names.moment {
        "\"2126-11-21T10:00:00Z\""
    } else {
        "3155760000"
    };
    let long = format!("\"{}\"", "a".repeat(20_000));
    let rows = vec![
        ("no token", json(r#"{"expires_in":3600}"#)),
        ("a null as token", names.with_token("null")),
        ("a number as token", names.with_token("12345")),
        (
            "an object as token",
            names.with_token(r#"{"do-not-show":1}"#),
        ),
        ("an empty token", names.with_token("\"\"")),
        (
            "a token that splits a header",
            names.with_token(r#""do-not-show\r\nx: y""#),
        ),
        (
            "a token with a zero",
            names.with_token(r#""do-not-show\u0000""#),
        ),
        (
            "a token with an escape",
            names.with_token(r#""do-not-show\u001b[2J""#),
        ),
        (
            "a token with a space",
            names.with_token(r#""do-not-show x""#),
        ),
        (
            "a token beyond ASCII",
            names.with_token(r#""do-not-show-é""#),
        ),
        ("a huge token", names.with_token(&long)),
        ("a word as lifetime", names.with_lifetime("\"do-not-show\"")),
        ("a fraction as lifetime", names.with_lifetime("3600.5")),
        ("a list as lifetime", names.with_lifetime("[3600]")),
        ("true as lifetime", names.with_lifetime("true")),
        ("a negative lifetime", names.with_lifetime("-1")),
        ("no lifetime at all", names.with_lifetime("0")),
        (
            "a huge lifetime",
            names.with_lifetime("99999999999999999999"),
        ),
        (
            "a lifetime beyond all numbers",
            names.with_lifetime("1e400"),
        ),
        ("a lifetime of a century", names.with_lifetime(century)),
        (
            "a list as refresh token",
            names.with(r#","refresh_token":["do-not-show"]"#),
        ),
        (
            "a refresh token that splits a header",
            names.with(r#","refresh_token":"do-not-show\r\n""#),
        ),
        ("another token type", names.with(r#","token_type":"mac""#)),
        ("a number as token type", names.with(r#","token_type":1"#)),
    ];
    refused("source-error", "connect-answer-invalid", 0, rows)
}

fn too_large() -> Vec<Scenario> {
    let headers = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    let pad = format!(r#"{{"pad":"{}"}}"#, "p".repeat(70_000));
    let rows = vec![
        ("a gzip bomb", reply_with("200 OK", headers, bomb())),
        ("a large answer", json(&pad)),
        ("a large page", reply("500 Oops", "text/html", &pad)),
    ];
    refused("response-too-large", "connect-answer-too-large", 0, rows)
}

/// Fifty megabytes that come as fifty kilobytes.
fn bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![b' '; 50 << 20]).unwrap();
        encoder.finish().unwrap()
    })
}

fn redirects(elsewhere: &str) -> Vec<Scenario> {
    let to = |status, place: &str| reply_with(status, &format!("location: {place}\r\n"), "");
    let rows = vec![
        ("a redirect elsewhere", to("302 Found", elsewhere)),
        (
            "a redirect that keeps the body",
            to("307 Temporary Redirect", elsewhere),
        ),
        (
            "a lasting redirect",
            to("308 Permanent Redirect", elsewhere),
        ),
        (
            "a redirect to itself",
            to("307 Temporary Redirect", "/do-not-show"),
        ),
        (
            "a redirect to nowhere",
            reply("302 Found", "text/html", MARK),
        ),
        ("not modified", reply("304 Not Modified", "text/html", "")),
    ];
    refused("redirect-refused", "connect-redirected", 0, rows)
}

fn unavailable() -> Vec<Scenario> {
    let (cause, code) = ("source-unreachable", "connect-unavailable");
    let busy = |headers: &str| reply_with("429 Too Many Requests", headers, MARK);
    let error = r#"{"error":"do-not-show"}"#;
    let no_pause = vec![
        ("too many requests", busy("")),
        (
            "too many requests, nonsense",
            busy("retry-after: do-not-show\r\n"),
        ),
        (
            "too many requests, a past date",
            busy("retry-after: Sat, 21 Nov 2026 09:00:00 GMT\r\n"),
        ),
        (
            "too many requests, a negative wait",
            busy("retry-after: -7\r\n"),
        ),
        (
            "a server error",
            reply("500 Internal Server Error", "application/json", error),
        ),
        (
            "a bad gateway page",
            reply("502 Bad Gateway", "text/html", MARK),
        ),
    ];
    let until = "retry-after: Sat, 21 Nov 2026 10:00:30 GMT\r\n";
    [
        refused(cause, code, 0, no_pause),
        refused(
            cause,
            code,
            7,
            vec![
                ("too many requests for 7 s", busy("retry-after: 7\r\n")),
                (
                    "unavailable for 7 s",
                    reply_with("503 Busy", "retry-after: 7\r\n", ""),
                ),
            ],
        ),
        refused(
            cause,
            code,
            30,
            vec![("too many requests until a date", busy(until))],
        ),
        refused(
            cause,
            code,
            300,
            vec![(
                "too many requests for a year",
                busy("retry-after: 31536000\r\n"),
            )],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn rejected() -> Vec<Scenario> {
    let error = |status, body: &str| reply(status, "application/json", body);
    let told = r#"{"error":"invalid_client","error_description":"do-not-show"}"#;
    let rows = vec![
        ("unauthorized", error("401 Unauthorized", told)),
        (
            "unauthorized by a page",
            reply("401 Unauthorized", "text/html", MARK),
        ),
        (
            "an unknown error",
            error("400 Bad Request", r#"{"error":"do-not-show"}"#),
        ),
        (
            "an error of another shape",
            error("400 Bad Request", r#"{"error":{"message":"do-not-show"}}"#),
        ),
        (
            "forbidden by a page",
            reply("403 Forbidden", "text/html", MARK),
        ),
        ("not found", error("404 Not Found", "{}")),
    ];
    refused("credential-rejected", "connect-rejected", 15, rows)
}

fn good_enough(names: &Names) -> Vec<Scenario> {
    let twice = format!(r#","{}":"at-{MARK}""#, names.token);
    let no_refresh = (
        "a null as refresh token",
        names.with(r#","refresh_token":null"#),
    );
    let told = r#"{"error":"bad_refresh_token","error_description":"do-not-show"}"#;
    let mut rows = vec![
        ("no lifetime", names.with("")),
        ("a null as lifetime", names.with_lifetime("null")),
        (
            "unknown members",
            names.with(r#","scope":["a"],"error":null,"more":{"token":[1]}"#),
        ),
        (
            "a token type in capitals",
            names.with(r#","token_type":"BEARER""#),
        ),
        ("a member twice", names.with(&twice)),
    ];
    let mut others = refused(
        "credential-rejected",
        "connect-rejected",
        15,
        vec![("an error with 200", json(told))],
    );
    if names.refresh {
        others.extend(refused("", "consent-no-refresh-token", 0, vec![no_refresh]));
    } else {
        rows.push(no_refresh);
    }
    [taken(rows), others].concat()
}

/// A refresh token that came is kept, however unusable the rest of the answer is.
fn with_refresh_token(names: &Names) -> Vec<Scenario> {
    let beside = |members: &str| names.with(&format!(r#","refresh_token":"{NEXT}"{members}"#));
    let token = |token: &str| {
        let members = format!(r#","refresh_token":"{NEXT}""#);
        names.with_token_and(token, &members)
    };
    let lifetime = names.lifetime();
    let good = vec![("a new refresh token", beside(""))];
    let bad = vec![
        (
            "a refresh token beside another token type",
            beside(r#","token_type":"mac""#),
        ),
        (
            "a refresh token beside a negative lifetime",
            beside(&format!(r#","{lifetime}":-1"#)),
        ),
        ("a refresh token beside a null as token", token("null")),
        (
            "a refresh token beside a token that splits a header",
            token(r#""do-not-show\r\n""#),
        ),
    ];
    let bad = refused("source-error", "connect-answer-invalid", 0, bad);
    // After a consent the refresh token is the point of the answer.
    let all = if names.refresh {
        bad
    } else {
        [taken(good), bad].concat()
    };
    let saves = |scenario| Scenario {
        saves: true,
        ..scenario
    };
    all.into_iter().map(saves).collect()
}

pub(super) fn taken(rows: Vec<(&'static str, Action)>) -> Vec<Scenario> {
    let scenario = |(name, action)| Scenario {
        name,
        action,
        outcome: Outcome::Token,
        saves: false,
    };
    rows.into_iter().map(scenario).collect()
}
