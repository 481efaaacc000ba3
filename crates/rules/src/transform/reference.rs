//! The reference page of the transforms, written from their descriptions.

use std::fmt::Write as _;

use super::{Description, TRANSFORMS};

/// The key under which the examples of the transforms are made. Published, so never a real one.
pub const EXAMPLE_KEY: &str = "4ZpLJ0uWm3yQd1Rk7VtXcB9sHn2AfGzE6oPiYw5Mv8U=";

/// The page `docs/transforms.md`, in Markdown.
pub fn reference_markdown() -> String {
    let mut out = format!(
        "# Transforms\n\n\
         What a rule can do to a value. This page is generated; the tests run every example.\n\n\
         Every transform has the key `jsonPaths`, a list of paths to the values, and may have \
         `applyOnlyWhen`, a path that must find something in the document. A value that a transform \
         can't treat becomes `null`; the response itself never fails. What else happens to a \
         response stands in [sanitizing](sanitizing.md).\n\n\
         The examples are made with the key `PSEUDONYM_KEY={EXAMPLE_KEY}`, which is published \
         here and must never be used.\n\n\
         | transform | what it does |\n|---|---|\n",
    );
    for transform in TRANSFORMS {
        let Description { name, summary, .. } = transform;
        let _ = writeln!(out, "| [`{name}`](#{}) | {summary} |", name.to_lowercase());
    }
    for transform in TRANSFORMS {
        section(&mut out, transform);
    }
    out
}

fn section(out: &mut String, transform: &Description) {
    let Description {
        name,
        summary,
        details,
        options,
        examples,
    } = transform;
    let _ = write!(out, "\n## {name}\n\n{summary} {details}\n");
    if !options.is_empty() {
        out.push_str("\n| key | meaning |\n|---|---|\n");
    }
    for (key, meaning) in *options {
        let _ = writeln!(out, "| `{key}` | {meaning} |");
    }
    for example in *examples {
        let _ = write!(
            out,
            "\n{}:\n\n```yaml\n{}\n```\n\n| before | after |\n|---|---|\n| `{}` | `{}` |\n",
            example.title,
            indented(example.rule),
            table_cell(example.input),
            table_cell(example.output)
        );
    }
}

/// The rule as an element of the list `transforms`.
fn indented(rule: &str) -> String {
    let mut out = String::from("- ");
    out.push_str(&rule.replace('\n', "\n  "));
    out
}

fn table_cell(text: &str) -> String {
    text.replace('|', "\\|")
}
