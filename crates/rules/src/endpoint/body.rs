//! Request bodies: which are admitted, and where tokens in them are turned back.

mod form;
mod json;

use super::param::compile_pattern;
use super::reverse::{ReverseError, reverse_value};
use crate::language::{BodySchema, Diagnostics, LoadOptions, RequestBodySpec, one_of, shown};
use crate::pattern::Pattern;
use serde_json::Value;

const FORM: &str = "application/x-www-form-urlencoded";

/// A compiled `requestBody`.
#[derive(Debug)]
pub(crate) struct Body {
    required: bool,
    /// By content type in lower case; `None`: any body.
    content: Option<Vec<(String, Shape)>>,
}

/// A compiled body schema.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    kind: Option<Type>,
    pub(crate) token: bool,
    properties: Vec<(String, Shape)>,
    items: Option<Box<Shape>>,
    required: Vec<String>,
    pattern: Option<Pattern>,
    allowed: Option<Vec<String>>,
    /// Whether members without a schema are admitted.
    open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    Null,
}

const TYPES: [(&str, Type); 7] = [
    ("object", Type::Object),
    ("array", Type::Array),
    ("string", Type::String),
    ("integer", Type::Integer),
    ("number", Type::Number),
    ("boolean", Type::Boolean),
    ("null", Type::Null),
];

impl Body {
    pub(crate) fn compile(
        spec: &RequestBodySpec,
        options: LoadOptions,
        found: &mut Diagnostics,
    ) -> Self {
        let mut content = Vec::new();
        for (name, schema) in &spec.content {
            let essence = essence(name);
            let is_form = essence == FORM;
            let object = schema
                .kind
                .as_ref()
                .is_some_and(|kind| kind.value == "object");
            if !is_form && essence != "application/json" {
                found.error(
                    "unknown-value",
                    name.span,
                    format!("a schema for content type `{}`", shown(name)),
                    format!("allowed: application/json, {FORM}"),
                );
            } else if is_form && !object {
                found.error(
                    "unknown-value",
                    schema.span,
                    "a schema for a form that is not of `type: object`",
                    "write `type: object` and the fields as `properties`",
                );
            }
            content.push((essence, Shape::compile(schema, options, found)));
        }
        let content = (!content.is_empty()).then_some(content);
        Self {
            required: spec.required,
            content,
        }
    }

    /// Whether a body is admitted.
    pub(crate) fn admits(&self, content_type: Option<&str>, body: &[u8]) -> bool {
        if body.is_empty() {
            return !self.required;
        }
        let Some(content) = &self.content else {
            return true;
        };
        let essence = essence(content_type.unwrap_or("application/json"));
        let Some((_, shape)) = content.iter().find(|(name, _)| *name == essence) else {
            return false;
        };
        if essence == FORM {
            return form::admits(shape, body);
        }
        json::parse(body).is_some_and(|value| shape.admits(&value, 0))
    }

    fn shape(&self, essence: &str) -> Option<&Shape> {
        let content = self.content.as_ref()?;
        content
            .iter()
            .find(|(name, _)| name == essence)
            .map(|(_, shape)| shape)
    }
}

/// A body with its tokens turned back: those in members whose schema says `format: pseudonym`, or,
/// if `everywhere`, in every string value. `None` if nothing changed.
pub(crate) fn reverse<E>(
    rule: Option<&Body>,
    everywhere: bool,
    content_type: Option<&str>,
    body: &[u8],
    reverser: &impl Fn(&str) -> Result<String, E>,
) -> Result<Option<Vec<u8>>, ReverseError<E>> {
    if body.is_empty() {
        return Ok(None);
    }
    let essence = essence(content_type.unwrap_or("application/json"));
    let shape = rule.and_then(|rule| rule.shape(&essence));
    if shape.is_none() && !everywhere {
        return Ok(None);
    }
    if essence == FORM {
        return form::reverse(shape, everywhere, body, reverser);
    }
    if essence != "application/json" {
        return Ok(None);
    }
    let Some(mut value) = json::parse(body) else {
        return Err(ReverseError::BodyNotReadable);
    };
    let changed = reverse_in(&mut value, shape, everywhere, reverser)?;
    if !changed {
        return Ok(None);
    }
    serde_json::to_vec(&value)
        .map(Some)
        .map_err(|_| ReverseError::BodyNotReadable)
}

fn reverse_in<E>(
    value: &mut Value,
    shape: Option<&Shape>,
    everywhere: bool,
    reverser: &impl Fn(&str) -> Result<String, E>,
) -> Result<bool, ReverseError<E>> {
    let mut changed = false;
    match value {
        Value::String(text) if everywhere || shape.is_some_and(|shape| shape.token) => {
            if let Some(original) = reverse_value(text, reverser)? {
                *text = original;
                changed = true;
            }
        }
        Value::Array(items) => {
            let inner = shape.and_then(|shape| shape.items.as_deref());
            for item in items {
                changed |= reverse_in(item, inner, everywhere, reverser)?;
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let inner = shape.and_then(|shape| shape.property(name));
                changed |= reverse_in(member, inner, everywhere, reverser)?;
            }
        }
        _ => {}
    }
    Ok(changed)
}

impl Shape {
    fn compile(spec: &BodySchema, options: LoadOptions, found: &mut Diagnostics) -> Self {
        let mut shape = Self {
            open: spec.additional_properties.unwrap_or(options.compat),
            ..Self::default()
        };
        if let Some(kind) = &spec.kind {
            shape.kind = TYPES
                .iter()
                .find(|(name, _)| *name == kind.value)
                .map(|(_, kind)| *kind);
            if shape.kind.is_none() {
                found.error(
                    "unknown-value",
                    kind.span,
                    format!("`type` is `{}`", shown(kind)),
                    one_of(kind, &TYPES.map(|(name, _)| name)),
                );
            }
        }
        if let Some(format) = &spec.format {
            let name = format.to_ascii_lowercase().replace('_', "-");
            shape.token = matches!(name.as_str(), "pseudonym" | "reversible-pseudonym");
        }
        shape.pattern = spec
            .pattern
            .as_ref()
            .and_then(|text| compile_pattern(text, text.span, Pattern::find, found));
        shape.allowed = spec
            .allowed
            .as_ref()
            .map(|it| it.iter().map(|text| text.value.clone()).collect());
        shape.required = spec
            .required
            .iter()
            .map(|name| name.value.clone())
            .collect();
        shape.items = spec
            .items
            .as_ref()
            .map(|items| Box::new(Self::compile(items, options, found)));
        for (name, property) in &spec.properties {
            shape
                .properties
                .push((name.value.clone(), Self::compile(property, options, found)));
        }
        shape
    }

    fn property(&self, name: &str) -> Option<&Shape> {
        self.properties
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, shape)| shape)
    }

    /// Whether a JSON value is admitted.
    fn admits(&self, value: &Value, depth: usize) -> bool {
        if depth > json::MAX_DEPTH || !self.kind.is_none_or(|kind| kind.fits(value)) {
            return false;
        }
        match value {
            Value::String(text) => self.admits_text(text),
            Value::Array(items) => {
                self.allowed.is_none()
                    && self
                        .items
                        .as_ref()
                        .is_none_or(|shape| items.iter().all(|item| shape.admits(item, depth + 1)))
            }
            Value::Object(members) => {
                self.allowed.is_none()
                    && self.required.iter().all(|name| members.contains_key(name))
                    && members
                        .iter()
                        .all(|(name, member)| match self.property(name) {
                            Some(shape) => shape.admits(member, depth + 1),
                            None => self.open || self.properties.is_empty() && self.kind.is_none(),
                        })
            }
            other => self
                .allowed
                .as_ref()
                .is_none_or(|it| it.contains(&other.to_string())),
        }
    }

    fn admits_text(&self, text: &str) -> bool {
        self.allowed
            .as_ref()
            .is_none_or(|it| it.iter().any(|one| one == text))
            && self
                .pattern
                .as_ref()
                .is_none_or(|it| it.is_match(text).unwrap_or(false))
            && (!self.token || super::token::holds_token(text))
    }
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            // JSON Schema counts 1.0 as an integer.
            Self::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Null => value.is_null(),
        }
    }
}

/// A content type in lower case without parameters.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}
