//! `{{NAME}}` templates: parsed at load, filled per place with the escaping of that place.

use std::fmt::Write as _;

/// A text with places to fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

/// How a filled value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// As it is; the writer of the surrounding text escapes the whole: a form, JSON, base64.
    Plain,
    /// One component of a URL: everything but RFC 3986 unreserved characters percent-encoded. Blank
    /// values and the dot segments, which would change the path, are refused.
    UrlComponent,
    /// A header's value: control characters, which could end it, are refused.
    Header,
}

/// Why a template can't be filled. Names the field, never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FillError {
    /// The field has no value.
    Missing(String),
    /// The field's value can't stand in this place.
    Unfit {
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Template {
    /// Parses a template. Names are upper-case words or the words of `builtin`.
    ///
    /// # Errors
    /// Says what is wrong with the braces or a name.
    pub fn parse(text: &str, builtin: &[&str]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            push_text(&mut parts, before)?;
            let (name, after) = after
                .split_once("}}")
                .ok_or_else(|| "has `{{` without `}}`".to_owned())?;
            if !is_field_name(name) && !builtin.contains(&name) {
                return Err(
                    "holds a name that is neither an upper-case field name nor a built-in one"
                        .to_owned(),
                );
            }
            parts.push(Part::Name(name.to_owned()));
            rest = after;
        }
        push_text(&mut parts, rest)?;
        Ok(Self { parts })
    }

    /// A template without anything to fill.
    pub fn literal(text: &str) -> Self {
        Self {
            parts: vec![Part::Text(text.to_owned())],
        }
    }

    /// A template that is one name.
    pub fn name(name: &str) -> Self {
        Self {
            parts: vec![Part::Name(name.to_owned())],
        }
    }

    /// The names to fill, in order, repeated as they occur.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Fills the template; `value` gives the text for a name, or nothing, which fails with the name.
    /// Each place is filled once: braces in a value are text.
    ///
    /// # Errors
    /// The name that has no value, or a value that can't stand in this place.
    pub fn fill<'v>(
        &self,
        place: Place,
        mut value: impl FnMut(&str) -> Option<&'v str>,
    ) -> Result<String, FillError> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => {
                    let value = value(name).ok_or_else(|| FillError::Missing(name.clone()))?;
                    let unfit = |problem| FillError::Unfit {
                        field: name.clone(),
                        problem,
                    };
                    match place {
                        // The host stands in the authority, where it was checked as a host.
                        Place::UrlComponent if name == "host" => filled.push_str(value),
                        Place::UrlComponent if matches!(value, "" | "." | "..") => {
                            return Err(unfit("can't stand in an address; it is blank or dots"));
                        }
                        Place::UrlComponent => percent_encode(value, &mut filled),
                        Place::Header if value.chars().any(char::is_control) => {
                            return Err(unfit(
                                "holds a control character, which can't stand in a header; store it without line breaks",
                            ));
                        }
                        Place::Plain | Place::Header => filled.push_str(value),
                    }
                }
            }
        }
        Ok(filled)
    }
}

/// Whether a name has the form of a field: `[A-Z][A-Z0-9_]*`, at most 64 characters.
pub(super) fn is_field_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_uppercase())
        && name.len() <= 64
        && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Appends a value with everything but RFC 3986 unreserved characters percent-encoded.
pub(super) fn percent_encode(value: impl AsRef<[u8]>, into: &mut String) {
    for &byte in value.as_ref() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) -> Result<(), String> {
    if text.contains("}}") {
        return Err("has `}}` without `{{`".to_owned());
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_a_value_as_one_url_component() {
        let template = Template::parse("https://x.example/{{ID}}/y", &[]).unwrap();
        let filled = template.fill(Place::UrlComponent, |_| Some("../a/b?c#d\r\né{{X}}"));
        assert_eq!(
            filled.unwrap(),
            "https://x.example/..%2Fa%2Fb%3Fc%23d%0D%0A%C3%A9%7B%7BX%7D%7D/y"
        );
    }

    #[test]
    fn refuses_to_end_a_header() {
        let template = Template::parse("Bearer {{T}}", &[]).unwrap();
        for value in [
            "a\r\nX-Admin: 1",
            "a\nb",
            "a\0b",
            "a\tb",
            "\u{7f}",
            "a\u{85}b",
        ] {
            let refused = template.fill(Place::Header, |_| Some(value)).unwrap_err();
            assert!(
                matches!(refused, FillError::Unfit { field, .. } if field == "T"),
                "{value:?}"
            );
        }
        let filled = template.fill(Place::Header, |_| Some("é\"; ,{{T}}"));
        assert_eq!(filled.unwrap(), "Bearer é\"; ,{{T}}");
    }

    #[test]
    fn refuses_what_would_change_a_path() {
        let template = Template::parse("https://x.example/{{ID}}/y", &[]).unwrap();
        for value in ["", ".", ".."] {
            let refused = template.fill(Place::UrlComponent, |_| Some(value));
            assert!(matches!(refused, Err(FillError::Unfit { .. })), "{value:?}");
        }
        let filled = template.fill(Place::UrlComponent, |_| Some("...\0\u{202e}%2e"));
        assert_eq!(filled.unwrap(), "https://x.example/...%00%E2%80%AE%252e/y");
    }

    #[test]
    fn never_fills_twice() {
        let template = Template::parse("{{A}}", &[]).unwrap();
        assert_eq!(
            template.fill(Place::Plain, |_| Some("{{B}}")).unwrap(),
            "{{B}}"
        );
    }

    #[test]
    fn refuses_loose_braces_and_odd_names() {
        for text in ["{{A", "A}}", "{{a}}", "{{}}", "{{ A }}", "{{A}} }}"] {
            assert!(Template::parse(text, &["host"]).is_err(), "{text}");
        }
        assert!(Template::parse("{{host}}{{A_1}}", &["host"]).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn a_value_never_leaves_its_place(value in ".{1,40}", odd in "[\\x00-\\x1f\\x7f-\\x9f./?#%&={}\"\\\\ ]{1,8}") {
            for value in [value, odd] {
                let template = Template::parse("https://x.example/a/{{V}}/b?c={{V}}&d=e", &[]).unwrap();
                if let Ok(filled) = template.fill(Place::UrlComponent, |_| Some(&value)) {
                    let url = reqwest::Url::parse(&filled).unwrap();
                    proptest::prop_assert_eq!(url.host_str(), Some("x.example"));
                    proptest::prop_assert_eq!(url.path_segments().unwrap().count(), 3);
                    proptest::prop_assert_eq!(url.fragment(), None);
                    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
                    proptest::prop_assert_eq!(pairs.len(), 2);
                    proptest::prop_assert_eq!(&pairs[0].1, &value);
                }
                let template = Template::parse("Token {{V}};", &[]).unwrap();
                if let Ok(filled) = template.fill(Place::Header, |_| Some(&value)) {
                    let header = http::HeaderValue::from_str(&filled).unwrap();
                    let wanted = format!("Token {value};");
                    proptest::prop_assert_eq!(header.as_bytes(), wanted.as_bytes());
                } else {
                    proptest::prop_assert!(value.chars().any(char::is_control));
                }
            }
        }
    }
}
