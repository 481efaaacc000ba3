//! Parameters with templates as values.

use hushgate_rules::language::tree::{Kind, Node};

use super::read::{Map, Reader};
use crate::connect::template::Template;

/// Parameters that a grant or a client authentication writes itself.
pub(super) const RESERVED_PARAMS: &[&str] = &[
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "refresh_token",
    "assertion",
    "scope",
    "code",
    "code_verifier",
    "redirect_uri",
    "username",
    "password",
    "device_code",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
];

impl Reader<'_> {
    /// Parameters and their templates; names in `reserved` are set elsewhere.
    pub(super) fn params(
        &mut self,
        map: &Map<'_>,
        key: &'static str,
        reserved: &[&str],
    ) -> Vec<(String, Template)> {
        self.params_with(map, key, reserved, &[])
    }

    pub(super) fn params_with(
        &mut self,
        map: &Map<'_>,
        key: &'static str,
        reserved: &[&str],
        builtin: &[&str],
    ) -> Vec<(String, Template)> {
        let Some(node) = map.get(key) else {
            return Vec::new();
        };
        self.param_list(node, key, reserved, builtin)
    }

    pub(super) fn param_list(
        &mut self,
        node: &Node,
        key: &str,
        reserved: &[&str],
        builtin: &[&str],
    ) -> Vec<(String, Template)> {
        if !matches!(node.kind, Kind::Map(_)) {
            self.invalid(
                node.span,
                &format!("`{key}` is not a mapping"),
                "write parameter names with their values",
            );
            return Vec::new();
        }
        let mut params = Vec::new();
        for (name, value) in node.entries() {
            if reserved.contains(&name.value.as_str()) {
                self.invalid(
                    name.span,
                    &format!("parameter `{}` is set by the mechanism itself", name.value),
                    "remove it",
                );
            }
            let value = self.node_text(value, "a parameter");
            if let Some(value) = value.and_then(|v| self.parse_template(&v, key, builtin)) {
                params.push((name.value.clone(), value));
            }
        }
        params
    }
}
