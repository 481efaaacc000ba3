//! Reading one or several documents from one text.

use std::collections::HashMap;

use super::document::Document;
use super::error::{JsonError, JsonErrorKind};
use super::names::Names;
use super::parser;
use super::symbols::Symbols;

/// How much JSON is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Levels of arrays and objects within each other. Default 256.
    pub max_depth: usize,
    /// Bytes of the whole text. Default 128 MiB; never more than 4 GiB.
    pub max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: 256,
            max_bytes: 128 << 20,
        }
    }
}

/// Reads the values of a text one after the other: one document, NDJSON, or values without any
/// separator. Memory is reused from value to value.
#[derive(Debug)]
pub struct Reader<'t> {
    document: Document<'t>,
    at: usize,
    limits: Limits,
}

impl<'t> Reader<'t> {
    /// Starts to read `bytes`.
    ///
    /// # Errors
    /// Not UTF-8, or larger than the limit.
    pub fn new(bytes: &'t [u8], symbols: &'t Symbols, limits: Limits) -> Result<Self, JsonError> {
        let limit = limits.max_bytes.min(u32::MAX as usize - 1);
        if bytes.len() > limit {
            let kind = JsonErrorKind::TooLarge { limit };
            return Err(JsonError {
                kind,
                offset: limit,
            });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| JsonError {
            kind: JsonErrorKind::NotUtf8,
            offset: error.valid_up_to(),
        })?;
        let names = Names::new(symbols);
        let places = vec![Vec::new(); names.known_count()];
        let (nodes, owned, added) = (Vec::new(), Vec::new(), HashMap::new());
        let document = Document {
            text,
            nodes,
            parsed: 0,
            names,
            places,
            owned,
            added,
        };
        Ok(Self {
            document,
            at: 0,
            limits,
        })
    }

    /// The next value of the text, or `None` at its end.
    ///
    /// # Errors
    /// What follows is not a JSON value, or is beyond the depth limit.
    pub fn next_document(&mut self) -> Result<Option<&mut Document<'t>>, JsonError> {
        self.at = parser::skip_blanks(self.document.text.as_bytes(), self.at);
        if self.at == self.document.text.len() {
            return Ok(None);
        }
        self.document.clear();
        if self.document.nodes.capacity() == 0 {
            // Mostly there is one document. Where there are many, what is too much is never touched.
            let rest = self.document.text.as_bytes().get(self.at..);
            let nodes = estimate(rest.unwrap_or_default());
            self.document.nodes.reserve_exact(nodes);
        }
        self.at = parser::parse(&mut self.document, self.at, self.limits.max_depth)?;
        Ok(Some(&mut self.document))
    }

    /// The only value of the text.
    pub(super) fn only_document(mut self) -> Result<Document<'t>, JsonError> {
        let bytes = self.document.text.as_bytes();
        self.document.nodes.reserve_exact(estimate(bytes));
        self.at = parser::parse(&mut self.document, 0, self.limits.max_depth)?;
        self.at = parser::skip_blanks(bytes, self.at);
        if self.at < bytes.len() {
            return Err(JsonError::invalid("the end of the text", self.at));
        }
        Ok(self.document)
    }
}

impl Document<'_> {
    fn clear(&mut self) {
        self.nodes.clear();
        self.parsed = 0;
        self.places.iter_mut().for_each(Vec::clear);
        self.owned.clear();
        self.added.clear();
    }
}

/// At least as many values as `bytes` can hold, if it is one document: each but the first follows
/// a comma or an opening bracket. A look at every byte is cheaper than growing the array.
fn estimate(bytes: &[u8]) -> usize {
    let count = |chunk: &[u8]| {
        chunk.iter().fold(0_u8, |n, &byte| {
            n + u8::from(byte == b',' || byte | 0x20 == b'{')
        })
    };
    let count: usize = bytes
        .chunks(255)
        .map(|chunk| usize::from(count(chunk)))
        .sum();
    // Brackets and commas in texts count too; a text full of them must not take memory for nothing.
    (count + 1).min(bytes.len() / 8 + 16)
}
