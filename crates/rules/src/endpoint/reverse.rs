//! Turning reversible tokens back, in declared places only, each encoded for its component.

use super::admit::{Admitted, PathPlaces};
use super::{body, percent, token};
use crate::pseudonym::is_reversible_token;
use std::ops::Range;

/// What is asked of the source: path and query with all tokens turned back.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamTarget {
    /// The path, percent-encoded, beginning with `/`.
    pub path: String,
    /// The query without `?`, percent-encoded.
    pub query: Option<String>,
}

/// Holds originals, so it is never printed.
impl std::fmt::Debug for UpstreamTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UpstreamTarget(…)")
    }
}

/// Why a call can't be turned back.
#[derive(Debug, thiserror::Error)]
pub enum ReverseError<E> {
    /// The reverser refused a token.
    #[error("a token in the request is not valid")]
    Token(E),
    /// The original can't stand in that place: it would change which resource is meant.
    #[error("the original of a token can't stand in the place where the token stands")]
    Misplaced,
    /// The body is not what its content type says.
    #[error("the request body can't be read")]
    BodyNotReadable,
}

impl<E> ReverseError<E> {
    /// Stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Token(_) => "token-invalid",
            Self::Misplaced => "token-misplaced",
            Self::BodyNotReadable => "body-not-readable",
        }
    }
}

impl Admitted<'_, '_> {
    /// The path and query for the source. `reverser` gets each token as sent, decoded and with its
    /// `@domain` if it has one, and returns the original.
    pub fn reverse_call<E>(
        &self,
        reverser: impl Fn(&str) -> Result<String, E>,
    ) -> Result<UpstreamTarget, ReverseError<E>> {
        Ok(UpstreamTarget {
            path: self.path(&reverser)?,
            query: self.query(&reverser)?,
        })
    }

    /// The request body for the source; `None` if it goes as it came.
    pub fn reverse_body<E>(
        &self,
        content_type: Option<&str>,
        body: &[u8],
        reverser: impl Fn(&str) -> Result<String, E>,
    ) -> Result<Option<Vec<u8>>, ReverseError<E>> {
        let rule = self.endpoint.body();
        body::reverse(rule, self.endpoint.compat(), content_type, body, &reverser)
    }

    /// The value of a forwarded request header for the source; `None` if it goes as it came.
    pub fn reverse_header<E>(
        &self,
        value: &str,
        reverser: impl Fn(&str) -> Result<String, E>,
    ) -> Result<Option<String>, ReverseError<E>> {
        reverse_value(value, &reverser)
    }

    fn path<E>(
        &self,
        reverser: &impl Fn(&str) -> Result<String, E>,
    ) -> Result<String, ReverseError<E>> {
        let text = self.call.path.as_str();
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for range in self.token_places(text) {
            let Some(original) = reverse_path_part(text, &range, reverser)? else {
                continue;
            };
            out.push_str(text.get(done..range.start).unwrap_or_default());
            out.push_str(&original);
            done = range.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Ok(out)
    }

    /// Declared parts of the path, in order and apart from each other.
    fn token_places(&self, text: &str) -> Vec<Range<usize>> {
        let mut places: Vec<Range<usize>> = match &self.places {
            PathPlaces::Everywhere => segments(text).collect(),
            PathPlaces::Parameters(ranges) => ranges.clone(),
            PathPlaces::GroupsAndWholeSegments(groups) => {
                let whole = segments(text).filter(|range| {
                    let decoded = text.get(range.clone()).and_then(percent::decode);
                    decoded.is_some_and(|text| is_reversible_token(&text))
                });
                whole.chain(groups.iter().cloned()).collect()
            }
        };
        places.sort_by_key(|range| (range.start, range.end));
        let mut end = 0;
        places.retain(|range| {
            let apart = range.start >= end && range.start < range.end;
            if apart {
                end = range.end;
            }
            apart
        });
        places
    }

    fn query<E>(
        &self,
        reverser: &impl Fn(&str) -> Result<String, E>,
    ) -> Result<Option<String>, ReverseError<E>> {
        let mut text = String::new();
        for pair in self.call.query.pairs() {
            let declared = self.endpoint.declares_query(&pair.name);
            let original = match &pair.value {
                Some(value) if declared => reverse_value(value, reverser)?,
                _ => None,
            };
            match original {
                Some(original) => {
                    let mut encoded = String::with_capacity(original.len());
                    percent::encode_into(&original, &mut encoded);
                    pair.append(&mut text, Some(&encoded));
                }
                None => pair.append(&mut text, pair.raw_value.as_deref()),
            }
        }
        Ok((!text.is_empty()).then_some(text))
    }
}

/// A part of the path with its tokens turned back, encoded; `None` if it holds none. A part that a
/// pattern lets span several segments is taken segment by segment.
fn reverse_path_part<E>(
    text: &str,
    range: &Range<usize>,
    reverser: &impl Fn(&str) -> Result<String, E>,
) -> Result<Option<String>, ReverseError<E>> {
    let part = text.get(range.clone()).unwrap_or_default();
    let mut out = String::new();
    let mut changed = false;
    for (index, segment) in part.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        let decoded = percent::decode(segment).ok_or(ReverseError::Misplaced)?;
        let Some(original) = reverse_value(&decoded, reverser)? else {
            out.push_str(segment);
            continue;
        };
        let dots = original
            .split(['/', '\\'])
            .any(|piece| matches!(piece, "." | ".."));
        if original.is_empty() || dots {
            return Err(ReverseError::Misplaced);
        }
        percent::encode_into(&original, &mut out);
        changed = true;
    }
    Ok(changed.then_some(out))
}

/// A value with its tokens turned back; `None` if it holds none. Originals with control
/// characters are refused in every place.
pub(crate) fn reverse_value<E>(
    value: &str,
    reverser: &impl Fn(&str) -> Result<String, E>,
) -> Result<Option<String>, ReverseError<E>> {
    let original = token::reverse(value, reverser).map_err(ReverseError::Token)?;
    match original {
        Some(text) if text.chars().any(char::is_control) => Err(ReverseError::Misplaced),
        other => Ok(other),
    }
}

fn segments(path: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    path.split('/').map(move |segment| {
        let range = start..start + segment.len();
        start += segment.len() + 1;
        range
    })
}
