//! The rule language: text to typed rules, with findings that name file, line and column.
//!
//! Types whose name ends in `Spec` or `Rules` hold rules as written; compiled forms live beside their use.

mod bulk;
mod diagnostic;
mod rest;
mod schema;
mod span;
mod transform;
mod webhook;

pub use bulk::{
    ColumnarRules, FieldPipeline, FieldStep, FileRules, MultiTypeRules, NamedTexts, RecordFormat,
    RecordRules, RecordTransform, RecordTransformKind,
};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use rest::{BodySchema, EndpointSpec, ParamSchema, RequestBodySpec, RestRules};
pub use schema::{SchemaSpec, SchemaType};
pub use span::{Span, Spanned};
pub use transform::{
    AugmentKind, AugmentSpec, Delimiter, PseudonymEncoding, TransformKind, TransformSpec,
};
pub use webhook::{ClaimSpec, WebhookEndpoint, WebhookRules};

/// Rules of any type, as written.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleFile {
    /// Calls to an API and what happens to their responses.
    Rest(RestRules),
    /// Files of separated values.
    Columnar(ColumnarRules),
    /// Files of records.
    Record(RecordRules),
    /// Files of several kinds, told apart by path.
    MultiType(MultiTypeRules),
    /// Posted events.
    Webhook(WebhookRules),
}
