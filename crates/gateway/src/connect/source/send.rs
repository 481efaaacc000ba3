//! Where the credential stands in a request to the source.

use http::HeaderName;
use hushgate_rules::language::tree::{Kind, Node};

use super::auth::AuthType;
use super::read::{Map, Reader};
use crate::connect::template::Template;

const SEND_KEYS: &[&str] = &["in", "name", "value", "user", "password"];

/// Headers that a declaration can't set: they frame the message.
const FRAMING: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "expect",
];

/// A place in a request to the source, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// In a header.
    Header(HeaderName, Template),
    /// As a query parameter.
    Query(String, Template),
    /// HTTP Basic (RFC 7617): user and password.
    Basic(Template, Template),
    /// As a member of the JSON body.
    Body(String, Template),
    /// A signature over the request (RFC 5849 section 3), as [`super::Auth::oauth1`] says.
    Signature,
}

impl Placement {
    /// Whether it needs no other value than this.
    pub(crate) fn is_made_of(&self, name: &str) -> bool {
        let only = |template: &Template| template.names().all(|n| n == name);
        match self {
            Self::Header(_, value) | Self::Query(_, value) | Self::Body(_, value) => only(value),
            Self::Basic(user, password) => only(user) && only(password),
            Self::Signature => false,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Header,
    Query,
    Basic,
    Body,
}

impl Reader<'_> {
    /// The placements: `send`, one or a list, or what is usual for the type.
    pub(super) fn send(
        &mut self,
        map: &Map<'_>,
        kind: AuthType,
        exchanged: bool,
    ) -> Vec<Placement> {
        let builtin: &[&str] = if exchanged { &["access_token"] } else { &[] };
        let placements: Vec<Placement> = match map.get("send") {
            None => return self.usual_send(map, kind, exchanged),
            Some(Node {
                kind: Kind::List(items),
                span,
                ..
            }) => {
                if items.is_empty() {
                    self.invalid(*span, "`send` is empty", "say where the credential stands");
                }
                items
                    .iter()
                    .filter_map(|item| self.placement(item, builtin))
                    .collect()
            }
            Some(node) => self.placement(node, builtin).into_iter().collect(),
        };
        let clash = placements
            .iter()
            .enumerate()
            .any(|(at, one)| placements[..at].iter().any(|other| one.same_place(other)));
        if let Some(node) = map.get("send").filter(|_| clash) {
            self.invalid(
                node.span,
                "two items of `send` stand in the same place",
                "give each a place of its own; HTTP Basic stands in the header `authorization`",
            );
        }
        placements
    }

    fn usual_send(&mut self, map: &Map<'_>, kind: AuthType, exchanged: bool) -> Vec<Placement> {
        let bearer = |text, builtin: &[&str]| {
            let template = Template::parse(text, builtin).ok();
            template.map(|t| Placement::Header(http::header::AUTHORIZATION, t))
        };
        let usual = match kind {
            AuthType::Oauth1 => Some(Placement::Signature),
            _ if exchanged => bearer("Bearer {{access_token}}", &["access_token"]),
            AuthType::Oauth2 => {
                self.uses("ACCESS_TOKEN", map.node.span);
                bearer("Bearer {{ACCESS_TOKEN}}", &[])
            }
            AuthType::Pwd => {
                self.uses("USER_NAME", map.node.span);
                self.uses("PASSWORD", map.node.span);
                let (user, password) = (Template::name("USER_NAME"), Template::name("PASSWORD"));
                Some(Placement::Basic(user, password))
            }
            AuthType::ApiKey => {
                self.missing(map, "send");
                None
            }
        };
        usual.into_iter().collect()
    }

    fn placement(&mut self, node: &Node, builtin: &[&str]) -> Option<Placement> {
        let send = self.map(node, "`send`", SEND_KEYS)?;
        let places = [
            ("header", Place::Header),
            ("query", Place::Query),
            ("basic", Place::Basic),
            ("body", Place::Body),
        ];
        let place = self.required(&send, "in")?;
        let place = self.one_word(&place, "`in`", &places)?;
        let not_for = if place == Place::Basic {
            ["name", "value"]
        } else {
            ["user", "password"]
        };
        for key in not_for {
            if let Some(node) = send.get(key) {
                self.invalid(
                    node.span,
                    &format!("`{key}` does not belong to this `in`"),
                    "`basic` takes `user` and `password`, the others `name` and `value`",
                );
            }
        }
        if place == Place::Basic {
            let mut part = |key| self.template(&send, key, builtin);
            let (user, password) = (part("user"), part("password"));
            let blank = || Template::literal("");
            return Some(Placement::Basic(
                user.unwrap_or_else(blank),
                password.unwrap_or_else(blank),
            ));
        }
        let name = self.required(&send, "name");
        let value = self.required(&send, "value");
        let value = value.and_then(|v| self.parse_template(&v, "value", builtin));
        let name = name?;
        if place == Place::Header {
            let header = self.header_name(&name)?;
            return Some(Placement::Header(header, value?));
        }
        if name.is_empty() {
            self.invalid(
                name.span,
                "`name` is empty",
                "write the name of the parameter",
            );
        }
        Some(match place {
            Place::Query => Placement::Query(name.value, value?),
            _ => Placement::Body(name.value, value?),
        })
    }

    /// A header that a declaration may set.
    pub(super) fn header_name(
        &mut self,
        name: &hushgate_rules::language::Spanned<String>,
    ) -> Option<HeaderName> {
        match name.parse::<HeaderName>() {
            Ok(header) if !FRAMING.contains(&header.as_str()) => Some(header),
            Ok(header) => {
                self.invalid(
                    name.span,
                    &format!("header `{header}` frames the message and can't be set"),
                    "remove it",
                );
                None
            }
            Err(_) => {
                self.invalid(
                    name.span,
                    "`name` is not a header name",
                    "write a name such as `x-api-key`",
                );
                None
            }
        }
    }
}

impl Placement {
    fn same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header(a, _), Self::Header(b, _)) => a == b,
            (Self::Header(name, _), Self::Basic(..)) | (Self::Basic(..), Self::Header(name, _)) => {
                name == http::header::AUTHORIZATION
            }
            (Self::Query(a, _), Self::Query(b, _)) => a.eq_ignore_ascii_case(b),
            (Self::Body(a, _), Self::Body(b, _)) => a == b,
            (Self::Basic(..), Self::Basic(..)) | (Self::Signature, Self::Signature) => true,
            _ => false,
        }
    }
}
