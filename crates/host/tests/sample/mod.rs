//! The function that these tests start: its source, its access policy and its variables.

use std::collections::BTreeMap;

use hushgate_host::BuiltIn;
use hushgate_host::cloud::Clouds;

/// Who may call it: one client with tokens of its own issuer. More may be written below the last line.
pub(crate) const POLICY: &str = "
issuers:
  - issuer: https://issuer.example.com
    algorithms: [ES256]
clients:
  - id: vendor
    identity: {issuer: https://issuer.example.com, subject: workload-1, audience: https://gw.example.com}
    sources: [sample]
";

/// What it admits and answers with.
pub(crate) const RULES: &str = "
endpoints:
  - pathTemplate: /v1/users
    allowedMethods: [GET]
    allowedQueryParams: []
    responseSchema: {type: object, properties: {count: {type: integer}}}
";

/// Its source, built with these clouds.
pub(crate) const fn sample(clouds: Clouds) -> BuiltIn {
    BuiltIn {
        id: "sample",
        source_yaml: r#"
id: sample
name: Sample
docs: https://api.example.com/docs
categories: [tests]
target_host:
  pattern: "*.example.com"
  example: acme.example.com
auth:
  type: apiKey
  send: {in: header, name: authorization, value: "Bearer {{ACCESS_TOKEN}}"}
  fields:
    - name: ACCESS_TOKEN
      label: Token
      tooltip: For tests.
"#,
        rules_yaml: RULES,
        rules_packed: &[],
        clouds,
    }
}

/// The variables it starts with, on any free port; those of `pairs` in place of the usual ones.
pub(crate) fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let usual = [
        ("PORT", "0"),
        ("HUSHGATE_LISTEN", "127.0.0.1"),
        ("HUSHGATE_ACCESS", POLICY),
        ("HUSHGATE_TARGET_HOST", "acme.example.com"),
        ("HUSHGATE_LOG", "off"),
    ];
    let all = usual.iter().chain(pairs);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
