//! Rules for files and for collectors of webhooks: every key is read as it is written.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use hushgate_rules::language::{
    ColumnarRules, FieldStep, FileRules, LoadOptions, NamedTexts, PseudonymEncoding, RecordFormat,
    RecordRules, RecordTransformKind, RuleFile, RuleKind, Spanned, WebhookRules, parse,
};

fn read(text: &str) -> RuleFile {
    parse("rules.yaml", text, LoadOptions::default())
        .unwrap_or_else(|found| panic!("{found:?}\n{text}"))
        .rules
}

fn columnar(text: &str) -> ColumnarRules {
    match read(text) {
        RuleFile::Columnar(rules) => rules,
        other => panic!("{other:?}"),
    }
}

fn record(text: &str) -> RecordRules {
    match read(text) {
        RuleFile::Record(rules) => rules,
        other => panic!("{other:?}"),
    }
}

fn webhook(text: &str) -> WebhookRules {
    let options = LoadOptions {
        kind: Some(RuleKind::Webhook),
        ..LoadOptions::default()
    };
    match parse("rules.yaml", text, options).unwrap().rules {
        RuleFile::Webhook(rules) => rules,
        other => panic!("{other:?}"),
    }
}

fn texts(list: &[Spanned<String>]) -> Vec<&str> {
    list.iter().map(|text| text.as_str()).collect()
}

fn pairs(list: &NamedTexts) -> Vec<(&str, &str)> {
    let pair = list.iter().map(|(from, to)| (from.as_str(), to.as_str()));
    pair.collect()
}

#[test]
fn every_key_of_columnar_rules_is_read() {
    let rules = columnar(
        r#"
delimiter: "||"
columnsToPseudonymize: [id, "Manager ID"]
columnsToPseudonymizeIfPresent: [mentor]
columnsToRedact: [name]
columnsToInclude: [id, dept]
columnsToRename: {id: employee, dept: team}
columnsToDuplicate: {id: id2}
pseudonymFormat: URL_SAFE_TOKEN
fieldsToTransform:
  mail:
    newName: user
    transforms:
      - filter: "(.*)@.*"
      - formatString: "u-%s"
      - javaRegExpReplace: {regExp: "a", replace: "b"}
      - pseudonymize: true
  other: {newName: copy, sourceColumn: dept, transforms: [pseudonymize: false]}
"#,
    );
    assert_eq!(rules.delimiter.as_ref().unwrap().value, "||");
    assert_eq!(texts(&rules.columns_to_pseudonymize), ["id", "Manager ID"]);
    assert_eq!(texts(&rules.columns_to_pseudonymize_if_present), ["mentor"]);
    assert_eq!(texts(&rules.columns_to_redact), ["name"]);
    assert_eq!(texts(&rules.columns_to_include.unwrap()), ["id", "dept"]);
    let renamed = pairs(&rules.columns_to_rename);
    assert_eq!(renamed, [("id", "employee"), ("dept", "team")]);
    assert_eq!(pairs(&rules.columns_to_duplicate), [("id", "id2")]);
    assert_eq!(
        rules.pseudonym_format,
        Some(PseudonymEncoding::UrlSafeToken)
    );
    let (key, pipeline) = &rules.fields_to_transform[0];
    assert_eq!((key.as_str(), pipeline.new_name.as_str()), ("mail", "user"));
    assert_eq!(pipeline.source_column, None);
    let steps: Vec<&FieldStep> = pipeline.transforms.iter().map(|step| &step.value).collect();
    match &steps[..] {
        [
            FieldStep::Filter(filter),
            FieldStep::FormatString(format),
            FieldStep::RegexReplace {
                pattern,
                replacement,
            },
            FieldStep::Pseudonymize(true),
        ] => {
            let read = [filter, format, pattern, replacement].map(|text| text.as_str());
            assert_eq!(read, ["(.*)@.*", "u-%s", "a", "b"]);
        }
        other => panic!("{other:?}"),
    }
    let (_, second) = &rules.fields_to_transform[1];
    assert_eq!(second.source_column.as_ref().unwrap().value, "dept");
    assert_eq!(second.transforms[0].value, FieldStep::Pseudonymize(false));
}

/// What a missing key means is told apart from an empty list: nothing listed, or nothing kept.
#[test]
fn absent_keys_of_columnar_rules_are_not_empty_ones() {
    let rules = columnar("columnsToRedact: [name]");
    assert_eq!((rules.delimiter, rules.pseudonym_format), (None, None));
    assert_eq!(rules.columns_to_include, None);
    assert!(rules.columns_to_pseudonymize.is_empty());
    let rules = columnar("columnsToInclude: []");
    assert_eq!(rules.columns_to_include, Some(Vec::new()));
}

/// A leftover of older files is known and said to do nothing, not taken for a misspelt key.
#[test]
fn the_leftover_scope_of_columnar_rules_has_no_effect() {
    let text = "columnsToRedact: [name]\ndefaultScopeIdForSource: hris\n";
    let options = |compat| LoadOptions { compat, kind: None };
    let found = parse("rules.yaml", text, options(false)).unwrap_err();
    let codes: Vec<&str> = found.iter().map(|found| found.code).collect();
    assert_eq!(codes, ["inert-option"]);
    assert!(parse("rules.yaml", text, options(true)).is_ok());
}

#[test]
fn every_key_of_record_rules_is_read() {
    for (name, format) in [
        ("NDJSON", RecordFormat::Ndjson),
        ("CSV", RecordFormat::Csv),
        ("JSON_ARRAY", RecordFormat::JsonArray),
        ("PARQUET", RecordFormat::Parquet),
        ("AUTO", RecordFormat::Auto),
    ] {
        let rules = record(&format!("format: {name}"));
        assert_eq!(rules.format, Some(format), "{name}");
    }
    let rules = record(
        "
transforms:
  - redact: $.name
  - pseudonymize: [$.id, $.boss]
  - tokenize: $.page
  - textDigest: $.text
  - textDigestKeywords: {jsonPaths: [$.text], keywords: [budget]}
outputSchemaFilter:
  type: object
  properties: {id: {type: string}, boss: {$ref: '#/definitions/Boss'}}
  definitions: {Boss: {type: string}}
",
    );
    assert_eq!(rules.format, None);
    let read: Vec<(&str, Vec<&str>, Vec<&str>)> = rules
        .transforms
        .iter()
        .map(|transform| {
            let (name, keywords) = match &transform.kind {
                RecordTransformKind::Redact => ("redact", Vec::new()),
                RecordTransformKind::Pseudonymize => ("pseudonymize", Vec::new()),
                RecordTransformKind::Tokenize => ("tokenize", Vec::new()),
                RecordTransformKind::TextDigest { keywords } => ("textDigest", texts(keywords)),
            };
            (name, texts(&transform.json_paths), keywords)
        })
        .collect();
    let none = Vec::new;
    assert_eq!(
        read,
        [
            ("redact", vec!["$.name"], none()),
            ("pseudonymize", vec!["$.id", "$.boss"], none()),
            ("tokenize", vec!["$.page"], none()),
            ("textDigest", vec!["$.text"], none()),
            ("textDigest", vec!["$.text"], vec!["budget"]),
        ]
    );
    let filter = rules.output_schema_filter.unwrap();
    assert_eq!(filter.properties.unwrap().len(), 2);
}

#[test]
fn rules_for_several_kinds_of_files_nest_once() {
    let RuleFile::MultiType(rules) = read(
        "
fileRules:
  /export/{day}/users.csv: {columnsToPseudonymize: [id]}
  export/{day}/{kind}:
    fileRules:
      chats: {format: NDJSON}
",
    ) else {
        panic!("another type");
    };
    let [
        (first, FileRules::Columnar(_)),
        (second, FileRules::MultiType(nested)),
    ] = &rules.file_rules[..]
    else {
        panic!("{rules:?}");
    };
    assert_eq!(
        (first.as_str(), second.as_str()),
        ("/export/{day}/users.csv", "export/{day}/{kind}")
    );
    assert!(matches!(nested.file_rules[..], [(_, FileRules::Record(_))]));
}

#[test]
fn every_key_of_webhook_rules_is_read() {
    let rules = webhook(
        "
endpoints:
  - jwtClaimsToVerify:
      sub: {payloadContents: [$.user, $.actor.id]}
      tenant: {queryParam: tenant, payloadContents: [$.tenant]}
    transforms:
      - !<pseudonymize>
        jsonPaths: [$.user]
      - method: redact
        jsonPaths: [$.name]
",
    );
    let claims = &rules.endpoint.jwt_claims_to_verify;
    assert_eq!(claims[0].0.as_str(), "sub");
    assert_eq!(claims[0].1.query_param, None);
    assert_eq!(
        texts(&claims[0].1.payload_contents),
        ["$.user", "$.actor.id"]
    );
    assert_eq!(claims[1].1.query_param.as_ref().unwrap().value, "tenant");
    let names: Vec<&str> = rules
        .endpoint
        .transforms
        .iter()
        .map(|transform| transform.kind.name())
        .collect();
    assert_eq!(names, ["pseudonymize", "redact"]);
}
