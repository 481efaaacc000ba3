//! Every name that is used must be declared, and every declared one used.

use hushgate_rules::language::Span;

use super::read::Reader;
use super::{Auth, Kept};
use crate::connect::template::is_field_name;

impl Reader<'_> {
    /// Notes that a declaration uses a field.
    pub(super) fn uses(&mut self, name: &str, at: Span) {
        self.used.push((name.to_owned(), at));
    }

    /// Without the `whole` of a module it is not known which fields are used.
    pub(super) fn names_are_fields(&mut self, auth: &Auth, whole: bool) {
        let mut told: Vec<String> = Vec::new();
        for (name, at) in std::mem::take(&mut self.used) {
            if !is_field_name(&name) {
                self.invalid(
                    at,
                    "not the name of a field",
                    "write upper-case letters, digits and `_`, such as `CLIENT_SECRET`, and declare it in `fields`",
                );
            } else if !self.declared.iter().any(|(known, _)| *known == name)
                && !told.contains(&name)
            {
                self.found.error(
                    "undeclared-field",
                    at,
                    format!("`{name}` is used but not declared"),
                    "add it to `fields`",
                );
            }
            told.push(name);
        }
        for (name, at) in std::mem::take(&mut self.declared) {
            if whole && !told.contains(&name) {
                self.found.error(
                    "unused-field",
                    at,
                    format!("field `{name}` is declared but not used"),
                    "use it in a template, or remove it",
                );
            }
        }
        for setting in std::mem::take(&mut self.settings) {
            let field = auth.fields.iter().find(|f| f.name == *setting);
            if field.is_some_and(|f| f.kept == Kept::Store) {
                self.invalid(
                    setting.span,
                    "the field that chooses is kept in the store",
                    "write `in: settings` at the field",
                );
            }
        }
    }
}
