//! How the account behind a connection is looked at and given up: validate, profile, revoke.

use hushgate_rules::language::tree::Node;

use super::call::{CALL_KEYS, Call};
use super::client::ClientAuthKind;
use super::exchange::Exchange;
use super::member::MemberPath;
use super::params::RESERVED_PARAMS;
use super::read::{Map, Reader};
use crate::connect::template::Template;

const PROFILE_KEYS: &[&str] = &[
    "method",
    "path",
    "url",
    "headers",
    "query",
    "body",
    "success",
    "account_name",
    "email",
];
const REVOKE_KEYS: &[&str] = &[
    "kind",
    "method",
    "path",
    "url",
    "headers",
    "query",
    "body",
    "success",
    "token",
    "client_auth",
    "params",
];
/// Names that templates of `revoke` may use beside fields.
const TOKENS: &[&str] = &["access_token", "refresh_token"];

/// What can be asked and done about the account of a connection.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The call that shows whether the credential works.
    pub validate: Option<Call>,
    /// Where a refusing answer says why; the first place that holds a text counts.
    pub validate_error: Vec<MemberPath>,
    /// How the account's name is learnt.
    pub profile: Option<Profile>,
    /// How the connection is given up at the vendor.
    pub revoke: Option<Revoke>,
}

/// How the account's name and e-mail address are learnt.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The call that answers them; none: the answer of `validate` holds them.
    pub call: Option<Call>,
    /// Where the name stands; the first place that holds something counts.
    pub account_name: Vec<MemberPath>,
    /// Where the e-mail address stands; the first place that holds something counts.
    pub email: Vec<MemberPath>,
}

/// How a connection is given up at the vendor.
#[derive(Debug, Clone)]
pub enum Revoke {
    /// RFC 7009: the token as a parameter, the client proving itself.
    Rfc7009 {
        /// The revocation endpoint.
        url: Template,
        /// The token that is revoked.
        token: RevokedToken,
        /// How the client proves itself; none: as at the token endpoint.
        client_auth: Option<ClientAuthKind>,
        /// Further parameters.
        params: Vec<(String, Template)>,
    },
    /// A call of the vendor's own; templates may use `{{access_token}}` and `{{refresh_token}}`.
    Call {
        /// The request.
        call: Box<Call>,
        /// Whether the client's id and secret stand on it by HTTP Basic; otherwise the credential of an
        /// API request does.
        by_client: bool,
    },
}

/// A token that is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokedToken {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
}

impl Reader<'_> {
    pub(super) fn account(&mut self, map: &Map<'_>, exchange: Option<&Exchange>) -> Account {
        let validate = map.get("validate").and_then(|node| {
            let call = self.map(node, "`validate`", &CALL_KEYS)?;
            self.call(&call, &[])
        });
        let validate_error = self.members(map, "validate_error");
        if let Some(node) = map.get("validate_error")
            && map.get("validate").is_none()
        {
            self.invalid(
                node.span,
                "`validate_error` without `validate`",
                "declare the call whose answer it reads",
            );
        }
        let profile = map
            .get("profile")
            .and_then(|node| self.profile(node, map.get("validate").is_some()));
        let revoke = map
            .get("revoke")
            .and_then(|node| self.revoke(node, exchange));
        Account {
            validate,
            validate_error,
            profile,
            revoke,
        }
    }

    fn profile(&mut self, node: &Node, validates: bool) -> Option<Profile> {
        let map = self.map(node, "`profile`", PROFILE_KEYS)?;
        let own = map.get("path").is_some() || map.get("url").is_some();
        let account_name = self.members(&map, "account_name");
        let email = self.members(&map, "email");
        if map.get("account_name").is_none() && map.get("email").is_none() {
            self.missing(&map, "account_name` or `email");
        }
        if !own {
            let stray = ["method", "headers", "query", "body", "success"];
            let stray = stray.iter().any(|key| map.get(key).is_some());
            if stray || !validates {
                self.missing(&map, "path` or `url");
            }
        }
        let call = if own {
            Some(self.call(&map, &[])?)
        } else {
            None
        };
        Some(Profile {
            call,
            account_name,
            email,
        })
    }

    fn revoke(&mut self, node: &Node, exchange: Option<&Exchange>) -> Option<Revoke> {
        let refreshes = exchange.is_some_and(|e| e.grant.refreshes());
        let map = self.map(node, "`revoke`", REVOKE_KEYS)?;
        let kinds = [("rfc7009", true), ("call", false)];
        let standard = self.word(&map, "kind", &kinds).unwrap_or(true);
        let foreign: &[&str] = if standard {
            &["method", "path", "headers", "query", "body", "success"]
        } else {
            &["token", "params"]
        };
        for key in foreign {
            if let Some(node) = map.get(key) {
                self.invalid(
                    node.span,
                    &format!("`{key}` does not belong to this `kind` of revocation"),
                    "`rfc7009` takes `url`, `token`, `client_auth` and `params`; `call` describes a request, with `client_auth` or without",
                );
            }
        }
        let client_auth = self.client_of_revocation(&map, exchange);
        if !standard {
            let by_client = client_auth.is_some();
            if client_auth.is_some_and(|kind| kind != ClientAuthKind::Basic) {
                self.invalid(
                    map.get("client_auth").unwrap_or(map.node).span,
                    "a call of the vendor's own has room for `client_auth: basic` only",
                    "write `basic` where the client's id and secret stand on the call, or remove it where the \
                     credential does",
                );
            }
            return self.call(&map, TOKENS).map(|call| Revoke::Call {
                call: Box::new(call),
                by_client,
            });
        }
        let url = self.required_endpoint(&map, "url", &["host"]);
        let tokens = [
            ("access_token", RevokedToken::Access),
            ("refresh_token", RevokedToken::Refresh),
        ];
        let usual = if refreshes {
            RevokedToken::Refresh
        } else {
            RevokedToken::Access
        };
        let token = self.word(&map, "token", &tokens).unwrap_or(usual);
        if token == RevokedToken::Refresh && !refreshes {
            self.invalid(
                map.node.span,
                "this mechanism has no refresh token to revoke",
                "write `token: access_token`",
            );
        }
        let params = self.params(&map, "params", RESERVED_PARAMS);
        Some(Revoke::Rfc7009 {
            url: url?,
            token,
            client_auth,
            params,
        })
    }

    /// How the client proves itself where a token is revoked: with what the exchange has.
    fn client_of_revocation(
        &mut self,
        map: &Map<'_>,
        exchange: Option<&Exchange>,
    ) -> Option<ClientAuthKind> {
        let client_auth = self.word(map, "client_auth", ClientAuthKind::ALL);
        let has = |kind: ClientAuthKind| {
            let options = exchange.map_or(&[][..], |e| &e.client_auth.options);
            match kind {
                ClientAuthKind::None => true,
                kind if kind.needs_secret() => options.iter().any(|o| o.needs_secret()),
                kind => options.contains(&kind),
            }
        };
        if let (Some(kind), Some(node)) = (client_auth, map.get("client_auth"))
            && !has(kind)
        {
            self.invalid(
                node.span,
                "`client_auth` needs what the exchange does not have",
                "write a kind that the exchange uses too; `body` and `basic` stand for each other",
            );
        }
        client_auth
    }
}
