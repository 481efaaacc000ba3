//! The document: nodes in an array, and moving among them.

use std::collections::HashMap;

use super::error::JsonError;
use super::names::{NO_KEY, Names};
use super::reader::{Limits, Reader};
use super::symbols::{Sym, Symbols};

/// One value of a [`Document`]. Ids of parsed values are in document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(super) u32);

/// A set of values of one document.
#[derive(Debug, Default)]
pub(crate) struct NodeSet(Vec<u64>);

impl NodeSet {
    pub(crate) fn contains(&self, id: NodeId) -> bool {
        let word = self.0.get(id.0 as usize / 64);
        word.is_some_and(|word| word & (1 << (id.0 % 64)) != 0)
    }

    pub(crate) fn insert(&mut self, id: NodeId) {
        let word = id.0 as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (id.0 % 64);
        }
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number without fraction and exponent, of any size.
    Integer,
    /// A number with fraction or exponent.
    Float,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One JSON value and all that is in it, over the text it was read from.
///
/// Values can be removed, replaced and added; the text is never changed. Methods that take a
/// [`NodeId`] expect one of the same document.
#[derive(Debug)]
pub struct Document<'t> {
    pub(super) text: &'t str,
    /// Parsed values in document order, then values added by edits.
    pub(super) nodes: Vec<Node>,
    /// How many of `nodes` were parsed.
    pub(super) parsed: u32,
    pub(super) names: Names<'t>,
    /// By symbol: the members of that name.
    pub(super) places: Vec<Vec<NodeId>>,
    /// Texts of edited strings and numbers.
    pub(super) owned: Vec<String>,
    /// By object: members added by edits.
    pub(super) added: HashMap<u32, Vec<NodeId>>,
}

/// A value. Containers: children are at `a..b`, each followed by its own descendants. Texts: bytes
/// `a..b` of the input (strings without quotes), or number `a` of the owned texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) key: u32,
    pub(super) parent: u32,
    pub(super) a: u32,
    pub(super) b: u32,
    /// The node after the last descendant.
    pub(super) end: u32,
}

pub(super) const DELETED: u8 = 1;
pub(super) const OWNED: u8 = 2;
pub(super) const ESCAPED: u8 = 4;
/// Some members are in `Document::added`.
pub(super) const HAS_ADDED: u8 = 8;
/// Is in `Document::added`.
pub(super) const ADDED: u8 = 16;

/// The parent of the root.
pub(super) const NO_NODE: u32 = u32::MAX;

impl Kind {
    /// True for arrays and objects.
    pub fn is_container(self) -> bool {
        matches!(self, Self::Array | Self::Object)
    }
}

impl<'t> Document<'t> {
    /// Reads the one value in `bytes`.
    ///
    /// # Errors
    /// Not UTF-8, not exactly one JSON value, or beyond a limit.
    pub fn parse(bytes: &'t [u8], symbols: &'t Symbols, limits: Limits) -> Result<Self, JsonError> {
        Reader::new(bytes, symbols, limits)?.only_document()
    }

    /// The outermost value.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// The type of a value.
    pub fn kind(&self, id: NodeId) -> Kind {
        self.node(id).kind
    }

    /// The array or object that holds a value; `None` for the root.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        let parent = self.node(id).parent;
        (parent != NO_NODE).then_some(NodeId(parent))
    }

    /// The name of a member; `None` for the root and for array elements.
    pub fn name(&self, id: NodeId) -> Option<&str> {
        let key = self.node(id).key;
        (key != NO_KEY).then(|| self.names.text(key))
    }

    /// The symbol of a member's name, if the rules mention that name.
    pub fn sym(&self, id: NodeId) -> Option<Sym> {
        let key = self.node(id).key;
        self.names.is_known(key).then(|| Sym::from_key(key))
    }

    /// The symbols this document was read with.
    pub fn symbols(&self) -> &'t Symbols {
        self.names.symbols()
    }

    /// Members with this name as read and added, deleted ones included: see [`Self::is_live`].
    /// Empty unless the name was interned with [`Symbols::intern_indexed`].
    pub fn occurrences(&self, sym: Sym) -> &[NodeId] {
        self.places
            .get(sym.key() as usize)
            .map_or(&[], Vec::as_slice)
    }

    /// True if some member name, deleted members included, begins with `prefix`.
    pub fn any_name_starts_with(&self, prefix: &str) -> bool {
        // Names of earlier documents of the same text are still in the table.
        let keys = self.names.starting_with(prefix);
        !keys.is_empty() && self.nodes.iter().any(|node| keys.contains(&node.key))
    }

    /// True while neither the value nor anything around it was deleted or replaced.
    pub fn is_live(&self, id: NodeId) -> bool {
        let mut at = id.0;
        loop {
            let node = self.node(NodeId(at));
            if node.flags & DELETED != 0 {
                return false;
            }
            if node.parent == NO_NODE {
                return true;
            }
            let parent = self.node(NodeId(node.parent));
            let inside = (parent.a..parent.b).contains(&at) || node.flags & ADDED != 0;
            if !parent.kind.is_container() || !inside {
                return false;
            }
            at = node.parent;
        }
    }

    /// The live children of an array or object in order; none for other values.
    pub fn children(&self, id: NodeId) -> Children<'_, 't> {
        Children {
            document: self,
            cursor: Cursor::new(self, id),
        }
    }

    /// The first live child, for loops that edit on the way.
    pub fn first_child(&self, id: NodeId) -> Option<NodeId> {
        Cursor::new(self, id).advance(self)
    }

    /// The next live child of the same parent. Works for a value deleted meanwhile.
    pub fn next_sibling(&self, id: NodeId) -> Option<NodeId> {
        let parent = self.parent(id)?;
        let mut cursor = Cursor::new(self, parent);
        if self.node(id).flags & ADDED != 0 {
            cursor.next = cursor.end;
            let added = self.added.get(&parent.0)?;
            cursor.extra = added.iter().position(|&other| other == id)? + 1;
        } else {
            cursor.next = self.node(id).end;
        }
        cursor.advance(self)
    }

    /// The live member of an object with this name.
    pub fn member(&self, id: NodeId, name: &str) -> Option<NodeId> {
        let key = self.names.find(name)?;
        self.member_by_key(id, key)
    }

    /// The live member of an object with the name of `sym`.
    pub fn member_sym(&self, id: NodeId, sym: Sym) -> Option<NodeId> {
        self.member_by_key(id, sym.key())
    }

    /// True if `id` is inside `ancestor` or is it.
    pub fn is_within(&self, id: NodeId, ancestor: NodeId) -> bool {
        let mut at = Some(id);
        while let Some(node) = at {
            if node == ancestor {
                return true;
            }
            at = self.parent(node);
        }
        false
    }

    /// Of nodes in ascending order, those that can be inside `ancestor`: descendants are
    /// neighbours in the array, except those added by edits, which come last.
    pub fn narrow<'n>(
        &self,
        nodes: &'n [NodeId],
        ancestor: NodeId,
    ) -> (&'n [NodeId], &'n [NodeId]) {
        let node = self.node(ancestor);
        if !node.kind.is_container() {
            return (&[], &[]);
        }
        let added = nodes.partition_point(|id| id.0 < self.parsed);
        let (parsed, added) = nodes.split_at(added);
        let from = parsed.partition_point(|id| id.0 < node.a);
        let to = parsed.partition_point(|id| id.0 < node.b);
        (parsed.get(from..to).unwrap_or(&[]), added)
    }

    /// False if a value of the text is surely not inside another one.
    pub fn may_contain(&self, outer: NodeId, inner: NodeId) -> bool {
        let node = self.node(outer);
        let is_in_range = (node.a..node.b).contains(&inner.0) || inner.0 >= self.parsed;
        node.kind.is_container() && (is_in_range || node.a >= self.parsed)
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    fn member_by_key(&self, id: NodeId, key: u32) -> Option<NodeId> {
        if self.node(id).kind != Kind::Object {
            return None;
        }
        self.children(id).find(|&child| self.node(child).key == key)
    }
}

/// Iterator over the live children of a value.
#[derive(Debug)]
pub struct Children<'d, 't> {
    document: &'d Document<'t>,
    cursor: Cursor,
}

impl Iterator for Children<'_, '_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        self.cursor.advance(self.document)
    }
}

/// A place among the children of a container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    pub(super) container: u32,
    next: u32,
    end: u32,
    extra: usize,
}

impl Cursor {
    pub(super) fn new(document: &Document<'_>, id: NodeId) -> Self {
        let node = document.node(id);
        let (next, end) = if node.kind.is_container() {
            (node.a, node.b)
        } else {
            (0, 0)
        };
        Self {
            container: id.0,
            next,
            end,
            extra: 0,
        }
    }

    pub(super) fn advance(&mut self, document: &Document<'_>) -> Option<NodeId> {
        while self.next < self.end {
            let id = NodeId(self.next);
            let node = document.node(id);
            self.next = node.end;
            if node.flags & DELETED == 0 {
                return Some(id);
            }
        }
        if document.node(NodeId(self.container)).flags & HAS_ADDED == 0 {
            return None;
        }
        let added = document.added.get(&self.container)?;
        while let Some(&id) = added.get(self.extra) {
            self.extra += 1;
            if document.node(id).flags & DELETED == 0 {
                return Some(id);
            }
        }
        None
    }
}
