//! Rules that can be used and are probably not what was meant.

use super::reach;
use super::template::Template;
use crate::language::{Diagnostics, EndpointSpec, LoadOptions, RestRules, SchemaSpec, shown};
use std::collections::BTreeSet;

/// Notes warnings about the endpoints of a rule set.
pub(super) fn check(rules: &RestRules, options: LoadOptions, found: &mut Diagnostics) {
    if !options.compat {
        for endpoint in &rules.endpoints {
            open_ends(endpoint, found);
        }
    }
    for schema in rules
        .endpoints
        .iter()
        .filter_map(|e| e.response_schema.as_ref())
    {
        inner_definitions(schema, options, found);
    }
    for endpoint in &rules.endpoints {
        reach::check(endpoint, &rules.definitions, found);
    }
    overlaps(rules, found);
    unused_definitions(rules, found);
}

/// Definitions that no endpoint's schema refers to, directly or through others.
fn unused_definitions(rules: &RestRules, found: &mut Diagnostics) {
    let schemas = rules
        .endpoints
        .iter()
        .filter_map(|e| e.response_schema.as_ref());
    let mut waiting: Vec<&SchemaSpec> = schemas.collect();
    let mut used = BTreeSet::new();
    while let Some(schema) = waiting.pop() {
        let name = schema.reference.as_ref().map(|it| it.value.as_str());
        let name = name.and_then(|it| it.strip_prefix("#/definitions/"));
        if let Some(name) = name
            && used.insert(name)
        {
            let named = rules
                .definitions
                .iter()
                .filter(|(own, _)| own.value == name);
            waiting.extend(named.map(|(_, schema)| schema));
        }
        let members = schema.properties.iter().flatten().map(|(_, member)| member);
        waiting.extend(members.chain(schema.any_of.iter().flatten()));
        let inner = [
            &schema.items,
            &schema.condition,
            &schema.consequence,
            &schema.alternative,
        ];
        waiting.extend(inner.into_iter().filter_map(Option::as_deref));
    }
    for (name, _) in rules
        .definitions
        .iter()
        .filter(|(name, _)| !used.contains(name.as_str()))
    {
        found.warning(
            "unused-definition",
            name.span,
            format!("no schema refers to `{}`", shown(name)),
            "remove it, or write `$ref` where it is meant",
        );
    }
}

/// `definitions` in an endpoint's schema: references lead to those of the rule set only.
fn inner_definitions(schema: &SchemaSpec, options: LoadOptions, found: &mut Diagnostics) {
    let Some((name, _)) = schema.definitions.first() else {
        return;
    };
    let message = "`definitions` inside a response schema have no effect";
    let help = "move them to `definitions` of the rule set";
    if options.compat {
        found.warning("inert-option", name.span, message, help);
    } else {
        found.error("inert-option", name.span, message, help);
    }
}

/// Things an endpoint leaves open.
fn open_ends(endpoint: &EndpointSpec, found: &mut Diagnostics) {
    if endpoint.allowed_methods.is_none() {
        found.warning(
            "no-methods",
            endpoint.span,
            "this endpoint does not list its methods, so it admits GET and HEAD",
            "add `allowedMethods`",
        );
    }
    if endpoint.allowed_query_params.is_none() {
        found.warning(
            "no-query-parameters",
            endpoint.span,
            "this endpoint does not list its query parameters, so it admits any",
            "add `allowedQueryParams`; an empty list admits none",
        );
    }
    let writes = endpoint.allowed_methods.iter().flatten();
    let writes = writes.filter(|method| matches!(method.as_str(), "POST" | "PUT" | "PATCH"));
    if let Some(method) = writes
        .take(1)
        .next()
        .filter(|_| endpoint.request_body.is_none())
    {
        found.warning(
            "no-request-body",
            method.span,
            format!(
                "{} without `requestBody`, so a call with a body is refused",
                method.value
            ),
            "add `requestBody` with a schema for each content type",
        );
    }
}

/// Endpoints that an earlier one hides.
fn overlaps(rules: &RestRules, found: &mut Diagnostics) {
    let mut earlier: Vec<(&EndpointSpec, Template)> = Vec::new();
    for endpoint in &rules.endpoints {
        let Some(text) = endpoint
            .path_template
            .as_ref()
            .filter(|_| endpoint.path_regex.is_none())
        else {
            continue;
        };
        let sample = Template::sample(text);
        let hiding = earlier.iter().find(|(other, template)| {
            other.path_parameter_schemas.is_empty()
                && share_method(other, endpoint)
                && sample
                    .as_ref()
                    .is_some_and(|sample| template.matches(sample).is_some())
        });
        if let Some((other, _)) = hiding {
            found.warning(
                "overlapping-endpoints",
                text.span,
                format!(
                    "the endpoint on line {} admits the same paths and comes first",
                    other.span.line
                ),
                "put the more specific endpoint first, or tell them apart by method",
            );
        }
        if let Ok(template) = Template::compile(text) {
            earlier.push((endpoint, template));
        }
    }
}

fn share_method(one: &EndpointSpec, other: &EndpointSpec) -> bool {
    match (&one.allowed_methods, &other.allowed_methods) {
        (Some(one), Some(other)) => one
            .iter()
            .any(|method| other.iter().any(|own| own.value == method.value)),
        _ => true,
    }
}
