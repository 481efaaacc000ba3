//! Rules for files: columnar, record and multi-type, as written.

use super::schema::SchemaSpec;
use super::span::{Span, Spanned};
use super::transform::PseudonymEncoding;

/// Names with their values, in file order.
pub type NamedTexts = Vec<(Spanned<String>, Spanned<String>)>;

/// `ColumnarRules` as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ColumnarRules {
    /// Where the rules begin.
    pub span: Span,
    /// `delimiter` of the input; none: a comma.
    pub delimiter: Option<Spanned<String>>,
    /// `columnsToPseudonymize`
    pub columns_to_pseudonymize: Vec<Spanned<String>>,
    /// `columnsToPseudonymizeIfPresent`
    pub columns_to_pseudonymize_if_present: Vec<Spanned<String>>,
    /// `columnsToRedact`
    pub columns_to_redact: Vec<Spanned<String>>,
    /// `columnsToInclude`; none: all.
    pub columns_to_include: Option<Vec<Spanned<String>>>,
    /// `columnsToRename`, old to new.
    pub columns_to_rename: NamedTexts,
    /// `columnsToDuplicate`, source to new.
    pub columns_to_duplicate: NamedTexts,
    /// `fieldsToTransform` by key.
    pub fields_to_transform: Vec<(Spanned<String>, FieldPipeline)>,
    /// `pseudonymFormat`; none: `JSON`.
    pub pseudonym_format: Option<PseudonymEncoding>,
}

/// One entry of `fieldsToTransform`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldPipeline {
    /// Where the pipeline begins.
    pub span: Span,
    /// `newName` of the column that is made.
    pub new_name: Spanned<String>,
    /// `sourceColumn`; none: the entry's key.
    pub source_column: Option<Spanned<String>>,
    /// `transforms`, in order.
    pub transforms: Vec<Spanned<FieldStep>>,
}

/// One step of a column pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldStep {
    /// `filter`: keep values that match as a whole.
    Filter(Spanned<String>),
    /// `formatString` with exactly one `%s`.
    FormatString(Spanned<String>),
    /// `javaRegExpReplace`
    RegexReplace {
        /// What is replaced.
        pattern: Spanned<String>,
        /// The replacement.
        replacement: Spanned<String>,
    },
    /// `pseudonymize`
    Pseudonymize(bool),
}

/// `RecordRules` as written.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRules {
    /// Where the rules begin.
    pub span: Span,
    /// `format`; none: `NDJSON`.
    pub format: Option<RecordFormat>,
    /// `transforms`, in order.
    pub transforms: Vec<RecordTransform>,
    /// `outputSchemaFilter`
    pub output_schema_filter: Option<SchemaSpec>,
}

/// Format of record files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFormat {
    /// One JSON value a line.
    Ndjson,
    /// Comma separated values.
    Csv,
    /// One JSON array.
    JsonArray,
    /// Apache Parquet.
    Parquet,
    /// Decided by the file.
    Auto,
}

/// One transform of record rules.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordTransform {
    /// Where the transform begins.
    pub span: Span,
    /// Which transform.
    pub kind: RecordTransformKind,
    /// JSONPath targets.
    pub json_paths: Vec<Spanned<String>>,
}

/// Which transform of record rules.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordTransformKind {
    /// `redact`: sets the value to null.
    Redact,
    /// `pseudonymize`
    Pseudonymize,
    /// `tokenize`
    Tokenize,
    /// `textDigest`, and `textDigestKeywords` with its keywords
    TextDigest {
        /// Words whose occurrences are counted.
        keywords: Vec<Spanned<String>>,
    },
}

/// `MultiTypeBulkDataRules` as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MultiTypeRules {
    /// Where the rules begin.
    pub span: Span,
    /// `fileRules` in file order: template of the file's path, rules.
    pub file_rules: Vec<(Spanned<String>, FileRules)>,
}

/// The rules of one kind of file.
#[derive(Debug, Clone, PartialEq)]
pub enum FileRules {
    /// Separated values.
    Columnar(ColumnarRules),
    /// Records.
    Record(RecordRules),
    /// Chosen by the last parameter of the outer template.
    MultiType(MultiTypeRules),
}
