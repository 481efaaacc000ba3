//! A function whose policy, rules and secrets are in Google Cloud, called as whom the metadata server says.

use std::path::Path;
use std::time::{Duration, Instant};

use hushgate_gateway::ports::SecretStore as _;

use crate::metadata::Mood;
use crate::mishap::Mishap;
use crate::world::{RULES, world};

#[tokio::test(flavor = "multi_thread")]
async fn policy_rules_and_secrets_come_from_google() {
    let world = world!();
    let function = world.function(&[]).await;
    for header in ["authorization", "x-serverless-authorization"] {
        let (status, answer) = world.call(&function, header).await;
        assert_eq!(status, 200, "{answer}");
        assert!(
            answer.contains("\"email\":") && answer.contains("\"id\":7"),
            "{answer}"
        );
    }
    for bearers in [
        world.project.front.bearers(),
        world.place.wire.mishaps.bearers(),
    ] {
        assert!(!bearers.is_empty());
        assert!(bearers.iter().all(|b| b.starts_with("Bearer secret-t")));
    }
    assert!(world.metadata.asked() <= 2, "one token for each store");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_read_keeps_the_function_from_starting() {
    let world = world!();
    let (project, bucket) = (&world.project.id, &world.place.bucket);
    world.put("broken.yaml", "endpoints: [").await;
    world.put("binary.yaml", &b"\xff\xfe\0"[..]).await;
    let large = format!("# {}", "x".repeat(8 << 20));
    world.put("large.yaml", large).await;
    let at = |key: &str| format!("gs://{bucket}/{key}");
    for (name, value, words) in [
        ("HUSHGATE_RULES", at("missing.yaml"), "missing.yaml"),
        ("HUSHGATE_RULES", at("broken.yaml"), "broken.yaml"),
        ("HUSHGATE_RULES", at("large.yaml"), "more than"),
        (
            "HUSHGATE_RULES",
            at("binary.yaml"),
            "binary.yaml`: the document is not UTF-8",
        ),
        (
            "HUSHGATE_RULES",
            "gs://no-such-bucket/rules.yaml".to_owned(),
            "HUSHGATE_RULES: there is no",
        ),
        ("HUSHGATE_RULES", "store:NO_RULES".to_owned(), "NO_RULES"),
        ("HUSHGATE_ACCESS", "store:NO_POLICY".to_owned(), "NO_POLICY"),
        ("HUSHGATE_ACCESS", at("missing.yaml"), "missing.yaml"),
        (
            "HUSHGATE_RULES",
            "s3://bucket/rules.yaml".to_owned(),
            "`aws`",
        ),
        ("HUSHGATE_SECRETS", "aws-ssm:/hushgate".to_owned(), "`aws`"),
    ] {
        let (status, log) = world.end(&[(name, &value)]).await;
        assert_eq!(status.code(), Some(1), "{name}={value}: {log}");
        assert!(log.contains(words), "{value}: {log}");
        assert!(!log.contains("\"ready\""), "{log}");
    }
    // Access denied, and an outage, name what is missing too.
    for (part, words) in [
        ("GET /storage", format!("gs://{bucket}/rules.yaml")),
        (
            "GET /v1",
            format!("projects/{project}/secrets/acme--ACCESS"),
        ),
    ] {
        for (status, word) in [(403, "PERMISSION_DENIED"), (503, "UNAVAILABLE")] {
            let mishap = Mishap::Status(status, word);
            world.place.wire.mishaps.add(part, usize::MAX, mishap);
            world.project.front.mishap(part, usize::MAX, mishap);
            let (ended, log) = world.end(&[]).await;
            assert_eq!(ended.code(), Some(1), "{log}");
            assert!(log.contains(&words), "{log}");
            let told = if status == 403 {
                "grant `"
            } else {
                "it answered 503"
            };
            assert!(log.contains(told), "{log}");
            world.place.wire.mishaps.calm();
            world.project.front.calm();
        }
    }
}

/// The code that the page promises where this is the case.
fn promised(case: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cloud-run.md");
    let page = std::fs::read_to_string(page).unwrap();
    let row = page
        .lines()
        .find(|line| line.starts_with(&format!("| {case} |")));
    let code = row.and_then(|row| row.split('`').nth(1));
    code.unwrap_or_else(|| panic!("no row {case}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_may_not_be_read_is_refused_as_the_page_says() {
    for (status, word, case) in [
        (
            403,
            "PERMISSION_DENIED",
            "a service account that may not read an entry",
        ),
        (
            503,
            "UNAVAILABLE",
            "a metadata server, a store or a secret's service out of reach",
        ),
    ] {
        for entry in ["PSEUDONYM_KEY", "CLIENT_SECRET"] {
            // One for each: a function that is killed may leave the lock of renewals behind.
            let world = world!();
            let name = format!("projects/{}/secrets/acme--{entry}", world.project.id);
            world
                .project
                .front
                .mishap(&name, usize::MAX, Mishap::Status(status, word));
            let function = world.function(&[]).await;
            let (_, answer) = world.call(&function, "authorization").await;
            assert!(answer.contains(&promised(case)), "{entry}: {answer}");
            assert!(!answer.contains("acme--"), "told in the log only");
            let log = function.log();
            assert!(log.contains(&name), "{log}");
            if status == 403 {
                assert!(
                    log.contains("grant `secretmanager.versions.access`"),
                    "{log}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slip_in_the_prefix_is_told_with_the_name_that_was_looked_for() {
    let world = world!();
    let slip = format!("gcp-secretmanager:{}/acmex", world.project.id);
    let slip = ("HUSHGATE_SECRETS", slip.as_str());
    let (status, log) = world.end(&[slip]).await;
    assert_eq!(status.code(), Some(1), "{log}");
    let whole = |entry: &str| {
        let id = &world.project.id;
        format!("`projects/{id}/secrets/acmex--{entry}` in Secret Manager")
    };
    assert!(
        log.contains(&format!(
            "there is no {} (reading it takes `secretmanager.versions.access`",
            whole("ACCESS")
        )),
        "{log}"
    );
    let policy = world.project.store().read("ACCESS").await.unwrap().unwrap();
    let more = [slip, ("HUSHGATE_ACCESS", policy.reveal())];
    let function = world.function(&more).await;
    let (status, answer) = world.call(&function, "authorization").await;
    assert_eq!(status, 500, "{answer}");
    let log = function.log();
    let permission = "reading it takes `secretmanager.versions.access` on this secret";
    let told = format!(
        "secret {} ({permission}, as with the role Secret Manager Secret Accessor) is missing: check first",
        whole("PSEUDONYM_KEY")
    );
    assert!(log.contains(&told), "{log}");
    assert!(!answer.contains("acmex"), "told in the log only");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_without_identity_says_so_and_answers_when_it_has_one() {
    let world = world!();
    world.metadata.be(Mood::Says(404));
    let (status, log) = world.end(&[]).await;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("no service account is attached"), "{log}");
    // With policy and rules at hand it starts, since nothing is asked for before it is needed.
    let policy = world.project.store().read("ACCESS").await.unwrap().unwrap();
    let more = [
        ("HUSHGATE_ACCESS", policy.reveal()),
        ("HUSHGATE_RULES", RULES),
    ];
    let function = world.function(&more).await;
    let (status, answer) = world.call(&function, "authorization").await;
    assert_eq!(status, 500, "{answer}");
    assert!(answer.contains("configuration-invalid"), "{answer}");
    assert!(!answer.contains("service account"), "told in the log only");
    let log = function.log();
    assert!(
        log.contains("no service account is attached") && log.contains(&world.metadata.address),
        "{log}"
    );
    world.metadata.be(Mood::Gives(3600));
    let start = Instant::now();
    loop {
        let (status, answer) = world.call(&function, "authorization").await;
        if status == 200 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{answer}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
