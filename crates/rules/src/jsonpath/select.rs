//! Finding the places of a path in a document.
//!
//! Step by step: from the places of one step to those of the next, each time sorted by place and
//! without repeats; how often a place was found is counted instead, so that nesting in a hostile
//! document multiplies nothing.

use crate::json::{Document, Kind, NodeId, Sym};

use super::filter;
use super::syntax::{Segment, Step};

/// Places in document order, each once, with how often it was found.
pub(super) type Hits = Vec<(NodeId, u32)>;

/// The most repeats that are counted.
const MAX_TIMES: u32 = 1024;

/// Follows an indefinite path from `start`.
pub(super) fn select(document: &Document<'_>, segments: &[Segment], start: NodeId) -> Hits {
    if !segments
        .iter()
        .all(|segment| is_possible(document, segment))
    {
        return Vec::new();
    }
    let mut hits = vec![(start, 1)];
    for segment in segments {
        if hits.is_empty() {
            break;
        }
        hits = match (&segment.step, segment.descend) {
            (Step::Names(names), true) => below_by_names(document, &hits, names, segment.is_last),
            (Step::Names(names), false) => children_by_names(document, &hits, names),
            (step, descend) => by_walking(document, &hits, step, descend),
        };
    }
    hits
}

/// Follows a definite path from `start`.
pub(super) fn walk(document: &Document<'_>, segments: &[Segment], start: NodeId) -> Option<NodeId> {
    let mut at = start;
    for segment in segments {
        at = match &segment.step {
            Step::Names(names) => document.member_sym(at, *names.first()?)?,
            Step::Indexes(indexes) => element(document, at, *indexes.first()?)?,
            _ => return None,
        };
    }
    Some(at)
}

/// False if the document has none of the names the segment needs.
fn is_possible(document: &Document<'_>, segment: &Segment) -> bool {
    match &segment.step {
        Step::Names(names) => names
            .iter()
            .any(|&name| !document.occurrences(name).is_empty()),
        _ => true,
    }
}

/// `..a`, `..['a','b']`. As the last step of a path a list is met only by objects that have all.
fn below_by_names(document: &Document<'_>, from: &Hits, names: &[Sym], is_last: bool) -> Hits {
    let mut hits = Vec::new();
    for &name in names {
        add_below(document, from, document.occurrences(name), &mut hits);
    }
    if is_last && names.len() > 1 {
        hits.retain(|&(id, _)| {
            let object = document.parent(id);
            object.is_some_and(|object| {
                names
                    .iter()
                    .all(|&name| document.member_sym(object, name).is_some())
            })
        });
    }
    tidy(hits)
}

/// Adds those of `places` that are below a place of `from`, each once.
fn add_below(document: &Document<'_>, from: &Hits, places: &[NodeId], hits: &mut Hits) {
    if let [(top, times)] = from[..]
        && top == document.root()
    {
        let live = places
            .iter()
            .filter(|&&id| id != top && document.is_live(id));
        hits.extend(live.map(|&id| (id, times)));
        return;
    }
    let is_flat = from.is_sorted_by(|a, b| !document.may_contain(a.0, b.0));
    if is_flat {
        for &(top, times) in from {
            let (parsed, _) = document.narrow(places, top);
            let live = parsed.iter().filter(|&&id| document.is_live(id));
            hits.extend(live.map(|&id| (id, times)));
        }
    }
    // Places that edits added have no range, and one place may be below several others: ask each
    // place what is around it, which takes no longer the more of them there are.
    let (_, added) = document.narrow(places, document.root());
    for &id in if is_flat { added } else { places } {
        let times = times_around(document, from, id);
        if times > 0 && document.is_live(id) {
            hits.push((id, times));
        }
    }
}

/// How often the places around `id` were found.
fn times_around(document: &Document<'_>, from: &Hits, id: NodeId) -> u32 {
    let mut times = 0;
    let mut at = document.parent(id);
    while let Some(node) = at {
        times = add_times(times, times_found(from, node));
        at = document.parent(node);
    }
    times
}

fn times_found(from: &Hits, id: NodeId) -> u32 {
    from.binary_search_by_key(&id, |&(node, _)| node)
        .map_or(0, |at| from[at].1)
}

/// The same, looking first where the last one was: members of one name follow the order of objects.
fn times_found_near(from: &Hits, near: &mut usize, id: NodeId) -> u32 {
    for at in *near..*near + 2 {
        match from.get(at) {
            Some(&(node, times)) if node == id => {
                *near = at;
                return times;
            }
            Some(&(node, _)) if node < id => {}
            // What follows is greater; if what precedes is less, the place is not there.
            _ if at > *near => return 0,
            _ => break,
        }
    }
    let found = from.binary_search_by_key(&id, |&(node, _)| node);
    *near = found.unwrap_or_else(|at| at.saturating_sub(1));
    found.map_or(0, |at| from[at].1)
}

fn add_times(a: u32, b: u32) -> u32 {
    a.saturating_add(b).min(MAX_TIMES)
}

/// `.a`, `['a','b']`.
fn children_by_names(document: &Document<'_>, from: &Hits, names: &[Sym]) -> Hits {
    let mut hits = Vec::with_capacity(from.len());
    for &name in names {
        let places = document.occurrences(name);
        // Either look at every member of that name whether its object was found, or look into
        // every object found whether it has the member.
        if places.len() / 8 <= from.len() {
            let mut near = 0;
            hits.extend(places.iter().filter_map(|&id| {
                let object = document.parent(id)?;
                let times = times_found_near(from, &mut near, object);
                (times > 0 && document.is_live(id)).then_some((id, times))
            }));
        } else {
            hits.extend(from.iter().filter_map(|&(object, times)| {
                let is_object = document.kind(object) == Kind::Object;
                let id = is_object.then(|| document.member_sym(object, name))??;
                Some((id, times))
            }));
        }
    }
    tidy(hits)
}

/// Steps that names do not help with.
fn by_walking(document: &Document<'_>, from: &Hits, step: &Step, descend: bool) -> Hits {
    if descend {
        return tidy(below(document, from, step));
    }
    let mut hits = Vec::new();
    if matches!(step, Step::Any) {
        for &(container, times) in from {
            hits.extend(document.children(container).map(|id| (id, times)));
        }
        return tidy(hits);
    }
    let mut found = Vec::new();
    for &(container, times) in from {
        here(document, container, step, &mut found);
        hits.extend(found.drain(..).map(|id| (id, times)));
    }
    tidy(hits)
}

/// What a step finds in one container.
fn here(document: &Document<'_>, container: NodeId, step: &Step, found: &mut Vec<NodeId>) {
    let kind = document.kind(container);
    match step {
        Step::Any => found.extend(document.children(container)),
        Step::Filter(condition) if kind == Kind::Object => {
            found.extend(Some(container).filter(|&id| filter::passes(document, condition, id)));
        }
        Step::Filter(condition) => {
            let elements = document.children(container);
            found.extend(elements.filter(|&id| filter::passes(document, condition, id)));
        }
        Step::Indexes(indexes) if kind == Kind::Array => {
            found.extend(
                indexes
                    .iter()
                    .filter_map(|&index| element(document, container, index)),
            );
        }
        Step::Slice(from, to) if kind == Kind::Array => {
            let length = document.children(container).count();
            let (from, to) = (bound(*from, 0, length), bound(*to, length, length));
            found.extend(document.children(container).take(to).skip(from));
        }
        Step::Indexes(_) | Step::Slice(..) | Step::Names(_) => {}
    }
}

/// What a step finds in values and in all containers below them. An object that is an element is a
/// filter's candidate once, as the object.
fn below(document: &Document<'_>, from: &Hits, step: &Step) -> Hits {
    let mut hits = Vec::new();
    let mut found = Vec::new();
    // A place of `from` within another is visited with that one: outer places come first.
    let mut visited = vec![false; from.len()];
    for top in 0..from.len() {
        if visited[top] {
            continue;
        }
        let mut open = vec![(from[top].0, 0)];
        while let Some((container, mut times)) = open.pop() {
            if let Ok(at) = from.binary_search_by_key(&container, |&(node, _)| node) {
                visited[at] = true;
                times = add_times(times, from[at].1);
            }
            match step {
                Step::Filter(condition) if document.kind(container) == Kind::Array => {
                    found.extend(document.children(container).filter(|&id| {
                        document.kind(id) != Kind::Object && filter::passes(document, condition, id)
                    }));
                }
                _ => here(document, container, step, &mut found),
            }
            hits.extend(found.drain(..).map(|id| (id, times)));
            let inner = document
                .children(container)
                .filter(|&id| document.kind(id).is_container());
            open.extend(inner.map(|id| (id, times)));
        }
    }
    hits
}

/// The element at an index, from the end if it is negative.
fn element(document: &Document<'_>, array: NodeId, index: i64) -> Option<NodeId> {
    if document.kind(array) != Kind::Array {
        return None;
    }
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    let position = if index < 0 {
        document.children(array).count().checked_sub(distance)?
    } else {
        distance
    };
    document.children(array).nth(position)
}

/// A bound of a slice as a position from 0 to `length`.
fn bound(bound: Option<i64>, absent: usize, length: usize) -> usize {
    let Some(bound) = bound else { return absent };
    let distance = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
    if bound < 0 {
        length.saturating_sub(distance)
    } else {
        distance.min(length)
    }
}

/// Sorts by place and joins repeats.
fn tidy(mut hits: Hits) -> Hits {
    if hits.is_sorted_by(|a, b| a.0 < b.0) {
        return hits;
    }
    hits.sort_unstable_by_key(|&(id, _)| id);
    hits.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            kept.1 = add_times(kept.1, next.1);
        }
        is_same
    });
    hits
}
