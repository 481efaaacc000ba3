//! A policy and rules in a bucket: what is there counts to the last byte, and nothing stands in for what
//! can't be read.

use std::sync::Arc;
use std::sync::Mutex;

use crate::callers::{ROLE, bare, signed};
use crate::garbled::{LIMIT, RULES_LIMIT, garbled, packed, padded};
use crate::proxy::{Action, Call};
use crate::stores::Services;
use crate::world::{RULES, World};

const BOTH: [&str; 2] = ["HUSHGATE_RULES", "HUSHGATE_ACCESS"];

/// One who needs no token, so that the policy needs no issuer.
const POLICY: &str = "\
clients:
  - id: by-role
    identity: {aws_iam: {role: 'arn:aws:iam::111122223333:role/reporting'}}
    sources: [zoom]
aws_iam: {direct_invoke: refused}
";

/// A bucket whose objects are read as the script says.
struct Place {
    services: Services,
    bucket: String,
    script: Arc<Mutex<Action>>,
}

impl Place {
    async fn new(name: &str) -> Option<Self> {
        let script = Arc::new(Mutex::new(Action::Pass));
        let told = Arc::clone(&script);
        let of_objects = move |call: &Call| match call.operation.as_str() {
            "GetObject" => told.lock().unwrap().clone(),
            _ => Action::Pass,
        };
        Some(Self {
            services: Services::start(name, of_objects).await?,
            bucket: format!("{name}-{}", std::process::id()),
            script,
        })
    }

    fn object(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    async fn put(&self, key: &str, content: Vec<u8>) {
        self.services.put(&self.bucket, key, &content).await;
    }

    /// What is said about this variable of a function that does not start; none when it was not built.
    async fn refusal(&self, variable: &str, object: &str) -> Option<String> {
        let mut all = self.services.with_key();
        all.push((variable, object));
        let (status, log) = World::end_of(&all).await?;
        assert_eq!(status.code(), Some(1), "{variable} {object}: {log}");
        assert!(!log.contains("\"ready\""), "{variable} {object}: {log}");
        let start = format!("error: {variable}: ");
        let told = log.split_once(&start);
        let (_, told) = told.unwrap_or_else(|| panic!("{object}: {log}"));
        Some(
            told.split("\nerror: ")
                .next()
                .unwrap()
                .trim_end()
                .to_owned(),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_exactly_the_limit_count() {
    let Some(place) = Place::new("exact").await else {
        return;
    };
    for (pack, name) in [(false, "whole"), (true, "packed")] {
        let stored = |text: &str, limit| {
            let padded = padded(text, limit);
            if pack { packed(&padded) } else { padded }
        };
        let (rules, access) = (format!("rules-{name}"), format!("access-{name}"));
        place.put(&rules, stored(RULES, RULES_LIMIT)).await;
        place.put(&access, stored(POLICY, LIMIT)).await;
        let (rules, access) = (place.object(&rules), place.object(&access));
        let mut all = place.services.with_key();
        all.extend([
            ("HUSHGATE_RULES", rules.as_str()),
            ("HUSHGATE_ACCESS", access.as_str()),
            ("HUSHGATE_PLATFORM_CALLERS", "aws-iam"),
        ]);
        let Some(world) = World::start(&all).await else {
            return;
        };
        // The built-in rules admit the other one.
        for (path, status) in [("/v2/people", 200), ("/v2/users", 403)] {
            let mut call = bare();
            path.clone_into(&mut call.path);
            let [(_, event), ..] = signed(&call, ROLE);
            let answer = world.invoke(&event).await;
            assert_eq!(answer.status(), status, "{name} {path}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_document_keeps_the_function_from_starting() {
    let Some(place) = Place::new("garbled").await else {
        return;
    };
    for (key, bytes, said) in garbled() {
        place.put(key, bytes).await;
        let name = place.object(key);
        for variable in BOTH {
            let Some(line) = place.refusal(variable, &name).await else {
                return;
            };
            let (_, behind) = line.split_once(&name).unwrap_or_else(|| panic!("{line}"));
            assert!(behind.contains(said), "{variable} {key}: {line}");
        }
    }
    let bytes = padded(RULES, RULES_LIMIT + 1);
    place.put("long-rules", bytes).await;
    let long = place.object("long-rules");
    let told = place.refusal("HUSHGATE_RULES", &long).await.unwrap();
    let line = format!("--> {long}:1:1");
    assert!(
        told.contains("error[too-large]") && told.contains(&line),
        "{told}"
    );
    let missing = place.object("missing");
    for variable in BOTH {
        let line = place.refusal(variable, &missing).await.unwrap();
        let told = format!("there is no object `{missing}` (document-missing)");
        assert_eq!(line, told);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_of_the_bucket_keeps_the_function_from_starting() {
    let Some(place) = Place::new("bad-day").await else {
        return;
    };
    place.put("rules.yaml", RULES.into()).await;
    place.put("access.yaml", POLICY.into()).await;
    for (action, code) in [
        (
            Action::Fail(403, "AccessDenied", "secret-of-the-tests"),
            "document-denied",
        ),
        (
            Action::Fail(403, "InvalidAccessKeyId", "secret-of-the-tests"),
            "document-denied",
        ),
        (
            Action::Fail(404, "NoSuchBucket", "secret-of-the-tests"),
            "document-missing",
        ),
        (
            Action::Fail(503, "SlowDown", "secret-of-the-tests"),
            "document-unavailable",
        ),
        (Action::Cut, "document-unavailable"),
        // A policy that lacks its end may be a policy.
        (Action::CutShort(20), "document-unavailable"),
        (
            Action::Late(std::time::Duration::from_mins(1)),
            "document-unavailable",
        ),
    ] {
        *place.script.lock().unwrap() = action.clone();
        for (variable, key) in BOTH.into_iter().zip(["rules.yaml", "access.yaml"]) {
            let name = place.object(key);
            let Some(line) = place.refusal(variable, &name).await else {
                return;
            };
            let told = line.contains(&name) && line.ends_with(&format!("({code})"));
            assert!(told, "{action:?}: {line}");
            if matches!(action, Action::Fail(_, "AccessDenied", _)) {
                let permission = format!("`s3:GetObject` on `arn:aws:s3:::{}/{key}`", place.bucket);
                assert!(line.contains(&permission), "{line}");
            }
        }
    }
}
