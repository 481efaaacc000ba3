//! Paths inside a document, for findings.

use super::span::Span;
use super::tree::{Kind, Node, shown};

/// The path of the deepest node that begins at or contains the key at `span`.
pub(crate) fn path_to(root: &Node, span: Span) -> String {
    let mut path = String::new();
    find(root, span, &mut path);
    path
}

fn find(node: &Node, span: Span, path: &mut String) -> bool {
    let length = path.len();
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
                if find(item, span, path) {
                    return true;
                }
                path.truncate(length);
            }
        }
        Kind::Map(entries) => {
            for (key, value) in entries {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&shown(&key.value));
                // A mapping in block style begins where its first key begins.
                if (key.span == span && node.span != span) || find(value, span, path) {
                    return true;
                }
                path.truncate(length);
            }
        }
    }
    node.span == span
}
