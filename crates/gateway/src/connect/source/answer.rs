//! Where the values of a token answer stand, as declared.

use super::member::MemberPath;
use super::read::{Map, Reader, values};

const ANSWER_KEYS: &[&str] = &[
    "access_token",
    "expires_in",
    "expires_at",
    "refresh_token",
    "token_type",
    "host",
    "form",
];

/// Where the values of a token answer stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerNames {
    /// The access token.
    pub access_token: MemberPath,
    /// The lifetime in seconds.
    pub expires_in: MemberPath,
    /// The end of the lifetime: RFC 3339, or a number of seconds or milliseconds since 1970; none: not used.
    pub expires_at: Option<MemberPath>,
    /// The new refresh token.
    pub refresh_token: MemberPath,
    /// The values of `token_type` that are taken, in lower case.
    pub token_types: Vec<String>,
    /// The address of the API, which must be the configured one; none: not checked.
    pub host: Option<MemberPath>,
    /// Whether a form-encoded answer is accepted.
    pub form: bool,
}

impl AnswerNames {
    /// The names of RFC 6749 section 5.1.
    pub fn standard() -> Self {
        Self {
            access_token: MemberPath::name("access_token"),
            expires_in: MemberPath::name("expires_in"),
            expires_at: None,
            refresh_token: MemberPath::name("refresh_token"),
            token_types: vec!["bearer".to_owned()],
            host: None,
            form: false,
        }
    }
}

impl Reader<'_> {
    pub(super) fn answer(&mut self, map: &Map<'_>) -> AnswerNames {
        let mut names = AnswerNames::standard();
        let answer = map
            .get("answer")
            .and_then(|node| self.map(node, "`answer`", ANSWER_KEYS));
        let Some(answer) = answer else {
            return names;
        };
        let places = [
            ("access_token", &mut names.access_token),
            ("expires_in", &mut names.expires_in),
            ("refresh_token", &mut names.refresh_token),
        ];
        for (key, place) in places {
            if let Some(path) = self.member(&answer, key) {
                *place = path;
            }
        }
        names.expires_at = self.member(&answer, "expires_at");
        names.host = self.member(&answer, "host");
        names.form = self.flag(&answer, "form").unwrap_or(false);
        let types = values(self.texts(&answer, "token_type"));
        if !types.is_empty() {
            names.token_types = types.iter().map(|t| t.to_ascii_lowercase()).collect();
        }
        names
    }
}
