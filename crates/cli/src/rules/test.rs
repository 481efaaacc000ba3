//! `hushgate rules test`: runs a source's examples.

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::engine::{Engine, Keys, Outcome};
use crate::examples::{Call, Folder};
use crate::print;

/// Options of `rules test`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hushgate rules test zoom\n  hushgate rules test zoom --bless   # rewrite examples/sanitized, then read the diff"
)]
pub struct Options {
    /// Source ids in ./rules, or folders with a rules.yaml; without any: all of ./rules
    sources: Vec<String>,
    /// Rewrite `examples/sanitized/` instead of comparing; read the diff as a reviewer
    #[arg(long)]
    bless: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let folders = if options.sources.is_empty() {
        Folder::all()?
    } else {
        options
            .sources
            .iter()
            .map(|s| Folder::find(s))
            .collect::<anyhow::Result<_>>()?
    };
    let keys = Keys::examples()?;
    let mut failures = 0;
    for folder in &folders {
        let report = test(folder, &keys, options.bless)?;
        for problem in &report.problems {
            print::line(&format!("FAIL {}: {problem}", folder.id));
        }
        failures += report.problems.len();
        let verdict = if report.problems.is_empty() {
            "ok  "
        } else {
            "FAIL"
        };
        print::line(&format!(
            "{verdict} {}: {} calls, {} answers, {} identifiers",
            folder.id, report.calls, report.answers, report.identifiers
        ));
    }
    Ok(if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

#[derive(Default)]
struct Report {
    calls: usize,
    answers: usize,
    identifiers: usize,
    problems: Vec<String>,
}

/// Runs all examples of one folder.
fn test(folder: &Folder, keys: &Keys, bless: bool) -> anyhow::Result<Report> {
    let engine = Engine::load(&folder.rules(), keys, false)?;
    let mut report = Report::default();
    let mut used = BTreeSet::new();
    let (mut originals, mut sanitized) = (String::new(), String::new());
    for call in folder.calls()? {
        report.calls += 1;
        used.extend(call.name.clone());
        let outcome = match answer(folder, &engine, keys, &call, bless, &mut originals) {
            Ok(Some(bytes)) => {
                report.answers += 1;
                sanitized.push_str(&bytes);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = outcome {
            report
                .problems
                .push(format!("`{}`: {problem:#}", call.call));
        }
    }
    report.problems.extend(unused(folder, &used)?);
    for endpoint in engine.without_example(&folder.calls()?) {
        report.problems.push(format!(
            "endpoint {} has no example: {}",
            endpoint + 1,
            engine.template(endpoint)
        ));
    }
    for identifier in folder.identifiers()? {
        report.identifiers += 1;
        if !originals.contains(&identifier) {
            report.problems.push(format!(
                "pii.txt: `{identifier}` is in no original: the test proves nothing"
            ));
        }
        if sanitized.contains(&identifier) {
            report
                .problems
                .push(format!("pii.txt: `{identifier}` is in a sanitized answer"));
        }
    }
    if report.calls == 0 {
        report
            .problems
            .push("it has no examples/calls.yaml".to_owned());
    }
    Ok(report)
}

/// Runs one call; gives the sanitized text if the call is to be answered.
fn answer(
    folder: &Folder,
    engine: &Engine,
    keys: &Keys,
    call: &Call,
    bless: bool,
    originals: &mut String,
) -> anyhow::Result<Option<String>> {
    let target = call.target(|v| Engine::reversible(keys, v));
    let admitted = engine.admit(call, &target);
    let Some(name) = &call.name else {
        let wanted = call.refused.as_deref().unwrap_or_default();
        match admitted {
            Outcome::Refused { code, .. } if code == wanted => return Ok(None),
            Outcome::Refused { code, .. } => {
                anyhow::bail!("refused with `{code}`, expected `{wanted}`")
            }
            Outcome::Admitted(_) => anyhow::bail!("admitted, expected refusal with `{wanted}`"),
        }
    };
    let endpoint = match admitted {
        Outcome::Admitted(endpoint) => endpoint,
        Outcome::Refused { code, detail } => anyhow::bail!("refused with `{code}`: {detail}"),
    };
    let path = folder.original(name);
    let original = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    originals.push_str(&original);
    let actual = pretty(&engine.sanitize(endpoint, original.as_bytes())?)?;
    let path = folder.sanitized(name);
    if bless {
        fs::create_dir_all(path.parent().unwrap_or(&folder.path))?;
        fs::write(&path, &actual).with_context(|| format!("write {}", path.display()))?;
        return Ok(Some(actual));
    }
    let expected = fs::read_to_string(&path)
        .with_context(|| format!("read {} (make it with --bless)", path.display()))?;
    if expected != actual {
        anyhow::bail!(
            "differs from {}:\n{}",
            path.display(),
            first_difference(&expected, &actual)
        );
    }
    Ok(Some(actual))
}

/// One document per line in, each indented for review.
fn pretty(sanitized: &[u8]) -> anyhow::Result<String> {
    let mut text = String::new();
    for line in std::str::from_utf8(sanitized)?.lines() {
        let value: serde_json::Value =
            serde_json::from_str(line).context("the output is not JSON")?;
        text += &serde_json::to_string_pretty(&value)?;
        text.push('\n');
    }
    Ok(text)
}

fn first_difference(expected: &str, actual: &str) -> String {
    let mut lines = actual.lines();
    for (index, old) in expected.lines().enumerate() {
        let new = lines.next().unwrap_or("(end)");
        if old != new {
            return format!("  line {}:\n  - {old}\n  + {new}", index + 1);
        }
    }
    format!("  + {}", lines.next().unwrap_or("(end)"))
}

/// Files in `original/` or `sanitized/` that no call names.
fn unused(folder: &Folder, used: &BTreeSet<String>) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for kind in ["original", "sanitized"] {
        let path = folder.path.join("examples").join(kind);
        if !path.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&path)? {
            let file = entry?.path();
            let stem = file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !used.contains(&stem) {
                problems.push(format!("{} is named by no call", file.display()));
            }
        }
    }
    problems.sort();
    Ok(problems)
}
