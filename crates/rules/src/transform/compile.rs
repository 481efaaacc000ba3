//! From a transform as written to its compiled form.

use super::{
    EncryptIp, FilterTokenByRegex, HashIp, Pseudonymize, PseudonymizeEmailHeader,
    PseudonymizeRegexMatches, Redact, RedactExceptPhrases, RedactExceptSubstringsMatchingRegexes,
    RedactRegexMatches, TextDigest, TextDigester, Tokenize, Transform,
};
use crate::json::Symbols;
use crate::language::{Delimiter, Diagnostics, Spanned, TransformKind};
use crate::pattern::{Pattern, PatternError};
use crate::pseudonym::Include;
use crate::sanitize::compile_path;

/// Compiles a transform. `None` if an option is wrong, which is then in `diagnostics`.
pub fn compile(kind: &TransformKind, diagnostics: &mut Diagnostics) -> Option<Box<dyn Transform>> {
    Some(match kind {
        TransformKind::Redact => Box::new(Redact),
        TransformKind::Pseudonymize {
            encoding,
            include_reversible,
            include_original,
        } => {
            let include = Include {
                reversible: *include_reversible,
                original: *include_original,
            };
            Box::new(Pseudonymize::new(*encoding, include))
        }
        TransformKind::PseudonymizeEmailHeader { encoding } => {
            Box::new(PseudonymizeEmailHeader::new(*encoding))
        }
        TransformKind::PseudonymizeRegexMatches {
            regex,
            include_reversible,
        } => {
            let pattern = one(regex, Pattern::find, diagnostics)?;
            let include = Include {
                reversible: *include_reversible,
                original: false,
            };
            Box::new(PseudonymizeRegexMatches::new(pattern, include))
        }
        TransformKind::RedactRegexMatches { redactions } => Box::new(RedactRegexMatches::new(all(
            redactions,
            Pattern::find,
            diagnostics,
        )?)),
        TransformKind::RedactExceptPhrases { allowed_phrases } => {
            Box::new(redact_except_phrases(allowed_phrases, diagnostics)?)
        }
        TransformKind::RedactExceptSubstringsMatchingRegexes { exceptions } => {
            let pattern = RedactExceptSubstringsMatchingRegexes::pattern;
            let exceptions = all(exceptions, pattern, diagnostics)?;
            Box::new(RedactExceptSubstringsMatchingRegexes::new(exceptions))
        }
        TransformKind::FilterTokenByRegex { filters, delimiter } => {
            let filters = all(filters, Pattern::whole, diagnostics)?;
            let delimiter = match delimiter {
                Delimiter::Whitespace => Pattern::find(r"\s+").ok(),
                Delimiter::WholeValue => None,
                Delimiter::Pattern(regex) => Some(one(regex, Pattern::find, diagnostics)?),
            };
            Box::new(FilterTokenByRegex::new(filters, delimiter))
        }
        TransformKind::Tokenize { regex: None } => Box::new(Tokenize::whole_value()),
        TransformKind::Tokenize { regex: Some(regex) } => tokenize(regex, diagnostics)?,
        TransformKind::TextDigest {
            keywords,
            is_json_escaped,
            json_path_to_process_when_escaped,
        } => {
            let mut digester = TextDigester::new(keywords.iter().map(|word| word.value.clone()));
            if let (true, Some(path)) = (*is_json_escaped, json_path_to_process_when_escaped) {
                let mut symbols = Symbols::new();
                let path = compile_path(path, &mut symbols, diagnostics)?;
                digester = digester.inside(path, symbols);
            }
            Box::new(TextDigest::new(digester))
        }
        TransformKind::HashIp => Box::new(HashIp),
        TransformKind::EncryptIp => Box::new(EncryptIp),
    })
}

fn tokenize(regex: &Spanned<String>, diagnostics: &mut Diagnostics) -> Option<Box<dyn Transform>> {
    let pattern = one(regex, Pattern::whole, diagnostics)?;
    if pattern.group_count() == 0 {
        diagnostics.error(
            "tokenize-without-group",
            regex.span,
            "the pattern of `tokenize` has no group, so it does not say what to replace",
            "put the part to replace into the first pair of parentheses",
        );
        return None;
    }
    Some(Box::new(Tokenize::group(pattern)))
}

fn redact_except_phrases(
    phrases: &[Spanned<String>],
    diagnostics: &mut Diagnostics,
) -> Option<RedactExceptPhrases> {
    let mut valid = true;
    for phrase in phrases {
        if let Err(error) = RedactExceptPhrases::check(&phrase.value) {
            diagnostics.error(error.code(), phrase.span, error.to_string(), error.help());
            valid = false;
        }
    }
    valid.then(|| RedactExceptPhrases::new(phrases.iter().map(|phrase| phrase.value.clone())))
}

fn all(
    sources: &[Spanned<String>],
    make: impl Fn(&str) -> Result<Pattern, PatternError>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Pattern>> {
    // Collected before they are judged, so that all errors are told.
    let patterns: Vec<_> = sources
        .iter()
        .map(|source| one(source, &make, diagnostics))
        .collect();
    patterns.into_iter().collect()
}

fn one(
    source: &Spanned<String>,
    make: impl Fn(&str) -> Result<Pattern, PatternError>,
    diagnostics: &mut Diagnostics,
) -> Option<Pattern> {
    match make(&source.value) {
        Ok(pattern) => {
            if pattern.uses_lookaround() {
                diagnostics.warning(
                    "regex-lookaround",
                    source.span,
                    "this pattern needs backtracking; values that take too many steps are redacted",
                    "avoid look-around, back-references and possessive quantifiers",
                );
            }
            Some(pattern)
        }
        Err(error) => {
            diagnostics.error(error.code(), source.span, error.to_string(), error.help());
            None
        }
    }
}
