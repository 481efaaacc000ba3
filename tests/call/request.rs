//! What a function gets of a call.

use super::call;
use super::servers::{last, recording};
use crate::support::function::scratch;

#[tokio::test]
async fn method_body_headers_and_path_arrive_as_they_were_given() {
    let (server, seen) = recording().await;
    let folder = scratch("call-body");
    std::fs::write(folder.join("body.json"), "{\"a\": 1}").expect("a file");
    let body = folder.join("body.json").display().to_string();
    let target = "/v1/a%2Fb//../c?x=%31&x=&=&y==";
    let url = format!("{}/prod", server.url());
    call(
        &[
            &url,
            target,
            "--body",
            &body,
            "-H",
            "X-One: 1",
            "--as-user",
            "p~abc@x.example",
            "--anonymous",
        ],
        &[],
        "",
    )
    .await;
    let request = last(&seen);
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/prod/v1/a%2Fb//../c?x=%31&x=&=&y==")
    );
    assert_eq!(request.body, "{\"a\": 1}");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(
        (
            request.header("x-one"),
            request.header("x-hushgate-user-to-impersonate")
        ),
        ("1", "p~abc@x.example")
    );
    assert_eq!(request.header("authorization"), "");
    let piped = [
        "--body",
        "-",
        "--content-type",
        "application/x-www-form-urlencoded",
        "-X",
        "PUT",
        "--as-user",
        "u",
        "--compat",
        "psoxy",
        "--anonymous",
    ];
    call(&[&[url.as_str(), "/x"], &piped[..]].concat(), &[], "k=v").await;
    let request = last(&seen);
    assert_eq!(
        (request.method.as_str(), request.body.as_str()),
        ("PUT", "k=v")
    );
    assert_eq!(
        request.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(
        (
            request.header("x-psoxy-user-to-impersonate"),
            request.header("x-hushgate-user-to-impersonate")
        ),
        ("u", "")
    );
}

/// The steps of `6.1 ms (name 0.0, connect 1.3, answer 4.0)` with their times; the first is the whole.
fn times(text: &str) -> Option<Vec<(&str, f64)>> {
    // One decimal, no sign, no exponent.
    let time = |text: &str| {
        let (whole, decimal) = text.split_once('.')?;
        let digits = [whole, decimal].concat();
        let is_one = decimal.len() == 1 && !whole.is_empty();
        let plain = is_one && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok())?
    };
    let (whole, steps) = text.strip_suffix(')')?.split_once(" ms (")?;
    let mut all = vec![("", time(whole)?)];
    for step in steps.split(", ") {
        let (name, text) = step.split_once(' ')?;
        all.push((name, time(text)?));
    }
    Some(all)
}

#[tokio::test]
async fn people_see_how_long_each_step_took_and_programs_too() {
    let (server, _) = recording().await;
    let url = server.url();
    let by_name = url.replace("127.0.0.1", "localhost");
    for place in [url.as_str(), by_name.as_str()] {
        let ran = call(&[place, "/v2/users?x=1", "--anonymous"], &[], "").await;
        let line = ran.error.lines().next().unwrap_or_default();
        let (call, rest) = line
            .split_once(" → 200 OK   ")
            .unwrap_or_else(|| panic!("{ran:?}"));
        assert_eq!(call, "GET /v2/users?x=1");
        let (text, size) = rest.split_once("   ").unwrap_or_else(|| panic!("{line}"));
        assert_eq!(size, "2 bytes", "{line}");
        let all = times(text).unwrap_or_else(|| panic!("{line}"));
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["", "name", "connect", "answer"], "{line}");
        // No step is longer than the whole, but for its last decimal.
        assert!(
            all.iter().all(|(_, time)| *time <= all[0].1 + 0.11),
            "{line}"
        );
    }
    let ran = call(&[&url, "/x", "--anonymous", "--json"], &[], "").await;
    let json = ran.json();
    let timing = json["timing"].as_object().expect("its steps");
    let names: Vec<_> = timing.keys().map(String::as_str).collect();
    assert_eq!(names, ["name", "connect", "tls", "first_byte"], "{json}");
    assert!(timing["tls"].is_null(), "{json}");
    for time in [
        &json["milliseconds"],
        &timing["connect"],
        &timing["first_byte"],
    ] {
        assert!(time.as_f64().is_some_and(|time| time >= 0.0), "{json}");
    }
}
