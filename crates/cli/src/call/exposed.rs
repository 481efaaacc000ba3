//! Secrets that stand in arguments by mistake. They are not shown a second time.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::identity::in_argument;
use crate::connection::report;
use crate::print;

/// The longest name of a file that is shown.
const LONGEST_NAME: usize = 255;
/// Fewer characters than any token has.
const SHORTEST_TOKEN: usize = 20;

/// Whether a text has the form of a signed or encrypted token: parts with dots between (RFC 7515
/// section 7.1, RFC 7516 section 7.1), of which the first is a JSON object in base64url.
fn is_token(text: &str) -> bool {
    let text = text.trim_start();
    let text = match text.get(..7) {
        Some(word) if word.eq_ignore_ascii_case("bearer ") => text[7..].trim_start(),
        _ => text,
    };
    let object = |rest: &str| rest.starts_with(|c: char| c.is_ascii_uppercase());
    text.strip_prefix("ey").is_some_and(object) && text.matches('.').count() >= 2
}

/// Whether what should name a file is more likely a token or a key, and must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    is_token(name) || name.contains('{') || name.len() > LONGEST_NAME
}

/// Whether what should be a path is more likely a token, opaque ones included: it does not begin with
/// `/`, and is one long word of the characters that tokens have (RFC 6750 section 2.1).
pub(super) fn is_no_path(path: &str) -> bool {
    let bearer = path
        .get(..7)
        .is_some_and(|word| word.eq_ignore_ascii_case("bearer "));
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~+=".contains(&b);
    is_token(path) || bearer || (path.len() >= SHORTEST_TOKEN && path.bytes().all(fits))
}

/// Refuses `call` with a token among its arguments, and tells a wrong use without the value that may be
/// a secret. `arguments` are all of the process, `error` is what the parser of arguments has against
/// them. None where nothing is to be hidden.
#[must_use]
pub fn refused(arguments: &[OsString], error: Option<&clap::Error>) -> Option<ExitCode> {
    let [_, command, arguments @ ..] = arguments else {
        return None;
    };
    if command != "call" {
        return None;
    }
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let values = || {
        let words = words.iter().map(AsRef::as_ref);
        words.flat_map(|word: &str| [Some(word), word.split_once('=').map(|(_, value)| value)])
    };
    let quoted = error.map(ToString::to_string).unwrap_or_default();
    let shows = |value: &str| is_secret(value) && quoted.contains(value);
    if values()
        .flatten()
        .any(|value| is_token(value) || shows(value))
    {
        let as_json = words.iter().any(|word| word == "--json");
        return Some(report(Err(in_argument()), as_json));
    }
    if error.is_some_and(is_one_too_many) {
        print::note(
            "error: one argument is too many: behind URL and PATH there are options only\n\nFor more information, try 'hushgate call --help'.",
        );
        return Some(ExitCode::from(2));
    }
    None
}

/// Whether the parser quotes an argument that is no option: nobody knows what it is.
fn is_one_too_many(error: &clap::Error) -> bool {
    let argument = error.get(ContextKind::InvalidArg);
    error.kind() == ErrorKind::UnknownArgument
        && matches!(argument, Some(ContextValue::String(word)) if !word.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_token_from_names_paths_and_hosts() {
        for token in [
            "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
            " Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
            "eyAiYWxnIjoibm9uZSJ9.e30.",
            "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn",
        ] {
            assert!(is_token(token) && is_secret(token), "{token}");
        }
        for name in [
            "eye.gw.example",
            "eyeball.tar.gz",
            "/tokens/eyJ.token.jwt",
            "eyJ.jwt",
            "token.jwt",
            "Bearer",
            "https://zoom.gw.example/v2/users",
            "",
        ] {
            assert!(!is_token(name) && !is_secret(name), "{name}");
        }
        assert!(is_secret("{\"type\":\"service_account\"}"));
        assert!(is_secret(&"x".repeat(256)) && !is_secret(&"x".repeat(255)));
    }
}
