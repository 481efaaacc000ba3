//! Writing a document as compact JSON.

use super::document::{Cursor, Document, ESCAPED, Kind, NodeId, OWNED};
use super::string::{write_canonical, write_escaped};
use super::view::{NumberView, View};
use crate::java_number::java_double_text;

impl Document<'_> {
    /// The document as compact JSON.
    pub fn to_text(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Appends the document as compact JSON: non-ASCII characters and `/` literal, members in order.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.length_bound());
        self.write_node(self.root(), out);
    }

    /// The same for a document that is not needed any more: texts of edited values are freed as they
    /// are written, so that they and the whole output are never in memory together. Afterwards
    /// those values are empty.
    pub(crate) fn write_out(&mut self, out: &mut Vec<u8>) {
        out.reserve(self.length_bound());
        let root = self.root();
        let mut walk = Walk::begin(self, root, out);
        self.forget_text(root);
        while let Some(child) = walk.step(self, out) {
            self.forget_text(child);
        }
    }

    /// Appends one value with all that is in it.
    pub fn write_node(&self, id: NodeId, out: &mut Vec<u8>) {
        let mut walk = Walk::begin(self, id, out);
        while walk.step(self, out).is_some() {}
    }

    /// About the most bytes the document can take. What is too much is never touched, while growing
    /// would hold large outputs twice.
    fn length_bound(&self) -> usize {
        self.text.len() + self.owned.iter().map(String::len).sum::<usize>()
    }

    /// Writes a scalar, or the bracket that opens a container; true for the latter.
    fn write_start(&self, id: NodeId, out: &mut Vec<u8>) -> bool {
        match self.kind(id) {
            Kind::Null => out.extend_from_slice(b"null"),
            Kind::True => out.extend_from_slice(b"true"),
            Kind::False => out.extend_from_slice(b"false"),
            Kind::String => self.write_string(id, out),
            Kind::Integer | Kind::Float => {
                if let View::Number(number) = self.view(id) {
                    write_number(number, out);
                }
            }
            Kind::Array => out.push(b'['),
            Kind::Object => out.push(b'{'),
        }
        self.kind(id).is_container()
    }

    fn write_string(&self, id: NodeId, out: &mut Vec<u8>) {
        let flags = self.node(id).flags;
        out.push(b'"');
        if flags & OWNED != 0 {
            write_escaped(self.raw(id), out);
        } else if flags & ESCAPED != 0 {
            write_canonical(self.raw(id), out);
        } else {
            out.extend_from_slice(self.raw(id).as_bytes());
        }
        out.push(b'"');
    }

    fn write_name(&self, id: NodeId, out: &mut Vec<u8>) {
        let key = self.node(id).key;
        let name = self.names.text(key);
        out.push(b'"');
        if self.names.is_plain(key) {
            out.extend_from_slice(name.as_bytes());
        } else {
            write_escaped(name, out);
        }
        out.extend_from_slice(b"\":");
    }
}

/// Where the writing of a value is.
struct Walk {
    open: Vec<Cursor>,
    first: bool,
}

impl Walk {
    fn begin(document: &Document<'_>, id: NodeId, out: &mut Vec<u8>) -> Self {
        let mut open = Vec::new();
        if document.write_start(id, out) {
            open.push(Cursor::new(document, id));
        }
        Self { open, first: true }
    }

    /// Writes up to the next value within, and what that is; the end, and `None`, after the last.
    fn step(&mut self, document: &Document<'_>, out: &mut Vec<u8>) -> Option<NodeId> {
        while let Some(cursor) = self.open.last_mut() {
            let is_object = document.kind(NodeId(cursor.container)) == Kind::Object;
            let Some(child) = cursor.advance(document) else {
                out.push(if is_object { b'}' } else { b']' });
                self.open.pop();
                self.first = false;
                continue;
            };
            if !self.first {
                out.push(b',');
            }
            if is_object {
                document.write_name(child, out);
            }
            self.first = document.write_start(child, out);
            if self.first {
                self.open.push(Cursor::new(document, child));
            }
            return Some(child);
        }
        None
    }
}

/// Writes a number; one beyond the range of a float as the string that Java writes for it.
fn write_number(number: NumberView<'_>, out: &mut Vec<u8>) {
    if number.is_integer() {
        out.extend_from_slice(number.text().as_bytes());
        return;
    }
    let value = number.as_f64();
    let quote: &[u8] = if value.is_finite() { b"" } else { b"\"" };
    out.extend_from_slice(quote);
    out.extend_from_slice(java_double_text(value).as_bytes());
    out.extend_from_slice(quote);
}
