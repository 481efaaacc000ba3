//! E-mail addresses: what counts as one, address lists, and the canonical form under which one is hashed.
//!
//! A hand-written parser of one RFC 2822 mailbox (§3.4), restricted as the rule language needs it: no domain
//! literals, no routes, no nested comments, no dots in bare display names, domains with a top-level label of
//! letters. It reads every byte once and never goes back, so hostile text costs no more than friendly text.

/// How much of the local part distinguishes two people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmailCanonicalization {
    /// Case and everything from the first `+` don't count.
    #[default]
    Strict,
    /// Dots don't count either.
    IgnoreDots,
}

impl EmailCanonicalization {
    /// All names as they are written in configuration.
    pub const NAMES: [&'static str; 2] = ["STRICT", "IGNORE_DOTS"];

    /// The canonicalization of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "STRICT" => Some(Self::Strict),
            "IGNORE_DOTS" => Some(Self::IgnoreDots),
            _ => None,
        }
    }
}

/// The address in a mailbox: without display name, comments and blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mailbox<'a> {
    local: &'a str,
    domain: &'a str,
}

impl<'a> Mailbox<'a> {
    /// Reads `text` as exactly one mailbox; nothing if it is anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        if !text.as_bytes().contains(&b'@') {
            return None;
        }
        let mut cursor = Cursor { text, at: 0 };
        let mailbox = cursor.mailbox()?;
        (cursor.at == text.len()).then_some(mailbox)
    }

    /// Reads `text` as a list of mailboxes and groups, which are flattened; nothing if any member is wrong.
    pub fn parse_list(text: &'a str) -> Option<Vec<Self>> {
        let mut cursor = Cursor { text, at: 0 };
        let mut found = Vec::new();
        loop {
            match cursor.item()? {
                Item::Mailbox(mailbox) => found.push(mailbox),
                Item::GroupStart => cursor.group(&mut found)?,
            }
            match cursor.peek() {
                None => return Some(found),
                Some(b',') => cursor.at += 1,
                Some(_) => return None,
            }
        }
    }

    /// The domain in the case of the input.
    pub fn domain(&self) -> &'a str {
        self.domain
    }

    /// The canonical form in pieces, so that hashing it needs no memory: local part without quotes where they are
    /// not needed, in lower case, up to the first `+`; `@`; the domain in lower case.
    pub(super) fn canonical_pieces(
        &self,
        mode: EmailCanonicalization,
        mut sink: impl FnMut(&[u8]),
    ) {
        let local = self.local;
        let bare = local
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .filter(|inner| is_dot_atom(inner))
            .unwrap_or(local);
        let kept = bare.split('+').next().unwrap_or_default();
        match mode {
            EmailCanonicalization::Strict => lower_case_pieces(kept, &mut sink),
            EmailCanonicalization::IgnoreDots => {
                for part in kept.split('.') {
                    lower_case_pieces(part, &mut sink);
                }
            }
        }
        sink(b"@");
        lower_case_pieces(self.domain, &mut sink);
    }

    /// The canonical form as text.
    pub fn canonical(&self, mode: EmailCanonicalization) -> String {
        let mut bytes = Vec::with_capacity(self.local.len() + 1 + self.domain.len());
        self.canonical_pieces(mode, |piece| bytes.extend_from_slice(piece));
        String::from_utf8(bytes).unwrap_or_default()
    }
}

/// Whether `text` is a domain that an e-mail address may have: two or more labels, the last of letters only.
pub(super) fn is_domain(text: &str) -> bool {
    let Some((labels, top)) = text.rsplit_once('.') else {
        return false;
    };
    (2..=26).contains(&top.len())
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        && labels.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_dot_atom(text: &str) -> bool {
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(is_atom_byte))
}

fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn lower_case_pieces(text: &str, sink: &mut impl FnMut(&[u8])) {
    let mut piece = [0_u8; 64];
    for chunk in text.as_bytes().chunks(piece.len()) {
        let (lower, _) = piece.split_at_mut(chunk.len());
        lower.copy_from_slice(chunk);
        lower.make_ascii_lowercase();
        sink(lower);
    }
}

/// One member of an address list, up to where its kind is known.
enum Item<'a> {
    Mailbox(Mailbox<'a>),
    /// A group's name and colon are read.
    GroupStart,
}

/// One word of a display name, or the local part: which it was is known only after it.
struct Word<'a> {
    text: &'a str,
    may_name: bool,
    may_be_local: bool,
}

/// Reads forwards only.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn mailbox(&mut self) -> Option<Mailbox<'a>> {
        match self.item()? {
            Item::Mailbox(mailbox) => Some(mailbox),
            Item::GroupStart => None,
        }
    }

    fn item(&mut self) -> Option<Item<'a>> {
        self.skip_blanks()?;
        if self.peek() == Some(b'<') {
            return self.angle().map(Item::Mailbox);
        }
        let first = self.word()?;
        let mut separated = self.skip_blanks()?;
        if self.peek() == Some(b'@') {
            let local = first.may_be_local.then_some(first.text)?;
            return self.after_local(local).map(Item::Mailbox);
        }
        let mut named = first.may_name;
        loop {
            match self.peek()? {
                b'<' if named => return self.angle().map(Item::Mailbox),
                b':' if named => {
                    self.at += 1;
                    return Some(Item::GroupStart);
                }
                _ if separated && named => named = self.word()?.may_name,
                _ => return None,
            }
            separated = self.skip_blanks()?;
        }
    }

    fn group(&mut self, found: &mut Vec<Mailbox<'a>>) -> Option<()> {
        self.skip_blanks()?;
        if self.peek() != Some(b';') {
            found.push(self.mailbox()?);
            while self.peek() == Some(b',') {
                self.at += 1;
                found.push(self.mailbox()?);
            }
        }
        self.expect(b';')?;
        self.skip_blanks().map(|_| ())
    }

    /// `<local@domain>` and the blanks after it.
    fn angle(&mut self) -> Option<Mailbox<'a>> {
        self.expect(b'<')?;
        self.skip_blanks()?;
        let word = self.word()?;
        let local = word.may_be_local.then_some(word.text)?;
        self.skip_blanks()?;
        let mailbox = self.after_local(local)?;
        self.expect(b'>')?;
        self.skip_blanks()?;
        Some(mailbox)
    }

    fn after_local(&mut self, local: &'a str) -> Option<Mailbox<'a>> {
        self.expect(b'@')?;
        self.skip_blanks()?;
        let domain = self.run(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
        if !is_domain(domain) {
            return None;
        }
        self.skip_blanks()?;
        Some(Mailbox { local, domain })
    }

    fn word(&mut self) -> Option<Word<'a>> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let text = self.run(|byte| is_atom_byte(byte) || byte == b'.');
        (!text.is_empty()).then(|| Word {
            text,
            may_name: !text.contains('.'),
            may_be_local: is_dot_atom(text),
        })
    }

    /// A quoted string with its quotes; any character but controls, a line break only where it folds.
    fn quoted(&mut self) -> Option<Word<'a>> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    self.plain_char()?;
                }
                b'\r' => self.fold()?,
                b'\t' => self.at += 1,
                _ => self.plain_char()?,
            }
        }
        self.at += 1;
        let text = self.text.get(start..self.at)?;
        Some(Word {
            text,
            may_name: true,
            may_be_local: text.is_ascii(),
        })
    }

    /// Blanks, folded line breaks and comments; says whether there were any, nothing if a comment is broken.
    fn skip_blanks(&mut self) -> Option<bool> {
        let start = self.at;
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\r') => self.fold()?,
                Some(b'(') => self.comment()?,
                _ => return Some(self.at > start),
            }
        }
    }

    fn comment(&mut self) -> Option<()> {
        self.expect(b'(')?;
        loop {
            match self.peek()? {
                b')' => break,
                b'(' => return None,
                b'\\' => {
                    self.at += 1;
                    self.peek().filter(|byte| (b' '..=b'~').contains(byte))?;
                    self.at += 1;
                }
                b'\r' => self.fold()?,
                b'\t' | b' '..=b'~' => self.at += 1,
                _ => return None,
            }
        }
        self.at += 1;
        Some(())
    }

    /// A line break counts as a blank only when a blank follows it.
    fn fold(&mut self) -> Option<()> {
        match self.text.as_bytes().get(self.at..self.at + 3)? {
            [b'\r', b'\n', b' ' | b'\t'] => {
                self.at += 3;
                Some(())
            }
            _ => None,
        }
    }

    fn plain_char(&mut self) -> Option<()> {
        let char = self.text.get(self.at..)?.chars().next()?;
        self.at += char.len_utf8();
        (!char.is_control()).then_some(())
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.bytes().take_while(|&byte| belongs(byte)).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}
