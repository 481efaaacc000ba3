//! Changing a document.

use std::borrow::Cow;

use super::document::{ADDED, DELETED, Document, HAS_ADDED, Kind, Node, NodeId, OWNED};
use super::names::NO_KEY;

/// A value to put into a document.
#[derive(Debug, Clone, PartialEq)]
pub enum NewValue {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<NewValue>),
    /// An object. Names must be distinct.
    Object(Vec<(String, NewValue)>),
}

impl Document<'_> {
    /// Removes a member or an element. The root cannot be removed and becomes `null`.
    pub fn delete(&mut self, id: NodeId) {
        if self.parent(id).is_none() {
            return self.set(id, NewValue::Null);
        }
        self.node_mut(id).flags |= DELETED;
    }

    /// Replaces a value; what was in it is gone.
    pub fn set(&mut self, id: NodeId, value: NewValue) {
        if self.node(id).flags & HAS_ADDED != 0 {
            for member in self.added.remove(&id.0).unwrap_or_default() {
                self.node_mut(member).flags |= DELETED;
            }
        }
        let (kind, flags, a, b) = match value {
            NewValue::Null => (Kind::Null, 0, 0, 0),
            NewValue::Bool(true) => (Kind::True, 0, 0, 0),
            NewValue::Bool(false) => (Kind::False, 0, 0, 0),
            NewValue::Integer(number) => (Kind::Integer, OWNED, self.own(number.to_string()), 0),
            NewValue::String(text) => (Kind::String, OWNED, self.own(text), 0),
            NewValue::Array(elements) => {
                let from = self.next_id();
                for element in elements {
                    self.append(id, NO_KEY, element);
                }
                (Kind::Array, 0, from, self.next_id())
            }
            NewValue::Object(members) => {
                let from = self.next_id();
                for (name, member) in members {
                    let key = self.names.intern(Cow::Owned(name));
                    self.append(id, key, member);
                }
                (Kind::Object, 0, from, self.next_id())
            }
        };
        let node = self.node_mut(id);
        node.kind = kind;
        node.flags = flags | (node.flags & (DELETED | ADDED));
        node.a = a;
        node.b = b;
    }

    /// Sets the member `name` of an object, at its end if it is new. Does nothing to other values.
    pub fn put_member(&mut self, object: NodeId, name: &str, value: NewValue) {
        if self.kind(object) != Kind::Object {
            return;
        }
        if let Some(member) = self.member(object, name) {
            return self.set(member, value);
        }
        let key = self.names.intern(Cow::Owned(name.to_owned()));
        let id = self.append(object, key, value);
        self.node_mut(id).flags |= ADDED;
        self.node_mut(object).flags |= HAS_ADDED;
        self.added.entry(object.0).or_default().push(id);
    }

    /// Adds a value with all that is in it behind the last node.
    fn append(&mut self, parent: NodeId, key: u32, value: NewValue) -> NodeId {
        let id = NodeId(self.next_id());
        let (kind, end) = (Kind::Null, id.0 + 1);
        self.nodes.push(Node {
            kind,
            flags: 0,
            key,
            parent: parent.0,
            a: 0,
            b: 0,
            end,
        });
        if self.names.is_indexed(key) {
            self.places[key as usize].push(id);
        }
        self.set(id, value);
        self.node_mut(id).end = self.next_id();
        id
    }

    /// Frees the text of an edited value, which is empty then.
    pub(super) fn forget_text(&mut self, id: NodeId) {
        let node = self.node(id);
        let (owned, index) = (node.flags & OWNED != 0, node.a as usize);
        if let (true, Some(text)) = (owned, self.owned.get_mut(index)) {
            *text = String::new();
        }
    }

    fn own(&mut self, text: String) -> u32 {
        self.owned.push(text);
        u32::try_from(self.owned.len() - 1).unwrap_or(u32::MAX)
    }

    fn next_id(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }
}
