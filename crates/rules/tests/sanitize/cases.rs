//! Runs the case files in `tests/cases/transforms`.

use std::path::Path;

use hushgate_rules::pseudonym::Scheme;
use serde::Deserialize;

use crate::support::{plan, sanitizer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    rules: String,
    #[serde(default)]
    definitions: String,
    /// Rules that only compatibility mode takes.
    #[serde(default)]
    compat_only: bool,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    title: String,
    input: String,
    output: Option<String>,
    native: Option<String>,
    compat: Option<String>,
    failed: Option<u64>,
    error: Option<String>,
}

impl Case {
    fn expected(&self, scheme: Scheme) -> Option<&str> {
        let own = match scheme {
            Scheme::Native => &self.native,
            Scheme::Compat => &self.compat,
        };
        own.as_ref().or(self.output.as_ref()).map(String::as_str)
    }
}

#[test]
fn every_case_gives_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/transforms");
    let mut run = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let groups: Vec<Group> = serde_saphyr::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        for group in &groups {
            let schemes = [Scheme::Compat, Scheme::Native];
            let taken = if group.compat_only { 1 } else { 2 };
            for scheme in schemes.into_iter().take(taken) {
                check_group(group, scheme, &file, &mut run, &mut wrong);
            }
        }
    }
    assert!(run > 300, "only {run} cases were found");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn check_group(
    group: &Group,
    scheme: Scheme,
    file: &str,
    run: &mut usize,
    wrong: &mut Vec<String>,
) {
    let plan = match plan(&group.rules, &group.definitions, scheme) {
        Ok(plan) => plan,
        Err(found) => {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            return wrong.push(format!("{file}: {}\n{}", group.rules, found.join("\n")));
        }
    };
    let sanitizer = sanitizer(scheme);
    for case in &group.cases {
        let place = format!("{file}, {scheme:?}, {}", case.title);
        let outcome = sanitizer.sanitize(&plan, case.input.as_bytes());
        if let Some(code) = &case.error {
            *run += 1;
            let found = outcome
                .as_ref()
                .err()
                .map(hushgate_rules::sanitize::SanitizeError::code);
            if found != Some(code) {
                wrong.push(format!("{place}: wanted error {code}, got {found:?}"));
            }
            continue;
        }
        let Some(expected) = case.expected(scheme) else {
            continue;
        };
        *run += 1;
        match outcome {
            Ok(done) => {
                let output = String::from_utf8_lossy(done.bytes());
                if output != expected {
                    wrong.push(format!("{place}:\n  wanted {expected}\n  got    {output}"));
                }
                let failures = done.report().failures();
                if case.failed.is_some_and(|failed| failed != failures) {
                    wrong.push(format!(
                        "{place}: wanted failed {:?}, got {failures}",
                        case.failed
                    ));
                }
            }
            Err(error) => wrong.push(format!("{place}: {error}")),
        }
    }
}
