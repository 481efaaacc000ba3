//! Objects: what lies under keys in a bucket or a folder, read and written as streams.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};

use super::PortFuture;

/// Longest key, in bytes; the least that any of the services allows.
pub const LONGEST_KEY: usize = 1024;

/// Where objects are kept.
///
/// Keys are texts that [`check_key`] takes. An object is written all or nothing: readers see the
/// old one or the new one, and a body that breaks off leaves no trace. Bodies are streams, so that
/// the largest object needs no more memory than a part of it.
pub trait Objects: Send + Sync {
    /// Opens an object for reading; `Ok(None)` when there is none.
    ///
    /// An object that changes while it is read gives an error, never a mixture.
    fn read<'a>(&'a self, key: &'a str) -> PortFuture<'a, Result<Option<Object>, ObjectError>>;

    /// What is known of an object without reading it; `Ok(None)` when there is none.
    fn facts<'a>(&'a self, key: &'a str) -> PortFuture<'a, Result<Option<Facts>, ObjectError>>;

    /// Writes an object; durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`ObjectError::Exists`] when `put` asks for a new one and there is one already. An error of the
    /// body is given back as it is, and nothing is written.
    fn write<'a>(
        &'a self,
        key: &'a str,
        head: &'a Head,
        put: Put,
        body: ObjectBody,
    ) -> PortFuture<'a, Result<Facts, ObjectError>>;

    /// The objects whose keys begin with `prefix`, in the order of their keys' bytes, one page.
    /// `after` is the [`Page::more`] of the page before.
    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Result<Page, ObjectError>>;

    /// Removes an object; fine when there is none.
    fn remove<'a>(&'a self, key: &'a str) -> PortFuture<'a, Result<(), ObjectError>>;
}

/// The bytes of an object, piece by piece.
pub type ObjectBody = Pin<Box<dyn Stream<Item = Result<Bytes, ObjectError>> + Send>>;

/// An object opened for reading.
pub struct Object {
    /// What is known of it.
    pub facts: Facts,
    /// Its bytes as they are stored; nothing is decoded.
    pub body: ObjectBody,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its size in bytes, as stored.
    pub size: u64,
    /// A text that another content of the same key never has.
    pub version: String,
    /// When it was written, if the service tells.
    pub modified: Option<SystemTime>,
    /// What was said of it when it was written.
    pub head: Head,
}

/// What a writer says of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The media type of the decoded content.
    pub content_type: Option<String>,
    /// How the content is encoded, such as `gzip`.
    pub content_encoding: Option<String>,
    /// Names (lower-case letters, digits, `-`) and values (visible ASCII and spaces) of one's own.
    pub metadata: BTreeMap<String, String>,
}

/// What happens to an object that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is replaced.
    Replace,
    /// It stays, and writing fails.
    OnlyNew,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The objects, in the order of their keys' bytes.
    pub objects: Vec<Listed>,
    /// What to ask for next; none: this was the last page.
    pub more: Option<String>,
}

/// One object of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

/// Why objects could not be read or written. Never carries content.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ObjectError {
    /// The service did not answer, or answered with a failure that may pass.
    #[error("the object store is unavailable: {0}")]
    Unavailable(String),
    /// The service refused this function.
    #[error("the object store denied access to `{name}`: {hint}")]
    Denied {
        /// Bucket and key.
        name: String,
        /// The permission that is missing.
        hint: String,
    },
    /// There is no such bucket or folder.
    #[error("there is no bucket or folder `{0}`")]
    NoBucket(String),
    /// There is an object of this key.
    #[error("there is an object `{0}` already")]
    Exists(String),
    /// The object was replaced or removed while it was read.
    #[error("object `{0}` changed while it was read")]
    Changed(String),
    /// The object has more bytes than are read at once.
    #[error("object `{name}` has more than {most} bytes")]
    TooLarge {
        /// The key.
        name: String,
        /// The limit.
        most: u64,
    },
    /// This can't be a key.
    #[error("this is no key of an object: {0}")]
    Key(&'static str),
    /// What is said of the object can't be stored.
    #[error("the object's description can't be stored: {0}")]
    Head(&'static str),
    /// Whoever made the body gave up.
    #[error("the object was not written: {0}")]
    Abandoned(String),
}

impl ObjectError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "objects-unavailable",
            Self::Denied { .. } => "objects-denied",
            Self::NoBucket(_) => "objects-no-bucket",
            Self::Exists(_) => "object-exists",
            Self::Changed(_) => "object-changed",
            Self::TooLarge { .. } => "object-too-large",
            Self::Key(_) => "object-key-invalid",
            Self::Head(_) => "object-head-invalid",
            Self::Abandoned(_) => "object-abandoned",
        }
    }
}

/// Takes what every service and every file system can hold as a key: 1 to 1024 bytes, no control
/// characters or backslashes, and between slashes neither nothing nor dots alone.
///
/// # Errors
/// [`ObjectError::Key`] says what is wrong.
pub fn check_key(key: &str) -> Result<(), ObjectError> {
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(ObjectError::Key("it has no byte, or more than 1024"));
    }
    if key.chars().any(|c| c.is_control() || c == '\\') {
        return Err(ObjectError::Key(
            "it has a control character or a backslash",
        ));
    }
    if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(ObjectError::Key(
            "between slashes there is nothing, `.` or `..`",
        ));
    }
    if key.split('/').any(|part| part.len() > 255) {
        return Err(ObjectError::Key("a part has more than 255 bytes"));
    }
    Ok(())
}

/// Takes what every service can hold as a description of an object.
///
/// # Errors
/// [`ObjectError::Head`] says what is wrong.
pub fn check_head(head: &Head) -> Result<(), ObjectError> {
    let visible = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| (b' '..0x7f).contains(&b)) && text.trim() == text
    };
    let said = [&head.content_type, &head.content_encoding];
    if !said.iter().all(|v| v.as_deref().is_none_or(visible)) {
        return Err(ObjectError::Head(
            "type and encoding are visible ASCII characters",
        ));
    }
    let name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !head.metadata.iter().all(|(n, v)| name(n) && visible(v)) {
        return Err(ObjectError::Head(
            "names are lower-case letters, digits and `-`; values visible ASCII characters",
        ));
    }
    let size: usize = head.metadata.iter().map(|(n, v)| n.len() + v.len()).sum();
    if size > 2048 {
        return Err(ObjectError::Head("it has more than 2048 bytes"));
    }
    Ok(())
}

/// A whole object of at most `most` bytes; `Ok(None)` when there is none.
///
/// # Errors
/// [`ObjectError::TooLarge`], and what the store says.
pub async fn read_whole(
    objects: &dyn Objects,
    key: &str,
    most: u64,
) -> Result<Option<Vec<u8>>, ObjectError> {
    let Some(mut object) = objects.read(key).await? else {
        return Ok(None);
    };
    let too_large = || ObjectError::TooLarge {
        name: key.to_owned(),
        most,
    };
    if object.facts.size > most {
        return Err(too_large());
    }
    let mut whole = Vec::with_capacity(usize::try_from(object.facts.size).unwrap_or(0));
    while let Some(piece) = object.body.try_next().await? {
        if (whole.len() + piece.len()) as u64 > most {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(Some(whole))
}

/// A body of bytes that are there already.
pub fn whole_body(bytes: impl Into<Bytes>) -> ObjectBody {
    let bytes = bytes.into();
    Box::pin(futures_util::stream::once(async move { Ok(bytes) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_keys_that_every_store_can_hold() {
        let long_part = "a".repeat(256);
        let long_key = ["a"; 513].join("/");
        for good in [
            "a",
            "a/b.json",
            "ä/ö",
            "a b",
            "..a/b..",
            &["a"; 512].join("/"),
        ] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in [
            "", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\nb", "a\\b", "a\0", &long_part,
            &long_key,
        ] {
            let error = check_key(bad).unwrap_err();
            assert_eq!(error.code(), "object-key-invalid", "{bad}");
        }
    }

    #[test]
    fn takes_descriptions_that_every_store_can_hold() {
        let with = |name: &str, value: &str| Head {
            metadata: [(name.to_owned(), value.to_owned())].into(),
            ..Head::default()
        };
        assert!(check_head(&Head::default()).is_ok());
        assert!(check_head(&with("rules-digest", "ab 12")).is_ok());
        for (name, value) in [
            ("", "x"),
            ("Upper", "x"),
            ("a", ""),
            ("a", "x\r\ny"),
            ("a", "ü"),
            ("a", " x"),
            ("a", &"x".repeat(2048)),
        ] {
            assert!(check_head(&with(name, value)).is_err(), "{name}: {value}");
        }
        let encoding = Head {
            content_encoding: Some("gzip\n".to_owned()),
            ..Head::default()
        };
        assert!(check_head(&encoding).is_err());
    }
}
