//! A call that a declaration describes: to validate, to ask for the account, to revoke.

use http::{HeaderName, Method};
use hushgate_rules::language::Spanned;
use hushgate_rules::language::tree::{Kind, Node};
use reqwest::Url;
use serde_json::Value;

use super::host::is_loopback;
use super::member::MemberPath;
use super::read::{Map, Reader};
use crate::connect::template::{FillError, Place, Template};

/// A request and what counts as its success.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub target: Target,
    /// Headers beside the credential's.
    pub headers: Vec<(HeaderName, Template)>,
    /// Query parameters.
    pub query: Vec<(String, Template)>,
    /// The body.
    pub body: Option<Body>,
    /// What counts as success.
    pub success: Success,
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A path of the source's API, behind its `base_path`.
    Path(Template),
    /// A whole address; its host is fixed or the source's.
    Url(Template),
}

/// A body with places to fill.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Form-encoded parameters.
    Form(Vec<(String, Template)>),
    /// JSON.
    Json(JsonTemplate),
}

/// JSON whose texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonTemplate {
    /// A text to fill.
    Text(Template),
    /// A number, `true`, `false` or `null`, as it is.
    Fixed(Value),
    /// A list.
    List(Vec<JsonTemplate>),
    /// An object.
    Object(Vec<(String, JsonTemplate)>),
}

/// What counts as success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Success {
    /// The statuses; empty: 200 to 299.
    pub status: Vec<u16>,
    /// A place in the JSON answer that must hold something, and what, when that is said.
    pub member: Option<(MemberPath, Option<String>)>,
}

/// The keys of a call, for the places that have one.
pub(super) const CALL_KEYS: [&str; 7] = [
    "method", "path", "url", "headers", "query", "body", "success",
];

impl JsonTemplate {
    /// Fills the texts. A value becomes one JSON string whatever it holds: it is never parsed.
    ///
    /// # Errors
    /// The name that has no value.
    pub fn fill<'v>(
        &self,
        value: &mut impl FnMut(&str) -> Option<&'v str>,
    ) -> Result<Value, FillError> {
        Ok(match self {
            Self::Text(template) => Value::String(template.fill(Place::Plain, value)?),
            Self::Fixed(value) => value.clone(),
            Self::List(items) => {
                let items: Result<_, FillError> = items.iter().map(|i| i.fill(value)).collect();
                Value::Array(items?)
            }
            Self::Object(members) => {
                let members: Result<_, FillError> = members
                    .iter()
                    .map(|(name, item)| Ok((name.clone(), item.fill(value)?)))
                    .collect();
                Value::Object(members?)
            }
        })
    }
}

impl Success {
    /// Whether a status counts as success.
    pub fn status_fits(&self, status: u16) -> bool {
        if self.status.is_empty() {
            (200..300).contains(&status)
        } else {
            self.status.contains(&status)
        }
    }
}

impl Reader<'_> {
    /// The call in a mapping whose keys were checked; `None` when it has no target.
    pub(super) fn call(&mut self, map: &Map<'_>, builtin: &[&str]) -> Option<Call> {
        let methods = [("GET", 'g'), ("POST", 'p'), ("PUT", 'u'), ("DELETE", 'd')];
        let method = match self.word(map, "method", &methods) {
            None | Some('g') => Method::GET,
            Some('p') => Method::POST,
            Some('u') => Method::PUT,
            Some(_) => Method::DELETE,
        };
        let target = self.target(map, builtin);
        let headers = self.headers(map, builtin);
        let query = self.params_with(map, "query", &[], builtin);
        let body = map.get("body").and_then(|node| self.body(node, builtin));
        if let Some(node) = map.get("body").filter(|_| method == Method::GET) {
            self.invalid(
                node.span,
                "a GET with a `body`",
                "remove it, or write the `method`",
            );
        }
        let success = self.success(map);
        Some(Call {
            method,
            target: target?,
            headers,
            query,
            body,
            success,
        })
    }

    fn target(&mut self, map: &Map<'_>, builtin: &[&str]) -> Option<Target> {
        match (map.get("path"), map.get("url")) {
            (Some(_), None) => {
                let text = self.text(map, "path")?;
                let template = self.parse_template(&text, "path", builtin)?;
                let filled = template.fill(Place::UrlComponent, |_| Some("x")).ok()?;
                let plain = filled.starts_with('/')
                    && filled
                        .bytes()
                        .all(|b| b.is_ascii_graphic() && !b"?#\\".contains(&b))
                    && filled.split('/').skip(1).all(|s| !matches!(s, "." | ".."));
                if !plain || filled.starts_with("//") {
                    self.invalid(
                        text.span,
                        "`path` is not a plain path",
                        "write it like `/v2/users/me`: no query, no dot segments; parameters stand in `query`",
                    );
                    return None;
                }
                Some(Target::Path(template))
            }
            (None, Some(_)) => {
                let mut names = builtin.to_vec();
                names.push("host");
                self.endpoint(map, "url", &names).map(Target::Url)
            }
            (None, None) => {
                self.missing(map, "path` or `url");
                None
            }
            (Some(_), Some(node)) => {
                self.invalid(
                    node.span,
                    "both `path` and `url` are given",
                    "keep `path` for the source's own API, `url` for another address",
                );
                None
            }
        }
    }

    pub(super) fn headers(
        &mut self,
        map: &Map<'_>,
        builtin: &[&str],
    ) -> Vec<(HeaderName, Template)> {
        let Some(node) = map.get("headers") else {
            return Vec::new();
        };
        if !matches!(node.kind, Kind::Map(_)) {
            self.invalid(
                node.span,
                "`headers` is not a mapping",
                "write header names with their values",
            );
            return Vec::new();
        }
        let mut headers: Vec<(HeaderName, Template)> = Vec::new();
        for (name, value) in node.entries() {
            let header = self.header_name(name);
            let value = self.node_text(value, "a header");
            let value = value.and_then(|v| self.parse_template(&v, "headers", builtin));
            if let (Some(header), Some(value)) = (header, value) {
                headers.push((header, value));
            }
        }
        headers
    }

    pub(super) fn body(&mut self, node: &Node, builtin: &[&str]) -> Option<Body> {
        let map = self.map(node, "`body`", &["form", "json"])?;
        match (map.get("form"), map.get("json")) {
            (Some(form), None) => Some(Body::Form(self.param_list(form, "form", &[], builtin))),
            (None, Some(json)) => self.json_template(json, builtin).map(Body::Json),
            _ => {
                self.invalid(
                    map.node.span,
                    "`body` needs either `form` or `json`",
                    "write `form:` with parameters, or `json:` with the members",
                );
                None
            }
        }
    }

    fn json_template(&mut self, node: &Node, builtin: &[&str]) -> Option<JsonTemplate> {
        match &node.kind {
            Kind::Map(entries) => {
                let mut members = Vec::new();
                for (name, value) in entries {
                    members.push((name.value.clone(), self.json_template(value, builtin)?));
                }
                Some(JsonTemplate::Object(members))
            }
            Kind::List(items) => {
                let items: Option<_> = items
                    .iter()
                    .map(|item| self.json_template(item, builtin))
                    .collect();
                items.map(JsonTemplate::List)
            }
            Kind::Scalar { text, plain } => {
                let fixed = plain.then(|| serde_json::from_str::<Value>(text).ok());
                if let Some(value) = fixed.flatten().filter(|v| !v.is_string()) {
                    return Some(JsonTemplate::Fixed(value));
                }
                if node.is_null() {
                    return Some(JsonTemplate::Fixed(Value::Null));
                }
                let text = Spanned::new(text.clone(), node.span);
                self.parse_template(&text, "json", builtin)
                    .map(JsonTemplate::Text)
            }
        }
    }

    fn success(&mut self, map: &Map<'_>) -> Success {
        let success = map
            .get("success")
            .and_then(|node| self.map(node, "`success`", &["status", "member", "equals"]));
        let Some(success) = success else {
            return Success::default();
        };
        let mut statuses = Vec::new();
        for text in self.texts(&success, "status") {
            match text.parse::<u16>() {
                Ok(status) if (200..600).contains(&status) => statuses.push(status),
                _ => self.invalid(
                    text.span,
                    "not a status",
                    "write numbers from 200 to 599, such as `[200, 204]`",
                ),
            }
        }
        let member = self.member(&success, "member");
        let equals = self.text(&success, "equals");
        if let Some(equals) = equals.as_ref().filter(|_| member.is_none()) {
            self.invalid(
                equals.span,
                "`equals` without `member`",
                "say with `member` which value is compared",
            );
        }
        Success {
            status: statuses,
            member: member.map(|m| (m, equals.map(|e| e.value))),
        }
    }

    pub(super) fn required_endpoint(
        &mut self,
        map: &Map<'_>,
        key: &'static str,
        builtin: &[&str],
    ) -> Option<Template> {
        if map.get(key).is_none() {
            self.missing(map, key);
        }
        self.endpoint(map, key, builtin)
    }

    /// An address to which secrets may go: https, its host fixed or the source's.
    pub(super) fn endpoint(
        &mut self,
        map: &Map<'_>,
        key: &str,
        builtin: &[&str],
    ) -> Option<Template> {
        let text = self.text(map, key)?;
        let template = self.parse_template(&text, key, builtin)?;
        // Filled with a sample, the URL must be plain; fields may stand behind the host only.
        let filled = template
            .fill(Place::UrlComponent, |name| {
                Some(if name == "host" { "x.example.com" } else { "x" })
            })
            .ok()?;
        let url = Url::parse(&filled).ok();
        let authority = text.split_once("://").map_or("", |(_, rest)| {
            rest.split(['/', '?', '#']).next().unwrap_or_default()
        });
        let host_fine = authority == "{{host}}" || !authority.contains("{{");
        let fine = url.is_some_and(|url| {
            let scheme =
                url.scheme() == "https" || (self.options.dev_loopback && is_loopback(&url));
            scheme
                && url.username().is_empty()
                && url.password().is_none()
                && url.fragment().is_none()
        });
        if !fine || !host_fine || authority.contains('@') || authority.is_empty() {
            self.invalid(text.span, &format!("`{key}` is not an https address with a fixed host"), "write `https://host/path`; fields may stand in path and query, and `{{host}}` alone may be the host");
            return None;
        }
        Some(template)
    }
}
