//! The exchange of `auth:` with `type: oauth2`.

use std::time::Duration;

use hushgate_rules::language::tree::Kind;
use reqwest::Url;

use super::host::is_loopback;
use super::read::{Map, Reader, values};
use super::{AnswerNames, Assertion, ClientAuthChoice, ClientAuthKind, Exchange, Grant, KeyFormat};
use crate::connect::template::{Place, Template};

const ASSERTION_KEYS: &[&str] = &[
    "key",
    "format",
    "issuer",
    "subject",
    "audience",
    "fingerprint",
    "lifetime",
    "backdate",
    "for_user",
];
const ANSWER_KEYS: &[&str] = &[
    "access_token",
    "expires_in",
    "expires_at",
    "refresh_token",
    "form",
];

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const YEAR: Duration = Duration::from_hours(366 * 24);

impl Reader<'_> {
    pub(super) fn exchange(&mut self, map: &Map<'_>) -> Option<Exchange> {
        let grant = self.required(map, "grant");
        let grant = grant.and_then(|g| self.one_word(&g, "`grant`", Grant::ALL));
        let token_url = self.token_url(map);
        let client_auth = self.client_auth(map, grant);
        let delimiter = self.text_or(map, "scope_delimiter", " ");
        let scope = values(self.texts(map, "scope"));
        let scope_sent = self.flag(map, "scope_sent").unwrap_or(true) && !scope.is_empty();
        let params = self.params(map);
        let in_query = self.word(map, "params_in", &[("body", false), ("query", true)]);
        let assertion = self.assertion(map, grant);
        let client_id = self.template(map, "client_id", &[]);
        let client_secret = self.template(map, "client_secret", &[]);
        let platform_audience = self.template(map, "platform_audience", &[]);
        let answer = self.answer(map);
        let default_lifetime = self.duration(map, "default_lifetime", SECOND, YEAR);
        let renew_before = self.renew_before(map);
        let refresh_token = self.text_or(map, "refresh_token", "REFRESH_TOKEN");
        let exchange = Exchange {
            grant: grant?,
            token_url: token_url?,
            client_auth: client_auth?,
            client_id: client_id.unwrap_or_else(|| Template::name("CLIENT_ID")),
            client_secret: client_secret.unwrap_or_else(|| Template::name("CLIENT_SECRET")),
            scope: scope_sent.then(|| scope.join(&delimiter)),
            params,
            params_in_query: in_query.unwrap_or(false),
            assertion,
            platform_audience: platform_audience.unwrap_or_else(|| Template::literal("")),
            answer,
            default_lifetime: default_lifetime.unwrap_or(HOUR),
            renew_before,
            refresh_token,
        };
        self.assertion_is_there(map, &exchange);
        Some(exchange)
    }

    fn token_url(&mut self, map: &Map<'_>) -> Option<Template> {
        let text = self.required(map, "token_url")?;
        let template = self.parse_template(&text, "token_url", &["host"])?;
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
            self.invalid(text.span, "`token_url` is not an https address with a fixed host", "write `https://host/path`; fields may stand in path and query, and `{{host}}` alone may be the host");
            return None;
        }
        Some(template)
    }

    fn client_auth(&mut self, map: &Map<'_>, grant: Option<Grant>) -> Option<ClientAuthChoice> {
        let fixed = |kind| ClientAuthChoice {
            setting: None,
            options: vec![kind],
            default: kind,
        };
        match map.get("client_auth") {
            None if matches!(grant, Some(Grant::JwtBearer | Grant::GithubApp)) => {
                Some(fixed(ClientAuthKind::None))
            }
            None => {
                if grant.is_some() {
                    self.missing(map, "client_auth");
                }
                None
            }
            Some(node) if matches!(node.kind, Kind::Map(_)) => {
                let choice = self.map(node, "`client_auth`", &["setting", "options", "default"])?;
                let setting = self.required(&choice, "setting");
                let options = self.texts(&choice, "options");
                let options: Vec<_> = options
                    .iter()
                    .filter_map(|o| self.one_word(o, "an option", ClientAuthKind::ALL))
                    .collect();
                let default = self.required(&choice, "default")?;
                let kind = self.one_word(&default, "`default`", ClientAuthKind::ALL)?;
                if !options.contains(&kind) {
                    self.invalid(
                        default.span,
                        "`default` is not one of `options`",
                        "add it there",
                    );
                }
                Some(ClientAuthChoice {
                    setting: Some(setting?.value),
                    options,
                    default: kind,
                })
            }
            Some(node) => {
                let text = self.node_text(node, "`client_auth`")?;
                self.one_word(&text, "`client_auth`", ClientAuthKind::ALL)
                    .map(fixed)
            }
        }
    }

    fn params(&mut self, map: &Map<'_>) -> Vec<(String, Template)> {
        let Some(node) = map.get("params") else {
            return Vec::new();
        };
        if !matches!(node.kind, Kind::Map(_)) {
            self.invalid(
                node.span,
                "`params` is not a mapping",
                "write parameter names with their values",
            );
            return Vec::new();
        }
        let mut params = Vec::new();
        for (name, value) in node.entries() {
            if RESERVED_PARAMS.contains(&name.value.as_str()) {
                self.invalid(
                    name.span,
                    &format!("parameter `{}` is set by the grant", name.value),
                    "remove it",
                );
            }
            let value = self.node_text(value, "a parameter");
            if let Some(value) = value.and_then(|v| self.parse_template(&v, "params", &[])) {
                params.push((name.value.clone(), value));
            }
        }
        params
    }

    fn assertion(&mut self, map: &Map<'_>, grant: Option<Grant>) -> Option<Assertion> {
        let map = self.map(map.get("assertion")?, "`assertion`", ASSERTION_KEYS)?;
        let key = self.required(&map, "key");
        let formats = [
            ("pem", KeyFormat::Pem),
            ("google_service_account", KeyFormat::GoogleServiceAccount),
        ];
        let format = self
            .word(&map, "format", &formats)
            .unwrap_or(KeyFormat::Pem);
        let issuer = self.template(&map, "issuer", &[]);
        if format == KeyFormat::Pem && issuer.is_none() {
            self.missing(&map, "issuer");
        }
        let most = if grant == Some(Grant::GithubApp) {
            Duration::from_mins(10)
        } else {
            HOUR
        };
        let lifetime = self
            .duration(&map, "lifetime", Duration::from_mins(1), most)
            .unwrap_or(Duration::from_mins(5));
        let backdate = self
            .duration(&map, "backdate", Duration::ZERO, Duration::from_mins(5))
            .unwrap_or_default();
        if lifetime <= backdate {
            self.invalid(
                map.node.span,
                "`lifetime` is not longer than `backdate`",
                "the lifetime counts from the set-back `iat`; make it longer",
            );
        }
        Some(Assertion {
            key: key?.value,
            format,
            issuer,
            subject: self.template(&map, "subject", &[]),
            audience: self.template(&map, "audience", &["token_url"]),
            fingerprint: self.text(&map, "fingerprint").map(|t| t.value),
            lifetime,
            backdate,
            for_user: self.flag(&map, "for_user").unwrap_or(false),
            scope_claim: grant == Some(Grant::JwtBearer),
            jti: !matches!(grant, Some(Grant::JwtBearer | Grant::GithubApp)),
        })
    }

    fn assertion_is_there(&mut self, map: &Map<'_>, exchange: &Exchange) {
        let by_grant = matches!(exchange.grant, Grant::JwtBearer | Grant::GithubApp);
        let by_client = exchange
            .client_auth
            .options
            .contains(&ClientAuthKind::Certificate);
        match &exchange.assertion {
            None if by_grant || by_client => self.missing(map, "assertion"),
            Some(_) if by_grant && by_client => self.invalid(
                map.node.span,
                "grant and client authentication both need an assertion",
                "use another `client_auth`",
            ),
            Some(_) if !by_grant && !by_client => self.invalid(
                map.node.span,
                "`assertion` is not used by this grant and client authentication",
                "remove it",
            ),
            Some(a) if by_client && a.fingerprint.is_none() => self.invalid(
                map.node.span,
                "a certificate assertion without `fingerprint`",
                "name the field with the certificate's SHA-1 fingerprint",
            ),
            _ => {}
        }
    }

    fn answer(&mut self, map: &Map<'_>) -> AnswerNames {
        let mut names = AnswerNames {
            access_token: "access_token".to_owned(),
            expires_in: "expires_in".to_owned(),
            expires_at: None,
            refresh_token: "refresh_token".to_owned(),
            form: false,
        };
        let answer = map
            .get("answer")
            .and_then(|node| self.map(node, "`answer`", ANSWER_KEYS));
        if let Some(answer) = answer {
            names.access_token = self.text_or(&answer, "access_token", "access_token");
            names.expires_in = self.text_or(&answer, "expires_in", "expires_in");
            names.expires_at = self.text(&answer, "expires_at").map(|t| t.value);
            names.refresh_token = self.text_or(&answer, "refresh_token", "refresh_token");
            names.form = self.flag(&answer, "form").unwrap_or(false);
        }
        names
    }

    fn renew_before(&mut self, map: &Map<'_>) -> (Duration, Duration) {
        let standard = (Duration::from_mins(1), Duration::from_mins(10));
        let Some(margin) = map
            .get("renew_before")
            .and_then(|node| self.map(node, "`renew_before`", &["least", "most"]))
        else {
            return standard;
        };
        let least = self
            .duration(&margin, "least", SECOND, YEAR)
            .unwrap_or(standard.0);
        let most = self
            .duration(&margin, "most", SECOND, YEAR)
            .unwrap_or(standard.1);
        if least > most {
            self.invalid(
                margin.node.span,
                "`least` is longer than `most`",
                "swap the two",
            );
        }
        (least, most)
    }

    fn text_or(&mut self, map: &Map<'_>, key: &str, default: &str) -> String {
        match map.get(key).map(|n| &n.kind) {
            // A delimiter may be white space, which other texts lose.
            Some(Kind::Scalar { text, .. }) if key == "scope_delimiter" => text.clone(),
            _ => self
                .text(map, key)
                .map_or_else(|| default.to_owned(), |t| t.value),
        }
    }
}

/// Parameters that a grant or a client authentication writes itself.
const RESERVED_PARAMS: &[&str] = &[
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "refresh_token",
    "assertion",
    "scope",
];
