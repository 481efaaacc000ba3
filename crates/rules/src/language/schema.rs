//! Schema filters (`responseSchema`, `outputSchemaFilter`, `definitions`) as written.

use super::span::{Span, Spanned};

/// A schema filter as written: what may stay of a value.
///
/// `format`, `required`, `additionalProperties`, `title` and `$schema` are accepted in the file and not kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SchemaSpec {
    /// Where the schema begins.
    pub span: Span,
    /// `type`; absent when the key is missing.
    pub kind: Option<Spanned<SchemaType>>,
    /// `properties`, in file order.
    pub properties: Option<Vec<(Spanned<String>, SchemaSpec)>>,
    /// `items`
    pub items: Option<Box<SchemaSpec>>,
    /// `$ref`, such as `#/definitions/User`
    pub reference: Option<Spanned<String>>,
    /// `definitions` inside this schema, in file order.
    pub definitions: Vec<(Spanned<String>, SchemaSpec)>,
    /// `anyOf`, in file order.
    pub any_of: Option<Vec<SchemaSpec>>,
    /// `if` or `_if`
    pub condition: Option<Box<SchemaSpec>>,
    /// `then` or `_then`
    pub consequence: Option<Box<SchemaSpec>>,
    /// `else` or `_else`
    pub alternative: Option<Box<SchemaSpec>>,
    /// `const` or `constant`, as text.
    pub constant: Option<Spanned<String>>,
}

/// The value of `type` in a schema filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaType {
    /// `object`
    Object,
    /// `array`
    Array,
    /// `string`
    String,
    /// `integer`
    Integer,
    /// `number`
    Number,
    /// `boolean`
    Boolean,
    /// `"null"`, quoted: only null
    Null,
    /// `null`, unquoted: the same as no `type`, any scalar
    AnyScalar,
}

impl SchemaType {
    /// All names as they are written in rules.
    pub const NAMES: [&'static str; 7] = [
        "object", "array", "string", "integer", "number", "boolean", "\"null\"",
    ];

    /// The type of that exact name (the text inside the quotes for `"null"`).
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "object" => Some(Self::Object),
            "array" => Some(Self::Array),
            "string" => Some(Self::String),
            "integer" => Some(Self::Integer),
            "number" => Some(Self::Number),
            "boolean" => Some(Self::Boolean),
            "null" => Some(Self::Null),
            _ => None,
        }
    }
}
