//! The fields of an auth module: what the mechanism needs from an administrator.

use hushgate_rules::language::Spanned;
use hushgate_rules::language::tree::{Kind, Node};
use hushgate_rules::pattern::Pattern;

use super::ClientAuthKind;
use super::read::{Map, Reader};
use crate::connect::template::is_field_name;

const FIELD_KEYS: &[&str] = &[
    "name", "in", "label", "tooltip", "type", "options", "pattern", "required", "secret",
    "default", "when",
];

/// One value that the mechanism needs.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Field {
    /// Its name in the secret store or the configuration.
    pub name: String,
    /// Where it is kept.
    pub kept: Kept,
    /// Its name for people.
    pub label: String,
    /// What it is and where to find it.
    pub tooltip: String,
    /// How it is asked for.
    pub kind: FieldKind,
    /// What may be chosen; not empty only for [`FieldKind::Select`].
    pub options: Vec<Choice>,
    /// What the whole value must look like.
    pub pattern: Option<Pattern>,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it must not be shown.
    pub secret: bool,
    /// What is used when it is not given.
    pub default: Option<String>,
    /// The client authentications it is needed for; empty: all.
    pub when: Vec<ClientAuthKind>,
    /// Whether a consent in a browser or on a device gives it, so that it need not be asked for.
    pub obtained: bool,
    /// Whether calls need it; others serve only to look at the account, to consent or to forecast.
    pub needed: bool,
}

/// Where a field is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In the secret store.
    Store,
    /// In the function's configuration.
    Settings,
}

/// How a field is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// One visible line.
    Text,
    /// One hidden line.
    Password,
    /// Several lines, such as a key file.
    Textarea,
    /// One of [`Field::options`].
    Select,
}

/// A value that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// Its name for people.
    pub label: String,
}

impl FieldKind {
    /// All kinds with their words.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("text", Self::Text),
        ("password", Self::Password),
        ("textarea", Self::Textarea),
        ("select", Self::Select),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }
}

impl Field {
    /// Whether the field is needed with this client authentication.
    pub fn applies(&self, client_auth: Option<ClientAuthKind>) -> bool {
        self.when.is_empty() || client_auth.is_some_and(|kind| self.when.contains(&kind))
    }
}

impl Reader<'_> {
    pub(super) fn fields(&mut self, map: &Map<'_>) -> Vec<Field> {
        let items = match map.get("fields").map(|n| (&n.kind, n)) {
            Some((Kind::List(items), _)) => items.as_slice(),
            Some((_, node)) => {
                self.invalid(
                    node.span,
                    "`fields` is not a list",
                    "write a list of fields, each with a `name`",
                );
                return Vec::new();
            }
            None => {
                self.missing(map, "fields");
                return Vec::new();
            }
        };
        let mut fields: Vec<Field> = Vec::new();
        for item in items {
            if let Some((field, name)) = self.field(item) {
                if fields.iter().any(|other| other.name == field.name) {
                    self.invalid(
                        name.span,
                        "this field is declared twice",
                        "keep one of the two",
                    );
                } else {
                    self.declared.push((field.name.clone(), name.span));
                    fields.push(field);
                }
            }
        }
        fields
    }

    fn field(&mut self, node: &Node) -> Option<(Field, Spanned<String>)> {
        let map = self.map(node, "a field", FIELD_KEYS)?;
        let name = self.required(&map, "name");
        let places = [("store", Kept::Store), ("settings", Kept::Settings)];
        let kept = self.word(&map, "in", &places).unwrap_or(Kept::Store);
        let label = self.required(&map, "label");
        let tooltip = self
            .text(&map, "tooltip")
            .map_or_else(String::new, |t| t.value);
        let default = self.text(&map, "default");
        let secret = self.flag(&map, "secret").unwrap_or(kept == Kept::Store);
        if let Some(default) = &default
            && secret
        {
            self.invalid(
                default.span,
                "a secret field with a `default`",
                "a secret never stands in a file; remove the default",
            );
        }
        if secret && kept == Kept::Settings {
            self.invalid(
                map.node.span,
                "a secret field that is kept in the settings",
                "settings are readable configuration; write `in: store`",
            );
        }
        let required = self.flag(&map, "required").unwrap_or(default.is_none());
        let when = self.texts(&map, "when");
        let when = when
            .iter()
            .filter_map(|word| self.one_word(word, "an item of `when`", ClientAuthKind::ALL))
            .collect();
        let options = self.options(&map);
        let kind = self.field_kind(&map, secret, &options);
        let pattern = self.field_pattern(&map);
        let name = name?;
        if !is_field_name(&name) {
            self.invalid(
                name.span,
                "`name` is not a field name",
                "write upper-case letters, digits and `_`, such as `CLIENT_SECRET`",
            );
        }
        let field = Field {
            name: name.value.clone(),
            kept,
            label: label?.value,
            tooltip,
            kind,
            options,
            pattern,
            required,
            secret,
            default: default.as_ref().map(|d| d.value.clone()),
            when,
            obtained: false,
            needed: true,
        };
        if let Some(default) = default.filter(|_| !secret)
            && let Err(problem) = field.accept(&default)
        {
            self.invalid(
                default.span,
                &format!("the default of {problem}"),
                "write a default that the field itself accepts",
            );
        }
        Some((field, name))
    }

    fn field_kind(&mut self, map: &Map<'_>, secret: bool, options: &[Choice]) -> FieldKind {
        let standard = match (options.is_empty(), secret) {
            (false, _) => FieldKind::Select,
            (true, true) => FieldKind::Password,
            (true, false) => FieldKind::Text,
        };
        let kind = self.word(map, "type", FieldKind::ALL).unwrap_or(standard);
        if (kind == FieldKind::Select) == options.is_empty() {
            self.invalid(
                map.node.span,
                "`type: select` and `options` belong together",
                "list the `options` of a select, and only of a select",
            );
        }
        kind
    }

    fn options(&mut self, map: &Map<'_>) -> Vec<Choice> {
        let Some(node) = map.get("options") else {
            return Vec::new();
        };
        let Kind::List(items) = &node.kind else {
            self.invalid(
                node.span,
                "`options` is not a list",
                "write a list of values, or of mappings with `value` and `label`",
            );
            return Vec::new();
        };
        let mut options: Vec<Choice> = Vec::new();
        for item in items {
            let choice = if matches!(item.kind, Kind::Map(_)) {
                self.choice(item)
            } else {
                self.node_text(item, "an option").map(|text| Choice {
                    label: text.value.clone(),
                    value: text.value,
                })
            };
            let Some(choice) = choice else { continue };
            if choice.value.is_empty() || options.iter().any(|o| o.value == choice.value) {
                self.invalid(
                    item.span,
                    "this option is blank or listed twice",
                    "give each option a value of its own",
                );
            }
            options.push(choice);
        }
        options
    }

    fn choice(&mut self, node: &Node) -> Option<Choice> {
        let map = self.map(node, "an option", &["value", "label"])?;
        let value = self.required(&map, "value");
        let label = self.required(&map, "label");
        Some(Choice {
            value: value?.value,
            label: label?.value,
        })
    }

    fn field_pattern(&mut self, map: &Map<'_>) -> Option<Pattern> {
        let text = self.text(map, "pattern")?;
        match Pattern::whole(&text) {
            Ok(pattern) if !pattern.uses_lookaround() => Some(pattern),
            Ok(_) => {
                self.invalid(
                    text.span,
                    "`pattern` uses look-around, a back-reference or a possessive quantifier",
                    "write a plain regular expression for the whole value",
                );
                None
            }
            Err(error) => {
                self.invalid(
                    text.span,
                    "`pattern` is not a regular expression",
                    error.help(),
                );
                None
            }
        }
    }
}
