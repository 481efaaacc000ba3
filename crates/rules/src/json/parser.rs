//! Building a document from text, without recursion.

use std::borrow::Cow;

use super::document::{DELETED, Document, ESCAPED, Kind, NO_NODE, Node, NodeId};
use super::error::{JsonError, JsonErrorKind};
use super::names::NO_KEY;
use super::string;

/// Room for this many members of one name at first.
const USUAL_PLACES: usize = 16;

/// Reads the value at `at` into an empty document and returns the position after it.
pub(super) fn parse(
    document: &mut Document<'_>,
    at: usize,
    max_depth: usize,
) -> Result<usize, JsonError> {
    let bytes = document.text.as_bytes();
    let mut parser = Parser {
        document,
        bytes,
        at,
        open: Vec::new(),
        max_depth,
    };
    parser.run()?;
    let (at, nodes) = (parser.at, parser.document.nodes.len());
    document.parsed = position(nodes);
    Ok(at)
}

/// The first position at or after `at` that is not white space.
pub(super) fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

struct Parser<'p, 't> {
    document: &'p mut Document<'t>,
    bytes: &'t [u8],
    at: usize,
    open: Vec<Open>,
    max_depth: usize,
}

/// An array or object whose end was not seen yet.
#[derive(Clone, Copy)]
struct Open {
    node: u32,
    is_object: bool,
    /// The nearest name around it, by which the first member's name is guessed.
    context: u32,
    /// The name read last.
    previous: u32,
}

impl Parser<'_, '_> {
    fn run(&mut self) -> Result<(), JsonError> {
        let mut key = NO_KEY;
        loop {
            self.skip_blanks();
            let opened = self.value(key)?;
            key = NO_KEY;
            if opened && !self.at_end_of_empty() {
                if self.top().is_some_and(|top| top.is_object) {
                    key = self.member_name()?;
                }
                continue;
            }
            loop {
                let Some(top) = self.top() else { return Ok(()) };
                self.skip_blanks();
                match (self.peek(), top.is_object) {
                    (Some(b','), true) => {
                        self.at += 1;
                        key = self.member_name()?;
                        break;
                    }
                    (Some(b','), false) => {
                        self.at += 1;
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        self.close();
                    }
                    (_, true) => return Err(self.expected("`,` or `}`")),
                    (_, false) => return Err(self.expected("`,` or `]`")),
                }
            }
        }
    }

    /// Reads a scalar, or the bracket that opens a container; true for the latter.
    fn value(&mut self, key: u32) -> Result<bool, JsonError> {
        match self.peek() {
            Some(b'"') => {
                let (from, to, flags) = self.string()?;
                self.push(Kind::String, flags, key, from, to);
            }
            Some(b'{') => return self.open(Kind::Object, key).map(|()| true),
            Some(b'[') => return self.open(Kind::Array, key).map(|()| true),
            Some(b't') => self.word(b"true", Kind::True, key)?,
            Some(b'f') => self.word(b"false", Kind::False, key)?,
            Some(b'n') => self.word(b"null", Kind::Null, key)?,
            Some(b'-' | b'0'..=b'9') => self.number(key)?,
            _ => return Err(self.expected("a value")),
        }
        Ok(false)
    }

    fn open(&mut self, kind: Kind, key: u32) -> Result<(), JsonError> {
        if self.open.len() >= self.max_depth {
            let kind = JsonErrorKind::TooDeep {
                limit: self.max_depth,
            };
            return Err(JsonError {
                kind,
                offset: self.at,
            });
        }
        self.at += 1;
        let node = self.push(kind, 0, key, 0, 0);
        let around = self.top().map_or(NO_KEY, |top| top.context);
        let context = if key == NO_KEY { around } else { key };
        let is_object = kind == Kind::Object;
        self.open.push(Open {
            node,
            is_object,
            context,
            previous: NO_KEY,
        });
        Ok(())
    }

    /// After an opening bracket: true if the closing one comes next, which is left in place.
    fn at_end_of_empty(&mut self) -> bool {
        self.skip_blanks();
        let closing = if self.top().is_some_and(|top| top.is_object) {
            b'}'
        } else {
            b']'
        };
        self.peek() == Some(closing)
    }

    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let end = position(self.document.nodes.len());
        let node = self.document.node_mut(NodeId(open.node));
        node.a = open.node + 1;
        node.b = end;
        node.end = end;
        if open.is_object && open.node + 1 < end {
            self.merge_duplicates(open.node + 1, end);
        }
    }

    /// Of members with one name the last value counts, at the place of the first.
    fn merge_duplicates(&mut self, from: u32, end: u32) {
        let mut at = from;
        if self.document.node(NodeId(at)).end == end {
            return;
        }
        self.document.names.start_object();
        while at < end {
            let node = *self.document.node(NodeId(at));
            if let Some(first) = self.document.names.seen(node.key, at) {
                self.move_value(at, first);
            }
            at = node.end;
        }
    }

    fn move_value(&mut self, from: u32, to: u32) {
        let source = *self.document.node(NodeId(from));
        if source.kind.is_container() {
            let mut child = source.a;
            while child < source.b {
                let node = self.document.node_mut(NodeId(child));
                node.parent = to;
                child = node.end;
            }
        }
        self.document.node_mut(NodeId(from)).flags |= DELETED;
        let target = self.document.node_mut(NodeId(to));
        target.kind = source.kind;
        target.flags = source.flags;
        target.a = source.a;
        target.b = source.b;
    }

    /// Reads a member's name and the colon after it.
    fn member_name(&mut self) -> Result<u32, JsonError> {
        self.skip_blanks();
        if self.peek() != Some(b'"') {
            return Err(self.expected("a member name in double quotes"));
        }
        let (context, previous) = self
            .top()
            .map_or((NO_KEY, NO_KEY), |top| (top.context, top.previous));
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        let key = match self.document.names.guess(context, previous, rest) {
            Some(key) => {
                self.at += self.document.names.text(key).len() + 2;
                key
            }
            None => self.new_name()?,
        };
        self.document.names.learn(context, previous, key);
        if let Some(top) = self.open.last_mut() {
            top.previous = key;
        }
        self.skip_blanks();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        Ok(key)
    }

    fn new_name(&mut self) -> Result<u32, JsonError> {
        let (from, to, flags) = self.string()?;
        let raw = self.document.text.get(from..to).unwrap_or_default();
        let name = if flags & ESCAPED == 0 {
            Cow::Borrowed(raw)
        } else {
            string::decode(raw)
        };
        Ok(self.document.names.intern(name))
    }

    /// Reads a string: where its content begins and ends, and whether it has escapes.
    fn string(&mut self) -> Result<(usize, usize, u8), JsonError> {
        let from = self.at + 1;
        let mut flags = 0;
        let mut at = from;
        loop {
            at = string::scan(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    flags = ESCAPED;
                    at = string::skip_escape(self.bytes, at)
                        .ok_or(JsonError::invalid("an escape that JSON knows", at))?;
                }
                Some(_) => {
                    return Err(JsonError::invalid(
                        "control characters escaped in strings",
                        at,
                    ));
                }
                None => return Err(JsonError::invalid("`\"` at the end of the string", at)),
            }
        }
        self.at = at + 1;
        Ok((from, at, flags))
    }

    fn number(&mut self, key: u32) -> Result<(), JsonError> {
        let from = self.at;
        let mut kind = Kind::Integer;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            kind = Kind::Float;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            kind = Kind::Float;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let ends = !matches!(self.peek(), Some(b'"' | b'{' | b'[' | b'.' | b'+' | b'-'));
        if !ends || self.at_word() {
            return Err(self.expected("white space or `,` after a number"));
        }
        self.push(kind, 0, key, from, self.at);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == from {
            Err(self.expected("a digit"))
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &'static [u8], kind: Kind, key: u32) -> Result<(), JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        if self.at_word() {
            return Err(self.expected("white space or `,` after `true`, `false` or `null`"));
        }
        self.push(kind, 0, key, 0, 0);
        Ok(())
    }

    /// True if a letter or digit follows: a value cannot end here.
    fn at_word(&self) -> bool {
        self.peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$')
    }

    fn push(&mut self, kind: Kind, flags: u8, key: u32, a: usize, b: usize) -> u32 {
        let id = position(self.document.nodes.len());
        let parent = self.open.last().map_or(NO_NODE, |top| top.node);
        let (a, b) = (position(a), position(b));
        self.document.nodes.push(Node {
            kind,
            flags,
            key,
            parent,
            a,
            b,
            end: id + 1,
        });
        if self.document.names.is_indexed(key) {
            let places = &mut self.document.places[key as usize];
            if places.capacity() == 0 {
                places.reserve(USUAL_PLACES);
            }
            places.push(NodeId(id));
        }
        id
    }

    fn skip_blanks(&mut self) {
        self.at = skip_blanks(self.bytes, self.at);
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn top(&self) -> Option<Open> {
        self.open.last().copied()
    }

    fn expected(&self, what: &'static str) -> JsonError {
        JsonError::invalid(what, self.at)
    }
}

/// A position in the text or among the nodes; both are below 2³² because the text is.
fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
