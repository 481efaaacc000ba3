//! The `auth:` part of `source.yaml`.

use http::HeaderName;
use hushgate_rules::language::Spanned;
use hushgate_rules::language::tree::{Kind, Node};

use super::read::{Map, Reader, values};
use super::{Auth, ClientAuthKind, Field, Grant, Kept, Placement};
use crate::connect::template::{Template, is_field_name};

const STATIC_KEYS: &[&str] = &["type", "fields", "send", "scope", "permissions"];
const OAUTH2_KEYS: &[&str] = &[
    "type",
    "grant",
    "fields",
    "send",
    "scope",
    "scope_delimiter",
    "scope_sent",
    "permissions",
    "token_url",
    "client_auth",
    "client_id",
    "client_secret",
    "params",
    "params_in",
    "assertion",
    "platform_audience",
    "answer",
    "default_lifetime",
    "renew_before",
    "refresh_token",
];
const FIELD_KEYS: &[&str] = &[
    "name", "in", "label", "tooltip", "required", "secret", "default", "when",
];
const SEND_KEYS: &[&str] = &["in", "name", "value", "user", "password"];
#[derive(Clone, Copy, PartialEq)]
enum Type {
    ApiKey,
    Pwd,
    Oauth2,
}

impl Reader<'_> {
    pub(super) fn auth(&mut self, node: &Node) -> Option<Auth> {
        let kind = node
            .entries()
            .iter()
            .find(|(key, _)| key.value == "type")
            .and_then(|(_, value)| self.node_text(value, "`type`"));
        let Some(kind) = kind else {
            self.invalid(
                node.span,
                "`auth` without `type`",
                "add `type: apiKey`, `type: pwd` or `type: oauth2`",
            );
            return None;
        };
        let words = [
            ("apiKey", Type::ApiKey),
            ("pwd", Type::Pwd),
            ("oauth2", Type::Oauth2),
        ];
        let kind = self.one_word(&kind, "`type`", &words)?;
        let known = if kind == Type::Oauth2 {
            OAUTH2_KEYS
        } else {
            STATIC_KEYS
        };
        let map = self.map(node, "`auth`", known)?;
        let fields = self.fields(&map);
        let exchange = (kind == Type::Oauth2).then(|| self.exchange(&map));
        let send = self.send(&map, kind);
        let scope = values(self.texts(&map, "scope"));
        let permissions = values(self.texts(&map, "permissions"));
        let exchange = match exchange {
            Some(None) => return None,
            Some(exchange) => exchange,
            None => None,
        };
        let auth = Auth {
            fields,
            send: send?,
            exchange,
            scope,
            permissions,
        };
        self.names_are_fields(&map, &auth);
        Some(auth)
    }

    fn fields(&mut self, map: &Map<'_>) -> Vec<Field> {
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
                    fields.push(field);
                }
            }
        }
        fields
    }

    fn field(&mut self, node: &Node) -> Option<(Field, Spanned<String>)> {
        let map = self.map(node, "a field", FIELD_KEYS)?;
        let name = self.required(&map, "name");
        let kept = self
            .word(
                &map,
                "in",
                &[("store", Kept::Store), ("settings", Kept::Settings)],
            )
            .unwrap_or(Kept::Store);
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
        let required = self.flag(&map, "required").unwrap_or(default.is_none());
        let when = self.texts(&map, "when");
        let when = when
            .iter()
            .filter_map(|word| self.one_word(word, "an item of `when`", ClientAuthKind::ALL))
            .collect();
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
            required,
            secret,
            default: default.map(|d| d.value),
            when,
        };
        Some((field, name))
    }

    fn send(&mut self, map: &Map<'_>, kind: Type) -> Option<Placement> {
        let builtin: &[&str] = if kind == Type::Oauth2 {
            &["access_token"]
        } else {
            &[]
        };
        let Some(node) = map.get("send") else {
            return match kind {
                Type::Oauth2 => {
                    let bearer = Template::parse("Bearer {{access_token}}", builtin).ok()?;
                    Some(Placement::Header(http::header::AUTHORIZATION, bearer))
                }
                Type::Pwd => Some(Placement::Basic(
                    Template::name("USER_NAME"),
                    Template::name("PASSWORD"),
                )),
                Type::ApiKey => {
                    self.missing(map, "send");
                    None
                }
            };
        };
        let send = self.map(node, "`send`", SEND_KEYS)?;
        let place = self.required(&send, "in")?;
        let place = self.one_word(
            &place,
            "`in`",
            &[
                ("header", 'h'),
                ("query", 'q'),
                ("basic", 'b'),
                ("body", 'j'),
            ],
        )?;
        if place == 'b' {
            let user = self
                .template(&send, "user", builtin)
                .unwrap_or_else(|| Template::literal(""));
            let password = self
                .template(&send, "password", builtin)
                .unwrap_or_else(|| Template::literal(""));
            return Some(Placement::Basic(user, password));
        }
        let name = self.required(&send, "name");
        let value = self.required(&send, "value");
        let value = value.and_then(|v| self.parse_template(&v, "value", builtin));
        let name = name?;
        if place == 'h' {
            let Ok(header) = name.parse::<HeaderName>() else {
                self.invalid(
                    name.span,
                    "`name` is not a header name",
                    "write a name such as `x-api-key`",
                );
                return None;
            };
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
            'q' => Placement::Query(name.value, value?),
            _ => Placement::Body(name.value, value?),
        })
    }

    /// Every name that is used must be declared, and every declared one used.
    fn names_are_fields(&mut self, map: &Map<'_>, auth: &Auth) {
        let used = used_names(auth);
        for name in used.iter().filter(|n| is_field_name(n)) {
            if !auth.fields.iter().any(|f| f.name == *name) {
                self.found.error(
                    "undeclared-field",
                    map.node.span,
                    format!("`{name}` is used but not declared"),
                    "add it to `fields`",
                );
            }
        }
        for field in &auth.fields {
            if !used.contains(&field.name.as_str()) {
                self.found.error(
                    "unused-field",
                    map.node.span,
                    format!("field `{}` is declared but not used", field.name),
                    "use it in a template, or remove it",
                );
            }
        }
    }
}

fn used_names(auth: &Auth) -> Vec<&str> {
    let mut templates: Vec<&Template> = match &auth.send {
        Placement::Header(_, t) | Placement::Query(_, t) | Placement::Body(_, t) => vec![t],
        Placement::Basic(user, password) => vec![user, password],
    };
    let mut names = Vec::new();
    if let Some(exchange) = &auth.exchange {
        templates.extend([&exchange.token_url]);
        templates.extend(exchange.params.iter().map(|(_, t)| t));
        let options = &exchange.client_auth.options;
        if options.iter().any(|o| *o != ClientAuthKind::None) {
            templates.push(&exchange.client_id);
        }
        if options
            .iter()
            .any(|o| matches!(o, ClientAuthKind::Body | ClientAuthKind::Basic))
        {
            templates.push(&exchange.client_secret);
        }
        if options.contains(&ClientAuthKind::Federated) {
            templates.push(&exchange.platform_audience);
        }
        names.extend(exchange.client_auth.setting.as_deref());
        if exchange.grant == Grant::RefreshToken {
            names.push(exchange.refresh_token.as_str());
        }
        if let Some(assertion) = &exchange.assertion {
            names.push(assertion.key.as_str());
            names.extend(assertion.fingerprint.as_deref());
            templates.extend(
                [&assertion.issuer, &assertion.subject, &assertion.audience]
                    .into_iter()
                    .flatten(),
            );
        }
    }
    names.extend(templates.into_iter().flat_map(Template::names));
    names
}
