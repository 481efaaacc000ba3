//! Bodies and rules made to get something past the sanitizer, or to bring it down.

use hushgate_rules::json::Limits;
use hushgate_rules::pseudonym::{CompatKeys, CompatSecrets, Options, Pseudonymizer, Scheme};
use hushgate_rules::sanitize::{SanitizeLimits, Sanitizer};

use crate::support::{good_plan, plan, sanitize, sanitized, sanitizer};

const PSEUDONYMIZE: &str = "transforms:\n  - !<pseudonymize>\n    jsonPaths: ['$..id']";
const SCHEMA: &str = "responseSchema: {type: object, properties: {s: {type: string}}}";

fn both(check: impl Fn(Scheme)) {
    check(Scheme::Native);
    check(Scheme::Compat);
}

#[test]
fn refuses_deep_nesting_with_a_code() {
    both(|scheme| {
        let body = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let error = sanitizer(scheme).sanitize(&good_plan(SCHEMA, scheme), body.as_bytes());
        assert_eq!(error.unwrap_err().code(), "json-too-deep");
    });
}

#[test]
fn takes_nesting_up_to_the_limit() {
    let rules = "responseSchema: {$ref: '#/definitions/N'}\n\
                 transforms:\n  - !<redact>\n    jsonPaths: ['$..v']";
    let definitions = "N: {type: object, properties: {n: {$ref: '#/definitions/N'}}}";
    both(|scheme| {
        let depth = Limits::default().max_depth;
        let body = format!(
            "{}{{}}{}",
            "{\"n\":".repeat(depth - 1),
            "}".repeat(depth - 1)
        );
        let done = sanitized(
            &plan(rules, definitions, scheme).unwrap(),
            body.as_bytes(),
            scheme,
        );
        assert_eq!(String::from_utf8_lossy(done.bytes()), body);
    });
}

#[test]
fn refuses_bodies_beyond_the_limits() {
    let plan = good_plan(PSEUDONYMIZE, Scheme::Native);
    let code = |limits, body: &str| {
        let sanitizer = sanitizer(Scheme::Native).with_limits(limits);
        sanitizer
            .sanitize(&plan, body.as_bytes())
            .unwrap_err()
            .code()
    };
    let limits = SanitizeLimits::default();
    let json = Limits {
        max_bytes: 10,
        ..limits.json
    };
    assert_eq!(
        code(SanitizeLimits { json, ..limits }, "[1,2,3,4,5,6]"),
        "json-too-large"
    );
    let documents = SanitizeLimits {
        max_documents: 2,
        ..limits
    };
    assert_eq!(code(documents, "1 2 3"), "too-many-documents");
    let output = SanitizeLimits {
        max_output_bytes: 8,
        ..limits
    };
    assert_eq!(code(output, r#"{"id":"a"}"#), "output-too-large");
}

#[test]
fn a_forged_token_is_pseudonymized_like_any_text() {
    both(|scheme| {
        for forged in ["t~", "p~"] {
            let token = format!("{forged}{}", "A".repeat(43));
            let out = sanitize(PSEUDONYMIZE, &format!(r#"{{"id":"{token}"}}"#), scheme);
            assert!(!out.contains(&token), "{out}");
        }
    });
}

#[test]
fn native_mode_keeps_a_pseudonym_made_in_the_same_response() {
    let once = sanitize(PSEUDONYMIZE, r#"{"id":"u-1"}"#, Scheme::Native);
    let twice = "transforms:\n\
        \x20 - !<pseudonymize>\n    jsonPaths: ['$.id', '$..id']\n\
        \x20 - !<pseudonymize>\n    jsonPaths: ['$..id']\n\
        \x20 - !<tokenize>\n    jsonPaths: ['$..id']";
    assert_eq!(sanitize(twice, r#"{"id":"u-1"}"#, Scheme::Native), once);
}

#[test]
fn a_pseudonym_can_still_be_redacted() {
    let rules = format!("{PSEUDONYMIZE}\n  - !<redact>\n    jsonPaths: ['$..id']");
    both(|scheme| assert_eq!(sanitize(&rules, r#"{"id":"u-1"}"#, scheme), "{}"));
}

#[test]
fn a_partly_replaced_value_is_replaced_as_a_whole_later() {
    let rules = "transforms:\n\
        \x20 - !<pseudonymizeRegexMatches>\n    jsonPaths: [$.v]\n    regex: '@(\\w+)'\n\
        \x20 - !<pseudonymize>\n    jsonPaths: [$.v]";
    both(|scheme| {
        let out = sanitize(rules, r#"{"v":"secret @ada"}"#, scheme);
        assert!(!out.contains("secret"), "{out}");
    });
}

#[test]
fn the_schema_lets_nothing_past_under_a_plus_sign() {
    both(|scheme| {
        let body = r#"{"+s:textDigest":"secret","+":"secret","s":"x"}"#;
        assert_eq!(sanitize(SCHEMA, body, scheme), r#"{"s":"x"}"#);
    });
}

#[test]
fn duplicated_and_escaped_names_hide_nothing() {
    both(|scheme| {
        let body = r#"{"id":"secret-1","i\u0064":"secret-2","x":{"\u0069d":"secret-3"}}"#;
        let out = sanitize(PSEUDONYMIZE, body, scheme);
        assert!(!out.contains("secret"), "{out}");
        let out = sanitize(
            SCHEMA,
            r#"{"x":"secret","\u0078":"secret","s":"k"}"#,
            scheme,
        );
        assert_eq!(out, r#"{"s":"k"}"#);
    });
}

#[test]
fn huge_numbers_do_no_harm() {
    both(|scheme| {
        let digits = "9".repeat(100_000);
        let out = sanitize(PSEUDONYMIZE, &format!(r#"{{"id":{digits}}}"#), scheme);
        assert!(out.contains("t~") && !out.contains("999"), "{out}");
        let schema = "responseSchema: {type: object, properties: {s: {type: integer}}}";
        let body = format!(r#"{{"s":1e999999,"t":{digits}}}"#);
        assert_eq!(sanitize(schema, &body, scheme), r#"{"s":null}"#);
    });
}

#[test]
fn a_regex_bomb_redacts_the_value() {
    let rules = "transforms:\n\
        \x20 - !<redactRegexMatches>\n    jsonPaths: [$.v]\n    redactions: ['(a|a)*\\1b']";
    both(|scheme| {
        let done = sanitized(
            &good_plan(rules, scheme),
            format!(r#"{{"v":"{}","k":1}}"#, "a".repeat(64)).as_bytes(),
            scheme,
        );
        assert_eq!(String::from_utf8_lossy(done.bytes()), r#"{"v":null,"k":1}"#);
        assert_eq!(done.report().failures(), 1);
    });
}

#[test]
fn inner_json_that_is_too_deep_is_redacted() {
    let rules = "transforms:\n  - !<textDigest>\n    jsonPaths: [$.v]\n    \
                 isJsonEscaped: true\n    jsonPathToProcessWhenEscaped: $..text";
    both(|scheme| {
        let body = format!(r#"{{"v":"{}","k":1}}"#, "[".repeat(50_000));
        assert_eq!(sanitize(rules, &body, scheme), r#"{"v":null,"k":1}"#);
    });
}

#[test]
fn broken_bytes_are_refused() {
    both(|scheme| {
        let plan = good_plan(SCHEMA, scheme);
        for (body, code) in [
            (&b"{\"s\":\"\xff\"}"[..], "json-not-utf8"),
            (b"\xef\xbb\xbf{}", "json-invalid"),
            (b"{\"s\":\"x\"", "json-invalid"),
            (b"{\"s\":\"x\"}}", "json-invalid"),
            (b"{'s':'x'}", "json-invalid"),
        ] {
            assert_eq!(
                sanitizer(scheme).sanitize(&plan, body).unwrap_err().code(),
                code
            );
        }
    });
}

#[test]
fn refuses_rules_that_could_not_work() {
    let refused = [
        ("responseSchema: {format: date}", "schema-root-untyped"),
        ("responseSchema: {type: null}", "schema-root-untyped"),
        (
            "responseSchema: {$ref: '#/definitions/Absent'}",
            "schema-reference",
        ),
        ("responseSchema: {$ref: '#'}", "schema-reference"),
        (
            "responseSchema: {$ref: 'https://example.com/x'}",
            "schema-reference",
        ),
        (
            "responseSchema: {type: object, if: {}, then: {}}",
            "schema-condition",
        ),
        (
            "responseSchema: {type: array, items: {const: x}}",
            "schema-untyped",
        ),
        (
            "transforms:\n  - !<pseudonymizeRegexMatches>\n    jsonPaths: [$.v]",
            "missing-key",
        ),
        (
            "transforms:\n  - !<tokenize>\n    jsonPaths: [$.v]\n    regex: a",
            "tokenize-without-group",
        ),
        (
            "transforms:\n  - !<tokenize>\n    jsonPaths: [$.v]\n    regex: (a",
            "regex-invalid",
        ),
        (
            "transforms:\n  - !<redactRegexMatches>\n    jsonPaths: [$.v]\n    redactions: ['\\G']",
            "regex-unsupported",
        ),
    ];
    both(|scheme| {
        for (rules, code) in refused {
            let found = plan(rules, "", scheme).expect_err(rules);
            let codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
            assert!(codes.contains(&code), "{rules}: {codes:?}");
            let finding = found.iter().find(|finding| finding.code == code).unwrap();
            assert!(
                finding.span.line > 0 && !finding.help.is_empty(),
                "{finding}"
            );
        }
    });
}

#[test]
fn a_reference_that_leads_only_to_itself_is_refused() {
    let rules = "responseSchema: {$ref: '#/definitions/A'}";
    let circle = "A: {$ref: '#/definitions/B'}\nB: {$ref: '#/definitions/A'}";
    let found = plan(rules, circle, Scheme::Native).expect_err("a circle");
    assert!(
        found
            .iter()
            .any(|finding| finding.code == "schema-reference"),
        "{found:?}"
    );
}

#[test]
fn a_missing_encryption_key_is_told_before_the_first_response_and_leaks_nothing() {
    let keys = CompatKeys::new(CompatSecrets::new("salt", None));
    let sanitizer = Sanitizer::new(Pseudonymizer::compat(keys, Options::default()).unwrap());
    for transform in [
        "!<tokenize>",
        "!<encryptIp>",
        "!<pseudonymize>\n    includeReversible: true",
    ] {
        let rules = format!("transforms:\n  - {transform}\n    jsonPaths: [$.v]");
        let plan = good_plan(&rules, Scheme::Compat);
        assert!(sanitizer.check(&plan).is_err(), "{transform}");
        let done = sanitizer.sanitize(&plan, br#"{"v":"10.0.0.1"}"#).unwrap();
        assert_eq!(done.bytes(), br#"{"v":null}"#, "{transform}");
        assert_eq!(done.report().failures(), 1);
    }
    assert!(
        sanitizer
            .check(&good_plan(PSEUDONYMIZE, Scheme::Compat))
            .is_ok()
    );
}
