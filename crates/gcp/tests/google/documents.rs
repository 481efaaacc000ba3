//! A policy and rules in a bucket: what is there counts to the last byte, and nothing stands in for what
//! can't be read.

use std::time::Duration;

use crate::garbled::{LIMIT, RULES_LIMIT, garbled, packed, padded};
use crate::mishap::Mishap;
use crate::world::{RULES, World, world};

const BOTH: [&str; 2] = ["HUSHGATE_RULES", "HUSHGATE_ACCESS"];

impl World {
    fn object(&self, key: &str) -> String {
        format!("gs://{}/{key}", self.place.bucket)
    }

    /// What is said about this variable of a function that does not start.
    async fn refusal(&self, variable: &str, key: &str) -> String {
        let (status, log) = self.end(&[(variable, &self.object(key))]).await;
        assert_eq!(status.code(), Some(1), "{variable} {key}: {log}");
        assert!(!log.contains("\"ready\""), "{variable} {key}: {log}");
        let start = format!("error: {variable}: ");
        let told = log.split_once(&start);
        let (_, told) = told.unwrap_or_else(|| panic!("{key}: {log}"));
        told.split("\nerror: ")
            .next()
            .unwrap()
            .trim_end()
            .to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_exactly_the_limit_count() {
    let world = world!();
    let policy = world.policy("");
    for (pack, name) in [(false, "whole"), (true, "packed")] {
        let stored = |text: &str, limit| {
            let padded = padded(text, limit);
            if pack { packed(&padded) } else { padded }
        };
        let (rules, access) = (format!("rules-{name}"), format!("access-{name}"));
        world.put(&rules, stored(RULES, RULES_LIMIT)).await;
        world.put(&access, stored(&policy, LIMIT)).await;
        let (rules, access) = (world.object(&rules), world.object(&access));
        let given = [
            ("HUSHGATE_RULES", rules.as_str()),
            ("HUSHGATE_ACCESS", access.as_str()),
        ];
        let function = world.function(&given).await;
        let (status, answer) = world.call(&function, "authorization").await;
        assert_eq!(status, 200, "{name}: {answer}");
        // The built-in rules admit this one.
        let (status, answer) = world.call_path(&function, "/v2/users").await;
        assert_eq!(status, 403, "{name}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_document_keeps_the_function_from_starting() {
    let world = world!();
    for (key, bytes, said) in garbled() {
        world.put(key, bytes).await;
        for variable in BOTH {
            let line = world.refusal(variable, key).await;
            let name = world.object(key);
            let (_, behind) = line.split_once(&name).unwrap_or_else(|| panic!("{line}"));
            assert!(behind.contains(said), "{variable} {key}: {line}");
        }
    }
    let bytes = padded(RULES, RULES_LIMIT + 1);
    world.put("long-rules", bytes).await;
    let told = world.refusal("HUSHGATE_RULES", "long-rules").await;
    let place = format!("--> {}:1:1", world.object("long-rules"));
    assert!(
        told.contains("error[too-large]") && told.contains(&place),
        "{told}"
    );
    for variable in BOTH {
        let line = world.refusal(variable, "missing").await;
        let told = format!(
            "there is no object `{}` (document-missing)",
            world.object("missing")
        );
        assert_eq!(line, told);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_of_the_bucket_keeps_the_function_from_starting() {
    let world = world!();
    world
        .put("access.yaml", world.policy("").into_bytes())
        .await;
    let wire = &world.place.wire.mishaps;
    for (part, mishap, code) in [
        ("fields=", Mishap::Status(403, ""), "document-denied"),
        ("alt=media", Mishap::Status(403, ""), "document-denied"),
        ("fields=", Mishap::Status(401, ""), "document-denied"),
        ("fields=", Mishap::Status(503, ""), "document-unavailable"),
        ("fields=", Mishap::Cut, "document-unavailable"),
        ("alt=media", Mishap::Cut, "document-unavailable"),
        // A policy that lacks its end may be a policy, and a page no answer of the service.
        ("alt=media", Mishap::Broken(0), "document-unavailable"),
        (
            "fields=",
            Mishap::Answer(200, "a message of nobody"),
            "document-unavailable",
        ),
        (
            "fields=",
            Mishap::Slow(Duration::from_mins(1)),
            "document-unavailable",
        ),
    ] {
        wire.add(part, usize::MAX, mishap);
        for (variable, key) in BOTH.into_iter().zip(["rules.yaml", "access.yaml"]) {
            let line = world.refusal(variable, key).await;
            let name = world.object(key);
            let told = line.contains(&name) && line.ends_with(&format!("({code})"));
            assert!(told, "{part} {mishap:?}: {line}");
            if matches!(mishap, Mishap::Status(403, _)) {
                assert!(line.contains("grant `storage.objects.get`"), "{line}");
            }
        }
        wire.calm();
    }
    for variable in BOTH {
        let elsewhere = [(variable, "gs://no-such-bucket-of-the-tests/document.yaml")];
        let (status, log) = world.end(&elsewhere).await;
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(
            log.contains(elsewhere[0].1) && log.contains("(document-missing)"),
            "{log}"
        );
    }
}
