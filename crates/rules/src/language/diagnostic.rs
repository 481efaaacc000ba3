//! What is wrong with a rule file, told so that its author can act.

use super::span::Span;
use std::fmt;

/// Whether a finding stops the rules from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The rules are refused.
    Error,
    /// The rules are used; the author should look again.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One finding about a rule file.
///
/// Displayed as `severity[code]: message`, then the place, then the help, each on its own line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable kebab-case name of the kind of finding.
    pub code: &'static str,
    /// Whether the rules are refused.
    pub severity: Severity,
    /// Name of the rule file as given to the loader.
    pub file: String,
    /// Place of the finding.
    pub span: Span,
    /// What was found.
    pub message: String,
    /// What is allowed, or what to do.
    pub help: String,
    /// Path inside the document, such as `endpoints[3].transforms[0].jsonPaths[1]`; empty for the document itself.
    pub path: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}[{}]: {}",
            self.severity.as_str(),
            self.code,
            self.message
        )?;
        write!(
            f,
            "  --> {}:{}:{}",
            self.file, self.span.line, self.span.column
        )?;
        if !self.path.is_empty() {
            write!(f, " (at {})", self.path)?;
        }
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}

/// Collects every finding about one rule file.
#[derive(Debug, Default)]
pub struct Diagnostics {
    file: String,
    list: Vec<Diagnostic>,
    errors: usize,
}

/// Findings kept for one file; a file that is wrong in more places than this has one cause.
const MAX_FINDINGS: usize = 200;

impl Diagnostics {
    /// An empty collection for the file of that name.
    pub fn new(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            list: Vec::new(),
            errors: 0,
        }
    }

    /// Notes an error: what was found at `span`, and what is allowed there.
    pub fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.errors += 1;
        self.push(code, Severity::Error, span, message.into(), help.into());
    }

    /// Notes a warning: what was found at `span`, and what to do about it.
    pub fn warning(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(code, Severity::Warning, span, message.into(), help.into());
    }

    /// Whether any error was noted.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All findings in file order.
    pub fn into_vec(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|found| (found.span, found.severity));
        self.list
    }

    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn list_mut(&mut self) -> &mut [Diagnostic] {
        &mut self.list
    }

    fn push(
        &mut self,
        code: &'static str,
        severity: Severity,
        span: Span,
        message: String,
        help: String,
    ) {
        let room =
            self.list.len() < MAX_FINDINGS || (severity == Severity::Error && self.errors == 1);
        if room {
            let file = self.file.clone();
            self.list.push(Diagnostic {
                code,
                severity,
                file,
                span,
                message,
                help,
                path: String::new(),
            });
        }
    }
}

/// A help text that names the closest allowed word, or all of them.
pub fn one_of(found: &str, allowed: &[&str]) -> String {
    match closest(found, allowed) {
        Some(word) => format!("did you mean `{word}`? allowed: {}", allowed.join(", ")),
        None => format!("allowed: {}", allowed.join(", ")),
    }
}

/// The allowed word nearest to what was written, if it is near enough to be a slip.
pub fn closest<'a>(found: &str, allowed: &[&'a str]) -> Option<&'a str> {
    if found.len() > 64 {
        return None;
    }
    let lower = found.to_ascii_lowercase();
    allowed
        .iter()
        .map(|word| (distance(&lower, &word.to_ascii_lowercase()), *word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Levenshtein distance over bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let above = *cell;
            let value = (diagonal + usize::from(x != y))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            left = value;
            *cell = value;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{closest, distance};

    #[test]
    fn measures_slips() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(
            closest("pathTemplte", &["pathRegex", "pathTemplate"]),
            Some("pathTemplate")
        );
        assert_eq!(closest("nonsense", &["pathRegex", "pathTemplate"]), None);
    }
}
