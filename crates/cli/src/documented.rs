//! Every code that a command can fail with is on its page, and no other.

use std::collections::BTreeSet;
use std::path::Path;

use hushgate_gateway::codes::Known;

use crate::{call, connection};

const TABLE: &str = "| code | meaning | what to do |\n|---|---|---|\n";

/// Compares the one table of codes of a page with these; writes it with `BLESS=1`.
fn check(page: &str, tables: &[&[Known]]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(TABLE).unwrap();
    let end = if rest.starts_with('\n') {
        0
    } else {
        rest.find("\n\n").map_or(rest.len(), |at| at + 1)
    };
    let rows: String = tables.iter().copied().flatten().map(Known::row).collect();
    if std::env::var_os("BLESS").is_some() {
        let after = &rest[end..];
        std::fs::write(&path, format!("{head}{TABLE}{rows}{after}")).unwrap();
        return;
    }
    assert!(
        rest[..end] == rows,
        "docs/{page} is old: run BLESS=1 cargo test -p hushgate-cli documented"
    );
    let mut seen = BTreeSet::new();
    for known in tables.iter().copied().flatten() {
        assert!(seen.insert(known.code), "`{}` stands twice", known.code);
        let kebab = known
            .code
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(kebab, "`{}`", known.code);
        for text in [known.meaning, known.next] {
            let fits = text.len() > 8 && !text.contains(['|', '\n']) && !text.ends_with('.');
            assert!(fits, "`{}`: {text}", known.code);
        }
    }
}

#[test]
fn every_code_of_connections_and_vaults_is_documented_and_no_other() {
    let tables = [connection::code::Code::TABLE, hushgate_host::store::CODES];
    check("connection-command.md", &tables);
}

#[test]
fn every_code_of_calls_is_documented_and_no_other() {
    check("call.md", &[call::code::Code::TABLE]);
}
