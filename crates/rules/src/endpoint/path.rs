//! The path of a call, in the one form that is matched and forwarded.

use super::percent;

/// Bytes a path may have.
pub const MAX_PATH_BYTES: usize = 8 * 1024;

/// A path that names the same resource to everyone who reads it.
///
/// Still percent-encoded: escapes of unreserved characters are undone and the others written in
/// upper case (RFC 3986 §6.2.2), so `/%75sers` is `/users` before anything is matched. Dot
/// segments, empty segments, `;`, `\`, control characters and broken escapes do not occur, at any
/// depth of decoding. An encoded slash can occur; an endpoint has to ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPath {
    text: String,
    encoded_slash: bool,
}

/// Why a path is refused. The text never holds the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathRefused {
    /// Not of the form `/…`.
    #[error("the path does not begin with `/`")]
    NotAbsolute,
    /// More than [`MAX_PATH_BYTES`].
    #[error("the path has more than {MAX_PATH_BYTES} bytes")]
    TooLong,
    /// A character that a path can't hold, or that is read differently by different servers.
    #[error("the path holds a character that must not occur there, plain or encoded")]
    ForbiddenCharacter,
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the path holds a broken percent-encoding")]
    BrokenEncoding,
    /// `.` or `..`, plain or encoded.
    #[error("the path holds a `.` or `..` segment")]
    DotSegment,
    /// `//`
    #[error("the path holds an empty segment")]
    EmptySegment,
}

impl PathRefused {
    /// Stable name of the reason.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAbsolute => "path-not-absolute",
            Self::TooLong => "path-too-long",
            Self::ForbiddenCharacter => "path-forbidden-character",
            Self::BrokenEncoding => "path-broken-encoding",
            Self::DotSegment => "path-dot-segment",
            Self::EmptySegment => "path-empty-segment",
        }
    }
}

impl CallPath {
    /// Checks the path of a request target, without query, and brings it into its one form.
    pub fn normalize(raw: &str) -> Result<Self, PathRefused> {
        if !raw.starts_with('/') {
            return Err(PathRefused::NotAbsolute);
        }
        if raw.len() > MAX_PATH_BYTES {
            return Err(PathRefused::TooLong);
        }
        let text = normal_escapes(raw)?;
        let segments = text.strip_prefix('/').unwrap_or(&text);
        let last = segments.split('/').count() - 1;
        for (index, segment) in segments.split('/').enumerate() {
            if segment.is_empty() && index != last {
                return Err(PathRefused::EmptySegment);
            }
        }
        let encoded_slash = check_decoded(&text)?;
        Ok(Self {
            text,
            encoded_slash,
        })
    }

    /// The path, still percent-encoded, beginning with `/`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a slash is hidden behind percent-encoding, once or several times over.
    pub fn has_encoded_slash(&self) -> bool {
        self.encoded_slash
    }
}

/// Undoes escapes of unreserved characters and writes the others in upper case.
fn normal_escapes(raw: &str) -> Result<String, PathRefused> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let high = rest
                    .next()
                    .and_then(percent::hex)
                    .ok_or(PathRefused::BrokenEncoding)?;
                let low = rest
                    .next()
                    .and_then(percent::hex)
                    .ok_or(PathRefused::BrokenEncoding)?;
                let value = high << 4 | low;
                if percent::is_unreserved(value) {
                    text.push(char::from(value));
                } else {
                    percent::escape_into(value, &mut text);
                }
            }
            // Characters of `pchar` (RFC 3986 §3.3) besides `;`, and the slash.
            byte if percent::is_unreserved(byte) || b"!$&'()*+,=:@/".contains(&byte) => {
                text.push(char::from(byte));
            }
            _ => return Err(PathRefused::ForbiddenCharacter),
        }
    }
    Ok(text)
}

/// Looks at what the path becomes when it is decoded again and again, as servers in a row do.
/// Tells whether a slash appears.
fn check_decoded(text: &str) -> Result<bool, PathRefused> {
    let mut encoded_slash = false;
    let mut now = text.to_owned();
    for round in 0.. {
        if now
            .split('/')
            .any(|segment| segment == "." || segment == "..")
        {
            return Err(PathRefused::DotSegment);
        }
        if now.chars().any(|c| c.is_control() || c == '\\' || c == ';') {
            return Err(PathRefused::ForbiddenCharacter);
        }
        let next = match percent::decode(&now) {
            Some(next) => next.into_owned(),
            None if round == 0 => return Err(PathRefused::BrokenEncoding),
            // A literal percent sign, once encoded, is fine.
            None => break,
        };
        if next == now {
            break;
        }
        encoded_slash |= next.matches('/').count() > now.matches('/').count();
        now = next;
    }
    Ok(encoded_slash)
}
