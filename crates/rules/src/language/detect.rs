//! Which type of rules a document is meant to be, told by its keys.

use super::RuleFile;
use super::diagnostic::{Diagnostics, closest};
use super::read::{COLUMNAR_KEYS, MULTI_TYPE_KEYS, RECORD_KEYS, REST_KEYS, Reader, WEBHOOK_KEYS};
use super::tree::{Kind, Node, shown};

/// A type of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    /// Calls to an API.
    Rest,
    /// Files of separated values.
    Columnar,
    /// Files of several kinds.
    MultiType,
    /// Files of records.
    Record,
    /// Posted events.
    Webhook,
}

impl RuleKind {
    /// What the type is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rest => "REST rules",
            Self::Columnar => "columnar rules",
            Self::MultiType => "multi-type rules",
            Self::Record => "record rules",
            Self::Webhook => "webhook rules",
        }
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Rest => &REST_KEYS,
            Self::Columnar => &COLUMNAR_KEYS,
            Self::MultiType => &MULTI_TYPE_KEYS,
            Self::Record => &RECORD_KEYS,
            Self::Webhook => &WEBHOOK_KEYS,
        }
    }

    fn distinguishing(self) -> impl Iterator<Item = &'static str> {
        self.keys()
            .iter()
            .copied()
            .filter(|key| *key != "defaultScopeIdForSource")
    }
}

/// What the keys of a document say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detected {
    As(RuleKind),
    Unknown,
}

/// The type among `kinds` with most keys in common; misspelt keys count half. Earlier kinds win ties.
pub(crate) fn detect(node: &Node, kinds: &[RuleKind]) -> Detected {
    let mut best = (0, Detected::Unknown);
    for kind in kinds {
        let score = score(node, *kind);
        if score > best.0 {
            best = (score, Detected::As(*kind));
        }
    }
    best.1
}

fn score(node: &Node, kind: RuleKind) -> usize {
    let keys: Vec<&str> = kind.distinguishing().collect();
    let own = node
        .entries()
        .iter()
        .map(|(key, _)| match closest(key, &keys) {
            Some(near) if near == key.value => 4,
            Some(_) => 2,
            None => 0,
        });
    let sum: usize = own.sum();
    let inner = kind == RuleKind::Webhook && sum > 0 && has_inner_claims(node);
    sum + usize::from(inner)
}

/// `jwtClaimsToVerify` inside an endpoint exists in webhook rules only.
fn has_inner_claims(node: &Node) -> bool {
    let endpoints = node
        .entries()
        .iter()
        .find(|(key, _)| key.value == "endpoints");
    match endpoints.map(|(_, list)| &list.kind) {
        Some(Kind::List(items)) => items.iter().any(|item| {
            item.entries()
                .iter()
                .any(|(key, _)| key.value == "jwtClaimsToVerify")
        }),
        _ => false,
    }
}

impl Reader<'_> {
    /// The whole document as the type that its keys, or the options, say.
    pub(crate) fn rule_file(&mut self, node: &Node) -> Option<RuleFile> {
        let all = [
            RuleKind::Columnar,
            RuleKind::Rest,
            RuleKind::MultiType,
            RuleKind::Record,
            RuleKind::Webhook,
        ];
        let kind = match (self.options.kind, detect(node, &all)) {
            (Some(kind), _) | (None, Detected::As(kind)) => kind,
            (None, Detected::Unknown) => {
                self.unknown_type(node, &all);
                return None;
            }
        };
        match kind {
            RuleKind::Rest => self.rest(node).map(RuleFile::Rest),
            RuleKind::Columnar => self.columnar(node).map(RuleFile::Columnar),
            RuleKind::MultiType => self.multi_type(node, true).map(RuleFile::MultiType),
            RuleKind::Record => self.record(node).map(RuleFile::Record),
            RuleKind::Webhook => self.webhook(node).map(RuleFile::Webhook),
        }
    }

    pub(crate) fn unknown_type(&mut self, node: &Node, kinds: &[RuleKind]) {
        unknown_type(node, kinds, self.found);
    }
}

fn unknown_type(node: &Node, kinds: &[RuleKind], found: &mut Diagnostics) {
    let names: Vec<String> = node
        .entries()
        .iter()
        .take(5)
        .map(|(key, _)| format!("`{}`", shown(key)))
        .collect();
    let message = match &node.kind {
        Kind::Map(entries) if entries.is_empty() => "a rule set without any key".to_owned(),
        Kind::Map(_) => format!("no type of rules has the keys {}", names.join(", ")),
        _ => format!("the rules are {}, not a mapping", node.describe()),
    };
    let types: Vec<String> = kinds
        .iter()
        .map(|kind| {
            let keys: Vec<&str> = kind.distinguishing().take(3).collect();
            format!("{} have {}", kind.name(), keys.join(", "))
        })
        .collect();
    found.error("unknown-rules-type", node.span, message, types.join("; "));
}
