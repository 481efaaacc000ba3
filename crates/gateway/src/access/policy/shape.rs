//! Taking values of a known shape from the YAML tree; what has another shape is a problem.

use crate::egress::{Egress, EgressConfig};

use super::super::platform::PlatformCallers;
use super::document::{Node, Value};
use super::value::{is_name, span};
use super::{PolicyOptions, Problem};

const MAX_TEXT: usize = 1024;

/// Collects the problems of a document while values are taken from it.
pub(super) struct Reader {
    pub(super) problems: Vec<Problem>,
    /// The platform that may vouch for callers.
    pub(super) platform: Option<PlatformCallers>,
    egress: Egress,
}

/// The members of a mapping whose keys are known, and where it stands.
pub(super) struct Fields<'n> {
    node: &'n Node,
    path: String,
    entries: Vec<(&'n str, &'n Node)>,
}

/// A value that was read, and where it stands.
pub(super) struct Item<'n, T> {
    pub(super) node: &'n Node,
    pub(super) path: String,
    pub(super) value: T,
}

impl Reader {
    pub(super) fn new(options: PolicyOptions) -> Self {
        Self {
            problems: Vec::new(),
            platform: options.platform,
            egress: Egress::new(EgressConfig {
                dev_loopback: options.dev_loopback,
                ..EgressConfig::default()
            }),
        }
    }

    /// The items of a list that could be read, and where each stands.
    pub(super) fn items<'n, T>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        read: fn(&mut Self, &Fields<'_>) -> Option<T>,
    ) -> Vec<Item<'n, T>> {
        let allowed: &[&str] = match key {
            "issuers" => &[
                "issuer",
                "algorithms",
                "jwks_uri",
                "max_lifetime",
                "stale_keys",
            ],
            _ => &[
                "id",
                "name",
                "identity",
                "sources",
                "expires",
                "ip_allow",
                "pseudonym_domain",
            ],
        };
        let path = fields.path_of(key);
        let mut found = Vec::new();
        for (i, node) in self.list(fields, key).iter().enumerate() {
            let path = format!("{path}[{i}]");
            if let Some(fields) = self.fields(node, &path, allowed)
                && let Some(value) = read(self, &fields)
            {
                found.push(Item { node, path, value });
            }
        }
        found
    }

    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        allowed: &[&str],
    ) -> Option<Fields<'n>> {
        let Value::Map(map) = &node.value else {
            let found = node.value.kind();
            let message = format!("is {found}; write a mapping with: {}", allowed.join(", "));
            self.report(node, path, message);
            return None;
        };
        let mut entries = Vec::new();
        for (key, value) in map {
            match &key.value {
                Value::Text(name) if allowed.contains(&name.as_str()) => {
                    entries.push((name.as_str(), value));
                }
                Value::Text(name) => {
                    let message = format!("unknown key `{name}`; allowed: {}", allowed.join(", "));
                    self.report(key, path, message);
                }
                other => {
                    let message = format!("a key is {}, not a text", other.kind());
                    self.report(key, path, message);
                }
            }
        }
        Some(Fields {
            node,
            path: path.to_owned(),
            entries,
        })
    }

    /// The items of a list; none for a missing key, a problem for anything but a list.
    pub(super) fn list<'n>(&mut self, fields: &Fields<'n>, key: &str) -> &'n [Node] {
        match fields.get(key) {
            None => &[],
            Some(node) => match &node.value {
                Value::List(items) => items,
                other => {
                    let message = format!("is {}; write a list", other.kind());
                    self.report(node, &fields.path_of(key), message);
                    &[]
                }
            },
        }
    }

    /// The texts of a list with their places. `filled`: a missing or empty list is a problem.
    pub(super) fn texts<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        filled: bool,
    ) -> Vec<(String, &'n Node, String)> {
        let path = fields.path_of(key);
        let items = self.list(fields, key);
        if filled && fields.get(key).is_none() {
            self.missing(fields, key);
        } else if filled
            && matches!(fields.get(key).map(|n| &n.value), Some(Value::List(l)) if l.is_empty())
        {
            self.report_at(fields, key, "is empty; list at least one entry");
        }
        items
            .iter()
            .enumerate()
            .filter_map(|(i, node)| {
                let path = format!("{path}[{i}]");
                let text = self.text_of(node, &path)?;
                Some((path, node, text))
            })
            .collect()
    }

    pub(super) fn text(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        required: bool,
    ) -> Option<String> {
        if let Some(node) = fields.get(key) {
            return self.text_of(node, &fields.path_of(key));
        }
        if required {
            self.missing(fields, key);
        }
        None
    }

    pub(super) fn text_of(&mut self, node: &Node, path: &str) -> Option<String> {
        let plain = |c: char| !c.is_control();
        match &node.value {
            Value::Text(text) if text.is_empty() => self.report(node, path, "is empty"),
            Value::Text(text) if text.len() > MAX_TEXT => {
                self.report(node, path, "is longer than 1024 bytes");
            }
            Value::Text(text) if text.trim() != text || !text.chars().all(plain) => {
                self.report(node, path, "has control characters, or spaces at an end");
            }
            Value::Text(text) => return Some(text.clone()),
            Value::Whole(_) | Value::Number | Value::Bool | Value::Null => {
                let message = format!("is {}; write a text, in quotes", node.value.kind());
                self.report(node, path, message);
            }
            other => {
                let message = format!("is {}; write one text", other.kind());
                self.report(node, path, message);
            }
        }
        None
    }

    pub(super) fn name(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        required: bool,
    ) -> Option<String> {
        let name = self.text(fields, key, required)?;
        if is_name(&name) {
            return Some(name);
        }
        self.report_at(fields, key, NAME_SHAPE);
        None
    }

    pub(super) fn names(&mut self, fields: &Fields<'_>, key: &str) -> Vec<String> {
        let mut names = Vec::new();
        for (path, node, text) in self.texts(fields, key, false) {
            if text == "*" {
                self.report(
                    node,
                    &path,
                    "there is no wildcard: list each source by its id",
                );
            } else if is_name(&text) {
                names.push(text);
            } else {
                self.report(node, &path, NAME_SHAPE);
            }
        }
        names
    }

    pub(super) fn span(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        range: &std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        let Some(text) = self.text(fields, key, false) else {
            return default;
        };
        if let Some(seconds) = span(&text).filter(|s| range.contains(s)) {
            return seconds;
        }
        let message = format!(
            "is not a span of time from {} to {} seconds; write it like `90s`, `15m`, `24h` or `7d`",
            range.start(),
            range.end()
        );
        self.report_at(fields, key, message);
        default
    }

    pub(super) fn url(&mut self, fields: &Fields<'_>, key: &str, required: bool) -> Option<String> {
        let text = self.text(fields, key, required)?;
        let issue = match self.egress.parse(&text) {
            Err(error) => Some(error.to_string()),
            Ok(url) if url.fragment().is_some() => Some("it has a fragment (`#`)".to_owned()),
            Ok(url) if key == "issuer" && url.query().is_some() => {
                Some("an issuer has no query (`?`)".to_owned())
            }
            Ok(_) => None,
        };
        if let Some(issue) = issue {
            self.report_at(fields, key, format!("is not a usable address: {issue}"));
            return None;
        }
        Some(text)
    }

    /// Reports an identity whose platform is not the one that was switched on.
    pub(super) fn needs_platform(&mut self, needed: PlatformCallers, node: &Node, path: &str) {
        if self.platform == Some(needed) {
            return;
        }
        let now = match self.platform {
            None => "is not set".to_owned(),
            Some(other) => format!("is `{}`", other.word()),
        };
        let message = format!(
            "is taken only with HUSHGATE_PLATFORM_CALLERS={}, which {now}",
            needed.word()
        );
        self.report(node, path, message);
    }

    pub(super) fn missing(&mut self, fields: &Fields<'_>, key: &str) {
        self.report(fields.node, &fields.path, format!("`{key}` is missing"));
    }

    pub(super) fn report_at(&mut self, fields: &Fields<'_>, key: &str, message: impl Into<String>) {
        let node = fields.get(key).unwrap_or(fields.node);
        self.report(node, &fields.path_of(key), message);
    }

    pub(super) fn report(&mut self, node: &Node, path: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            line: node.line,
            column: node.column,
            path: path.to_owned(),
            message: message.into(),
        });
    }
}

const NAME_SHAPE: &str =
    "is not a name; use 1 to 64 of `a` to `z`, `0` to `9` and `-`, with no `-` at an end";

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, node)| *node)
    }

    /// How many keys are given.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}
