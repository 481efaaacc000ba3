//! Typed reading of the tree: each step notes what is wrong and goes on, so all errors are told at once.

mod bulk;
mod rest;
mod schema;
mod transform;
mod webhook;

pub(crate) use bulk::{COLUMNAR_KEYS, MULTI_TYPE_KEYS, RECORD_KEYS};
pub(crate) use rest::REST_KEYS;
pub(crate) use webhook::WEBHOOK_KEYS;

use super::LoadOptions;
use super::diagnostic::Diagnostics;
use super::span::{Span, Spanned};
use super::tree::{Kind, Node, shown};

/// What reading needs besides the tree.
pub(crate) struct Reader<'d> {
    pub(crate) found: &'d mut Diagnostics,
    pub(crate) options: LoadOptions,
}

/// A mapping whose keys were checked.
pub(crate) struct Fields<'n> {
    node: &'n Node,
    what: &'static str,
}

impl<'n> Fields<'n> {
    pub(crate) fn span(&self) -> Span {
        self.node.span
    }

    /// The value of a key; null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.get_even_null(key).filter(|node| !node.is_null())
    }

    pub(crate) fn get_even_null(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|(_, node)| node)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<(&'n Spanned<String>, &'n Node)> {
        self.node.member(key)
    }
}

impl Reader<'_> {
    /// A mapping that may hold only the keys of `known`; others are reported. `what` names the
    /// mapping in messages, such as `an endpoint`.
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        self.no_tag(node, what);
        self.tagged_fields(node, what, known)
    }

    pub(crate) fn tagged_fields<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        if !matches!(node.kind, Kind::Map(_)) {
            self.wrong_type(node, what, "a mapping");
            return None;
        }
        node.check_keys(what, known, self.found);
        Some(Fields { node, what })
    }

    pub(crate) fn no_tag(&mut self, node: &Node, what: &str) {
        if let Some(tag) = &node.tag {
            self.found.error(
                "unexpected-tag",
                tag.span,
                format!("tag `!{}` on {what}", shown(tag)),
                "tags name transforms and augments only; remove it",
            );
        }
    }

    /// The text of a single value, as written.
    pub(crate) fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        self.no_tag(node, what);
        if let Kind::Scalar { text, .. } = &node.kind
            && !node.is_null()
        {
            return Some(Spanned::new(text.clone(), node.span));
        }
        self.wrong_type(node, what, "a text");
        None
    }

    /// A text, or nothing if it is blank.
    pub(crate) fn text_unless_blank(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        self.text(node, what).filter(|text| !text.trim().is_empty())
    }

    pub(crate) fn texts(&mut self, node: &Node, what: &str) -> Vec<Spanned<String>> {
        self.items(node, what, |reader, item| {
            reader.text(item, &format!("an item of {what}"))
        })
    }

    pub(crate) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        self.no_tag(node, what);
        match &node.kind {
            Kind::Scalar { text, .. } if text.eq_ignore_ascii_case("true") => Some(true),
            Kind::Scalar { text, .. } if text.eq_ignore_ascii_case("false") => Some(false),
            Kind::Scalar { text, .. } => {
                self.found.error(
                    "wrong-type",
                    node.span,
                    format!("{what} is `{}`", shown(text)),
                    "write `true` or `false`",
                );
                None
            }
            _ => {
                self.wrong_type(node, what, "`true` or `false`");
                None
            }
        }
    }

    /// The items of a list, those that could be read.
    pub(crate) fn items<T>(
        &mut self,
        node: &Node,
        what: &str,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Vec<T> {
        self.no_tag(node, what);
        if let Kind::List(items) = &node.kind {
            return items.iter().filter_map(|item| read(self, item)).collect();
        }
        self.wrong_type(node, what, "a list");
        Vec::new()
    }

    /// The members of a mapping with free keys, those that could be read.
    pub(crate) fn named<T>(
        &mut self,
        node: &Node,
        what: &str,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Vec<(Spanned<String>, T)> {
        self.no_tag(node, what);
        if !matches!(node.kind, Kind::Map(_)) {
            self.wrong_type(node, what, "a mapping");
            return Vec::new();
        }
        let mut members = Vec::new();
        for (key, value) in node.entries() {
            if let Some(value) = read(self, value) {
                members.push((key.clone(), value));
            }
        }
        members
    }

    pub(crate) fn field_text(&mut self, fields: &Fields<'_>, key: &str) -> Option<Spanned<String>> {
        fields
            .get(key)
            .and_then(|node| self.text(node, &quoted(key)))
    }

    pub(crate) fn field_texts(&mut self, fields: &Fields<'_>, key: &str) -> Vec<Spanned<String>> {
        self.field_texts_if_given(fields, key).unwrap_or_default()
    }

    pub(crate) fn field_texts_if_given(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
    ) -> Option<Vec<Spanned<String>>> {
        fields.get(key).map(|node| self.texts(node, &quoted(key)))
    }

    pub(crate) fn field_boolean(&mut self, fields: &Fields<'_>, key: &str) -> Option<bool> {
        fields
            .get(key)
            .and_then(|node| self.boolean(node, &quoted(key)))
    }

    /// A text that must be there.
    pub(crate) fn required_text(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
    ) -> Option<Spanned<String>> {
        if fields.get(key).is_none() {
            self.missing(fields, key);
        }
        self.field_text(fields, key)
    }

    pub(crate) fn missing(&mut self, fields: &Fields<'_>, key: &str) {
        self.found.error(
            "missing-key",
            fields.span(),
            format!("{} without `{key}`", fields.what),
            format!("add `{key}`"),
        );
    }

    pub(crate) fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str) {
        self.found.error(
            "wrong-type",
            node.span,
            format!("{what} is {}", node.describe()),
            format!("write {wanted}"),
        );
    }

    /// An option that the reference accepts and that has no effect: refused, or under
    /// compatibility ignored with a warning.
    pub(crate) fn inert(&mut self, fields: &Fields<'_>, key: &str, help: &str) {
        if let Some((name, _)) = fields.entry(key) {
            let message = format!("`{key}` has no effect");
            self.strict("inert-option", name.span, message, help);
        }
    }

    /// An error, or under compatibility a warning.
    pub(crate) fn strict(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.options.compat {
            self.found.warning(code, span, message, help);
        } else {
            self.found.error(code, span, message, help);
        }
    }
}

/// A key as it is named in messages.
pub(crate) fn quoted(key: &str) -> String {
    format!("`{key}`")
}
