//! Path templates: `/v1/users/{id}`.

use crate::pattern::{Flags, Pattern};
use std::ops::Range;

/// A compiled template.
#[derive(Debug)]
pub(crate) struct Template {
    names: Vec<String>,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    /// Each segment has at most one parameter: compared directly.
    Segments(Vec<Segment>),
    /// Several parameters in a segment: an anchored pattern.
    Pattern(Box<Pattern>),
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Parameter {
        prefix: String,
        suffix: String,
        optional: bool,
    },
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Parameter { name: String, optional: bool },
}

/// Why a template can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("`{{` without `}}`")]
    Unclosed,
    #[error("`}}` without `{{`")]
    Unopened,
    #[error("parameter name `{0}`")]
    BadName(String),
    #[error("parameter `{0}` occurs twice")]
    Twice(String),
    #[error("the template does not begin with `/`")]
    NotAbsolute,
    #[error("the template holds `{0}`, which no admitted path can hold")]
    Unmatchable(&'static str),
    #[error("the template is too large")]
    TooLarge,
}

impl TemplateError {
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::Unclosed | Self::Unopened => "write parameters as `{name}`",
            Self::BadName(_) => "a letter, then letters and digits, then optionally `?`",
            Self::Twice(_) => "give each parameter its own name",
            Self::NotAbsolute => "begin with `/`",
            Self::Unmatchable(_) => {
                "write the path without query, dot segments or empty segments; use `allowedQueryParams` for the query"
            }
            Self::TooLarge => "split it into several endpoints",
        }
    }
}

impl Template {
    pub(crate) fn compile(text: &str) -> Result<Self, TemplateError> {
        if !text.starts_with('/') {
            return Err(TemplateError::NotAbsolute);
        }
        let segments = text
            .split('/')
            .skip(1)
            .map(parts)
            .collect::<Result<Vec<_>, _>>()?;
        check_literals(text)?;
        let mut names: Vec<String> = Vec::new();
        for part in segments.iter().flatten() {
            if let Part::Parameter { name, .. } = part {
                if names.contains(name) {
                    return Err(TemplateError::Twice(name.clone()));
                }
                names.push(name.clone());
            }
        }
        let single = segments.iter().all(|parts| parameters(parts) <= 1);
        let matcher = if single {
            Matcher::Segments(segments.into_iter().map(Segment::from_parts).collect())
        } else {
            let source = pattern_source(&segments);
            let pattern = Pattern::whole_with(&source, Flags::IGNORE_CASE);
            Matcher::Pattern(Box::new(pattern.map_err(|_| TemplateError::TooLarge)?))
        };
        Ok(Self { names, matcher })
    }

    /// Names of the parameters in order.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Where the parameters' values stand in a path that matches, in the order of the names.
    pub(crate) fn matches(&self, path: &str) -> Option<Vec<Range<usize>>> {
        match &self.matcher {
            Matcher::Segments(segments) => match_segments(segments, path),
            Matcher::Pattern(pattern) => {
                let groups = pattern.captures(path).ok().flatten()?;
                (1..=self.names.len())
                    .map(|group| groups.span(group))
                    .collect()
            }
        }
    }

    /// A path that the template matches.
    pub(crate) fn sample(text: &str) -> Option<String> {
        let mut sample = String::new();
        for segment in text.split('/').skip(1) {
            sample.push('/');
            for part in parts(segment).ok()? {
                match part {
                    Part::Literal(text) => sample.push_str(&text),
                    Part::Parameter { .. } => sample.push_str("x1"),
                }
            }
        }
        Some(sample)
    }
}

impl Segment {
    fn from_parts(parts: Vec<Part>) -> Self {
        let mut prefix = String::new();
        let mut suffix = String::new();
        let mut parameter = None;
        for part in parts {
            match (part, parameter) {
                (Part::Literal(text), None) => prefix.push_str(&text),
                (Part::Literal(text), Some(_)) => suffix.push_str(&text),
                (Part::Parameter { optional, .. }, _) => parameter = Some(optional),
            }
        }
        match parameter {
            Some(optional) => Self::Parameter {
                prefix,
                suffix,
                optional,
            },
            None => Self::Literal(prefix),
        }
    }
}

fn match_segments(segments: &[Segment], path: &str) -> Option<Vec<Range<usize>>> {
    let mut values = Vec::new();
    let mut start = 1;
    let mut actual = path.strip_prefix('/')?.split('/');
    for segment in segments {
        let text = actual.next()?;
        match segment {
            Segment::Literal(literal) if literal.eq_ignore_ascii_case(text) => {}
            Segment::Literal(_) => return None,
            Segment::Parameter {
                prefix,
                suffix,
                optional,
            } => {
                let fixed = prefix.len() + suffix.len();
                let length = text.len().checked_sub(fixed)?;
                let inner = prefix.len()..prefix.len() + length;
                let fits = text.get(..inner.start)?.eq_ignore_ascii_case(prefix)
                    && text.get(inner.end..)?.eq_ignore_ascii_case(suffix)
                    && (length > 0 || *optional);
                if !fits {
                    return None;
                }
                values.push(start + inner.start..start + inner.end);
            }
        }
        start += text.len() + 1;
    }
    actual.next().is_none().then_some(values)
}

fn parts(segment: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = segment;
    while let Some((literal, after)) = rest.split_once('{') {
        if literal.contains('}') {
            return Err(TemplateError::Unopened);
        }
        let (inside, after) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
        let name = inside.strip_suffix('?').unwrap_or(inside);
        let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !letters || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(TemplateError::BadName(crate::language::shown(inside)));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        parts.push(Part::Parameter {
            name: name.to_owned(),
            optional: inside.ends_with('?'),
        });
        rest = after;
    }
    if rest.contains('}') {
        return Err(TemplateError::Unopened);
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

fn parameters(parts: &[Part]) -> usize {
    parts
        .iter()
        .filter(|part| matches!(part, Part::Parameter { .. }))
        .count()
}

fn check_literals(text: &str) -> Result<(), TemplateError> {
    for bad in ["//", "/./", "/../", "#", ";", "\\"] {
        if text.contains(bad) {
            return Err(TemplateError::Unmatchable(bad));
        }
    }
    // A question mark is either the mark of an optional parameter or the start of a query.
    if text.replace("?}", "}").contains('?') {
        return Err(TemplateError::Unmatchable("?"));
    }
    Ok(())
}

fn pattern_source(segments: &[Vec<Part>]) -> String {
    let mut source = String::new();
    for segment in segments {
        source.push('/');
        for part in segment {
            match part {
                Part::Literal(text) => escape(text, &mut source),
                Part::Parameter { optional: true, .. } => source.push_str("([^/]*)"),
                Part::Parameter {
                    optional: false, ..
                } => source.push_str("([^/]+)"),
            }
        }
    }
    source
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::{Matcher, Part, Template, parts, pattern_source};
    use crate::pattern::{Flags, Pattern};
    use proptest::prelude::*;

    proptest! {
        /// Comparing segments directly gives what the anchored pattern gives.
        #[test]
        fn both_matchers_agree(
            template in "(/([ab.|*]|\\{[xy]\\??\\}){0,3}){1,3}",
            path in "(/[abAB.|*]{0,4}){1,3}",
        ) {
            let Ok(compiled) = Template::compile(&template) else { return Ok(()) };
            let segments: Vec<Vec<Part>> =
                template.split('/').skip(1).map(|segment| parts(segment).unwrap()).collect();
            let pattern =
                Pattern::whole_with(&pattern_source(&segments), Flags::IGNORE_CASE).unwrap();
            let expected = pattern.captures(&path).unwrap().map(|groups| {
                (1..=compiled.names().len())
                    .map(|group| groups.span(group).unwrap())
                    .collect::<Vec<_>>()
            });
            prop_assert_eq!(compiled.matches(&path), expected);
        }
    }

    #[test]
    fn compares_single_parameters_without_a_pattern() {
        let template = Template::compile("/v1/users/{id}.json").unwrap();
        assert!(matches!(template.matcher, Matcher::Segments(_)));
    }
}
