//! Which content types can be sanitized.

use http::HeaderValue;

use crate::refusal::{Cause, Refusal};

/// What kind of document a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// No body at all.
    Empty,
    /// One JSON value.
    Json,
    /// JSON values, one after the other.
    JsonLines,
}

impl Media {
    /// Reads a content type.
    ///
    /// # Errors
    /// `content-type-refused` when there is none, it is not JSON, or its charset is not UTF-8.
    pub(crate) fn of(declared: Option<&HeaderValue>) -> Result<Self, Refusal> {
        let refuse = |why: &str| {
            Refusal::new(
                Cause::ContentTypeRefused,
                format!("the source's answer {why}"),
            )
        };
        let text = declared
            .ok_or_else(|| refuse("has no content type"))?
            .to_str()
            .map_err(|_| refuse("has an unreadable content type"))?
            .to_ascii_lowercase();
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        let (kind, subtype) = essence.split_once('/').unwrap_or_default();
        let media = match (kind, subtype) {
            ("application" | "text", "json") => Self::Json,
            ("application", "x-ndjson" | "ndjson" | "jsonl" | "x-jsonlines" | "json-seq") => {
                Self::JsonLines
            }
            ("application", other) if is_suffixed(other) => Self::Json,
            _ => return Err(refuse("is not declared as JSON")),
        };
        if media == Self::JsonLines && subtype == "json-seq" {
            return Err(refuse("is a JSON text sequence, which is not supported"));
        }
        let foreign = parts
            .filter_map(|p| p.strip_prefix("charset="))
            .map(|c| c.trim_matches('"'))
            .any(|c| !matches!(c, "utf-8" | "utf8" | "us-ascii"));
        if foreign {
            return Err(refuse("has a charset other than UTF-8"));
        }
        Ok(media)
    }

    /// The content type the caller sees: a fixed text, so that nothing of the source's is in it.
    pub(crate) fn content_type(self) -> Option<HeaderValue> {
        match self {
            Self::Empty => None,
            Self::Json => Some(HeaderValue::from_static("application/json")),
            Self::JsonLines => Some(HeaderValue::from_static("application/x-ndjson")),
        }
    }
}

fn is_suffixed(subtype: &str) -> bool {
    subtype.strip_suffix("+json").is_some_and(|name| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-_+".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Media> {
        Media::of(Some(&HeaderValue::from_bytes(text.as_bytes()).unwrap())).ok()
    }

    #[test]
    fn accepts_json_in_utf8_only() {
        for text in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "text/json",
            "application/vnd.github+json",
            "application/problem+json; profile=x",
            "application/vnd.github.v3+json; charset=utf-8",
        ] {
            assert_eq!(of(text), Some(Media::Json), "{text}");
        }
        for text in ["application/x-ndjson", "application/jsonl"] {
            assert_eq!(of(text), Some(Media::JsonLines), "{text}");
        }
        for text in [
            "",
            "text/html",
            "text/plain",
            "application/octet-stream",
            "application/json; charset=utf-16",
            "application/json; charset=iso-8859-1",
            "application/json-seq",
            "application/jsonx",
            "application/+json",
            "image/svg+json",
            "json",
            "application/xml",
            "application/gzip",
            "multipart/form-data",
            "application/javascript",
            "application/json, text/html",
            "\u{e9}",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        assert!(Media::of(None).is_err());
    }
}
