//! Member names known when rules are loaded.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::string;

/// A member name that some rule mentions. Valid with the [`Symbols`] that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(u32);

impl Sym {
    pub(super) fn from_key(key: u32) -> Self {
        Self(key)
    }

    pub(super) fn key(self) -> u32 {
        self.0
    }
}

/// The member names that a rule set mentions, each with its [`Sym`]. Filled at load, then shared.
/// Not to be cloned: two copies that grow apart would give one symbol to two names.
#[derive(Debug)]
pub struct Symbols {
    names: Vec<Name>,
    table: HashTable<u32>,
    hasher: NameHasher,
}

#[derive(Debug)]
pub(super) struct Name {
    pub(super) text: Box<str>,
    /// Spelled in JSON as it is, without escapes.
    pub(super) plain: bool,
    /// Documents record the places of this name.
    pub(super) indexed: bool,
}

impl Default for Symbols {
    fn default() -> Self {
        Self::new()
    }
}

impl Symbols {
    /// An empty table.
    pub fn new() -> Self {
        // Key 0 stands for "no name": array elements and the root.
        let none = Name {
            text: Box::from(""),
            plain: false,
            indexed: false,
        };
        Self {
            names: vec![none],
            table: HashTable::new(),
            hasher: NameHasher::new(),
        }
    }

    /// The symbol of `name`, for a reader that only tells names apart, such as a schema filter.
    pub fn intern(&mut self, name: &str) -> Sym {
        let hash = self.hasher.hash(name);
        if let Some(key) = self.find(name, hash) {
            return Sym(key);
        }
        let key = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(Name {
            text: name.into(),
            plain: string::is_plain(name),
            indexed: false,
        });
        let (names, hasher) = (&self.names, &self.hasher);
        self.table
            .insert_unique(hash, key, |&key| hasher.hash(&names[key as usize].text));
        Sym(key)
    }

    /// The symbol of `name`, whose places documents shall record: see [`super::Document::occurrences`].
    pub fn intern_indexed(&mut self, name: &str) -> Sym {
        let sym = self.intern(name);
        self.names[sym.0 as usize].indexed = true;
        sym
    }

    /// The symbol of `name`, if some rule mentions it.
    pub fn get(&self, name: &str) -> Option<Sym> {
        self.find(name, self.hasher.hash(name)).map(Sym)
    }

    /// The text of a symbol.
    pub fn name(&self, sym: Sym) -> &str {
        self.names.get(sym.0 as usize).map_or("", |name| &name.text)
    }

    /// A number that no other table has, to tell a path of one rule set from another's.
    pub(crate) fn identity(&self) -> u64 {
        self.hasher.secret
    }

    pub(super) fn find(&self, name: &str, hash: u64) -> Option<u32> {
        self.table
            .find(hash, |&key| *self.names[key as usize].text == *name)
            .copied()
    }

    pub(super) fn entries(&self) -> &[Name] {
        &self.names
    }

    pub(super) fn hasher(&self) -> &NameHasher {
        &self.hasher
    }
}

/// A fast hash with a secret from the operating system, so that nobody can prepare colliding names.
#[derive(Debug)]
pub(super) struct NameHasher {
    build: DefaultHashBuilder,
    secret: u64,
}

impl NameHasher {
    fn new() -> Self {
        let secret = std::hash::RandomState::new().hash_one(0_u8);
        Self {
            build: DefaultHashBuilder::default(),
            secret,
        }
    }

    pub(super) fn hash(&self, name: &str) -> u64 {
        self.build.hash_one((self.secret, name))
    }
}
