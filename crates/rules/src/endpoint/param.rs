//! Schemas of path and query parameters, compiled.

use crate::language::{Diagnostics, LoadOptions, ParamSchema, Span, one_of, shown};
use crate::pattern::{Pattern, PatternError};
use crate::pseudonym::is_reversible_token;

/// A compiled parameter schema: all checks must hold.
#[derive(Debug, Default)]
pub(crate) struct Param {
    kind: Kind,
    token: Option<Suffix>,
    allowed: Option<Vec<String>>,
    pattern: Option<Pattern>,
    any_of: Vec<Param>,
    pub(crate) required: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Kind {
    Integer,
    Number,
    #[default]
    Text,
}

/// Whether a token may carry `@domain`.
#[derive(Debug, Clone, Copy)]
struct Suffix(bool);

const TYPES: [&str; 3] = ["string", "integer", "number"];

impl Param {
    /// Compiles a schema; what is wrong goes to `found`.
    pub(crate) fn compile(
        spec: &ParamSchema,
        options: LoadOptions,
        found: &mut Diagnostics,
    ) -> Self {
        let mut param = Self {
            required: spec.required,
            ..Self::default()
        };
        if let Some(kind) = &spec.kind {
            param.kind = match kind.as_str() {
                "integer" => Kind::Integer,
                "number" => Kind::Number,
                _ => Kind::Text,
            };
            if !TYPES.contains(&kind.as_str()) {
                let message = format!("parameter type `{}` is not checked", shown(kind));
                let help = one_of(kind, &TYPES);
                if options.compat {
                    found.warning("unknown-value", kind.span, message, help);
                } else {
                    found.error("unknown-value", kind.span, message, help);
                }
            }
        }
        if let Some(format) = &spec.format {
            let name = format.to_ascii_lowercase().replace('_', "-");
            if matches!(name.as_str(), "pseudonym" | "reversible-pseudonym") {
                param.token = Some(Suffix(!options.compat));
            } else {
                found.error(
                    "unknown-value",
                    format.span,
                    format!("parameter format `{}`", shown(format)),
                    "allowed: reversible-pseudonym, pseudonym; use `pattern` for anything else",
                );
            }
        }
        param.allowed = spec
            .allowed
            .as_ref()
            .map(|texts| texts.iter().map(|text| text.value.clone()).collect());
        param.pattern = spec
            .pattern
            .as_ref()
            .and_then(|text| compile_pattern(text, text.span, Pattern::whole, found));
        param.any_of = spec
            .any_of
            .iter()
            .map(|one| Self::compile(one, options, found))
            .collect();
        param
    }

    /// Whether a decoded value is admitted.
    pub(crate) fn admits(&self, value: &str) -> bool {
        self.check(value).is_some()
    }

    /// Whether a decoded value that holds a slash, plain or still encoded, is admitted: only by a
    /// `pattern` that spells a slash out, or by `enum`.
    pub(crate) fn admits_slash(&self, value: &str) -> bool {
        self.check(value) == Some(Slash::Spelled)
    }

    fn check(&self, value: &str) -> Option<Slash> {
        let typed = match self.kind {
            Kind::Integer => {
                let digits = value.trim();
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            }
            Kind::Number => is_java_double(value),
            Kind::Text => true,
        };
        let token = self.token.is_none_or(|Suffix(suffix)| {
            is_reversible_token(value) && (suffix || !value.contains('@'))
        });
        let listed = self
            .allowed
            .as_ref()
            .is_none_or(|texts| texts.iter().any(|it| it == value));
        let matched = self
            .pattern
            .as_ref()
            .is_none_or(|it| it.is_match(value).unwrap_or(false));
        if !(typed && token && listed && matched) {
            return None;
        }
        let spelled = self.allowed.is_some()
            || self
                .pattern
                .as_ref()
                .is_some_and(|it| spells_slash(it.as_str()));
        let own = if spelled {
            Slash::Spelled
        } else {
            Slash::Silent
        };
        if self.any_of.is_empty() {
            return Some(own);
        }
        self.any_of
            .iter()
            .filter_map(|one| one.check(value))
            .max()
            .map(|inner| inner.max(own))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slash {
    Silent,
    Spelled,
}

/// Whether a pattern names a slash: `/`, `%2F` or `%252F`, also as in `%(?:25)?2[Ff]`.
pub(crate) fn spells_slash(pattern: &str) -> bool {
    pattern.contains('/') || spells_encoded_slash(pattern)
}

/// Whether a pattern names an encoded slash.
pub(crate) fn spells_encoded_slash(pattern: &str) -> bool {
    let upper = pattern.to_ascii_uppercase();
    match upper.split_once('%') {
        Some((_, rest)) => rest.contains("2F") || rest.contains("2[F") || rest.contains("2[BF"),
        None => false,
    }
}

/// Compiles a pattern, noting what is wrong and whether it can be slow.
pub(crate) fn compile_pattern(
    text: &str,
    span: Span,
    compile: impl Fn(&str) -> Result<Pattern, PatternError>,
    found: &mut Diagnostics,
) -> Option<Pattern> {
    match compile(text) {
        Ok(pattern) => {
            if pattern.uses_lookaround() {
                found.warning(
                    "regex-lookaround",
                    span,
                    "the pattern looks around, so it is tried step by step up to a limit",
                    "write it without `(?=`, `(?!`, `(?<=`, `(?<!` and back-references",
                );
            }
            Some(pattern)
        }
        Err(error) => {
            found.error(error.code(), span, error.to_string(), error.help());
            None
        }
    }
}

/// What `Double.parseDouble` reads: also `NaN`, `Infinity`, hexadecimal and a trailing `f` or `d`.
fn is_java_double(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c <= ' ');
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(body, "NaN" | "Infinity") {
        return true;
    }
    let body = body.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(body);
    let hexadecimal = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X"));
    let (number, exponent, is_digit): (_, _, fn(char) -> bool) = match hexadecimal {
        Some(digits) => match digits.split_once(['p', 'P']) {
            Some((number, exponent)) => (number, Some(exponent), |c| c.is_ascii_hexdigit()),
            None => return false,
        },
        None => match body.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, Some(exponent), |c| c.is_ascii_digit()),
            None => (body, None, |c| c.is_ascii_digit()),
        },
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = whole.len() + fraction.len();
    let exponent = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['+', '-']).unwrap_or(text);
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    });
    digits > 0 && exponent && whole.chars().chain(fraction.chars()).all(is_digit)
}
