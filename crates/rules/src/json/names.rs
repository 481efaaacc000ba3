//! Member names of one document: the known symbols plus the names only this document has.

use std::borrow::Cow;
use std::collections::HashSet;

use hashbrown::HashTable;

use super::string;
use super::symbols::Symbols;

/// The key of a node without a name: the root, or an array element.
pub(super) const NO_KEY: u32 = 0;

/// Room for this many names that rules do not mention, so that small documents need no more.
const USUALLY_UNKNOWN: usize = 56;

/// Interned member names, by key. Keys below `known` are those of the [`Symbols`].
#[derive(Debug)]
pub(super) struct Names<'t> {
    symbols: &'t Symbols,
    entries: Vec<Entry<'t>>,
    known: u32,
    unknown: HashTable<u32>,
    /// Number of the object whose duplicates were looked for last; see [`Entry::seen_in`].
    objects: u64,
}

#[derive(Debug)]
struct Entry<'t> {
    text: Cow<'t, str>,
    /// Spelled in JSON as it is, without escapes.
    plain: bool,
    indexed: bool,
    /// The key that followed this one last time.
    next: u32,
    /// The first key of the last object found under this one.
    first: u32,
    /// The last object with this key, and the member there.
    seen_in: u64,
    seen_at: u32,
}

impl<'t> Entry<'t> {
    fn new(text: Cow<'t, str>, plain: bool, indexed: bool) -> Self {
        Self {
            text,
            plain,
            indexed,
            next: NO_KEY,
            first: NO_KEY,
            seen_in: 0,
            seen_at: 0,
        }
    }
}

impl<'t> Names<'t> {
    pub(super) fn new(symbols: &'t Symbols) -> Self {
        let names = symbols.entries();
        let mut entries = Vec::with_capacity(names.len() + USUALLY_UNKNOWN);
        entries.extend(
            names
                .iter()
                .map(|name| Entry::new(Cow::Borrowed(&*name.text), name.plain, name.indexed)),
        );
        let known = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        Self {
            symbols,
            entries,
            known,
            unknown: HashTable::with_capacity(USUALLY_UNKNOWN),
            objects: 0,
        }
    }

    pub(super) fn symbols(&self) -> &'t Symbols {
        self.symbols
    }

    /// The key of a name already decoded.
    pub(super) fn intern(&mut self, name: Cow<'t, str>) -> u32 {
        let hasher = self.symbols.hasher();
        let hash = hasher.hash(&name);
        if let Some(key) = self.symbols.find(&name, hash) {
            return key;
        }
        let entries = &self.entries;
        if let Some(&key) = self
            .unknown
            .find(hash, |&key| entries[key as usize].text == name)
        {
            return key;
        }
        let key = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let plain = string::is_plain(&name);
        self.entries.push(Entry::new(name, plain, false));
        let entries = &self.entries;
        self.unknown
            .insert_unique(hash, key, |&key| hasher.hash(&entries[key as usize].text));
        key
    }

    /// The key of `name`, if the document or the symbols have it.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let hash = self.symbols.hasher().hash(name);
        self.symbols.find(name, hash).or_else(|| {
            let found = self
                .unknown
                .find(hash, |&key| self.entries[key as usize].text == name);
            found.copied()
        })
    }

    pub(super) fn text(&self, key: u32) -> &str {
        &self.entries[key as usize].text
    }

    pub(super) fn is_plain(&self, key: u32) -> bool {
        self.entries[key as usize].plain
    }

    pub(super) fn is_known(&self, key: u32) -> bool {
        key < self.known && key != NO_KEY
    }

    pub(super) fn is_indexed(&self, key: u32) -> bool {
        self.entries[key as usize].indexed
    }

    pub(super) fn known_count(&self) -> usize {
        self.known as usize
    }

    /// The keys of names that begin with `prefix`.
    pub(super) fn starting_with(&self, prefix: &str) -> HashSet<u32> {
        let keys = (NO_KEY + 1..).zip(self.entries.iter().skip(1));
        keys.filter(|(_, entry)| entry.text.starts_with(prefix))
            .map(|(key, _)| key)
            .collect()
    }

    /// The key whose closing quote is expected at the start of `rest`, guessed from the order of
    /// members in the object before; objects of one array mostly repeat it, or leave one out.
    pub(super) fn guess(&self, context: u32, previous: u32, rest: &[u8]) -> Option<u32> {
        let entry = if previous == NO_KEY {
            self.entries[context as usize].first
        } else {
            self.entries[previous as usize].next
        };
        if self.spells(entry, rest) {
            return Some(entry);
        }
        let second = self.entries[entry as usize].next;
        self.spells(second, rest).then_some(second)
    }

    /// Remembers that `key` came after `previous`, or first under `context`.
    pub(super) fn learn(&mut self, context: u32, previous: u32, key: u32) {
        if previous == NO_KEY {
            self.entries[context as usize].first = key;
        } else {
            self.entries[previous as usize].next = key;
        }
    }

    /// Begins to look for duplicates in another object.
    pub(super) fn start_object(&mut self) {
        self.objects += 1;
    }

    /// The earlier member of this object with the same key, if there is one.
    pub(super) fn seen(&mut self, key: u32, member: u32) -> Option<u32> {
        let entry = &mut self.entries[key as usize];
        if entry.seen_in == self.objects {
            return Some(entry.seen_at);
        }
        entry.seen_in = self.objects;
        entry.seen_at = member;
        None
    }

    fn spells(&self, key: u32, rest: &[u8]) -> bool {
        let entry = &self.entries[key as usize];
        let text = entry.text.as_bytes();
        entry.plain && rest.get(text.len()) == Some(&b'"') && rest.starts_with(text)
    }
}
