//! Runs the examples that the transforms carry, and keeps their reference page up to date.

use std::path::Path;

use hushgate_rules::pseudonym::Scheme;
use hushgate_rules::transform::{TRANSFORMS, reference_markdown};

use crate::support::sanitize;

#[test]
fn every_example_gives_what_it_shows() {
    let mut wrong = Vec::new();
    for transform in TRANSFORMS {
        assert!(
            transform.examples.len() >= 2,
            "{} has too few examples",
            transform.name
        );
        for example in transform.examples {
            assert!(example.rule.starts_with(&format!("!<{}>", transform.name)));
            let rule = example.rule.replace('\n', "\n    ");
            let rules = format!("transforms:\n  - {rule}");
            let output = sanitize(&rules, example.input, Scheme::Native);
            if output != example.output {
                wrong.push(format!(
                    "{}, {}:\n  says {}\n  got  {output}",
                    transform.name, example.title, example.output
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/transforms.md");
    let page = reference_markdown();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/transforms.md is out of date; run the tests with BLESS=1"
    );
}
