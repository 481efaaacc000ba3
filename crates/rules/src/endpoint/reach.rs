//! Targets of transforms that the response schema has already dropped: mostly a misspelt name.

use crate::language::{Diagnostics, EndpointSpec, SchemaSpec, SchemaType, Spanned, closest, shown};

/// How many `$ref` are followed for one target.
const MAX_REFERENCES: usize = 32;

/// Notes a warning for each target that names a member the schema does not let through.
pub(super) fn check(
    endpoint: &EndpointSpec,
    definitions: &[(Spanned<String>, SchemaSpec)],
    found: &mut Diagnostics,
) {
    let Some(schema) = &endpoint.response_schema else {
        return;
    };
    for path in endpoint
        .transforms
        .iter()
        .flat_map(|transform| &transform.json_paths)
    {
        let Some((name, schema)) = missing(path, schema, definitions) else {
            continue;
        };
        let names: Vec<&str> = schema
            .properties
            .iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let help = match closest(name, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "remove the target, or list the member in the schema".to_owned(),
        };
        found.warning(
            "target-never-reached",
            path.span,
            format!(
                "`responseSchema` drops `{}` before this target is looked for",
                shown(name)
            ),
            help,
        );
    }
}

/// The first member on the way of a plain path that the schema drops, with the schema of its object.
/// Stops at anything that is not a plain name, `[*]` or a schema that says exactly what passes.
fn missing<'p, 's>(
    path: &'p str,
    root: &'s SchemaSpec,
    definitions: &'s [(Spanned<String>, SchemaSpec)],
) -> Option<(&'p str, &'s SchemaSpec)> {
    let mut rest = path.strip_prefix('$')?;
    let mut schema = follow(root, definitions)?;
    while !rest.is_empty() {
        let kind = schema.kind.as_ref().map(|kind| kind.value);
        if let Some(after) = rest.strip_prefix("[*]") {
            if kind != Some(SchemaType::Array) {
                return None;
            }
            schema = follow(schema.items.as_deref()?, definitions)?;
            rest = after;
            continue;
        }
        let after = rest.strip_prefix('.')?;
        let end = after
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(after.len());
        let (name, after) = after.split_at_checked(end)?;
        if name.is_empty() || kind != Some(SchemaType::Object) {
            return None;
        }
        let member = schema
            .properties
            .iter()
            .flatten()
            .find(|(own, _)| own.value == name);
        let Some((_, inner)) = member else {
            return Some((name, schema));
        };
        schema = follow(inner, definitions)?;
        rest = after;
    }
    None
}

/// The schema behind references; `None` if what passes depends on the value.
fn follow<'s>(
    schema: &'s SchemaSpec,
    definitions: &'s [(Spanned<String>, SchemaSpec)],
) -> Option<&'s SchemaSpec> {
    let mut schema = schema;
    for _ in 0..MAX_REFERENCES {
        let Some(reference) = &schema.reference else {
            let plain = schema.any_of.is_none() && schema.condition.is_none();
            return plain.then_some(schema);
        };
        let name = reference.strip_prefix("#/definitions/")?;
        schema = definitions
            .iter()
            .find(|(own, _)| own.value == name)
            .map(|(_, it)| it)?;
    }
    None
}
