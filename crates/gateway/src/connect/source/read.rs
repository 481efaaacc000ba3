//! The general part of `source.yaml`, and the helpers that read checked values from its tree.

use std::time::Duration;

use http::HeaderName;
use hushgate_rules::language::tree::{Kind, Node, shown};
use hushgate_rules::language::{Diagnostics, Span, Spanned, one_of};

use super::host::{HostPattern, is_host_name, is_plain_path};
use super::{Source, SourceHost, SourceOptions};
use crate::connect::template::Template;
use crate::egress::TlsFloor;

const SOURCE_KEYS: &[&str] = &[
    "id",
    "name",
    "docs",
    "categories",
    "connect_button",
    "host",
    "target_host",
    "base_path",
    "base_path_from",
    "tls",
    "response_headers",
    "limits",
    "auth",
];

/// Response headers that would change how the caller's client treats the answer as a whole.
const HEADERS_NEVER_PASSED: &[&str] = &[
    "set-cookie",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "trailer",
    "te",
    "authorization",
    "proxy-authenticate",
    "location",
];

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const YEAR: Duration = Duration::from_hours(366 * 24);

/// Reads the tree, noting every problem and going on.
pub(super) struct Reader<'d> {
    pub(super) found: &'d mut Diagnostics,
    pub(super) options: SourceOptions,
    /// The fields that are declared, and where.
    pub(super) declared: Vec<(String, Span)>,
    /// The fields that are used, and where.
    pub(super) used: Vec<(String, Span)>,
    /// The fields that choose something, and so must be settings.
    pub(super) settings: Vec<Spanned<String>>,
}

/// A mapping whose keys were checked.
pub(super) struct Map<'n> {
    pub(super) node: &'n Node,
    what: &'static str,
}

impl<'n> Map<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        let (_, value) = self.node.member(key)?;
        (!value.is_null()).then_some(value)
    }
}

impl<'d> Reader<'d> {
    pub(super) fn new(found: &'d mut Diagnostics, options: SourceOptions) -> Self {
        Self {
            found,
            options,
            declared: Vec::new(),
            used: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// The whole file; `None` when it is too broken to give anything.
    pub(super) fn source(&mut self, node: &Node) -> Option<Source> {
        let map = self.map(node, "a source", SOURCE_KEYS)?;
        let id = self.required(&map, "id");
        if let Some(id) = &id
            && !is_id(id)
        {
            self.invalid(
                id.span,
                "`id` is not a source id",
                "write lower-case words joined by `-`, such as `jira-cloud`",
            );
        }
        let name = self.required(&map, "name");
        let docs = self.required(&map, "docs");
        if let Some(docs) = &docs
            && !docs.starts_with("https://")
        {
            self.invalid(
                docs.span,
                "`docs` is not an https address",
                "write the address of the vendor's API reference",
            );
        }
        let categories = self.categories(&map);
        let connect_button = self.connect_button(&map);
        let host = self.host(&map);
        let base_path = self.base_path(&map);
        let base_path_from = self.text(&map, "base_path_from");
        if let Some(field) = &base_path_from {
            self.uses(field, field.span);
            self.settings.push(field.clone());
        }
        let tls = self.word(
            &map,
            "tls",
            &[("1.2", TlsFloor::V1_2), ("1.3", TlsFloor::V1_3)],
        );
        let response_headers = self.response_headers(&map);
        let limits = self.texts(&map, "limits");
        if map.get("auth").is_none() {
            self.missing(&map, "auth");
        }
        let auth = map.get("auth").and_then(|node| self.auth(node));
        Some(Source {
            id: id?.value,
            name: name?.value,
            docs: docs?.value,
            categories,
            connect_button,
            host: host?,
            base_path,
            base_path_from: base_path_from.map(|field| field.value),
            tls,
            response_headers,
            limits: values(limits),
            auth: auth?,
        })
    }

    fn categories(&mut self, map: &Map<'_>) -> Vec<String> {
        let categories = self.texts(map, "categories");
        for category in categories.iter().filter(|c| !is_id(c)) {
            self.invalid(
                category.span,
                "not a category",
                "write lower-case words joined by `-`, such as `source-code`",
            );
        }
        values(categories)
    }

    fn connect_button(&mut self, map: &Map<'_>) -> Option<String> {
        let name = self.text(map, "connect_button")?;
        let (stem, extension) = name.rsplit_once('.').unwrap_or_default();
        if !is_id(stem) || !matches!(extension, "svg" | "png") {
            self.invalid(
                name.span,
                "`connect_button` is not the name of an image",
                "write the name of an SVG or PNG file beside source.yaml, such as `connect.svg`",
            );
        }
        Some(name.value)
    }

    fn host(&mut self, map: &Map<'_>) -> Option<SourceHost> {
        match (map.get("host"), map.get("target_host")) {
            (Some(_), None) => {
                let host = self.text(map, "host")?;
                if !is_host_name(&host) || !host.contains('.') || *host != host.to_ascii_lowercase()
                {
                    self.invalid(
                        host.span,
                        "`host` is not a plain host name",
                        "write the lower-case DNS name of the API, without scheme, port or path",
                    );
                    return None;
                }
                Some(SourceHost::Fixed(host.value))
            }
            (None, Some(node)) => {
                let target = self.map(node, "`target_host`", &["pattern", "example"])?;
                let pattern = self.required(&target, "pattern");
                let example = self.required(&target, "example")?;
                let pattern = pattern?;
                match HostPattern::parse(&pattern) {
                    Ok(fit) if fit.matches(&example) => Some(SourceHost::Account {
                        pattern: fit,
                        example: example.value,
                    }),
                    Ok(_) => {
                        self.invalid(
                            example.span,
                            "`example` does not fit `pattern`",
                            "give an example host that the pattern admits",
                        );
                        None
                    }
                    Err(help) => {
                        self.invalid(pattern.span, "`pattern` is not a host pattern", &help);
                        None
                    }
                }
            }
            (Some(_), Some(node)) => {
                self.invalid(node.span, "both `host` and `target_host` are given", "keep `host` when all accounts share it, `target_host` when the account decides");
                None
            }
            (None, None) => {
                self.invalid(map.node.span, "a source without `host` or `target_host`", "add `host: api.example.com`, or `target_host` with `pattern` and `example` when the account decides it");
                None
            }
        }
    }

    fn base_path(&mut self, map: &Map<'_>) -> String {
        let Some(path) = self.text(map, "base_path") else {
            return String::new();
        };
        if !is_plain_path(&path) {
            self.invalid(
                path.span,
                "`base_path` is not a plain path",
                "write it like `/api/v2`: no slash at the end, no escapes, no dot segments",
            );
        }
        path.value
    }

    fn response_headers(&mut self, map: &Map<'_>) -> Vec<HeaderName> {
        let mut names = Vec::new();
        for text in self.texts(map, "response_headers") {
            match text.parse::<HeaderName>() {
                Ok(name) if HEADERS_NEVER_PASSED.contains(&name.as_str()) => self.invalid(
                    text.span,
                    &format!("response header `{name}` is never passed on"),
                    "remove it",
                ),
                Ok(name) => names.push(name),
                Err(_) => self.invalid(
                    text.span,
                    "not a header name",
                    "write names such as `x-next-page`",
                ),
            }
        }
        names
    }

    // === helpers ===

    pub(super) fn map<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        known: &[&str],
    ) -> Option<Map<'n>> {
        if !matches!(node.kind, Kind::Map(_)) {
            self.found.error(
                "wrong-type",
                node.span,
                format!("{what} is {}", node.describe()),
                format!("write a mapping with the keys: {}", known.join(", ")),
            );
            return None;
        }
        node.check_keys(what, known, self.found);
        Some(Map { node, what })
    }

    pub(super) fn text(&mut self, map: &Map<'_>, key: &str) -> Option<Spanned<String>> {
        let node = map.get(key)?;
        self.node_text(node, &format!("`{key}`"))
    }

    pub(super) fn required(&mut self, map: &Map<'_>, key: &str) -> Option<Spanned<String>> {
        if map.get(key).is_none() {
            self.missing(map, key);
        }
        self.text(map, key)
    }

    pub(super) fn node_text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        match &node.kind {
            Kind::Scalar { text, .. } if !node.is_null() && node.tag.is_none() => {
                Some(Spanned::new(text.trim().to_owned(), node.span))
            }
            _ => {
                self.found.error(
                    "wrong-type",
                    node.span,
                    format!("{what} is {}", node.describe()),
                    "write a text",
                );
                None
            }
        }
    }

    /// A list of texts; a single text counts as a list of one.
    pub(super) fn texts(&mut self, map: &Map<'_>, key: &str) -> Vec<Spanned<String>> {
        match map.get(key) {
            None => Vec::new(),
            Some(Node {
                kind: Kind::List(items),
                ..
            }) => items
                .iter()
                .filter_map(|item| self.node_text(item, &format!("an item of `{key}`")))
                .collect(),
            Some(node) => self
                .node_text(node, &format!("`{key}`"))
                .into_iter()
                .collect(),
        }
    }

    pub(super) fn flag(&mut self, map: &Map<'_>, key: &str) -> Option<bool> {
        self.word(map, key, &[("true", true), ("false", false)])
    }

    /// A value out of a fixed set of words.
    pub(super) fn word<T: Copy>(
        &mut self,
        map: &Map<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(map, key)?;
        self.one_word(&text, &format!("`{key}`"), words)
    }

    pub(super) fn one_word<T: Copy>(
        &mut self,
        text: &Spanned<String>,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.found.error(
                "unknown-value",
                text.span,
                format!("{what} is `{}`", shown(text)),
                one_of(text, &names),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// A time span: a whole number and `s`, `m`, `h` or `d`.
    pub(super) fn duration(
        &mut self,
        map: &Map<'_>,
        key: &str,
        least: Duration,
        most: Duration,
    ) -> Option<Duration> {
        let text = self.text(map, key)?;
        let parsed = parse_duration(&text);
        match parsed {
            Some(value) if value >= least && value <= most => Some(value),
            _ => {
                let help = format!(
                    "write a whole number and a unit, from {}s to {}s, such as `90s`, `5m`, `1h`, `1d`",
                    least.as_secs(),
                    most.as_secs()
                );
                self.invalid(
                    text.span,
                    &format!("`{key}` is not a time span that is allowed here"),
                    &help,
                );
                None
            }
        }
    }

    pub(super) fn template(
        &mut self,
        map: &Map<'_>,
        key: &str,
        builtin: &[&str],
    ) -> Option<Template> {
        let text = self.text(map, key)?;
        self.parse_template(&text, key, builtin)
    }

    pub(super) fn parse_template(
        &mut self,
        text: &Spanned<String>,
        key: &str,
        builtin: &[&str],
    ) -> Option<Template> {
        match Template::parse(text, builtin) {
            Ok(template) => {
                for name in template.names().filter(|n| !builtin.contains(n)) {
                    self.used.push((name.to_owned(), text.span));
                }
                Some(template)
            }
            Err(problem) => {
                let mut help = "write `{{FIELD}}` with the name of a field".to_owned();
                if !builtin.is_empty() {
                    help.push_str(", or a built-in name: ");
                    help.push_str(&builtin.join(", "));
                }
                self.found.error(
                    "template-invalid",
                    text.span,
                    format!("`{key}` {problem}"),
                    help,
                );
                None
            }
        }
    }

    /// The name of a field that a key refers to without braces.
    pub(super) fn field_name(&mut self, map: &Map<'_>, key: &str) -> Option<String> {
        let name = self.text(map, key)?;
        self.uses(&name, name.span);
        Some(name.value)
    }

    pub(super) fn missing(&mut self, map: &Map<'_>, key: &str) {
        self.found.error(
            "missing-key",
            map.node.span,
            format!("{} without `{key}`", map.what),
            format!("add `{key}`"),
        );
    }

    pub(super) fn invalid(&mut self, span: Span, message: &str, help: &str) {
        self.found.error("invalid-value", span, message, help);
    }
}

pub(super) fn values(texts: Vec<Spanned<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

pub(super) fn is_id(text: &str) -> bool {
    let word = |w: &str| {
        !w.is_empty()
            && w.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    text.len() <= 64 && text.split('-').all(word)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}
