//! `cargo xtask gen`: files that are derived from others, so that there is one truth.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, bail};

use crate::chore::root;

mod page;

const BINS_START: &str = "# Functions: written by `cargo xtask gen` from the folders of rules/.\n";

/// Rewrites the generated files, or with `check` fails when one is out of date.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let sources = sources()?;
    let manifest = root().join("functions/Cargo.toml");
    let text = std::fs::read_to_string(&manifest).context("read functions/Cargo.toml")?;
    let head = text.split(BINS_START).next().unwrap_or_default();
    put(
        &manifest,
        &format!("{head}{BINS_START}{}", bins(&sources)),
        check,
    )?;
    for source in &sources {
        let main = root().join(format!("functions/{source}/main.rs"));
        put(&main, &function(source), check)?;
    }
    let declared = folders(&["source.yaml"])?;
    put(
        &root().join("crates/cli/src/built_in.rs"),
        &built_in(&declared, &sources)?,
        check,
    )?;
    put(
        &root().join("docs/sources.md"),
        &page::page(&declared, &sources)?,
        check,
    )
}

/// The ids of all sources that have a declaration and rules: each gets a function.
pub(crate) fn sources() -> anyhow::Result<Vec<String>> {
    folders(&["source.yaml", "rules.yaml"])
}

/// The folders of `rules/` that hold all of these files, by name.
fn folders(files: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("rules")).context("read rules/")? {
        let path = entry?.path();
        if files.iter().all(|file| path.join(file).exists()) {
            let name = path.file_name().context("a source is a folder")?;
            found.push(name.to_string_lossy().into_owned());
        }
    }
    found.sort();
    Ok(found)
}

fn bins(sources: &[String]) -> String {
    sources.iter().fold(String::new(), |mut text, source| {
        let _ = write!(
            text,
            "\n[[bin]]\nname = \"{source}\"\npath = \"{source}/main.rs\"\ntest = false\nbench = false\ndoc = false\n"
        );
        text
    })
}

fn function(source: &str) -> String {
    format!(
        "//! The function of source `{source}`.\n\nhushgate_host::function!(\"{source}\", hushgate_functions::CLOUDS);\n"
    )
}

/// The sources inside the command: the declarations of all, and of those with rules also these, and
/// examples for the demonstration.
fn built_in(declared: &[String], sources: &[String]) -> anyhow::Result<String> {
    let mut text = String::from(
        "//! The sources inside this command. Written by `cargo xtask gen` from the folders of rules/.\n\n\
         use crate::sources::{BuiltIn, Declared};\n\n\
         pub(crate) static DECLARED: &[Declared] = &[\n",
    );
    for source in declared {
        let button = match page::connect_button(source)? {
            Some(name) => {
                let extension = Path::new(&name).extension();
                let svg = extension.is_some_and(|e| e == "svg");
                let media = if svg { "svg+xml" } else { "png" };
                format!(
                    "Some((\n            \"image/{media}\",\n            \
                     include_bytes!(\"../../../rules/{source}/{name}\"),\n        ))"
                )
            }
            None => "None".to_owned(),
        };
        let _ = write!(
            text,
            "    Declared {{\n        id: \"{source}\",\n        \
             source: include_str!(\"../../../rules/{source}/source.yaml\"),\n        \
             button: {button},\n    }},\n"
        );
    }
    text.push_str("];\n\npub(crate) static BUILT_IN: &[BuiltIn] = &[\n");
    for source in sources {
        let folder = format!("../../../rules/{source}");
        let _ = write!(
            text,
            "    BuiltIn {{\n        id: \"{source}\",\n        rules: include_str!(\"{folder}/rules.yaml\"),\n        \
             calls: include_str!(\"{folder}/examples/calls.yaml\"),\n        originals: &[\n"
        );
        for name in originals(source)? {
            let _ = write!(
                text,
                "            (\n                \"{name}\",\n                \
                 include_str!(\"{folder}/examples/original/{name}.json\"),\n            ),\n"
            );
        }
        text.push_str("        ],\n    },\n");
    }
    Ok(text + "];\n")
}

fn originals(source: &str) -> anyhow::Result<Vec<String>> {
    let folder = root().join(format!("rules/{source}/examples/original"));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "json") {
            names.push(
                path.file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
    names.sort();
    Ok(names)
}

fn put(path: &Path, wanted: &str, check: bool) -> anyhow::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|had| had == wanted) {
        return Ok(());
    }
    if check {
        bail!(
            "{} is out of date; run `cargo xtask gen` and commit the result",
            path.display()
        );
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, wanted).with_context(|| format!("write {}", path.display()))
}
