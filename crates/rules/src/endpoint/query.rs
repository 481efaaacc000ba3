//! The query of a call, taken apart once.

use super::percent;
use std::borrow::Cow;

/// Bytes a query may have.
pub const MAX_QUERY_BYTES: usize = 16 * 1024;
/// Parameters a query may have.
const MAX_PARAMETERS: usize = 500;

/// The parameters of a query in their order; `&` and `;` both separate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallQuery {
    pairs: Vec<QueryPair>,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPair {
    /// The name as sent, still encoded.
    pub(crate) raw_name: String,
    /// The value as sent, still encoded; `None` for a parameter without `=`.
    pub(crate) raw_value: Option<String>,
    /// The name, decoded.
    pub name: String,
    /// The value, decoded; `None` for a parameter without `=`.
    pub value: Option<String>,
}

/// Why a query is refused. The text never holds the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryRefused {
    /// More than [`MAX_QUERY_BYTES`] or too many parameters.
    #[error("the query has more than {MAX_QUERY_BYTES} bytes or {MAX_PARAMETERS} parameters")]
    TooLong,
    /// A blank, control character, `#` or non-ASCII byte that is not encoded.
    #[error("the query holds a character that must be percent-encoded")]
    ForbiddenCharacter,
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the query holds a broken percent-encoding")]
    BrokenEncoding,
}

impl QueryRefused {
    /// Stable name of the reason.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "query-too-long",
            Self::ForbiddenCharacter => "query-forbidden-character",
            Self::BrokenEncoding => "query-broken-encoding",
        }
    }
}

impl CallQuery {
    /// Takes a raw query, without `?`, apart. Parameters with an empty name are dropped and never
    /// forwarded.
    pub fn parse(raw: Option<&str>) -> Result<Self, QueryRefused> {
        let raw = raw.unwrap_or_default();
        if raw.len() > MAX_QUERY_BYTES {
            return Err(QueryRefused::TooLong);
        }
        if !raw
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            return Err(QueryRefused::ForbiddenCharacter);
        }
        let mut pairs = Vec::new();
        for part in raw.split(['&', ';']) {
            let (raw_name, raw_value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (part, None),
            };
            let name = percent::decode_query(raw_name).ok_or(QueryRefused::BrokenEncoding)?;
            let value = match raw_value {
                Some(raw) => Some(percent::decode_query(raw).ok_or(QueryRefused::BrokenEncoding)?),
                None => None,
            };
            if name.is_empty() {
                continue;
            }
            if pairs.len() == MAX_PARAMETERS {
                return Err(QueryRefused::TooLong);
            }
            pairs.push(QueryPair {
                raw_name: raw_name.to_owned(),
                raw_value: raw_value.map(str::to_owned),
                name: name.into_owned(),
                value: value.map(Cow::into_owned),
            });
        }
        Ok(Self { pairs })
    }

    /// The parameters in their order.
    pub fn pairs(&self) -> &[QueryPair] {
        &self.pairs
    }

    /// The query as it is matched and forwarded, separated by `&`; `None` if it has no parameter.
    pub fn to_text(&self) -> Option<String> {
        let mut text = String::new();
        for pair in &self.pairs {
            pair.append(&mut text, pair.raw_value.as_deref());
        }
        (!text.is_empty()).then_some(text)
    }
}

impl QueryPair {
    /// Appends `&name=value` with an encoded value.
    pub(crate) fn append(&self, text: &mut String, raw_value: Option<&str>) {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&self.raw_name);
        if let Some(value) = raw_value {
            text.push('=');
            text.push_str(value);
        }
    }
}
