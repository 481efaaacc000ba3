//! Paths inside a document, for findings.

use super::diagnostic::Diagnostic;
use super::span::Span;
use super::tree::{Kind, Node, shown};

/// Gives each finding the path of the deepest node that begins at its place, or contains the key there.
///
/// One walk serves all findings, and a name is written only if a path needs it: a large file has
/// thousands of nodes.
pub(crate) fn add_paths(root: &Node, findings: &mut [Diagnostic]) {
    let mut spans: Vec<Span> = findings.iter().map(|finding| finding.span).collect();
    spans.sort_unstable();
    spans.dedup();
    let mut search = Search {
        paths: vec![None; spans.len()],
        missing: spans.len(),
        spans,
        steps: Vec::new(),
    };
    search.walk(root);
    // What begins nowhere in the tree is as good as the whole document.
    for finding in findings {
        let found = search.spans.binary_search(&finding.span).ok();
        let path = found.and_then(|index| search.paths.get(index).cloned().flatten());
        finding.path = path.unwrap_or_default();
    }
}

struct Search<'n> {
    /// What is looked for, in order.
    spans: Vec<Span>,
    /// What was found for each.
    paths: Vec<Option<String>>,
    missing: usize,
    /// The way to the node under consideration.
    steps: Vec<Step<'n>>,
}

enum Step<'n> {
    Item(usize),
    Member(&'n str),
}

impl<'n> Search<'n> {
    fn walk(&mut self, node: &'n Node) {
        if self.missing == 0 {
            return;
        }
        match &node.kind {
            Kind::Scalar { .. } => {}
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.steps.push(Step::Item(index));
                    self.walk(item);
                    self.steps.pop();
                }
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    self.steps.push(Step::Member(&key.value));
                    // A mapping in block style begins where its first key begins.
                    if key.span != node.span {
                        self.found(key.span);
                    }
                    self.walk(value);
                    self.steps.pop();
                }
            }
        }
        self.found(node.span);
    }

    /// Notes the way to a place that is looked for, unless it was found before.
    fn found(&mut self, span: Span) {
        let Ok(index) = self.spans.binary_search(&span) else {
            return;
        };
        let Some(path @ None) = self.paths.get_mut(index) else {
            return;
        };
        *path = Some(written(&self.steps));
        self.missing -= 1;
    }
}

fn written(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Item(index) => {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
            }
            Step::Member(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&shown(name));
            }
        }
    }
    path
}
