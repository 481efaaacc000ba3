//! The exchange that gives an access token, as declared.

use std::time::Duration;

use http::HeaderName;
use hushgate_rules::language::tree::Kind;

use super::answer::AnswerNames;
use super::assertion::Assertion;
use super::call::Body;
use super::client::{ClientAuthChoice, ClientAuthKind};
use super::params::RESERVED_PARAMS;
use super::read::{Map, Reader, SECOND, YEAR, values};
use super::token_exchange::{SubjectToken, TokenExchange};
use crate::connect::template::Template;

/// The shortest life of an access token with which instances can serve: they look for each other's
/// tokens, and keep the lock for two seconds after each exchange (`docs/connections.md`).
pub const LEAST_TOKEN_LIFE: Duration = Duration::from_secs(5);

/// An exchange at a token endpoint.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What is exchanged for an access token.
    pub grant: Grant,
    /// The token endpoint.
    pub token_url: Template,
    /// How the client proves itself there.
    pub client_auth: ClientAuthChoice,
    /// The client's id.
    pub client_id: Template,
    /// The client's secret.
    pub client_secret: Template,
    /// The scopes to ask for in the request, joined; none: the endpoint decides.
    pub scope: Option<String>,
    /// Further parameters of every token request.
    pub params: Vec<(String, Template)>,
    /// Further parameters when a refresh token is used.
    pub refresh_params: Vec<(String, Template)>,
    /// Where the parameters stand.
    pub params_in: ParamsIn,
    /// Further headers of the token request.
    pub headers: Vec<(HeaderName, Template)>,
    /// The body of a login; [`Grant::Login`] only.
    pub body: Option<Body>,
    /// The user of [`Grant::Password`].
    pub user_name: Template,
    /// The password of [`Grant::Password`].
    pub password: Template,
    /// What is exchanged by [`Grant::TokenExchange`].
    pub token_exchange: Option<TokenExchange>,
    /// A signed assertion, where the grant or the client authentication needs one.
    pub assertion: Option<Assertion>,
    /// The audience of the platform's identity token.
    pub platform_audience: Template,
    /// The names of the answer's members.
    pub answer: AnswerNames,
    /// How long an access token lives when the answer does not say.
    pub default_lifetime: Duration,
    /// The least and most time before the end at which a token is renewed.
    pub renew_before: (Duration, Duration),
    /// The field that holds the refresh token.
    pub refresh_token: String,
}

/// What is exchanged for an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// The same for one account of the vendor, named by `account_id`.
    AccountCredentials,
    /// RFC 6749 section 6, with a token that an administrator stored or a consent gave.
    RefreshToken,
    /// RFC 6749 section 4.1 with RFC 7636; after the consent as [`Grant::RefreshToken`].
    AuthorizationCode,
    /// RFC 8628; after the consent as [`Grant::RefreshToken`].
    DeviceCode,
    /// RFC 6749 section 4.3.
    Password,
    /// RFC 7523 section 2.1.
    JwtBearer,
    /// A signed assertion as bearer token, answered by an installation's token.
    GithubApp,
    /// RFC 8693.
    TokenExchange,
    /// A token made by hand, sent as it is: no exchange.
    PersonalAccessToken,
    /// User name and password posted to a vendor's login (`type: pwd`).
    Login,
}

/// Where the parameters of a token request stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamsIn {
    /// In a form-encoded body.
    Body,
    /// In the query.
    Query,
    /// In a JSON object as body.
    Json,
}

impl Grant {
    /// The grants of `type: oauth2` with their words.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("client_credentials", Self::ClientCredentials),
        ("account_credentials", Self::AccountCredentials),
        ("refresh_token", Self::RefreshToken),
        ("authorization_code", Self::AuthorizationCode),
        ("device_code", Self::DeviceCode),
        ("password", Self::Password),
        ("jwt_bearer", Self::JwtBearer),
        ("github_app", Self::GithubApp),
        ("token_exchange", Self::TokenExchange),
        ("personal_access_token", Self::PersonalAccessToken),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, grant)| *grant == self);
        found.map_or("login", |(name, _)| name)
    }

    /// Whether access tokens are renewed with a refresh token.
    pub fn refreshes(self) -> bool {
        matches!(
            self,
            Self::RefreshToken | Self::AuthorizationCode | Self::DeviceCode
        )
    }

    /// Whether the grant itself is an assertion that is signed here.
    fn signs(self) -> bool {
        matches!(self, Self::JwtBearer | Self::GithubApp)
    }
}

impl Exchange {
    /// Whether it takes an identity token of the hosting cloud, with this client authentication.
    pub fn needs_platform(&self, client_auth: Option<ClientAuthKind>) -> bool {
        let kind = client_auth.unwrap_or(self.client_auth.default);
        let exchanged = self.token_exchange.as_ref().map(|t| &t.subject);
        kind == ClientAuthKind::Federated || exchanged == Some(&SubjectToken::Platform)
    }
}

impl Reader<'_> {
    /// The exchange of a grant. For [`Grant::PersonalAccessToken`] there is none.
    pub(super) fn exchange(&mut self, map: &Map<'_>, grant: Option<Grant>) -> Option<Exchange> {
        let token_url = self.required_endpoint(map, "token_url", &["host"]);
        let client_auth = self.client_auth(map, grant);
        let delimiter = self.delimiter(map);
        let scope = values(self.texts(map, "scope"));
        let scope_sent = self.flag(map, "scope_sent").unwrap_or(true) && !scope.is_empty();
        let params = self.params(map, "params", RESERVED_PARAMS);
        let refresh_params = self.params(map, "refresh_params", RESERVED_PARAMS);
        let headers = self.headers(map, &[]);
        let body = map.get("body").and_then(|node| self.body(node, &[]));
        let places = [
            ("body", ParamsIn::Body),
            ("query", ParamsIn::Query),
            ("json", ParamsIn::Json),
        ];
        let params_in = self.word(map, "params_in", &places);
        let token_exchange = self.token_exchange(map, grant);
        let client = client_auth.as_ref().map_or(&[][..], |c| &c.options);
        let login = grant == Some(Grant::Login);
        let (id, secret) = if login {
            ("USER_NAME", "PASSWORD")
        } else {
            ("CLIENT_ID", "CLIENT_SECRET")
        };
        let id_used = client.iter().any(|c| *c != ClientAuthKind::None);
        let secret_used = client.iter().any(|c| c.needs_secret());
        let by_password = grant == Some(Grant::Password);
        let federated = client.contains(&ClientAuthKind::Federated)
            || token_exchange
                .as_ref()
                .is_some_and(|t| t.subject == SubjectToken::Platform);
        // A public client that people consent to still says its id.
        let public = grant.is_some_and(|g| g.refreshes() || by_password);
        let client_id = self.named_template(map, "client_id", id, id_used || public);
        let client_secret = self.named_template(map, "client_secret", secret, secret_used);
        let user_name = self.named_template(map, "user_name", "USER_NAME", by_password);
        let password = self.named_template(map, "password", "PASSWORD", by_password);
        let platform_audience = self.template(map, "platform_audience", &[]);
        if federated && platform_audience.is_none() {
            self.missing(map, "platform_audience");
        }
        let cloud = federated || client.is_empty();
        self.keys_have_effect(map, grant, cloud, !scope.is_empty());
        let assertion = self.assertion(map, grant, client, &client_id);
        let answer = self.answer(map);
        let default_lifetime = self.duration(map, "default_lifetime", LEAST_TOKEN_LIFE, YEAR);
        let renew_before = self.renew_before(map);
        let refresh_token = self.text(map, "refresh_token");
        if grant.is_some_and(Grant::refreshes) {
            match &refresh_token {
                Some(name) => self.uses(name, name.span),
                None => self.uses("REFRESH_TOKEN", map.node.span),
            }
        }
        let exchange = Exchange {
            grant: grant?,
            token_url: token_url?,
            client_auth: client_auth?,
            client_id,
            client_secret,
            scope: scope_sent.then(|| scope.join(&delimiter)),
            params,
            refresh_params,
            params_in: params_in.unwrap_or(ParamsIn::Body),
            headers,
            body,
            user_name,
            password,
            token_exchange,
            assertion,
            platform_audience: platform_audience.unwrap_or_else(|| Template::literal("")),
            answer,
            default_lifetime: default_lifetime.unwrap_or(Duration::from_hours(1)),
            renew_before,
            refresh_token: refresh_token.map_or_else(|| "REFRESH_TOKEN".to_owned(), |t| t.value),
        };
        self.assertion_fits(map, &exchange);
        if login && exchange.body.is_none() && exchange.client_auth.default == ClientAuthKind::None
        {
            self.invalid(
                map.node.span,
                "a login that sends neither user name nor password",
                "add a `body` with both, or `client_auth: basic`",
            );
        }
        Some(exchange)
    }

    /// Keys that would be silently without effect are errors.
    fn keys_have_effect(&mut self, map: &Map<'_>, grant: Option<Grant>, cloud: bool, scope: bool) {
        let refreshes = grant.is_none_or(Grant::refreshes);
        let password = grant.is_none_or(|g| g == Grant::Password);
        let keys = [
            ("refresh_token", refreshes, "a refresh token"),
            ("refresh_params", refreshes, "a refresh token"),
            ("rotation", refreshes, "a refresh token"),
            ("user_name", password, "`grant: password`"),
            ("password", password, "`grant: password`"),
            ("platform_audience", cloud, "the cloud's identity token"),
            ("scope_delimiter", scope, "`scope`"),
            ("scope_sent", scope, "`scope`"),
        ];
        for (key, _, needed) in keys.iter().filter(|(_, effect, _)| !effect) {
            if let Some(node) = map.get(key) {
                let message = format!("`{key}` has no effect without {needed}");
                self.invalid(node.span, &message, "remove it");
            }
        }
    }

    /// A template with a field as its default, which then must be declared where it is used.
    pub(super) fn named_template(
        &mut self,
        map: &Map<'_>,
        key: &str,
        field: &str,
        used: bool,
    ) -> Template {
        if let Some(template) = self.template(map, key, &[]) {
            return template;
        }
        if used && map.get(key).is_none() {
            self.uses(field, map.node.span);
        }
        Template::name(field)
    }

    /// The margin: a mapping with `least` and `most`, or one span, which is the most.
    fn renew_before(&mut self, map: &Map<'_>) -> (Duration, Duration) {
        let standard = (Duration::from_mins(1), Duration::from_mins(10));
        let Some(node) = map.get("renew_before") else {
            return standard;
        };
        if matches!(node.kind, Kind::Scalar { .. }) {
            let most = self.duration(map, "renew_before", SECOND, YEAR);
            let most = most.unwrap_or(standard.1);
            return (standard.0.min(most), most);
        }
        let Some(margin) = self.map(node, "`renew_before`", &["least", "most"]) else {
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

    /// What joins scopes; it may be white space, which other texts lose.
    pub(super) fn delimiter(&mut self, map: &Map<'_>) -> String {
        match map.get("scope_delimiter").map(|n| &n.kind) {
            Some(Kind::Scalar { text, .. }) => text.clone(),
            Some(_) => {
                let _ = self.text(map, "scope_delimiter");
                " ".to_owned()
            }
            None => " ".to_owned(),
        }
    }

    fn assertion_fits(&mut self, map: &Map<'_>, exchange: &Exchange) {
        let subject = exchange.token_exchange.as_ref().map(|t| &t.subject);
        let by_grant = exchange.grant.signs() || subject == Some(&SubjectToken::Assertion);
        let options = &exchange.client_auth.options;
        let by_client = options.iter().any(|kind| kind.signs());
        let certificate = options.contains(&ClientAuthKind::Certificate);
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
            Some(a) if certificate && a.fingerprint.is_none() => self.invalid(
                map.node.span,
                "a certificate assertion without `fingerprint`",
                "name the field with the certificate's SHA-1 fingerprint",
            ),
            _ => {}
        }
    }
}
