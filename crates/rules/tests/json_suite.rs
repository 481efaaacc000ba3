//! The public parsing suite: what must be read is read, what must be refused is refused, and every
//! choice that RFC 8259 leaves is written down here.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;

use hushgate_rules::json::{Document, Limits, Symbols};

/// Files on which parsers may differ: read or refused, and why.
const CHOICES: &[(&str, bool, &str)] = &[
    (
        "i_number_double_huge_neg_exp",
        true,
        "rounds to zero, as a 64-bit float does",
    ),
    (
        "i_number_huge_exp",
        true,
        "out of range is written as the string Infinity",
    ),
    (
        "i_number_neg_int_huge_exp",
        true,
        "out of range is written as the string -Infinity",
    ),
    (
        "i_number_pos_double_huge_exp",
        true,
        "out of range is written as the string Infinity",
    ),
    (
        "i_number_real_neg_overflow",
        true,
        "out of range is written as the string -Infinity",
    ),
    (
        "i_number_real_pos_overflow",
        true,
        "out of range is written as the string Infinity",
    ),
    (
        "i_number_real_underflow",
        true,
        "rounds to zero, as a 64-bit float does",
    ),
    (
        "i_number_too_big_neg_int",
        true,
        "integers keep every digit",
    ),
    (
        "i_number_too_big_pos_int",
        true,
        "integers keep every digit",
    ),
    (
        "i_number_very_big_negative_int",
        true,
        "integers keep every digit",
    ),
    (
        "i_object_key_lone_2nd_surrogate",
        true,
        "a lone surrogate reads as U+FFFD",
    ),
    (
        "i_string_1st_surrogate_but_2nd_missing",
        true,
        "a lone surrogate reads as U+FFFD",
    ),
    (
        "i_string_1st_valid_surrogate_2nd_invalid",
        true,
        "a lone surrogate reads as U+FFFD",
    ),
    ("i_string_UTF-16LE_with_BOM", false, "only UTF-8 is allowed"),
    (
        "i_string_UTF-8_invalid_sequence",
        false,
        "only valid UTF-8 is allowed",
    ),
    (
        "i_string_UTF8_surrogate_U+D800",
        false,
        "only valid UTF-8 is allowed",
    ),
    (
        "i_string_incomplete_surrogate_and_escape_valid",
        true,
        "a lone surrogate reads as U+FFFD",
    ),
    (
        "i_string_incomplete_surrogate_pair",
        true,
        "a lone surrogate reads as U+FFFD",
    ),
    (
        "i_string_incomplete_surrogates_escape_valid",
        true,
        "a lone surrogate reads as U+FFFD",
    ),
    (
        "i_string_invalid_lonely_surrogate",
        true,
        "a lone surrogate reads as U+FFFD",
    ),
    (
        "i_string_invalid_surrogate",
        true,
        "a lone surrogate reads as U+FFFD",
    ),
    (
        "i_string_invalid_utf-8",
        false,
        "only valid UTF-8 is allowed",
    ),
    (
        "i_string_inverted_surrogates_U+1D11E",
        true,
        "a lone surrogate reads as U+FFFD",
    ),
    ("i_string_iso_latin_1", false, "only valid UTF-8 is allowed"),
    (
        "i_string_lone_second_surrogate",
        true,
        "a lone surrogate reads as U+FFFD",
    ),
    (
        "i_string_lone_utf8_continuation_byte",
        false,
        "only valid UTF-8 is allowed",
    ),
    (
        "i_string_not_in_unicode_range",
        false,
        "only valid UTF-8 is allowed",
    ),
    (
        "i_string_overlong_sequence_2_bytes",
        false,
        "only valid UTF-8 is allowed",
    ),
    (
        "i_string_overlong_sequence_6_bytes",
        false,
        "only valid UTF-8 is allowed",
    ),
    (
        "i_string_overlong_sequence_6_bytes_null",
        false,
        "only valid UTF-8 is allowed",
    ),
    (
        "i_string_truncated-utf-8",
        false,
        "only valid UTF-8 is allowed",
    ),
    ("i_string_utf16BE_no_BOM", false, "only UTF-8 is allowed"),
    ("i_string_utf16LE_no_BOM", false, "only UTF-8 is allowed"),
    (
        "i_structure_500_nested_arrays",
        false,
        "deeper than the default limit of 256",
    ),
    (
        "i_structure_UTF-8_BOM_empty_object",
        false,
        "RFC 8259 forbids senders to add a BOM",
    ),
];

fn suites() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("HUSHGATE_SHARED").unwrap_or_else(|| beside.into());
    PathBuf::from(shared).join("suites/json/test_parsing")
}

#[test]
fn agrees_with_the_public_parsing_suite() {
    let folder = suites();
    if !folder.is_dir() {
        // Past the capture of passing tests' output.
        let _ = writeln!(std::io::stderr(), "skipped: {} not found", folder.display());
        return;
    }
    let symbols = Symbols::new();
    let mut wrong = Vec::new();
    let mut chosen = BTreeSet::new();
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        let parsed = Document::parse(&bytes, &symbols, Limits::default());
        let accept = match name.as_bytes()[0] {
            b'y' => true,
            b'n' => false,
            _ => match CHOICES.iter().find(|choice| choice.0 == name) {
                Some(choice) => choice.1,
                None => panic!("{name} is in no list of choices"),
            },
        };
        if name.starts_with("i_") {
            chosen.insert(name.clone());
        }
        if parsed.is_ok() != accept {
            wrong.push(format!("{name}: {:?}", parsed.err()));
        } else if let Ok(document) = &parsed {
            check_output(&name, document);
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(
        chosen.len(),
        CHOICES.len(),
        "every choice stands for a file"
    );
    assert!(count >= 300, "only {count} files");
}

/// What was read is written as valid JSON, and reads back as the same text.
fn check_output(name: &str, document: &Document<'_>) {
    let text = document.to_text();
    assert!(
        serde_json::from_str::<serde_json::Value>(&text).is_ok(),
        "{name}"
    );
    let again = Document::parse(text.as_bytes(), document.symbols(), Limits::default());
    assert_eq!(again.map(|again| again.to_text()), Ok(text), "{name}");
}
