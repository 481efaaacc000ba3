//! Reads rules for files.

use super::super::bulk::{
    ColumnarRules, FieldPipeline, FieldStep, FileRules, MultiTypeRules, NamedTexts, RecordFormat,
    RecordRules, RecordTransform, RecordTransformKind,
};
use super::super::detect::{Detected, RuleKind, detect};
use super::super::diagnostic::one_of;
use super::super::span::Spanned;
use super::super::tree::{Kind, Node, shown};
use super::{Fields, Reader};

pub(crate) const COLUMNAR_KEYS: [&str; 10] = [
    "delimiter",
    "columnsToPseudonymize",
    "columnsToPseudonymizeIfPresent",
    "columnsToRedact",
    "columnsToInclude",
    "columnsToRename",
    "columnsToDuplicate",
    "fieldsToTransform",
    "pseudonymFormat",
    "defaultScopeIdForSource",
];
pub(crate) const RECORD_KEYS: [&str; 3] = ["format", "transforms", "outputSchemaFilter"];
pub(crate) const MULTI_TYPE_KEYS: [&str; 1] = ["fileRules"];

const FORMATS: [&str; 5] = ["NDJSON", "CSV", "JSON_ARRAY", "PARQUET", "AUTO"];
const STEPS: [&str; 5] = [
    "filter",
    "formatString",
    "javaRegExpReplace",
    "pseudonymize",
    "pseudonymizeWithScope",
];
const RECORD_TRANSFORMS: [&str; 5] = [
    "redact",
    "pseudonymize",
    "tokenize",
    "textDigest",
    "textDigestKeywords",
];

impl Reader<'_> {
    /// Columnar rules.
    pub(crate) fn columnar(&mut self, node: &Node) -> Option<ColumnarRules> {
        let fields = self.fields(node, "a columnar rule set", &COLUMNAR_KEYS)?;
        self.inert(&fields, "defaultScopeIdForSource", "remove it");
        let pseudonym_format = fields
            .get("pseudonymFormat")
            .and_then(|node| self.encoding(node));
        let delimiter = self
            .field_text(&fields, "delimiter")
            .filter(|text| !text.is_empty());
        let pipelines = fields
            .get("fieldsToTransform")
            .map(|node| self.named(node, "`fieldsToTransform`", Self::pipeline));
        Some(ColumnarRules {
            span: node.span,
            delimiter,
            columns_to_pseudonymize: self.columns(&fields, "columnsToPseudonymize"),
            columns_to_pseudonymize_if_present: self
                .columns(&fields, "columnsToPseudonymizeIfPresent"),
            columns_to_redact: self.columns(&fields, "columnsToRedact"),
            columns_to_include: fields
                .get("columnsToInclude")
                .is_some()
                .then(|| self.columns(&fields, "columnsToInclude")),
            columns_to_rename: self.column_pairs(&fields, "columnsToRename"),
            columns_to_duplicate: self.column_pairs(&fields, "columnsToDuplicate"),
            fields_to_transform: pipelines.unwrap_or_default(),
            pseudonym_format,
        })
    }

    fn columns(&mut self, fields: &Fields<'_>, key: &str) -> Vec<Spanned<String>> {
        let mut names = self.field_texts(fields, key);
        for name in &mut names {
            self.column_name(name);
        }
        names
    }

    fn column_pairs(&mut self, fields: &Fields<'_>, key: &str) -> NamedTexts {
        let Some(node) = fields.get(key) else {
            return Vec::new();
        };
        let what = format!("`{key}`");
        let mut pairs = self.named(node, &what, |reader, node| {
            reader.text(node, "a column name")
        });
        for (from, to) in &mut pairs {
            self.column_name(from);
            self.column_name(to);
        }
        pairs
    }

    fn column_name(&mut self, name: &mut Spanned<String>) {
        name.value = name.trim().to_owned();
        if name.is_empty() {
            self.found.error(
                "unknown-value",
                name.span,
                "a blank column name",
                "write the column's name as in the file's header",
            );
        }
    }

    fn pipeline(&mut self, node: &Node) -> Option<FieldPipeline> {
        let known = ["newName", "sourceColumn", "transforms"];
        let fields = self.fields(node, "a column pipeline", &known)?;
        let new_name = self.required_text(&fields, "newName");
        let source_column = self.field_text(&fields, "sourceColumn");
        let transforms = fields
            .get("transforms")
            .map(|node| self.items(node, "`transforms`", Self::step))
            .unwrap_or_default();
        Some(FieldPipeline {
            span: node.span,
            new_name: new_name?,
            source_column,
            transforms,
        })
    }

    fn step(&mut self, node: &Node) -> Option<Spanned<FieldStep>> {
        let (key, value) = self.single_entry(node, "a pipeline step", &STEPS)?;
        let step = match key.value.as_str() {
            "filter" => FieldStep::Filter(self.text(value, "`filter`")?),
            "formatString" => {
                let text = self.text(value, "`formatString`")?;
                if text.matches("%s").count() != 1 {
                    self.found.error(
                        "unknown-value",
                        text.span,
                        "`formatString` without exactly one `%s`",
                        "write one `%s` where the value goes",
                    );
                }
                FieldStep::FormatString(text)
            }
            "javaRegExpReplace" => {
                let known = ["regExp", "replace"];
                let fields = self.fields(value, "`javaRegExpReplace`", &known)?;
                let pattern = self.required_text(&fields, "regExp");
                let replacement = self.required_text(&fields, "replace");
                FieldStep::RegexReplace {
                    pattern: pattern?,
                    replacement: replacement?,
                }
            }
            "pseudonymize" => FieldStep::Pseudonymize(self.boolean(value, "`pseudonymize`")?),
            _ => {
                self.found.error(
                    "unsupported-option",
                    key.span,
                    "`pseudonymizeWithScope` is not supported",
                    "write `pseudonymize: true`",
                );
                return None;
            }
        };
        Some(Spanned::new(step, node.span))
    }

    /// Record rules.
    pub(crate) fn record(&mut self, node: &Node) -> Option<RecordRules> {
        let fields = self.fields(node, "a record rule set", &RECORD_KEYS)?;
        let format = self
            .field_text(&fields, "format")
            .and_then(|name| self.format(&name));
        let transforms = fields
            .get("transforms")
            .map(|node| self.items(node, "`transforms`", Self::record_transform));
        let schema = fields
            .get("outputSchemaFilter")
            .and_then(|node| self.schema(node));
        Some(RecordRules {
            span: node.span,
            format,
            transforms: transforms.unwrap_or_default(),
            output_schema_filter: schema,
        })
    }

    fn format(&mut self, name: &Spanned<String>) -> Option<RecordFormat> {
        match name.as_str() {
            "NDJSON" => Some(RecordFormat::Ndjson),
            "CSV" => Some(RecordFormat::Csv),
            "JSON_ARRAY" => Some(RecordFormat::JsonArray),
            "PARQUET" => Some(RecordFormat::Parquet),
            "AUTO" => Some(RecordFormat::Auto),
            other => {
                self.found.error(
                    "unknown-value",
                    name.span,
                    format!("`format` is `{}`", shown(other)),
                    one_of(other, &FORMATS),
                );
                None
            }
        }
    }

    fn record_transform(&mut self, node: &Node) -> Option<RecordTransform> {
        let (key, value) = self.single_entry(node, "a record transform", &RECORD_TRANSFORMS)?;
        if key.value == "textDigestKeywords" {
            let known = ["jsonPaths", "keywords"];
            let fields = self.fields(value, "`textDigestKeywords`", &known)?;
            let json_paths = self.field_texts(&fields, "jsonPaths");
            if json_paths.is_empty() {
                self.missing(&fields, "jsonPaths");
            }
            let keywords = self.field_texts(&fields, "keywords");
            let kind = RecordTransformKind::TextDigest { keywords };
            return Some(RecordTransform {
                span: node.span,
                kind,
                json_paths,
            });
        }
        let kind = match key.value.as_str() {
            "redact" => RecordTransformKind::Redact,
            "pseudonymize" => RecordTransformKind::Pseudonymize,
            "tokenize" => RecordTransformKind::Tokenize,
            _ => RecordTransformKind::TextDigest {
                keywords: Vec::new(),
            },
        };
        let json_paths = match value.kind {
            Kind::List(_) => self.texts(value, "the targets"),
            _ => self.text(value, "the target").into_iter().collect(),
        };
        Some(RecordTransform {
            span: node.span,
            kind,
            json_paths,
        })
    }

    /// The only entry of a mapping whose key names a variant.
    fn single_entry<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        known: &[&str],
    ) -> Option<(&'n Spanned<String>, &'n Node)> {
        self.fields(node, what, known)?;
        match node.entries() {
            [(key, value)] if known.contains(&key.value.as_str()) => Some((key, value)),
            [_] => None,
            entries => {
                self.found.error(
                    "wrong-count",
                    node.span,
                    format!("{what} with {} keys", entries.len()),
                    format!("write one key an item; allowed: {}", known.join(", ")),
                );
                None
            }
        }
    }

    /// Rules by the path of the file; `outer` is false for the one nested level that is allowed.
    pub(crate) fn multi_type(&mut self, node: &Node, outer: bool) -> Option<MultiTypeRules> {
        let fields = self.fields(node, "a multi-type rule set", &MULTI_TYPE_KEYS)?;
        let Some(map) = fields.get("fileRules") else {
            self.missing(&fields, "fileRules");
            return None;
        };
        let file_rules = self.named(map, "`fileRules`", |reader, node| {
            reader.file_rules(node, outer)
        });
        if map.entries().is_empty() {
            self.found.error(
                "empty-list",
                map.span,
                "`fileRules` is empty",
                "add a path template with its rules",
            );
        }
        Some(MultiTypeRules {
            span: node.span,
            file_rules,
        })
    }

    fn file_rules(&mut self, node: &Node, outer: bool) -> Option<FileRules> {
        let bulk = [RuleKind::Columnar, RuleKind::MultiType, RuleKind::Record];
        match detect(node, &bulk) {
            Detected::As(RuleKind::Columnar) => self.columnar(node).map(FileRules::Columnar),
            Detected::As(RuleKind::Record) => self.record(node).map(FileRules::Record),
            Detected::As(RuleKind::MultiType) if outer => {
                self.multi_type(node, false).map(FileRules::MultiType)
            }
            Detected::As(RuleKind::MultiType) => {
                self.found.error(
                    "too-deep",
                    node.span,
                    "`fileRules` inside nested `fileRules`",
                    "one level of nesting is supported; write out the paths in the outer map",
                );
                None
            }
            _ => {
                self.unknown_type(node, &bulk);
                None
            }
        }
    }
}
