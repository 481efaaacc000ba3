//! Every row of the tables in the specification of the rule language is shown by a test or a case:
//! `specification.md` names it. A row without one, a row that is no more and a test that is no more fail.
//!
//! The specification is in a shared folder beside the repository; without it only the page itself is checked.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail the test"
)]

#[path = "support/evidence.rs"]
mod evidence;

use std::collections::{BTreeMap, BTreeSet};

use evidence::{Evidence, root, shared};

/// What a row may wait for. Whoever builds it takes it off this list and writes the cases.
const LATER: [&str; 3] = ["files", "webhooks", "asynchronous requests"];

/// Sections whose cells hold what goes in and comes out; it must stand so in the case file that the page names.
const LITERAL: [&str; 3] = ["2.1", "3.2", "3.5"];

/// The section that one test reads from a file of vectors: their ids are its rows.
const VECTORS: &str = "5.9";

#[derive(Debug)]
struct Row {
    section: String,
    number: usize,
    cells: Vec<String>,
}

/// The page: short names of files, and for each row its beginning and what shows it.
struct Page {
    files: BTreeMap<String, String>,
    rows: BTreeMap<String, (String, Vec<String>)>,
}

#[test]
fn whatever_the_page_names_exists() {
    let page = page();
    let mut evidence = Evidence::default();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (row, (_, shown_by)) in &page.rows {
        for one in shown_by {
            let (file, name) = split(one);
            used.insert(file.to_owned());
            if file == "later" {
                let known = LATER.contains(&name);
                wrong.extend((!known).then(|| format!("{row}: {name} is there")));
                continue;
            }
            let reference = format!("{}::{}", page.path(file), page.held(file, name));
            let problem = evidence.problem(&reference);
            wrong.extend(problem.map(|problem| format!("{row}: {problem}")));
        }
    }
    let unused = page.files.keys().filter(|file| !used.contains(*file));
    wrong.extend(unused.map(|file| format!("no row names the file {file}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_of_the_specification_is_shown() {
    let Some(specification) = shared("spec/rule-language.md") else {
        return;
    };
    let rows = tables(&std::fs::read_to_string(specification).unwrap());
    assert!(rows.len() > 200, "{}", rows.len());
    let page = page();
    let mut named: BTreeSet<&String> = page.rows.keys().collect();
    let mut wrong = Vec::new();
    for row in rows.iter().filter(|row| row.section != VECTORS) {
        let id = format!("{}/{}", row.section, row.number);
        named.remove(&id);
        match page.rows.get(&id) {
            None => wrong.push(format!("{id}: nothing shows {:?}", row.cells[0])),
            Some((begins, _)) if *begins != beginning(&row.cells[0]) => {
                wrong.push(format!("{id}: {begins:?} is now {:?}", row.cells[0]));
            }
            Some((_, shown_by)) => wrong.extend(page.missing_literals(row, shown_by)),
        }
    }
    named.remove(&format!("{VECTORS}/*"));
    wrong.extend(named.iter().map(|id| format!("{id}: no such row")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_vector_in_the_specification_is_among_those_that_are_run() {
    let Some(specification) = shared("spec/rule-language.md") else {
        return;
    };
    let vectors = specification.with_file_name("pseudonym-vectors.json");
    let vectors = std::fs::read_to_string(vectors).unwrap();
    let vectors: serde_json::Value = serde_json::from_str(&vectors).unwrap();
    let run: BTreeSet<&str> = vectors["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|vector| vector["id"].as_str().unwrap())
        .collect();
    let rows = tables(&std::fs::read_to_string(specification).unwrap());
    let rows = rows.iter().filter(|row| row.section == VECTORS);
    let ids: Vec<&str> = rows.map(|row| row.cells[0].as_str()).collect();
    let missing: Vec<_> = ids.iter().filter(|id| !run.contains(**id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(ids.len() > 40, "{}", ids.len());
    let page = page();
    assert!(page.rows.contains_key(&format!("{VECTORS}/*")));
}

impl Page {
    fn path(&self, file: &str) -> &str {
        let path = self.files.get(file);
        path.unwrap_or_else(|| panic!("{file}: not in the page's table of files"))
    }

    /// How a case file holds a case of that name.
    fn held(&self, file: &str, name: &str) -> String {
        let path = self.path(file);
        if path.contains("/cases/") {
            return format!("title: {name}");
        }
        if path.ends_with("semantics.json") {
            return format!("\"about\": \"{name}\"");
        }
        name.to_owned()
    }

    /// What a row's cells hold and the files that are said to show it don't.
    fn missing_literals(&self, row: &Row, shown_by: &[String]) -> Vec<String> {
        if !LITERAL.contains(&row.section.as_str()) {
            return Vec::new();
        }
        let texts: Vec<String> = shown_by
            .iter()
            .map(|one| {
                let (file, name) = split(one);
                let text = std::fs::read_to_string(root().join(self.path(file))).unwrap();
                case(&text, &self.held(file, name))
            })
            .collect();
        let needles = needles(row);
        let missing = needles.iter().filter(|forms| {
            let held = |form: &String| texts.iter().any(|text| text.contains(form));
            !forms.iter().any(held)
        });
        let id = format!("{}/{}", row.section, row.number);
        missing
            .map(|forms| format!("{id}: no case with {}", forms[0]))
            .collect()
    }
}

/// The case of that title and what follows up to the next one; where cases have no titles, all of them.
fn case(text: &str, name: &str) -> String {
    let rest = text.split_once(name).map_or("", |(_, rest)| rest);
    let whole = if name.starts_with("title: ") {
        rest.split("title: ").next()
    } else if name.starts_with("\"about\"") {
        rest.lines().next()
    } else {
        Some(text)
    };
    whole.unwrap_or_default().to_owned()
}

/// What must stand in a case file for a row, each in the forms that it may have there.
fn needles(row: &Row) -> Vec<Vec<String>> {
    let inputs = literals(&row.cells[1]);
    match row.section.as_str() {
        "2.1" => {
            let refused = literals(&row.cells[2]);
            let calls = inputs.iter().chain(&refused);
            let ends = [",", "\","];
            calls
                .map(|call| ends.map(|end| format!("GET {call}{end}")).to_vec())
                .collect()
        }
        "3.2" => {
            let path = literals(&row.cells[0]).remove(0);
            let case = |document| format!("\"path\": \"{path}\", \"document\": {document},");
            inputs.iter().map(|document| vec![case(document)]).collect()
        }
        // A value of the path `$.v`, or the whole document.
        _ => {
            let forms = |input: &String| {
                let whole = input.starts_with('{').then(|| format!("input: '{input}'"));
                let value = format!("input: '{{\"v\":{input}}}'");
                whole.into_iter().chain([value]).collect()
            };
            let values = inputs.iter().filter(|input| !is_word(input));
            values.map(forms).collect()
        }
    }
}

/// A name rather than a JSON value.
fn is_word(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_err()
}

/// The texts between back-ticks.
fn literals(cell: &str) -> Vec<String> {
    let pieces = cell.split('`').skip(1).step_by(2);
    pieces.map(str::to_owned).collect()
}

fn split(one: &str) -> (&str, &str) {
    one.split_once(": ")
        .unwrap_or_else(|| panic!("{one:?} is not `file: name`"))
}

fn page() -> Page {
    let file = root().join("crates/rules/tests/specification.md");
    let text = std::fs::read_to_string(file).unwrap();
    let mut files = BTreeMap::new();
    let mut rows = BTreeMap::new();
    for Row { cells, .. } in tables(&text) {
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let new = match cells[..] {
            [name, path] => files.insert(name.to_owned(), path.to_owned()).is_none(),
            [row, begins, shown_by] => {
                let shown_by = shown_by.split("; ").map(str::to_owned).collect();
                let entry = (begins.to_owned(), shown_by);
                rows.insert(row.to_owned(), entry).is_none()
            }
            _ => panic!("{cells:?}"),
        };
        assert!(new, "twice: {cells:?}");
    }
    Page { files, rows }
}

/// The rows of all tables of a Markdown text, numbered within their sections.
fn tables(text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut section = String::new();
    let mut line_of_table = 0;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("##") {
            let number = title.trim_start_matches('#').trim_start();
            let number: String = number
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == '.')
                .collect();
            if !number.is_empty() {
                number.trim_end_matches('.').clone_into(&mut section);
            }
        }
        line_of_table = if line.starts_with('|') {
            line_of_table + 1
        } else {
            0
        };
        // The first two lines name the columns.
        if line_of_table > 2 {
            let number = rows.iter().filter(|row| row.section == section).count() + 1;
            rows.push(Row {
                section: section.clone(),
                number,
                cells: cells(line),
            });
        }
    }
    rows
}

fn cells(line: &str) -> Vec<String> {
    const BAR: char = '\u{0}';
    let line = line.trim().replace("\\|", &BAR.to_string());
    let inner = line.trim_start_matches('|').trim_end_matches('|');
    inner
        .split('|')
        .map(|cell| cell.trim().replace(BAR, "|"))
        .collect()
}

/// The beginning of a cell, enough to notice that rows moved.
fn beginning(cell: &str) -> String {
    let plain: String = cell.chars().filter(|c| *c != '`').take(24).collect();
    plain.trim().to_owned()
}
