//! The rule language: text to typed rules, with findings that name file, line and column.
//!
//! Types whose name ends in `Spec` or `Rules` hold rules as written; compiled forms live beside their use.

mod bulk;
mod check;
mod detect;
mod diagnostic;
mod header;
mod locate;
mod packed;
mod read;
mod rest;
mod schema;
mod span;
mod text;
mod transform;
pub mod tree;
mod webhook;

pub use bulk::{
    ColumnarRules, FieldPipeline, FieldStep, FileRules, MultiTypeRules, NamedTexts, RecordFormat,
    RecordRules, RecordTransform, RecordTransformKind,
};
pub use detect::RuleKind;
pub use diagnostic::{Diagnostic, Diagnostics, Severity, closest, one_of};
pub use header::is_reserved_header;
pub use packed::pack;
pub use rest::{BodySchema, EndpointSpec, ParamSchema, RequestBodySpec, RestRules};
pub use schema::{SchemaSpec, SchemaType};
pub use span::{Span, Spanned};
pub use text::MAX_RULES_BYTES;
pub use transform::{
    AugmentKind, AugmentSpec, Delimiter, PseudonymEncoding, TransformKind, TransformSpec,
};
pub(crate) use tree::shown;
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

/// How rules are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadOptions {
    /// Read rules as published for the reference: options without effect are warnings instead of
    /// errors, endpoints without `allowedMethods` admit every method, and reversible tokens are
    /// turned back in any path segment or query value.
    pub compat: bool,
    /// The type the rules must have; none: told by their keys.
    pub kind: Option<RuleKind>,
}

/// A rule file as read, before anything is compiled.
#[derive(Debug)]
pub struct Parsed {
    /// The rules as written.
    pub rules: RuleFile,
    /// SHA-256 of the YAML or JSON text, in lower-case hex.
    pub digest: String,
    /// Warnings so far; compiling adds to them.
    pub found: Diagnostics,
    tree: tree::Node,
}

impl Parsed {
    /// The warnings, in file order, each with its path inside the document.
    pub fn into_findings(self) -> Vec<Diagnostic> {
        finish(self.found, Some(&self.tree))
    }

    /// All findings in file order, each with its path inside the document.
    pub fn findings(&self, found: Diagnostics) -> Vec<Diagnostic> {
        finish(found, Some(&self.tree))
    }
}

/// Reads a rule file from what was configured: YAML or JSON text, base64 of it, or base64 of its
/// gzip form. `file_name` is for messages only. On failure all findings are returned, errors and
/// warnings. REST rules are checked further when they are compiled.
pub fn parse(
    file_name: &str,
    configured: &str,
    options: LoadOptions,
) -> Result<Parsed, Vec<Diagnostic>> {
    let mut parsed = read(file_name, configured, options)?;
    check::check(&parsed.rules, options, &mut parsed.found);
    if parsed.found.has_errors() {
        return Err(parsed.into_findings());
    }
    Ok(parsed)
}

/// Reads what can be read, so that compiling can add its findings to those of reading.
pub(crate) fn read(
    file_name: &str,
    configured: &str,
    options: LoadOptions,
) -> Result<Parsed, Vec<Diagnostic>> {
    let mut found = Diagnostics::new(file_name);
    let Some(text) = text::decode(configured, &mut found) else {
        return Err(finish(found, None));
    };
    let Some(tree) = tree::parse(&text, &mut found) else {
        return Err(finish(found, None));
    };
    typed(tree, text::digest(&text), found, options)
}

/// Like [`read`], for a text whose tree was packed before.
pub(crate) fn read_packed(
    file_name: &str,
    text: &str,
    packed: &[u8],
    options: LoadOptions,
) -> Result<Parsed, Vec<Diagnostic>> {
    let digest = text::digest(text);
    match packed::unpack(packed, &digest) {
        Some(tree) => typed(tree, digest, Diagnostics::new(file_name), options),
        None => read(file_name, text, options),
    }
}

fn typed(
    tree: tree::Node,
    digest: String,
    mut found: Diagnostics,
    options: LoadOptions,
) -> Result<Parsed, Vec<Diagnostic>> {
    let mut reader = read::Reader {
        found: &mut found,
        options,
    };
    match reader.rule_file(&tree) {
        Some(rules) => Ok(Parsed {
            rules,
            digest,
            found,
            tree,
        }),
        None => Err(finish(found, Some(&tree))),
    }
}

fn finish(mut found: Diagnostics, tree: Option<&tree::Node>) -> Vec<Diagnostic> {
    if let Some(tree) = tree {
        locate::add_paths(tree, found.list_mut());
    }
    found.into_vec()
}
