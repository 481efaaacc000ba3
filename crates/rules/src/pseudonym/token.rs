//! The text of a token: one grammar for writing, finding and checking.
//!
//! ```text
//! reversible   = "p~" 43*base64url [ "@" domain-text ]
//! irreversible = "t~" 43base64url  [ "@" domain-text ]
//! domain-text  = domain / "h~" 43base64url / "e~" 43*base64url
//! ```
//! A run of base64url characters always belongs to the token as a whole.

use super::address::is_domain;

/// Shortest body of a token: 32 bytes in Base64.
pub(super) const HASH_CHARS: usize = 43;

/// A token taken apart; nothing in it is verified yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// Base64 of the token's bytes.
    pub(super) body: &'a str,
    /// What stands behind `@`.
    pub(super) domain: Option<DomainText<'a>>,
}

/// The forms a token's domain can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DomainText<'a> {
    /// The domain itself.
    Plain(&'a str),
    /// Behind `h~`: Base64 of its hash.
    Hashed(&'a str),
    /// Behind `e~`: Base64 of its encrypted form.
    Encrypted(&'a str),
}

impl<'a> Token<'a> {
    /// Reads `text` as exactly one reversible token.
    pub(super) fn parse_reversible(text: &'a str) -> Option<Self> {
        Self::parse_after(text.strip_prefix("p~")?)
    }

    fn parse_irreversible(text: &'a str) -> Option<Self> {
        Self::parse_after(text.strip_prefix("t~")?).filter(|token| token.body.len() == HASH_CHARS)
    }

    fn parse_after(rest: &'a str) -> Option<Self> {
        let (body, domain) = match rest.split_once('@') {
            Some((body, domain)) => (body, Some(parse_domain_text(domain)?)),
            None => (rest, None),
        };
        (body.len() >= HASH_CHARS && is_base64url(body)).then_some(Self { body, domain })
    }
}

fn parse_domain_text(text: &str) -> Option<DomainText<'_>> {
    if let Some(hash) = text.strip_prefix("h~") {
        return (hash.len() == HASH_CHARS && is_base64url(hash))
            .then_some(DomainText::Hashed(hash));
    }
    if let Some(sealed) = text.strip_prefix("e~") {
        let whole = sealed.len() >= HASH_CHARS && is_base64url(sealed);
        return whole.then_some(DomainText::Encrypted(sealed));
    }
    is_domain(text).then_some(DomainText::Plain(text))
}

/// Whether the whole of `text` has the form of a reversible token, `@domain` included. This is what the parameter
/// format `reversible-pseudonym` checks; only turning it back shows whether it is genuine.
pub fn is_reversible_token(text: &str) -> bool {
    Token::parse_reversible(text).is_some()
}

/// Whether the whole of `text` has the form of a token, reversible or not.
pub fn is_token(text: &str) -> bool {
    Token::parse_reversible(text)
        .or_else(|| Token::parse_irreversible(text))
        .is_some()
}

/// A stretch of text that has to be turned back as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundToken<'a> {
    /// Where it starts, in bytes.
    pub start: usize,
    /// The text from there; not always well-formed: something that only begins like a token must be refused, not
    /// passed on in half.
    pub text: &'a str,
}

impl FoundToken<'_> {
    /// Where it ends, in bytes.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// All reversible tokens inside `text`, from left to right, each as long as it can be.
///
/// `p~` with fewer than 43 base64url characters behind it is ordinary text. A broken or percent-encoded domain
/// behind a token belongs to what is found, so that turning it back fails instead of leaving debris.
pub fn find_tokens(text: &str) -> impl Iterator<Item = FoundToken<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + text.get(from..)?.find("p~")?;
            from = start + 2;
            let rest = text.get(from..)?;
            let body = run(rest, is_base64url_byte);
            if body < HASH_CHARS {
                continue;
            }
            from += body + domain_length(rest.get(body..)?);
            let text = text.get(start..from)?;
            return Some(FoundToken { start, text });
        }
    })
}

/// How much of `rest`, which follows a token's body, belongs to the token.
fn domain_length(rest: &str) -> usize {
    let Some(text) = rest.strip_prefix('@') else {
        let encoded = rest.starts_with("%40");
        return if encoded {
            3 + run(rest.get(3..).unwrap_or_default(), is_domain_byte)
        } else {
            0
        };
    };
    if let Some(coded) = text.strip_prefix("h~").or_else(|| text.strip_prefix("e~")) {
        return 3 + run(coded, is_base64url_byte);
    }
    let length = run(text, is_domain_byte);
    // A full stop or hyphen that ends a sentence is not the domain's.
    let domain = text
        .get(..length)
        .unwrap_or_default()
        .trim_end_matches(['.', '-']);
    1 + domain.len()
}

fn run(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|&byte| belongs(byte)).count()
}

fn is_domain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}

fn is_base64url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn is_base64url(text: &str) -> bool {
    text.bytes().all(is_base64url_byte)
}
