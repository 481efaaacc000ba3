//! What a person enters for a field, held to its declaration.

use super::field::{Field, FieldKind};

/// Most bytes of a value.
const LONGEST_VALUE: usize = 64 * 1024;

/// Why a value is not accepted for a field. Carries the field's name, never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {}", self.field(), self.wanted())]
pub enum FieldProblem {
    /// Nothing was given.
    Missing(String),
    /// More than 64 KiB.
    TooLong(String),
    /// A control character or, outside a text area, a line break.
    Control(String),
    /// Not one of the options.
    NotAnOption {
        /// The field.
        field: String,
        /// What is allowed.
        options: String,
    },
    /// The declared pattern does not fit.
    Pattern {
        /// The field.
        field: String,
        /// The pattern.
        pattern: String,
    },
}

impl FieldProblem {
    /// The stable code of this problem.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "field-missing",
            Self::TooLong(_) => "field-too-long",
            Self::Control(_) => "field-control-character",
            Self::NotAnOption { .. } => "field-not-an-option",
            Self::Pattern { .. } => "field-pattern",
        }
    }
}

impl FieldProblem {
    /// The name of the field.
    pub fn field(&self) -> &str {
        match self {
            Self::Missing(field)
            | Self::TooLong(field)
            | Self::Control(field)
            | Self::NotAnOption { field, .. }
            | Self::Pattern { field, .. } => field,
        }
    }

    /// What is wrong, to follow the field's name.
    fn wanted(&self) -> String {
        match self {
            Self::Missing(_) => "is missing; it is required".to_owned(),
            Self::TooLong(_) => "is longer than 64 KiB".to_owned(),
            Self::Control(_) => {
                "holds a line break or another control character; enter it on one line".to_owned()
            }
            Self::NotAnOption { options, .. } => format!("is not one of {options}"),
            Self::Pattern { pattern, .. } => {
                format!(
                    "does not have the form `{pattern}`; check that the right value was copied as a whole"
                )
            }
        }
    }
}

impl Field {
    /// What is kept of an entered value: without the white space and control characters at its ends
    /// that copying adds; `None` when nothing is left and nothing is needed.
    ///
    /// # Errors
    /// When it is required and blank, too long, or not of the declared form.
    pub fn accept(&self, entered: &str) -> Result<Option<String>, FieldProblem> {
        let value = entered.trim_matches(stray);
        if value.is_empty() {
            return if self.required && self.default.is_none() {
                Err(FieldProblem::Missing(self.name.clone()))
            } else {
                Ok(None)
            };
        }
        if value.len() > LONGEST_VALUE {
            return Err(FieldProblem::TooLong(self.name.clone()));
        }
        let lines = self.kind == FieldKind::Textarea;
        let control = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'));
        if value.contains(control) {
            return Err(FieldProblem::Control(self.name.clone()));
        }
        if !self.options.is_empty() && !self.options.iter().any(|o| o.value == value) {
            let options: Vec<_> = self
                .options
                .iter()
                .map(|o| format!("`{}`", o.value))
                .collect();
            return Err(FieldProblem::NotAnOption {
                field: self.name.clone(),
                options: options.join(", "),
            });
        }
        // A pattern that gives up does not fit.
        let misfit = self
            .pattern
            .as_ref()
            .filter(|p| !p.is_match(value).unwrap_or(false));
        if let Some(pattern) = misfit {
            return Err(FieldProblem::Pattern {
                field: self.name.clone(),
                pattern: pattern.as_str().to_owned(),
            });
        }
        Ok(Some(value.to_owned()))
    }
}

/// What copying adds at the ends of a value.
fn stray(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '\u{feff}'
}
