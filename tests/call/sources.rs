//! The examples of sources with other credentials, paths and bodies than zoom's, all called.

use super::{call, token_file};
use crate::support::World;

/// A line of the command about one call, in parts.
struct Line<'a> {
    status: &'a str,
    call: &'a str,
    said: &'a str,
}

/// Reads `200       10.9 ms  GET /v2/users`, and what may stand behind it.
fn line(text: &str) -> Option<Line<'_>> {
    let (status, rest) = (text.get(..3)?, text.get(3..)?);
    let (time, rest) = rest.split_once(" ms  ")?;
    // One decimal, in a column of its own.
    let (whole, decimal) = time.trim_start().split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_time =
        time.chars().count() == 11 && digits(whole) && digits(decimal) && decimal.len() == 1;
    let (call, said) = rest.split_once("   ").unwrap_or((rest, ""));
    (is_time && digits(status)).then_some(Line { status, call, said })
}

#[tokio::test]
async fn all_examples_of_a_source_are_called_whatever_its_paths_and_bodies_are() {
    // What is to be seen among the calls: a pseudonym from an earlier answer, a body, a parameter.
    for (id, fine, among) in [
        (
            "github",
            30,
            &[
                "GET /users/p~",
                "POST /graphql",
                "/branches?protected=false",
            ][..],
        ),
        (
            "gcal",
            8,
            &[
                "/events/p~",
                "/events?pageToken=p~",
                "@group.calendar.google.com",
            ],
        ),
        (
            "jira-cloud",
            10,
            &[
                "/search/jql?jql=updated%20%3E%3D",
                "/issue/ED-1?fields=*all",
            ],
        ),
        (
            "outlook-cal",
            12,
            &[
                "GET /v1.0/users?$top=4&",
                "%20eq%20'Member'",
                "/v1.0/users/p~",
            ],
        ),
        (
            "salesforce",
            8,
            &["/query?q=SELECT+Id,", "POST /services/data/v64.0/composite"],
        ),
    ] {
        let world = World::of(id, &[]).await;
        let (url, file) = (world.function.url(), token_file(&world));
        let options = ["--all", id, "--refused", "--token-file", &file];
        let ran = call(&[&[url.as_str()], &options[..]].concat(), &[], "").await;
        assert_eq!(ran.code, Some(0), "{id}: {ran:?}");
        assert!(
            ran.error.contains(", 0 failed, 0 admitted and not there, "),
            "{id}: {ran:?}"
        );
        let (mut answered, mut refused) = (Vec::new(), 0);
        for text in ran.out.lines() {
            if text.starts_with("  –  ") {
                let not_sent = "not sent: it would change data if the function had other rules";
                let unknown = "skipped: no answer so far had a pseudonym for it";
                assert!(
                    text.ends_with(not_sent) || text.ends_with(unknown),
                    "{id}: {text}"
                );
                continue;
            }
            let line = line(text).unwrap_or_else(|| panic!("{id}: {text}"));
            if line.status == "200" {
                assert_eq!(line.said, "", "{id}: {text}");
                answered.push(line.call);
            } else {
                assert!(line.said.ends_with(", as it must be"), "{id}: {text}");
                refused += 1;
            }
        }
        assert!(
            answered.len() >= fine && refused > 5,
            "{id}: {}, {refused}",
            answered.len()
        );
        let count = format!("{} fine, ", answered.len() + refused);
        assert!(
            ran.error.trim_start().starts_with(&count),
            "{id}: {count}{}",
            ran.error
        );
        for part in among {
            let found = answered.iter().any(|call| call.contains(part));
            assert!(found, "{id}: no {part} in {answered:#?}");
        }
        // All of it came from the source, under the credential that it gave.
        let source = world.source.as_ref().expect("a source");
        assert!(source.calls() >= answered.len(), "{id}: {}", source.calls());
    }
}
