//! A rule file's tree as bytes, for programs that carry rules: YAML is read once, when the program is
//! built, and not again at every start.
//!
//! The bytes name the text they were made of by its digest and count for no other text; bytes that are
//! damaged count for none. In both cases the text is read as always, so nothing but time depends on them.
//!
//! Layout: the digest in hex, then the root node. A node is its line, its column, its kind with a bit
//! for a tag, the tag if there is one, and its text, items or members, each with their number before
//! them. Numbers are little-endian groups of seven bits, the high bit set in all but the last.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::span::{Span, Spanned};
use super::text::digest;
use super::tree::{self, Kind, MAX_DEPTH, Node};

const PLAIN: u8 = 0;
const QUOTED: u8 = 1;
const LIST: u8 = 2;
const MAP: u8 = 3;
const TAGGED: u8 = 4;

/// Reads a rule file's YAML or JSON text to the bytes that `RuleSet::load_packed` takes beside it.
///
/// # Errors
/// What is wrong with the text as YAML. Whether it says rules is found when they are loaded.
pub fn pack(file_name: &str, text: &str) -> Result<Vec<u8>, Vec<Diagnostic>> {
    let mut found = Diagnostics::new(file_name);
    let tree = tree::parse(text, &mut found);
    let found = found.into_vec();
    let Some(tree) = tree.filter(|_| found.is_empty()) else {
        return Err(found);
    };
    let mut bytes = digest(text).into_bytes();
    put_node(&mut bytes, &tree);
    Ok(bytes)
}

/// The tree that was packed, if it is that of the text with this digest.
pub(crate) fn unpack(bytes: &[u8], digest: &str) -> Option<Node> {
    let mut rest = bytes.strip_prefix(digest.as_bytes())?;
    let tree = node(&mut rest, 0)?;
    rest.is_empty().then_some(tree)
}

fn put_node(bytes: &mut Vec<u8>, node: &Node) {
    put_span(bytes, node.span);
    let kind = match &node.kind {
        Kind::Scalar { plain: true, .. } => PLAIN,
        Kind::Scalar { plain: false, .. } => QUOTED,
        Kind::List(_) => LIST,
        Kind::Map(_) => MAP,
    };
    bytes.push(kind | if node.tag.is_some() { TAGGED } else { 0 });
    if let Some(tag) = &node.tag {
        put_text(bytes, tag);
    }
    match &node.kind {
        Kind::Scalar { text, .. } => put_bytes(bytes, text),
        Kind::List(items) => {
            put_number(bytes, items.len());
            for item in items {
                put_node(bytes, item);
            }
        }
        Kind::Map(members) => {
            put_number(bytes, members.len());
            for (key, value) in members {
                put_text(bytes, key);
                put_node(bytes, value);
            }
        }
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &Spanned<String>) {
    put_span(bytes, text.span);
    put_bytes(bytes, &text.value);
}

fn put_bytes(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn put_span(bytes: &mut Vec<u8>, span: Span) {
    for number in [span.line, span.column] {
        put_number(bytes, usize::try_from(number).unwrap_or(usize::MAX));
    }
}

fn put_number(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let group = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return bytes.push(group);
        }
        bytes.push(group | 0x80);
    }
}

fn node(rest: &mut &[u8], depth: usize) -> Option<Node> {
    if depth > MAX_DEPTH {
        return None;
    }
    let span = span(rest)?;
    let [first, after @ ..] = *rest else {
        return None;
    };
    *rest = after;
    let tag = if first & TAGGED == 0 {
        None
    } else {
        Some(text(rest)?)
    };
    let kind = match first & !TAGGED {
        kind @ (PLAIN | QUOTED) => Kind::Scalar {
            text: string(rest)?,
            plain: kind == PLAIN,
        },
        LIST => Kind::List(many(rest, |rest| node(rest, depth + 1))?),
        MAP => Kind::Map(many(rest, |rest| {
            Some((text(rest)?, node(rest, depth + 1)?))
        })?),
        _ => return None,
    };
    Some(Node { span, tag, kind })
}

fn many<T>(rest: &mut &[u8], mut one: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = number(rest)?;
    // Each takes at least one byte, so a wrong number asks for no more memory than there are bytes.
    if count > rest.len() {
        return None;
    }
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(one(rest)?);
    }
    Some(all)
}

fn text(rest: &mut &[u8]) -> Option<Spanned<String>> {
    let span = span(rest)?;
    Some(Spanned::new(string(rest)?, span))
}

fn string(rest: &mut &[u8]) -> Option<String> {
    let length = number(rest)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

fn span(rest: &mut &[u8]) -> Option<Span> {
    let line = u32::try_from(number(rest)?).ok()?;
    let column = u32::try_from(number(rest)?).ok()?;
    Some(Span::new(line, column))
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for place in 0..usize::BITS.div_ceil(7) {
        let [group, after @ ..] = *rest else {
            return None;
        };
        *rest = after;
        let bits = usize::from(group & 0x7f);
        let shifted = bits << (7 * place);
        if shifted >> (7 * place) != bits {
            return None;
        }
        value |= shifted;
        if group & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::RuleSet;
    use crate::language::{LoadOptions, read, read_packed};
    use proptest::prelude::*;

    const RULES: &str = r#"# é
endpoints:
  - pathTemplate: '/v1/ä/{id}'
    allowedMethods: [GET]
    pathParameterSchemas: {id: &id {type: integer}, "ü": *id}
    transforms:
      - !<pseudonymize>
        jsonPaths: ["$.id"]
      - ! {method: redact, jsonPaths: ["$.a"]}
"#;

    fn sources() -> Vec<(String, String)> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules");
        let mut all = vec![("here".to_owned(), RULES.to_owned())];
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path().join("rules.yaml");
            if let Ok(text) = std::fs::read_to_string(&file) {
                all.push((file.display().to_string(), text));
            }
        }
        assert!(all.len() > 7, "{} rule files", all.len());
        all
    }

    #[test]
    fn gives_back_the_tree_with_all_places_tags_and_quotes() {
        for (name, text) in sources() {
            let read = tree::parse(&text, &mut Diagnostics::new("")).unwrap();
            let packed = pack(&name, &text).unwrap();
            assert_eq!(unpack(&packed, &digest(&text)), Some(read), "{name}");
        }
    }

    #[test]
    fn reads_the_same_rules_with_the_same_findings() {
        for (name, text) in sources().into_iter().skip(1) {
            let packed = pack(&name, &text).unwrap();
            let options = LoadOptions::default();
            let of_text = read(&name, &text, options).unwrap();
            let of_bytes = read_packed(&name, &text, &packed, options).unwrap();
            assert!(of_text.rules == of_bytes.rules, "{name}");
            assert_eq!(of_text.digest, of_bytes.digest, "{name}");
            let loaded = |found: Result<(RuleSet, Vec<Diagnostic>), _>| found.unwrap().1;
            let of_text = loaded(RuleSet::load(&name, &text, options));
            let of_bytes = loaded(RuleSet::load_packed(&name, &text, &packed, options));
            assert_eq!(format!("{of_text:?}"), format!("{of_bytes:?}"), "{name}");
        }
    }

    #[test]
    fn bytes_of_another_text_do_not_count() {
        let other = RULES.replace("/v1/", "/v2/");
        let packed = pack("rules.yaml", &other).unwrap();
        assert_eq!(unpack(&packed, &digest(RULES)), None);
        let wrong = "endpoints: 1";
        let packed = pack("rules.yaml", RULES).unwrap();
        let found = RuleSet::load_packed("rules.yaml", wrong, &packed, LoadOptions::default());
        assert_eq!(found.unwrap_err()[0].code, "wrong-type");
    }

    #[test]
    fn bytes_that_break_off_or_go_on_do_not_count() {
        let mut packed = pack("rules.yaml", RULES).unwrap();
        let digest = digest(RULES);
        for end in 0..packed.len() {
            assert_eq!(unpack(&packed[..end], &digest), None, "{end} bytes");
        }
        packed.push(0);
        assert_eq!(unpack(&packed, &digest), None);
    }

    #[test]
    fn refuses_what_is_no_yaml_and_what_is_ambiguous() {
        for (text, code) in [
            ("a: [", "yaml-syntax"),
            ("", "empty-rules"),
            ("a: 1\na: 2", "duplicate-key"),
        ] {
            let found = pack("rules.yaml", text).unwrap_err();
            assert_eq!(found[0].code, code, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let digest = digest(RULES);
            let mut packed = digest.clone().into_bytes();
            packed.extend(bytes);
            let _ = unpack(&packed, &digest);
        }

        #[test]
        fn no_change_of_bytes_makes_it_panic(at in 64..200_usize, byte in any::<u8>()) {
            let mut packed = pack("rules.yaml", RULES).unwrap();
            let at = at.min(packed.len() - 1);
            packed[at] = byte;
            let _ = unpack(&packed, &digest(RULES));
        }

        #[test]
        fn nesting_without_end_is_not_followed(levels in 97..100_000_usize) {
            let digest = digest(RULES);
            let mut packed = digest.clone().into_bytes();
            packed.extend([1, 1, LIST, 1].repeat(levels));
            packed.extend([1, 1, PLAIN, 0]);
            prop_assert_eq!(unpack(&packed, &digest), None);
        }
    }
}
