//! `hushgate rules check`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use hushgate_rules::language::{Diagnostic, Severity};
use serde_json::json;

use crate::engine;
use crate::print;
use crate::sources;

/// Options of `rules check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hushgate rules check rules/zoom\n  hushgate rules check rules/zoom/source.yaml"
)]
pub struct Options {
    /// Rule files, source declarations, or folders with them; without any: all of ./rules
    files: Vec<PathBuf>,
    /// One JSON object per finding
    #[arg(long)]
    json: bool,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
    /// Read the rules as psoxy's: options without effect are warnings
    #[arg(long)]
    compat: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let compat = options.compat || engine::compat_from_environment()?;
    let (mut errors, mut warnings) = (0_usize, 0_usize);
    let files = files(options)?;
    for file in &files {
        let found = findings(file, compat)?;
        errors += found
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .count();
        warnings += found
            .iter()
            .filter(|f| f.severity == Severity::Warning)
            .count();
        if options.json {
            for finding in &found {
                print::line(&as_json(finding));
            }
        } else {
            report(&found);
        }
    }
    if !options.json {
        print::note(&format!(
            "{} checked: {errors} errors, {warnings} warnings",
            count(files.len())
        ));
    }
    let failed = errors > 0 || (options.strict && warnings > 0);
    Ok(if failed {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

fn count(files: usize) -> String {
    if files == 1 {
        "1 file".to_owned()
    } else {
        format!("{files} files")
    }
}

fn files(options: &Options) -> anyhow::Result<Vec<PathBuf>> {
    if options.files.is_empty() {
        let folders = crate::examples::Folder::declared()?;
        return Ok(folders.iter().flat_map(|f| declared(&f.path)).collect());
    }
    Ok(options
        .files
        .iter()
        .flat_map(|path| {
            if path.is_dir() {
                declared(path)
            } else {
                with_declaration(path, &options.files)
            }
        })
        .collect())
}

/// A named file; rules bring the declaration beside them along.
fn with_declaration(file: &Path, named: &[PathBuf]) -> Vec<PathBuf> {
    let source = file.with_file_name("source.yaml");
    let rules = file.file_name().is_some_and(|n| n == "rules.yaml");
    if rules && source.is_file() && !named.contains(&source) {
        vec![source, file.to_owned()]
    } else {
        vec![file.to_owned()]
    }
}

/// The checkable files of a source's folder; without any, the rules that are missed there.
fn declared(folder: &Path) -> Vec<PathBuf> {
    let rules = folder.join("rules.yaml");
    let there: Vec<_> = [folder.join("source.yaml"), rules.clone()]
        .into_iter()
        .filter(|file| file.is_file())
        .collect();
    if there.is_empty() { vec![rules] } else { there }
}

fn findings(file: &Path, compat: bool) -> anyhow::Result<Vec<Diagnostic>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let name = file.display().to_string();
    if file.file_name().is_some_and(|n| n == "source.yaml") || sources::declares(&text) {
        let mut found = sources::findings(&name, &text);
        found.extend(sources::misplaced(file, &text));
        return Ok(found);
    }
    Ok(engine::findings(&name, &text, compat))
}

/// Every error; of each kind of warning the first, and where the others are.
fn report(found: &[Diagnostic]) {
    let mut seen = BTreeSet::new();
    for finding in found {
        let alike = |other: &&Diagnostic| {
            (other.severity, other.code, &other.message)
                == (Severity::Warning, finding.code, &finding.message)
        };
        if finding.severity == Severity::Error {
            print::line(&format!("{finding}\n"));
        } else if seen.insert((finding.code, &finding.message)) {
            let mut others: Vec<_> = found.iter().filter(alike).map(|f| f.span.line).collect();
            // What an alias repeats is found again in the same line.
            others.dedup();
            let others: Vec<_> = others.iter().skip(1).map(u32::to_string).collect();
            let also = match others.as_slice() {
                [] => String::new(),
                lines => format!("\n  also in lines {}", lines.join(", ")),
            };
            print::line(&format!("{finding}{also}\n"));
        }
    }
}

fn as_json(finding: &Diagnostic) -> String {
    json!({
        "code": finding.code,
        "severity": finding.severity.as_str(),
        "file": finding.file,
        "line": finding.span.line,
        "column": finding.span.column,
        "path": finding.path,
        "message": finding.message,
        "help": finding.help,
    })
    .to_string()
}
