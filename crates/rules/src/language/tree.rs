//! YAML (and so JSON) text to a tree in which every node knows its place and tag.
//!
//! Scalars stay text: whether `no`, `1.10` or `null` means something is decided by the reader of
//! the key. Depth and number of nodes are bounded, aliases included.

use super::diagnostic::{Diagnostics, one_of};
use super::span::{Span, Spanned};
use serde_saphyr::granit_parser as yaml;
use std::collections::HashMap;
use yaml::{Event, Marker, Parser, ScalarStyle, StrInput};

/// Nodes one document may hold after aliases are followed.
const MAX_NODES: usize = 250_000;
/// How deep a document may nest after aliases are followed.
pub(crate) const MAX_DEPTH: usize = 96;

/// A node of the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the node begins.
    pub span: Span,
    /// A tag that is not one of YAML's own, without its leading `!`.
    pub tag: Option<Spanned<String>>,
    /// What the node is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A single value.
    Scalar {
        /// The text as written.
        text: String,
        /// Whether it was written without quotes or block indicator.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in file order, each key once.
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// Whether this is null: an empty value, `null` or `~` without quotes.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What the node is, for a message; never its value.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            _ if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// The members of a mapping; empty for anything else.
    pub fn entries(&self) -> &[(Spanned<String>, Node)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The key as written and the value of a member of a mapping.
    pub fn member(&self, key: &str) -> Option<(&Spanned<String>, &Node)> {
        let found = self.entries().iter().find(|(name, _)| name.value == key);
        found.map(|(name, node)| (name, node))
    }

    /// Reports each key of a mapping that is not among `known`. `what` names the mapping in messages,
    /// such as `an endpoint`.
    pub fn check_keys(&self, what: &str, known: &[&str], found: &mut Diagnostics) {
        for (key, _) in self.entries() {
            if !known.contains(&key.value.as_str()) {
                found.error(
                    "unknown-key",
                    key.span,
                    format!("`{}` is not a key of {what}", shown(key)),
                    one_of(key, known),
                );
            }
        }
    }
}

/// Parses a text that holds exactly one document. Findings go to `found`; `None` after an error
/// that leaves no tree.
pub fn parse(text: &str, found: &mut Diagnostics) -> Option<Node> {
    parse_with(text, true, found)
}

/// Like [`parse`], for documents in which a YAML merge key (`<<`) is an error.
pub fn parse_without_merges(text: &str, found: &mut Diagnostics) -> Option<Node> {
    parse_with(text, false, found)
}

fn parse_with(text: &str, merges: bool, found: &mut Diagnostics) -> Option<Node> {
    let mut options = yaml::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        simple_key_max_lookahead: 4096,
    };
    options.emit_comments = false;
    let mut builder = Builder {
        events: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        nodes: 0,
        merges,
        found,
    };
    match builder.document() {
        Ok(node) => Some(node),
        Err(stop) => {
            found.error(stop.code, stop.span, stop.message, stop.help);
            None
        }
    }
}

struct Builder<'t, 'd> {
    events: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, (Node, Size)>,
    nodes: usize,
    /// Whether merge keys are followed.
    merges: bool,
    found: &'d mut Diagnostics,
}

/// An error after which there is no tree.
struct Stop {
    code: &'static str,
    span: Span,
    message: String,
    help: &'static str,
}

#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    height: usize,
}

type Step<'t> = (Event<'t>, yaml::Span);

impl<'t> Builder<'t, '_> {
    fn document(&mut self) -> Result<Node, Stop> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Err(Stop {
                        code: "empty-rules",
                        span: Span::new(1, 1),
                        message: "the text holds no rules".to_owned(),
                        help: "write a rule set, for example a list of `endpoints`",
                    });
                }
                other => {
                    let (node, _) = self.node((other, span), 0)?;
                    return self.end().map(|()| node);
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Stop> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(..) => {
                    return Err(Stop {
                        code: "several-documents",
                        span: place(span.start),
                        message: "a second document begins here".to_owned(),
                        help: "put one rule set in one file and remove the `---`",
                    });
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<Step<'t>, Stop> {
        match self.events.next_event() {
            Some(Ok(step)) => Ok(step),
            Some(Err(error)) => Err(Stop {
                code: "yaml-syntax",
                span: place(*error.marker()),
                message: error.info(),
                help: "correct the YAML; check indentation, quotes and brackets around this line",
            }),
            None => Err(Stop {
                code: "yaml-syntax",
                span: Span::new(1, 1),
                message: "the text ends too early".to_owned(),
                help: "correct the YAML",
            }),
        }
    }

    fn node(&mut self, (event, span): Step<'t>, depth: usize) -> Result<(Node, Size), Stop> {
        let start = place(span.start);
        self.count(1, depth, start)?;
        let (kind, anchor, tag, size) = match event {
            Event::Alias(id) => return self.alias(id, depth, start),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !is_text_tag(tag.as_deref());
                let text = text.into_owned();
                let size = Size {
                    nodes: 1,
                    height: 1,
                };
                (Kind::Scalar { text, plain }, anchor, tag, size)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let (items, size) = self.items(depth)?;
                (Kind::List(items), anchor, tag, size)
            }
            Event::MappingStart(_, anchor, tag) => {
                let (entries, size) = self.members(depth)?;
                (Kind::Map(entries), anchor, tag, size)
            }
            _ => {
                return Err(Stop {
                    code: "yaml-syntax",
                    span: start,
                    message: "a value is missing".to_owned(),
                    help: "correct the YAML",
                });
            }
        };
        let tag = tag
            .as_deref()
            .and_then(custom_tag)
            .map(|name| Spanned::new(name, span.tag_start().map_or(start, place)));
        let span = tag.as_ref().map_or(start, |tag| tag.span.min(start));
        let node = Node { span, tag, kind };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok((node, size))
    }

    fn alias(&mut self, id: usize, depth: usize, start: Span) -> Result<(Node, Size), Stop> {
        let Some((node, size)) = self.anchors.get(&id) else {
            return Err(Stop {
                code: "yaml-syntax",
                span: start,
                message: "an alias inside the value it stands for".to_owned(),
                help: "a value can't contain itself",
            });
        };
        let size = *size;
        let within = self.nodes.saturating_add(size.nodes) <= MAX_NODES;
        if !within || depth + size.height > MAX_DEPTH {
            return Err(too_complex(start));
        }
        let node = node.clone();
        self.nodes += size.nodes;
        Ok((node, size))
    }

    fn items(&mut self, depth: usize) -> Result<(Vec<Node>, Size), Stop> {
        let mut items = Vec::new();
        let mut total = Size {
            nodes: 1,
            height: 1,
        };
        loop {
            let step = self.next()?;
            if matches!(step.0, Event::SequenceEnd) {
                return Ok((items, total));
            }
            let (node, size) = self.node(step, depth + 1)?;
            total = total.around(size);
            items.push(node);
        }
    }

    #[expect(
        clippy::type_complexity,
        reason = "the members of one mapping and their size"
    )]
    fn members(&mut self, depth: usize) -> Result<(Vec<(Spanned<String>, Node)>, Size), Stop> {
        let mut members: Vec<(Spanned<String>, Node)> = Vec::new();
        let mut places: HashMap<String, Span> = HashMap::new();
        let mut merged = Vec::new();
        let mut total = Size {
            nodes: 1,
            height: 1,
        };
        loop {
            let step = self.next()?;
            if matches!(step.0, Event::MappingEnd) {
                break;
            }
            let (key, _) = self.node(step, depth + 1)?;
            let step = self.next()?;
            let (value, size) = self.node(step, depth + 1)?;
            total = total.around(size);
            let Kind::Scalar { text, plain } = key.kind else {
                self.found.error(
                    "wrong-type",
                    key.span,
                    format!("{} as a key", key.describe()),
                    "keys are single words",
                );
                continue;
            };
            if plain && text == "<<" && self.merges {
                merged.push(value);
            } else if plain && text == "<<" {
                self.found.error(
                    "merge-key",
                    key.span,
                    "a merge key `<<`",
                    "write the members out",
                );
            } else if let Some(first) = places.get(&text) {
                self.found.error(
                    "duplicate-key",
                    key.span,
                    format!(
                        "`{}` is given twice; it is already on line {}",
                        shown(&text),
                        first.line
                    ),
                    "keep one of the two",
                );
            } else {
                places.insert(text.clone(), key.span);
                members.push((Spanned::new(text, key.span), value));
            }
        }
        for source in merged {
            self.merge(source, &mut members, &mut places);
        }
        Ok((members, total))
    }

    /// YAML merge keys: members of the source that the mapping does not have itself.
    fn merge(
        &mut self,
        source: Node,
        members: &mut Vec<(Spanned<String>, Node)>,
        places: &mut HashMap<String, Span>,
    ) {
        match source.kind {
            Kind::Map(entries) => {
                for (key, value) in entries {
                    if !places.contains_key(&key.value) {
                        places.insert(key.value.clone(), key.span);
                        members.push((key, value));
                    }
                }
            }
            Kind::List(items) if items.iter().all(|item| matches!(item.kind, Kind::Map(_))) => {
                for item in items {
                    self.merge(item, members, places);
                }
            }
            _ => self.found.error(
                "wrong-type",
                source.span,
                "a merge key whose value is not a mapping",
                "write `<<: *name`, where `&name` marks a mapping",
            ),
        }
    }

    fn count(&mut self, nodes: usize, depth: usize, at: Span) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            return Err(too_complex(at));
        }
        Ok(())
    }
}

impl Size {
    fn around(self, inner: Size) -> Size {
        Size {
            nodes: self.nodes.saturating_add(inner.nodes),
            height: self.height.max(inner.height + 1),
        }
    }
}

fn too_complex(span: Span) -> Stop {
    Stop {
        code: "too-complex",
        span,
        message: format!(
            "the document is deeper than {MAX_DEPTH} levels or, with aliases followed, larger than {MAX_NODES} values"
        ),
        help: "make the rules smaller; use `definitions` for schemas used in many places",
    }
}

fn place(marker: Marker) -> Span {
    let line = u32::try_from(marker.line()).unwrap_or(u32::MAX);
    let column = u32::try_from(marker.col()).unwrap_or(u32::MAX);
    Span::new(line, column.saturating_add(1))
}

fn custom_tag(tag: &yaml::Tag) -> Option<String> {
    if tag.is_yaml_core_schema() {
        return None;
    }
    let whole = format!("{}{}", tag.handle(), tag.suffix());
    let name = whole.trim_start_matches('!');
    (!name.is_empty()).then(|| name.to_owned())
}

/// `!!str` and the bare `!` make a plain scalar text.
fn is_text_tag(tag: Option<&yaml::Tag>) -> bool {
    tag.is_some_and(|tag| {
        tag.is_yaml_core_schema_tag("str") || (tag.handle() == "!" && tag.suffix().is_empty())
    })
}

/// A key or word of the file, shortened for a message.
pub fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = text
        .chars()
        .take(MOST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}
