//! Originals in the place of the tokens of a text.

use crate::pseudonym::find_tokens;

/// Whether a text holds a reversible token.
pub(crate) fn holds_token(text: &str) -> bool {
    find_tokens(text).next().is_some()
}

/// Puts the originals in the place of all tokens of a text. `None` if there is no token.
pub(crate) fn reverse<E>(
    text: &str,
    reverser: &impl Fn(&str) -> Result<String, E>,
) -> Result<Option<String>, E> {
    if !holds_token(text) {
        return Ok(None);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for token in find_tokens(text) {
        out.push_str(text.get(done..token.start).unwrap_or_default());
        out.push_str(&reverser(token.text)?);
        done = token.end();
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Ok(Some(out))
}
