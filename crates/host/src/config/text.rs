//! A document given by a variable: by path, inline, or packed.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Largest document, in bytes, after unpacking.
pub const LARGEST: u64 = 8 << 20;

/// Where a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

/// A document that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The file can't be read.
    #[error("the file can't be read: {0}")]
    File(std::io::ErrorKind),
    /// The document is too large.
    #[error("the document has more than {LARGEST} bytes")]
    TooLarge,
    /// Base64 or gzip is broken.
    #[error("the packed document is broken ({0})")]
    Packed(&'static str),
    /// The document is not UTF-8.
    #[error("the document is not UTF-8 text")]
    NotText,
}

impl Text {
    /// A document as a variable gives it.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// A name for messages: the path, or `inline`.
    pub fn name(&self) -> &str {
        if self.is_inline() || self.is_packed() {
            "inline"
        } else {
            &self.0
        }
    }

    /// Reads a document that is a path or inline.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read_plain(&self) -> Result<String, TextError> {
        if self.is_inline() {
            return Ok(self.0.clone());
        }
        read_file(Path::new(&self.0))
    }

    /// Reads a document that is a path, inline, or base64 of either YAML or gzipped YAML.
    ///
    /// # Errors
    /// When it can't be read or unpacked; a broken packed document is never taken for a path.
    pub fn read_packed(&self) -> Result<String, TextError> {
        if self.is_inline() || !self.is_packed() {
            return self.read_plain();
        }
        unpack(self.0.as_bytes())
    }

    fn is_inline(&self) -> bool {
        self.0.contains('\n') || self.0.contains(": ") || self.0.trim_start().starts_with('{')
    }

    /// Base64 has no `.` and is longer than a path without one; `./rules` is always a path.
    fn is_packed(&self) -> bool {
        let text = self.0.trim();
        looks_packed(text) && !Path::new(text).exists()
    }
}

/// The document in stored bytes: as it is, gzipped, or either of these in base64.
///
/// # Errors
/// When it can't be unpacked, is too large or no text.
pub fn unpack(bytes: &[u8]) -> Result<String, TextError> {
    let packed = std::str::from_utf8(bytes).ok();
    let packed = packed.map(str::trim).filter(|text| looks_packed(text));
    let Some(packed) = packed else {
        return inflate(bytes.to_vec());
    };
    let packed: Vec<u8> = packed
        .bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let bytes = STANDARD
        .decode(packed)
        .map_err(|_| TextError::Packed("base64"))?;
    inflate(bytes)
}

/// Base64 over several lines too; no YAML that says something is of these characters alone.
fn looks_packed(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b) || b.is_ascii_whitespace();
    text.len() >= 64 && text.bytes().all(fits) && !text.contains(' ')
}

fn inflate(bytes: Vec<u8>) -> Result<String, TextError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return into_text(bytes);
    }
    let mut plain = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(&bytes[..]).take(LARGEST + 1);
    reader
        .read_to_end(&mut plain)
        .map_err(|_| TextError::Packed("gzip"))?;
    into_text(plain)
}

fn read_file(path: &Path) -> Result<String, TextError> {
    let file = std::fs::File::open(path).map_err(|e| TextError::File(e.kind()))?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| TextError::File(e.kind()))?;
    into_text(bytes)
}

fn into_text(bytes: Vec<u8>) -> Result<String, TextError> {
    if bytes.len() as u64 > LARGEST {
        return Err(TextError::TooLarge);
    }
    String::from_utf8(bytes).map_err(|_| TextError::NotText)
}
