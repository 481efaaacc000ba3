//! Rules, keys and bodies for the tests.

use std::sync::LazyLock;

use hushgate_rules::language::{Diagnostic, LoadOptions, RuleFile, parse};
use hushgate_rules::pseudonym::{
    CompatKeys, CompatSecrets, NativeKeys, Options, Pseudonymizer, Scheme,
};
use hushgate_rules::sanitize::{ResponsePlan, Sanitized, Sanitizer};
use hushgate_rules::transform::EXAMPLE_KEY;

/// Compiles the response side of an endpoint written without its path.
pub(crate) fn plan(
    rules: &str,
    definitions: &str,
    scheme: Scheme,
) -> Result<ResponsePlan, Vec<Diagnostic>> {
    let mut text = String::from("endpoints:\n  - pathTemplate: /x\n    allowedMethods: [GET]\n");
    text.push_str(&indented(rules, "    "));
    if !definitions.is_empty() {
        text.push_str("definitions:\n");
        text.push_str(&indented(definitions, "  "));
    }
    let options = LoadOptions {
        compat: scheme == Scheme::Compat,
        ..LoadOptions::default()
    };
    let mut parsed = parse("case.yaml", &text, options)?;
    let RuleFile::Rest(rules) = &parsed.rules else {
        panic!("not REST rules:\n{text}")
    };
    let plan = ResponsePlan::compile(&rules.endpoints[0], &rules.definitions, &mut parsed.found);
    plan.ok_or_else(|| {
        let found = std::mem::take(&mut parsed.found);
        parsed.findings(found)
    })
}

/// A plan that must compile.
pub(crate) fn good_plan(rules: &str, scheme: Scheme) -> ResponsePlan {
    plan(rules, "", scheme).unwrap_or_else(|found| panic!("{rules}\n{found:?}"))
}

pub(crate) fn sanitized(plan: &ResponsePlan, body: &[u8], scheme: Scheme) -> Sanitized {
    sanitizer(scheme).sanitize(plan, body).unwrap()
}

/// Sanitizes a text that must be sanitizable.
pub(crate) fn sanitize(rules: &str, body: &str, scheme: Scheme) -> String {
    let done = sanitized(&good_plan(rules, scheme), body.as_bytes(), scheme);
    String::from_utf8(done.into_parts().0).unwrap()
}

fn indented(text: &str, indent: &str) -> String {
    let mut indented = String::new();
    for line in text.lines() {
        indented.extend([indent, line, "\n"]);
    }
    indented
}

/// A sanitizer with the example key, or with the salt and password of the published vectors.
pub(crate) fn sanitizer(scheme: Scheme) -> Sanitizer {
    static NATIVE: LazyLock<Pseudonymizer> = LazyLock::new(|| {
        Pseudonymizer::native(NativeKeys::parse(EXAMPLE_KEY).unwrap(), Options::default())
    });
    static COMPAT: LazyLock<Pseudonymizer> = LazyLock::new(|| {
        let keys = CompatKeys::new(CompatSecrets::new("salt", Some("secret")));
        Pseudonymizer::compat(keys, Options::default()).unwrap()
    });
    Sanitizer::new(match scheme {
        Scheme::Native => NATIVE.clone(),
        Scheme::Compat => COMPAT.clone(),
    })
}
