//! Reads webhook collection rules.

use super::super::span::Spanned;
use super::super::tree::{Kind, Node};
use super::super::webhook::{ClaimSpec, WebhookEndpoint, WebhookRules};
use super::Reader;

pub(crate) const WEBHOOK_KEYS: [&str; 2] = ["endpoints", "jwtClaimsToVerify"];

impl Reader<'_> {
    /// Webhook collection rules.
    pub(crate) fn webhook(&mut self, node: &Node) -> Option<WebhookRules> {
        let fields = self.fields(node, "a webhook rule set", &WEBHOOK_KEYS)?;
        self.inert(
            &fields,
            "jwtClaimsToVerify",
            "move it into the endpoint; at the top level no claim is verified",
        );
        let Some(list) = fields.get("endpoints") else {
            self.missing(&fields, "endpoints");
            return None;
        };
        let mut endpoints = self.items(list, "`endpoints`", Self::webhook_endpoint);
        if let Kind::List(items) = &list.kind
            && items.len() != 1
        {
            self.found.error(
                "wrong-count",
                list.span,
                format!("{} endpoints in webhook rules", items.len()),
                "write exactly one",
            );
        }
        endpoints.pop().map(|endpoint| WebhookRules { endpoint })
    }

    fn webhook_endpoint(&mut self, node: &Node) -> Option<WebhookEndpoint> {
        let known = ["jwtClaimsToVerify", "transforms"];
        let fields = self.fields(node, "a webhook endpoint", &known)?;
        let claims = fields
            .get("jwtClaimsToVerify")
            .map(|node| self.named(node, "`jwtClaimsToVerify`", Self::claim))
            .unwrap_or_default();
        let transforms = fields
            .get("transforms")
            .map(|node| self.items(node, "`transforms`", Self::transform))
            .unwrap_or_default();
        Some(WebhookEndpoint {
            span: node.span,
            jwt_claims_to_verify: claims,
            transforms,
        })
    }

    fn claim(&mut self, node: &Node) -> Option<ClaimSpec> {
        let fields = self.fields(node, "a claim", &["queryParam", "payloadContents"])?;
        let query_param = self.field_text(&fields, "queryParam");
        let payload_contents: Vec<Spanned<String>> = self.field_texts(&fields, "payloadContents");
        if payload_contents.is_empty() && query_param.is_none() {
            self.found.error(
                "missing-key",
                node.span,
                "a claim that is compared with nothing",
                "add `payloadContents`, a list of JSONPaths, or `queryParam`",
            );
        }
        Some(ClaimSpec {
            span: node.span,
            query_param,
            payload_contents,
        })
    }
}
