//! Headers that steer the gateway itself. All are consumed here; none is ever forwarded.

use http::{HeaderMap, HeaderName};

use crate::refusal::{Cause, Refusal};

#[cfg(test)]
mod tests;

/// Longest target path or query a header may give, in bytes.
const LONGEST_TARGET: usize = 4096;

/// What a verified caller asked for in control headers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Control {
    /// The account to act as, as the caller wrote it (it may hold a reversible pseudonym).
    pub(crate) user_to_impersonate: Option<String>,
    /// Replaces the path of the request target.
    pub(crate) target_path: Option<String>,
    /// Replaces the query of the request target; an empty one removes it.
    pub(crate) target_query: Option<String>,
}

/// The control headers, their names here and in the reference, and what they do.
/// The reference's names count only in compatibility mode.
const KNOWN: &[(Name, &str, &str)] = &[
    (
        Name::HealthCheck,
        "x-hushgate-health-check",
        "x-psoxy-health-check",
    ),
    (
        Name::UserToImpersonate,
        "x-hushgate-user-to-impersonate",
        "x-psoxy-user-to-impersonate",
    ),
    (
        Name::TargetPath,
        "x-hushgate-target-path",
        "x-psoxy-targetpath",
    ),
    (
        Name::TargetQuery,
        "x-hushgate-target-query",
        "x-psoxy-targetquery",
    ),
    // Only the reference has versions to choose from, so there is no name of ours.
    (Name::Pseudonyms, "", "x-psoxy-pseudonym-implementation"),
    (
        Name::SkipSanitizer,
        "x-hushgate-skip-sanitizer",
        "x-psoxy-skip-sanitizer",
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    HealthCheck,
    UserToImpersonate,
    TargetPath,
    TargetQuery,
    Pseudonyms,
    SkipSanitizer,
}

/// Whether the request asks for the health check, with any value.
pub(crate) fn asks_health(headers: &HeaderMap, compat: bool) -> bool {
    headers.contains_key("x-hushgate-health-check")
        || compat && headers.contains_key("x-psoxy-health-check")
}

impl Control {
    /// Reads and checks all control headers of a request.
    ///
    /// # Errors
    /// `request-invalid` for a header that is repeated, given under two names, unknown, malformed, or
    /// asks for something this gateway never does.
    pub(crate) fn read(headers: &HeaderMap, compat: bool) -> Result<Self, Refusal> {
        let mut control = Self::default();
        let mut seen: Vec<Name> = Vec::new();
        for name in headers.keys() {
            let Some(known) = lookup(name, compat)? else {
                continue;
            };
            if seen.contains(&known) || headers.get_all(name).iter().nth(1).is_some() {
                return Err(invalid(name, "is given more than once"));
            }
            seen.push(known);
            let value = headers
                .get(name)
                .and_then(|v| v.to_str().ok())
                .map(str::trim);
            let value = value.ok_or_else(|| invalid(name, "is not printable ASCII"))?;
            control.apply(known, name, value)?;
        }
        Ok(control)
    }

    fn apply(&mut self, known: Name, name: &HeaderName, value: &str) -> Result<(), Refusal> {
        match known {
            Name::HealthCheck => {}
            Name::UserToImpersonate => {
                if value.is_empty()
                    || value.len() > 1024
                    || !value.bytes().all(|b| b.is_ascii_graphic())
                {
                    return Err(invalid(name, "is empty, too long or has blanks"));
                }
                self.user_to_impersonate = Some(value.to_owned());
            }
            Name::TargetPath => {
                if !value.starts_with('/') || value.contains('?') || !is_target(value) {
                    return Err(invalid(
                        name,
                        "is not a plain path of at most 4096 characters",
                    ));
                }
                self.target_path = Some(value.to_owned());
            }
            Name::TargetQuery => {
                let query = value.strip_prefix('?').unwrap_or(value);
                if !is_target(query) {
                    return Err(invalid(
                        name,
                        "is not a plain query of at most 4096 characters",
                    ));
                }
                self.target_query = Some(query.to_owned());
            }
            Name::Pseudonyms => {
                if !value.eq_ignore_ascii_case("v0.4") {
                    return Err(invalid(
                        name,
                        "asks for pseudonyms that this gateway does not make",
                    ));
                }
            }
            Name::SkipSanitizer => {
                if !value.eq_ignore_ascii_case("false") {
                    return Err(invalid(
                        name,
                        "asks to skip sanitizing, which this gateway never does",
                    ));
                }
            }
        }
        Ok(())
    }
}

fn lookup(name: &HeaderName, compat: bool) -> Result<Option<Name>, Refusal> {
    let name_text = name.as_str();
    for (known, ours, reference) in KNOWN {
        if name_text == *ours {
            return Ok(Some(*known));
        }
        if name_text == *reference {
            if !compat {
                return Err(invalid(name, "is accepted only with HUSHGATE_COMPAT=psoxy"));
            }
            return Ok(Some(*known));
        }
    }
    if name_text.starts_with("x-hushgate-") {
        return Err(invalid(name, "is not a control header of this gateway"));
    }
    Ok(None)
}

fn is_target(text: &str) -> bool {
    text.len() <= LONGEST_TARGET && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

fn invalid(name: &HeaderName, what: &str) -> Refusal {
    // A header name of the caller's making could itself be an identifier.
    let name = name.as_str();
    let known = KNOWN
        .iter()
        .any(|(_, ours, reference)| name == *ours || name == *reference);
    let name = if known { name } else { "x-hushgate-…" };
    Refusal::new(Cause::RequestInvalid, format!("header `{name}` {what}"))
}
