//! Every value that must never be in a log: the fixtures' identifiers, and the tests' secrets.

use std::sync::OnceLock;

use serde_json::Value;

use super::function::root;

/// Secrets that the tests configure; any of them in a log is a leak.
pub(crate) const SECRETS: &[&str] = &[
    "sample-access-token",
    "e2e-client-secret",
    "a secret of the tests only",
    "aHVzaGdhdGUtZTJlLWtleS1ub3QtYS1zZWNyZXQtMzI=",
    "quentin.hollis",
    "Quentin Hollis",
];

/// The identifiers of all sources' `pii.txt`, and [`SECRETS`].
///
/// Values of fewer than five characters are left out: they occur by chance.
pub(crate) fn all() -> &'static [String] {
    static ALL: OnceLock<Vec<String>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut values: Vec<String> = SECRETS.iter().map(|s| (*s).to_owned()).collect();
        for entry in std::fs::read_dir(root().join("rules")).expect("rules/") {
            let path = entry.expect("an entry").path().join("examples/pii.txt");
            let text = std::fs::read_to_string(path).unwrap_or_default();
            values.extend(
                text.lines()
                    .map(str::trim)
                    .filter(|line| line.len() >= 5 && !line.starts_with('#'))
                    .map(str::to_owned),
            );
        }
        assert!(
            values.len() > SECRETS.len(),
            "the fixtures name no identifiers"
        );
        values
    })
}

/// Which identifiers occur in `text`, which may be a log. The digits of a time or of a request id may be
/// anybody's, and count for nobody.
pub(crate) fn found_in(text: &str) -> Vec<&'static str> {
    let lines: Vec<String> = text.lines().map(without_time).collect();
    let values = all().iter().map(String::as_str);
    values
        .filter(|value| lines.iter().any(|line| stands_in(line, value)))
        .collect()
}

fn without_time(line: &str) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_str(line) else {
        return line.to_owned();
    };
    members.remove("timestamp");
    Value::Object(members).to_string()
}

fn stands_in(line: &str, value: &str) -> bool {
    line.match_indices(value).any(|(at, _)| {
        let is_digit = |c: &char| matches!(c, '0'..='9' | 'a'..='f');
        let before = line[..at].chars().rev().take_while(is_digit).count();
        let after = line[at..].chars().take_while(is_digit).count();
        let in_a_request_id = before + after == 32 && after >= value.len() && value.len() < 32;
        !in_a_request_id
    })
}

#[test]
fn digits_of_a_time_or_of_a_request_id_are_nobodys() {
    let digits = |value: &&String| value.len() == 6 && value.bytes().all(|b| b.is_ascii_digit());
    let value = all().iter().find(digits).expect("a number of six digits");
    let line = |time, id: &str, detail| {
        format!(
            "{{\"timestamp\":\"2026-01-02T03:04:05.{time}Z\",\"request_id\":\"{id}\",\"detail\":\"{detail}\"}}\n"
        )
    };
    let id = format!("{value:a>20}{:b>12}", "");
    assert_eq!(id.len(), 32);
    assert!(found_in(&line(value.as_str(), &id, "")).is_empty());
    assert!(found_in(&format!("x-hushgate-request-id: {id}")).is_empty());
    assert_eq!(found_in(&line("000000", &id, value)), [value]);
    assert_eq!(found_in(&format!("{id}0")), [value]);
}

#[test]
fn every_identifier_is_found_wherever_it_stands_in_a_log() {
    let missed: Vec<_> = all()
        .iter()
        .filter(|value| {
            let line = format!("{{\"level\":\"WARN\",\"detail\":\"x{value}y\"}}\n");
            !found_in(&line).contains(&value.as_str())
        })
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
    for entry in std::fs::read_dir(root().join("rules")).expect("rules/") {
        let folder = entry.expect("an entry").path();
        // A source that is only declared has no examples yet.
        if !folder.join("rules.yaml").is_file() {
            continue;
        }
        let file = folder.join("examples/pii.txt");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            text.lines()
                .any(|line| all().iter().any(|v| v == line.trim())),
            "no identifier of {} is searched for",
            folder.display()
        );
    }
}

#[test]
fn a_log_without_identifiers_is_clean() {
    let log = "{\"level\":\"INFO\",\"source\":\"zoom\",\"status\":200}\n";
    assert_eq!(found_in(log), Vec::<&str>::new());
}

#[test]
#[should_panic(expected = "holds [\"quentin.hollis\"]")]
fn a_function_whose_log_names_a_person_fails_its_test() {
    use super::function::Function;
    let function = Function::start("zoom", &[("HUSHGATE_LISTEN", "127.0.0.1")]);
    function.plant("a line that names quentin.hollis\n");
    drop(function);
}
