//! Reads transforms and augments.

use super::super::diagnostic::one_of;
use super::super::span::{Span, Spanned};
use super::super::transform::{
    AugmentKind, AugmentSpec, Delimiter, PseudonymEncoding, TransformKind, TransformSpec,
};
use super::super::tree::{Kind, Node, shown};
use super::{Fields, Reader};

/// Names of transforms with the keys each has besides the common ones.
const TRANSFORMS: [(&str, &[&str]); 12] = [
    ("redact", &[]),
    (
        "pseudonymize",
        &[
            "encoding",
            "includeReversible",
            "includeOriginal",
            "onlyIfRegex",
        ],
    ),
    ("pseudonymizeEmailHeader", &["encoding"]),
    ("pseudonymizeRegexMatches", &["regex", "includeReversible"]),
    ("redactRegexMatches", &["redactions"]),
    ("redactExceptPhrases", &["allowedPhrases"]),
    ("redactExceptSubstringsMatchingRegexes", &["exceptions"]),
    ("filterTokenByRegex", &["filters", "delimiter"]),
    ("tokenize", &["regex"]),
    (
        "textDigest",
        &["keywords", "isJsonEscaped", "jsonPathToProcessWhenEscaped"],
    ),
    ("hashIp", &[]),
    ("encryptIp", &[]),
];
const TRANSFORM_KEYS: [&str; 4] = ["jsonPaths", "applyOnlyWhen", "method", "fields"];

const AUGMENTS: [(&str, &[&str]); 2] = [
    ("textDigest", &["keywords"]),
    (
        "sentenceMetadata",
        &["taxonomy", "hedgeWords", "constraintWords"],
    ),
];
const AUGMENT_KEYS: [&str; 4] = ["jsonPaths", "innerJsonPath", "outputSchema", "method"];

type Variants = [(&'static str, &'static [&'static str])];

impl Reader<'_> {
    /// One transform, in either spelling.
    pub(crate) fn transform(&mut self, node: &Node) -> Option<TransformSpec> {
        let (name, fields) = self.variant(node, "a transform", &TRANSFORMS, &TRANSFORM_KEYS)?;
        let json_paths = self.json_paths(&fields);
        let apply_only_when = fields
            .get("applyOnlyWhen")
            .and_then(|node| self.text_unless_blank(node, "`applyOnlyWhen`"));
        self.inert(
            &fields,
            "fields",
            "list the targets in `jsonPaths` and remove it",
        );
        let kind = self.transform_kind(name, &fields)?;
        Some(TransformSpec {
            span: node.span,
            json_paths,
            apply_only_when,
            kind,
        })
    }

    fn transform_kind(&mut self, name: &str, fields: &Fields<'_>) -> Option<TransformKind> {
        Some(match name {
            "redact" => TransformKind::Redact,
            "pseudonymize" => self.pseudonymize(fields)?,
            "pseudonymizeEmailHeader" => TransformKind::PseudonymizeEmailHeader {
                encoding: self.lenient_encoding(fields),
            },
            "pseudonymizeRegexMatches" => TransformKind::PseudonymizeRegexMatches {
                regex: self.required_text(fields, "regex")?,
                include_reversible: self.flag(fields, "includeReversible"),
            },
            "redactRegexMatches" => TransformKind::RedactRegexMatches {
                redactions: self.must_list(fields, "redactions"),
            },
            "redactExceptPhrases" => TransformKind::RedactExceptPhrases {
                allowed_phrases: self.must_list(fields, "allowedPhrases"),
            },
            "redactExceptSubstringsMatchingRegexes" => {
                TransformKind::RedactExceptSubstringsMatchingRegexes {
                    exceptions: self.must_list(fields, "exceptions"),
                }
            }
            "filterTokenByRegex" => TransformKind::FilterTokenByRegex {
                filters: self.must_list(fields, "filters"),
                delimiter: self.delimiter(fields),
            },
            "tokenize" => TransformKind::Tokenize {
                regex: self.field_text(fields, "regex"),
            },
            "textDigest" => self.text_digest(fields),
            "hashIp" => TransformKind::HashIp,
            _ => TransformKind::EncryptIp,
        })
    }

    fn pseudonymize(&mut self, fields: &Fields<'_>) -> Option<TransformKind> {
        self.inert(
            fields,
            "onlyIfRegex",
            "every value is pseudonymized; use `pseudonymizeRegexMatches` to choose by pattern",
        );
        let encoding = match fields.get("encoding") {
            Some(node) => self.encoding(node)?,
            None => PseudonymEncoding::default(),
        };
        let include_original = self.flag(fields, "includeOriginal");
        if include_original && encoding == PseudonymEncoding::UrlSafeToken {
            let span = fields
                .entry("includeOriginal")
                .map_or(fields.span(), |(key, _)| key.span);
            self.found.error(
                "conflicting-options",
                span,
                "`includeOriginal` with encoding `URL_SAFE_TOKEN`, which has no place for an original",
                "remove `includeOriginal`, or write `encoding: JSON`",
            );
        }
        if encoding == PseudonymEncoding::UrlSafeHashOnly {
            for key in ["includeReversible", "includeOriginal"] {
                if self.flag(fields, key) {
                    self.inert(
                        fields,
                        key,
                        "a bare hash has no place for it; use another `encoding`, or remove it",
                    );
                }
            }
        }
        Some(TransformKind::Pseudonymize {
            encoding,
            include_reversible: self.flag(fields, "includeReversible"),
            include_original,
        })
    }

    /// An encoding by its exact name.
    pub(crate) fn encoding(&mut self, node: &Node) -> Option<PseudonymEncoding> {
        let name = self.text(node, "the encoding")?;
        let encoding = PseudonymEncoding::from_name(&name);
        if encoding.is_none() {
            self.found.error(
                "unknown-value",
                name.span,
                format!("the encoding is `{}`", shown(&name)),
                one_of(&name, &PseudonymEncoding::NAMES),
            );
        }
        encoding
    }

    fn lenient_encoding(&mut self, fields: &Fields<'_>) -> PseudonymEncoding {
        let Some(name) = self.field_text(fields, "encoding") else {
            return PseudonymEncoding::default();
        };
        let allowed = ["URL_SAFE_TOKEN", "JSON"];
        if !allowed.contains(&name.as_str()) {
            self.strict(
                "unknown-value",
                name.span,
                format!(
                    "the encoding is `{}`, which stands for `JSON` here",
                    shown(&name)
                ),
                one_of(&name, &allowed),
            );
        }
        match name.as_str() {
            "URL_SAFE_TOKEN" => PseudonymEncoding::UrlSafeToken,
            _ => PseudonymEncoding::Json,
        }
    }

    fn text_digest(&mut self, fields: &Fields<'_>) -> TransformKind {
        let is_json_escaped = self.flag(fields, "isJsonEscaped");
        let inner = fields
            .get("jsonPathToProcessWhenEscaped")
            .and_then(|node| self.text_unless_blank(node, "`jsonPathToProcessWhenEscaped`"));
        match &inner {
            Some(path) if !is_json_escaped => self.strict(
                "inert-option",
                path.span,
                "`jsonPathToProcessWhenEscaped` has no effect without `isJsonEscaped: true`",
                "add `isJsonEscaped: true` or remove the path",
            ),
            None if is_json_escaped => self.strict(
                "inert-option",
                fields.span(),
                "`isJsonEscaped` has no effect without `jsonPathToProcessWhenEscaped`",
                "add the path inside the escaped JSON, or remove `isJsonEscaped`",
            ),
            _ => {}
        }
        TransformKind::TextDigest {
            keywords: self.keywords(fields),
            is_json_escaped,
            json_path_to_process_when_escaped: inner,
        }
    }

    /// Words to count. Texts are cut into words of ASCII letters, digits and `_`, so others never occur.
    fn keywords(&mut self, fields: &Fields<'_>) -> Vec<Spanned<String>> {
        let words = self.field_texts(fields, "keywords");
        for word in &words {
            let whole = word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !whole || word.is_empty() {
                self.found.warning(
                    "keyword-never-counted",
                    word.span,
                    format!("`{}` is not one word, so it is never counted", shown(word)),
                    "write single words of ASCII letters, digits and `_`",
                );
            }
        }
        words
    }

    fn delimiter(&mut self, fields: &Fields<'_>) -> Delimiter {
        match fields.get_even_null("delimiter") {
            None => Delimiter::Whitespace,
            Some(node) if node.is_null() => Delimiter::WholeValue,
            Some(node) => self
                .text(node, "`delimiter`")
                .map_or(Delimiter::Whitespace, Delimiter::Pattern),
        }
    }

    /// One augment, in either spelling.
    pub(crate) fn augment(&mut self, node: &Node) -> Option<AugmentSpec> {
        let (name, fields) = self.variant(node, "an augment", &AUGMENTS, &AUGMENT_KEYS)?;
        let json_paths = self.json_paths(&fields);
        let inner_json_path = fields
            .get("innerJsonPath")
            .and_then(|node| self.text_unless_blank(node, "`innerJsonPath`"));
        self.inert(
            &fields,
            "outputSchema",
            "remove it; an augment's output has a fixed shape",
        );
        let kind = if name == "textDigest" {
            AugmentKind::TextDigest {
                keywords: self.keywords(&fields),
            }
        } else {
            // Under compatibility, compiling warns.
            if !self.options.compat {
                self.found.error(
                    "unavailable-augment",
                node.span,
                "`sentenceMetadata` needs language models that are not part of the gateway, so it adds nothing",
                "remove it, or use `textDigest`",
            );
            }
            self.sentence_metadata(&fields)
        };
        Some(AugmentSpec {
            span: node.span,
            json_paths,
            inner_json_path,
            kind,
        })
    }

    fn sentence_metadata(&mut self, fields: &Fields<'_>) -> AugmentKind {
        let taxonomy = fields.get("taxonomy").map(|node| {
            self.named(node, "`taxonomy`", |reader, words| {
                Some(reader.texts(words, "a category"))
            })
        });
        AugmentKind::SentenceMetadata {
            taxonomy: taxonomy.unwrap_or_default(),
            hedge_words: self.field_texts(fields, "hedgeWords"),
            constraint_words: self.field_texts(fields, "constraintWords"),
        }
    }

    /// Which variant a tag or `method` names, and the mapping checked against its keys.
    fn variant<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        variants: &Variants,
        common: &[&'static str],
    ) -> Option<(&'static str, Fields<'n>)> {
        let bare_tag = node.is_null() && node.tag.is_some();
        if !bare_tag && !matches!(node.kind, Kind::Map(_)) {
            self.wrong_type(node, what, "a mapping with a tag, such as `!<redact>`");
            return None;
        }
        let names: Vec<&str> = variants.iter().map(|(name, _)| *name).collect();
        let written = self.variant_name(node, what, &names)?;
        let Some((name, keys)) = variants.iter().find(|(name, _)| *name == written.value) else {
            let code = if what == "an augment" {
                "unknown-augment"
            } else {
                "unknown-transform"
            };
            let message = format!("`{}` is not {what}", shown(&written));
            self.found
                .error(code, written.span, message, one_of(&written, &names));
            return None;
        };
        let known: Vec<&str> = common.iter().chain(*keys).copied().collect();
        if node.is_null() {
            let message = format!("{what} without `jsonPaths`");
            self.found
                .error("missing-key", node.span, message, "add `jsonPaths`");
            return None;
        }
        self.tagged_fields(node, what, &known)
            .map(|fields| (*name, fields))
    }

    fn variant_name(&mut self, node: &Node, what: &str, names: &[&str]) -> Option<Spanned<String>> {
        let method = node.entries().iter().find(|(key, _)| key.value == "method");
        let method = match method {
            Some((_, value)) => Some(self.text(value, "`method`")?),
            None => None,
        };
        match (&node.tag, method) {
            (Some(tag), Some(method)) if tag.value != method.value => {
                self.found.error(
                    "conflicting-options",
                    method.span,
                    format!("`method` is `{}`, the tag `{}`", shown(&method), shown(tag)),
                    "keep one of the two",
                );
                None
            }
            (Some(tag), _) => Some(tag.clone()),
            (None, Some(method)) => Some(method),
            (None, None) => {
                let first = names.first().copied().unwrap_or_default();
                self.found.error(
                    "missing-key",
                    node.span,
                    format!("{what} that does not say which"),
                    format!(
                        "write a tag such as `!<{first}>` before the mapping; allowed: {}",
                        names.join(", ")
                    ),
                );
                None
            }
        }
    }

    fn json_paths(&mut self, fields: &Fields<'_>) -> Vec<Spanned<String>> {
        self.must_list(fields, "jsonPaths")
    }

    fn must_list(&mut self, fields: &Fields<'_>, key: &str) -> Vec<Spanned<String>> {
        let Some(node) = fields.get(key) else {
            self.missing(fields, key);
            return Vec::new();
        };
        let before = self.list_problems();
        let items = self.texts(node, &format!("`{key}`"));
        if items.is_empty() && before == self.list_problems() {
            self.empty_list(node.span, key);
        }
        items
    }

    fn list_problems(&self) -> usize {
        self.found.count()
    }

    fn empty_list(&mut self, span: Span, key: &str) {
        // An empty list of what may stay or of targets is well formed in published rules; it does nothing or redacts all.
        let message = format!("`{key}` is empty");
        self.strict(
            "empty-list",
            span,
            message,
            "add an item, or remove the whole entry",
        );
    }

    fn flag(&mut self, fields: &Fields<'_>, key: &str) -> bool {
        self.field_boolean(fields, key).unwrap_or_default()
    }
}
