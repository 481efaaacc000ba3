//! A token exchange (RFC 8693), as declared.

use super::exchange::Grant;
use super::read::{Map, Reader};
use crate::connect::template::Template;

const TOKEN_EXCHANGE_KEYS: &[&str] = &[
    "subject",
    "subject_type",
    "actor",
    "actor_type",
    "requested_type",
];

/// A token exchange (RFC 8693 section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenExchange {
    /// The token that is given.
    pub subject: SubjectToken,
    /// Its type, a URI.
    pub subject_type: String,
    /// The token of the party that acts, and its type.
    pub actor: Option<(Template, String)>,
    /// The type that is asked for, a URI.
    pub requested_type: Option<String>,
}

/// The token that a token exchange gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectToken {
    /// The hosting cloud's identity token.
    Platform,
    /// An assertion signed here.
    Assertion,
    /// A stored one.
    Given(Template),
}

impl Reader<'_> {
    pub(super) fn token_exchange(
        &mut self,
        map: &Map<'_>,
        grant: Option<Grant>,
    ) -> Option<TokenExchange> {
        let wanted = grant == Some(Grant::TokenExchange);
        let Some(node) = map.get("token_exchange") else {
            if wanted {
                self.missing(map, "token_exchange");
            }
            return None;
        };
        if !wanted {
            self.invalid(
                node.span,
                "`token_exchange` belongs to `grant: token_exchange`",
                "remove it",
            );
        }
        let map = self.map(node, "`token_exchange`", TOKEN_EXCHANGE_KEYS)?;
        let subject = self.required(&map, "subject")?;
        let subject = match subject.as_str() {
            "platform" => SubjectToken::Platform,
            "assertion" => SubjectToken::Assertion,
            _ => SubjectToken::Given(self.parse_template(&subject, "subject", &[])?),
        };
        let subject_type = self.token_type(&map, "subject_type");
        if subject_type.is_none() && map.get("subject_type").is_none() {
            self.missing(&map, "subject_type");
        }
        let actor = self.template(&map, "actor", &[]);
        let actor_type = self.token_type(&map, "actor_type");
        if actor.is_some() != actor_type.is_some() {
            self.invalid(
                map.node.span,
                "`actor` and `actor_type` belong together",
                "give both or none (RFC 8693 section 2.1)",
            );
        }
        Some(TokenExchange {
            subject,
            subject_type: subject_type?,
            actor: actor.zip(actor_type),
            requested_type: self.token_type(&map, "requested_type"),
        })
    }

    /// A token type: a short word of RFC 8693 section 3, or a whole URI.
    fn token_type(&mut self, map: &Map<'_>, key: &str) -> Option<String> {
        let text = self.text(map, key)?;
        if text.contains(':') {
            return Some(text.value);
        }
        let words = [
            "access_token",
            "refresh_token",
            "id_token",
            "saml1",
            "saml2",
            "jwt",
        ];
        let words = words.map(|word| (word, word));
        let word = self.one_word(&text, &format!("`{key}`"), &words)?;
        Some(format!("urn:ietf:params:oauth:token-type:{word}"))
    }
}
