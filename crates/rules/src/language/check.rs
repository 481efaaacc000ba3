//! Checks paths and patterns of rules for files and webhooks, which are run elsewhere. REST rules
//! are checked by compiling them.

use super::bulk::{ColumnarRules, FieldStep, FileRules, MultiTypeRules, RecordRules};
use super::diagnostic::Diagnostics;
use super::span::Spanned;
use super::webhook::WebhookRules;
use super::{LoadOptions, RuleFile};
use crate::json::Symbols;
use crate::pattern::Pattern;
use crate::sanitize::{ResponsePlan, compile_path};
use std::collections::HashMap;

pub(super) fn check(rules: &RuleFile, options: LoadOptions, found: &mut Diagnostics) {
    match rules {
        RuleFile::Rest(_) => {}
        RuleFile::Columnar(rules) => columnar(rules, found),
        RuleFile::Record(rules) => record(rules, found),
        RuleFile::MultiType(rules) => multi_type(rules, options, found),
        RuleFile::Webhook(rules) => webhook(rules, found),
    }
}

fn columnar(rules: &ColumnarRules, found: &mut Diagnostics) {
    for step in rules
        .fields_to_transform
        .iter()
        .flat_map(|(_, pipeline)| &pipeline.transforms)
    {
        match &step.value {
            FieldStep::Filter(pattern) | FieldStep::RegexReplace { pattern, .. } => {
                if let Err(error) = Pattern::find(pattern) {
                    found.error(error.code(), pattern.span, error.to_string(), error.help());
                }
            }
            FieldStep::FormatString(_) | FieldStep::Pseudonymize(_) => {}
        }
    }
}

fn record(rules: &RecordRules, found: &mut Diagnostics) {
    paths(
        rules
            .transforms
            .iter()
            .flat_map(|transform| &transform.json_paths),
        found,
    );
    if let Some(schema) = &rules.output_schema_filter {
        let _ = ResponsePlan::from_parts(Some(schema), &schema.definitions, &[], &[], found);
    }
}

fn webhook(rules: &WebhookRules, found: &mut Diagnostics) {
    let claims = &rules.endpoint.jwt_claims_to_verify;
    paths(
        claims.iter().flat_map(|(_, claim)| &claim.payload_contents),
        found,
    );
    let _ = ResponsePlan::from_parts(None, &[], &[], &rules.endpoint.transforms, found);
}

fn paths<'p>(paths: impl Iterator<Item = &'p Spanned<String>>, found: &mut Diagnostics) {
    let mut symbols = Symbols::new();
    for path in paths {
        let _ = compile_path(path, &mut symbols, found);
    }
}

fn multi_type(rules: &MultiTypeRules, options: LoadOptions, found: &mut Diagnostics) {
    let mut places = HashMap::new();
    for (template, rules) in &rules.file_rules {
        let bare = template.strip_prefix('/').unwrap_or(template);
        if let Some(line) = places.insert(bare, template.span.line) {
            let message = format!("the same template is on line {line}, which comes first");
            let help = "keep one of the two; a leading `/` makes no difference";
            if options.compat {
                found.warning("overlapping-templates", template.span, message, help);
            } else {
                found.error("overlapping-templates", template.span, message, help);
            }
        }
        if bare.contains('*') {
            found.warning(
                "literal-wildcard",
                template.span,
                "`*` stands for itself here, so the template matches no ordinary file",
                "write a parameter such as `{name}`",
            );
        }
        match rules {
            FileRules::Columnar(rules) => columnar(rules, found),
            FileRules::Record(rules) => record(rules, found),
            FileRules::MultiType(rules) => multi_type(rules, options, found),
        }
    }
}
