//! Reads schema filters.

use super::super::diagnostic::one_of;
use super::super::schema::{SchemaSpec, SchemaType};
use super::super::span::Spanned;
use super::super::tree::{Kind, Node, shown};
use super::{Fields, Reader};

/// Keys with a meaning, then keys that are accepted and say nothing about what may stay.
const KEYS: [&str; 19] = [
    "type",
    "properties",
    "items",
    "$ref",
    "definitions",
    "anyOf",
    "if",
    "then",
    "else",
    "_if",
    "_then",
    "_else",
    "const",
    "constant",
    "format",
    "required",
    "additionalProperties",
    "title",
    "$schema",
];

impl Reader<'_> {
    /// A schema filter.
    pub(crate) fn schema(&mut self, node: &Node) -> Option<SchemaSpec> {
        let fields = self.fields(node, "a schema filter", &KEYS)?;
        let mut spec = SchemaSpec {
            span: node.span,
            ..SchemaSpec::default()
        };
        spec.kind = self.schema_type(&fields);
        spec.properties = fields
            .get("properties")
            .map(|node| self.schemas(node, "`properties`"));
        spec.items = self.boxed_schema(&fields, "items", "items");
        spec.reference = self.field_text(&fields, "$ref");
        if let Some(node) = fields.get("definitions") {
            spec.definitions = self.schemas(node, "`definitions`");
        }
        spec.any_of = fields
            .get("anyOf")
            .map(|node| self.items(node, "`anyOf`", Self::schema));
        spec.condition = self.boxed_schema(&fields, "if", "_if");
        spec.consequence = self.boxed_schema(&fields, "then", "_then");
        spec.alternative = self.boxed_schema(&fields, "else", "_else");
        self.either_spelling(&fields, "const", "constant");
        spec.constant = fields
            .get("const")
            .or_else(|| fields.get("constant"))
            .and_then(|node| self.text(node, "`const`"));
        Some(spec)
    }

    /// Schema filters by name.
    pub(crate) fn schemas(
        &mut self,
        node: &Node,
        what: &str,
    ) -> Vec<(Spanned<String>, SchemaSpec)> {
        self.named(node, what, Self::schema)
    }

    fn boxed_schema(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        other: &str,
    ) -> Option<Box<SchemaSpec>> {
        self.either_spelling(fields, key, other);
        let node = fields.get(key).or_else(|| fields.get(other))?;
        self.schema(node).map(Box::new)
    }

    fn either_spelling(&mut self, fields: &Fields<'_>, key: &str, other: &str) {
        if key == other || fields.entry(key).is_none() {
            return;
        }
        if let Some((second, _)) = fields.entry(other) {
            self.found.error(
                "duplicate-key",
                second.span,
                format!("`{other}` beside `{key}`: both mean the same"),
                format!("keep `{key}`"),
            );
        }
    }

    fn schema_type(&mut self, fields: &Fields<'_>) -> Option<Spanned<SchemaType>> {
        let node = fields.get_even_null("type")?;
        if node.is_null() {
            return Some(Spanned::new(SchemaType::AnyScalar, node.span));
        }
        if let Kind::List(_) = node.kind {
            self.found.error(
                "wrong-type",
                node.span,
                "`type` is a list",
                "write one type, or `anyOf` with one schema for each type",
            );
            return None;
        }
        let name = self.text(node, "`type`")?;
        let kind = SchemaType::from_name(&name);
        if kind.is_none() {
            self.found.error(
                "unknown-value",
                name.span,
                format!("`type` is `{}`", shown(&name)),
                one_of(&name, &SchemaType::NAMES),
            );
        }
        kind.map(|kind| Spanned::new(kind, name.span))
    }
}
