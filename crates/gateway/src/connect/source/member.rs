//! Where a value stands in a vendor's JSON answer.

use std::fmt;

use hushgate_rules::language::Spanned;
use serde_json::Value;

use super::read::{Map, Reader};

/// A member's name, or a JSON Pointer (RFC 6901) such as `/user/emails/0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPath {
    written: String,
    pointer: String,
}

impl MemberPath {
    /// Reads a name or a pointer: what begins with `/` is a pointer.
    ///
    /// # Errors
    /// Says what a pointer looks like.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let pointer = if text.starts_with('/') {
            let escapes_fine = text
                .split('~')
                .skip(1)
                .all(|after| after.starts_with(['0', '1']));
            if !escapes_fine {
                return Err("in a pointer, `~` is written `~0`, and `/` in a name `~1`");
            }
            text.to_owned()
        } else if text.is_empty() {
            return Err("write the name of a member, or a pointer such as `/user/email`");
        } else {
            format!("/{}", text.replace('~', "~0").replace('/', "~1"))
        };
        Ok(Self {
            written: text.to_owned(),
            pointer,
        })
    }

    /// The value at this place.
    pub fn get<'v>(&self, answer: &'v Value) -> Option<&'v Value> {
        answer.pointer(&self.pointer)
    }

    /// The name, when it is a plain one.
    pub fn name(name: &str) -> Self {
        Self {
            written: name.to_owned(),
            pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        }
    }
}

impl fmt::Display for MemberPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Reader<'_> {
    pub(super) fn member(&mut self, map: &Map<'_>, key: &str) -> Option<MemberPath> {
        let text = self.text(map, key)?;
        self.member_path(&text, key)
    }

    /// One place or several, of which the first that holds something counts.
    pub(super) fn members(&mut self, map: &Map<'_>, key: &str) -> Vec<MemberPath> {
        let texts = self.texts(map, key);
        texts
            .iter()
            .filter_map(|text| self.member_path(text, key))
            .collect()
    }

    fn member_path(&mut self, text: &Spanned<String>, key: &str) -> Option<MemberPath> {
        match MemberPath::parse(text) {
            Ok(path) => Some(path),
            Err(help) => {
                self.invalid(
                    text.span,
                    &format!("`{key}` is not a place in an answer"),
                    help,
                );
                None
            }
        }
    }
}
