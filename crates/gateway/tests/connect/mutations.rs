//! Every shipped `source.yaml`, broken at each of its keys in turn: the error stands at that line.

use std::fmt::Write as _;

use hushgate_gateway::connect::{Source, SourceOptions};

/// Mappings whose names are the vendor's, so that any name is right.
const FREE: [&str; 8] = [
    "params",
    "refresh_params",
    "authorize_params",
    "headers",
    "query",
    "form",
    "json",
    "body",
];

/// A key of a declaration that stands at the beginning of its line.
struct Key<'t> {
    /// From 1.
    line: usize,
    /// White space, and the dash of a list.
    before: &'t str,
    name: &'t str,
    /// What follows the colon; empty when the value is on the next lines.
    value: &'t str,
}

fn keys(text: &str) -> Vec<Key<'_>> {
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut keys = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let content = line.trim_start_matches([' ', '-']);
        let (before, content) = line.split_at(line.len() - content.len());
        let Some((name, value)) = content.split_once(':') else {
            continue;
        };
        let word = |c: char| c.is_ascii_lowercase() || c == '_';
        let value = value.trim();
        if !name.chars().all(word) || name.is_empty() || content.starts_with('#') {
            continue;
        }
        open.retain(|(indent, _)| *indent < before.len());
        let free = open.last().is_some_and(|(_, name)| FREE.contains(name));
        open.push((before.len(), name));
        if !free {
            keys.push(Key {
                line: at + 1,
                before,
                name,
                value,
            });
        }
    }
    keys
}

/// The ways to break a key: what stands instead of its line, and by how many lines the error may
/// stand below it.
fn broken(key: &Key<'_>) -> Vec<(&'static str, String, usize)> {
    let Key {
        before,
        name,
        value,
        ..
    } = key;
    let indent = " ".repeat(before.len());
    let mut ways = vec![("misspelt", format!("{before}{name}x: {value}"), 0)];
    if !value.is_empty() && !value.starts_with(['>', '|']) {
        let twice = format!("{before}{name}: {value}\n{indent}{name}: {value}");
        ways.push(("twice", twice, 1));
        ways.push(("a deep list", format!("{before}{name}: [[[[x]]]]"), 0));
        if !FREE.contains(name) {
            ways.push((
                "a foreign mapping",
                format!("{before}{name}: {{zzz: 1}}"),
                0,
            ));
        }
    }
    if value.contains("{{") {
        let unknown = value.replace("{{", "{{NO_SUCH_");
        ways.push(("an unknown field", format!("{before}{name}: {unknown}"), 0));
        let unclosed = value.replace("}}", "}");
        ways.push(("an open template", format!("{before}{name}: {unclosed}"), 0));
    }
    ways
}

#[test]
fn every_broken_key_of_every_shipped_source_is_told_at_its_line() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules");
    let (mut tried, mut untold) = (0, String::new());
    for folder in std::fs::read_dir(rules).unwrap() {
        let file = folder.unwrap().path().join("source.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        for key in keys(&text) {
            for (way, instead, below) in broken(&key) {
                let mut lines: Vec<&str> = text.lines().collect();
                lines[key.line - 1] = &instead;
                let text = lines.join("\n");
                let loaded = Source::load("source.yaml", &text, SourceOptions::default());
                let told = loaded.err().unwrap_or_default();
                let here = |line: u32| {
                    let line = usize::try_from(line).unwrap();
                    (key.line..=key.line + below).contains(&line)
                };
                tried += 1;
                if !told.iter().any(|p| here(p.span.line) && !p.help.is_empty()) {
                    let places: Vec<_> = told.iter().map(|p| (p.span.line, &p.message)).collect();
                    let (file, line, name) = (file.display(), key.line, key.name);
                    writeln!(untold, "{file}:{line}: {name}: {way}: {places:?}").unwrap();
                }
            }
        }
    }
    assert!(tried > 2000, "{tried}");
    assert!(untold.is_empty(), "{untold}");
}
