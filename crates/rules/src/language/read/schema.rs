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
        self.inert_filters(&fields, &spec);
        Some(spec)
    }

    /// Keys that filter nothing beside the others that are given.
    fn inert_filters(&mut self, fields: &Fields<'_>, spec: &SchemaSpec) {
        const CONDITIONS: [&str; 6] = ["if", "_if", "then", "_then", "else", "_else"];
        let kind = spec.kind.as_ref().map(|kind| kind.value);
        let known = kind.filter(|kind| *kind != SchemaType::AnyScalar);
        let alone = spec.reference.is_some() || spec.any_of.is_some();
        let mut inert = Vec::new();
        if alone {
            let why = if spec.reference.is_some() {
                "remove it; `$ref` decides alone"
            } else {
                "remove it, or write it into each schema of `anyOf`"
            };
            let beside = ["type", "properties", "items", "const", "constant"];
            inert.extend(beside.iter().chain(&CONDITIONS).map(|key| (*key, why)));
            if spec.reference.is_some() {
                inert.push(("anyOf", why));
            }
        } else {
            if known.is_some_and(|kind| kind != SchemaType::Object) {
                let why = "only an object has `properties`; write `type: object`, or remove it";
                inert.push(("properties", why));
            }
            let array = known.map_or(spec.properties.is_none(), |kind| kind == SchemaType::Array);
            if !array {
                let why = "only an array has `items`; write `type: array`, or remove it";
                inert.push(("items", why));
            }
            if spec.condition.is_none() {
                let why = "there is no `if` that would choose it";
                inert.extend(CONDITIONS.iter().skip(2).map(|key| (*key, why)));
            }
        }
        for (key, why) in inert {
            self.inert(fields, key, why);
        }
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
