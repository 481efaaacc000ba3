//! Reads REST rule sets.

use super::super::diagnostic::one_of;
use super::super::header::is_reserved_header;
use super::super::rest::{BodySchema, EndpointSpec, ParamSchema, RequestBodySpec, RestRules};
use super::super::span::Spanned;
use super::super::tree::{Kind, Node, shown};
use super::{Fields, Reader};

pub(crate) const REST_KEYS: [&str; 5] = [
    "endpoints",
    "allowedRequestHeaders",
    "definitions",
    "allowAllEndpoints",
    "defaultScopeIdForSource",
];

const ENDPOINT_KEYS: [&str; 12] = [
    "pathTemplate",
    "pathRegex",
    "allowedMethods",
    "allowedQueryParams",
    "queryParamSchemas",
    "pathParameterSchemas",
    "requestBody",
    "allowedRequestHeaders",
    "allowedRequestHeadersToForward",
    "responseSchema",
    "augments",
    "transforms",
];

const PATH_PARAM_KEYS: [&str; 5] = ["type", "format", "pattern", "enum", "anyOf"];
const QUERY_PARAM_KEYS: [&str; 6] = ["type", "format", "pattern", "enum", "anyOf", "required"];

const BODY_KEYS: [&str; 8] = [
    "type",
    "format",
    "properties",
    "items",
    "required",
    "pattern",
    "enumValues",
    "additionalProperties",
];

/// Methods an endpoint may list (RFC 9110 §9 without CONNECT and TRACE, and PATCH of RFC 5789).
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl Reader<'_> {
    /// A REST rule set.
    pub(crate) fn rest(&mut self, node: &Node) -> Option<RestRules> {
        let fields = self.fields(node, "a REST rule set", &REST_KEYS)?;
        self.allow_all_endpoints(&fields);
        self.inert(&fields, "defaultScopeIdForSource", "remove it");
        let endpoints = if let Some(list) = fields.get("endpoints") {
            self.items(list, "`endpoints`", Self::endpoint)
        } else {
            self.missing(&fields, "endpoints");
            Vec::new()
        };
        let definitions = fields
            .get("definitions")
            .map(|node| self.schemas(node, "`definitions`"));
        Some(RestRules {
            endpoints,
            allowed_request_headers: self.header_names(&fields, "allowedRequestHeaders"),
            definitions: definitions.unwrap_or_default(),
        })
    }

    fn allow_all_endpoints(&mut self, fields: &Fields<'_>) {
        let Some((key, node)) = fields.entry("allowAllEndpoints") else {
            return;
        };
        if node.is_null() || self.boolean(node, "`allowAllEndpoints`") == Some(false) {
            self.found.warning(
                "deprecated-option",
                key.span,
                "`allowAllEndpoints` is obsolete",
                "remove it; a call that no endpoint lists is always refused",
            );
            return;
        }
        self.found.error(
            "allow-all-endpoints",
            key.span,
            "`allowAllEndpoints` would pass responses on without sanitizing them",
            "remove it and list each admitted call in `endpoints`",
        );
    }

    fn endpoint(&mut self, node: &Node) -> Option<EndpointSpec> {
        let fields = self.fields(node, "an endpoint", &ENDPOINT_KEYS)?;
        let mut headers = self.header_names(&fields, "allowedRequestHeaders");
        headers.extend(self.header_names(&fields, "allowedRequestHeadersToForward"));
        if let Some((key, _)) = fields.entry("allowedRequestHeadersToForward") {
            self.found.warning(
                "deprecated-option",
                key.span,
                "`allowedRequestHeadersToForward` is an old name",
                "write `allowedRequestHeaders`",
            );
        }
        self.inert_body(&fields);
        Some(EndpointSpec {
            span: node.span,
            path_template: self.path_text(&fields, "pathTemplate"),
            path_regex: self.path_text(&fields, "pathRegex"),
            allowed_methods: self.methods(&fields),
            allowed_query_params: self.field_texts_if_given(&fields, "allowedQueryParams"),
            query_param_schemas: self.params(&fields, "queryParamSchemas", Self::query_param),
            path_parameter_schemas: self.params(&fields, "pathParameterSchemas", Self::path_param),
            request_body: fields
                .get("requestBody")
                .and_then(|node| self.request_body(node)),
            allowed_request_headers: headers,
            response_schema: fields
                .get("responseSchema")
                .and_then(|node| self.schema(node)),
            augments: self.list(&fields, "augments", Self::augment),
            transforms: self.list(&fields, "transforms", Self::transform),
        })
    }

    /// A body schema of an endpoint none of whose methods has a body.
    fn inert_body(&mut self, fields: &Fields<'_>) {
        let bodiless = |method: &Node| {
            matches!(&method.kind, Kind::Scalar { text, .. }
                if ["GET", "HEAD"].iter().any(|it| text.trim().eq_ignore_ascii_case(it)))
        };
        let methods = fields.get("allowedMethods").map(|node| &node.kind);
        if let Some(Kind::List(methods)) = methods
            && methods.iter().all(bodiless)
        {
            self.inert(
                fields,
                "requestBody",
                "GET and HEAD have no body; list the method that has one, or remove the schema",
            );
        }
    }

    fn path_text(&mut self, fields: &Fields<'_>, key: &str) -> Option<Spanned<String>> {
        let node = fields.get(key)?;
        let text = self.text(node, &format!("`{key}`"))?;
        if text.trim().is_empty() {
            self.found.error(
                "missing-key",
                text.span,
                format!("`{key}` is blank"),
                "write the path of the call, such as `/v1/users/{id}`",
            );
            return None;
        }
        Some(text)
    }

    fn list<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Vec<T> {
        fields
            .get(key)
            .map(|node| self.items(node, &format!("`{key}`"), read))
            .unwrap_or_default()
    }

    fn methods(&mut self, fields: &Fields<'_>) -> Option<Vec<Spanned<String>>> {
        let mut methods = self.field_texts_if_given(fields, "allowedMethods")?;
        for method in &mut methods {
            method.value = method.trim().to_ascii_uppercase();
            if !METHODS.contains(&method.as_str()) {
                self.strict(
                    "unknown-value",
                    method.span,
                    format!("method `{}`", shown(method)),
                    one_of(method, &METHODS),
                );
            }
        }
        Some(methods)
    }

    fn header_names(&mut self, fields: &Fields<'_>, key: &str) -> Vec<Spanned<String>> {
        let names = self.field_texts(fields, key);
        let usable = names.into_iter().filter(|name| {
            let good = !name.is_empty() && name.bytes().all(is_token_byte);
            if !good {
                self.found.error(
                    "unknown-value",
                    name.span,
                    format!("`{}` is not a header name", shown(name)),
                    "letters, digits and `-`; one name an item, without a colon",
                );
            }
            good
        });
        let usable: Vec<_> = usable.collect();
        for name in usable.iter().filter(|name| is_reserved_header(name)) {
            self.strict(
                "inert-option",
                name.span,
                format!("header `{}` is never taken from a call", shown(name)),
                "remove it; it frames the message, routes it or carries a credential, which is the gateway's to set",
            );
        }
        usable
    }

    fn params(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        read: impl FnMut(&mut Self, &Node) -> Option<ParamSchema>,
    ) -> Vec<(Spanned<String>, ParamSchema)> {
        fields
            .get(key)
            .map(|node| self.named(node, &format!("`{key}`"), read))
            .unwrap_or_default()
    }

    fn query_param(&mut self, node: &Node) -> Option<ParamSchema> {
        let fields = self.fields(node, "a query parameter schema", &QUERY_PARAM_KEYS)?;
        let mut schema = self.param(&fields, Self::query_param);
        schema.required = self.field_boolean(&fields, "required").unwrap_or_default();
        Some(schema)
    }

    fn path_param(&mut self, node: &Node) -> Option<ParamSchema> {
        let fields = self.fields(node, "a path parameter schema", &PATH_PARAM_KEYS)?;
        Some(self.param(&fields, Self::path_param))
    }

    fn param(
        &mut self,
        fields: &Fields<'_>,
        alternative: impl FnMut(&mut Self, &Node) -> Option<ParamSchema>,
    ) -> ParamSchema {
        ParamSchema {
            span: fields.span(),
            kind: self.field_text(fields, "type"),
            format: self.field_text(fields, "format"),
            pattern: self.field_text(fields, "pattern"),
            allowed: self.field_texts_if_given(fields, "enum"),
            any_of: self.list(fields, "anyOf", alternative),
            required: false,
        }
    }

    fn request_body(&mut self, node: &Node) -> Option<RequestBodySpec> {
        let fields = self.fields(node, "`requestBody`", &["required", "content"])?;
        let content = fields
            .get("content")
            .map(|node| self.named(node, "`content`", Self::body_schema))
            .unwrap_or_default();
        Some(RequestBodySpec {
            span: node.span,
            required: self.field_boolean(&fields, "required").unwrap_or_default(),
            content,
        })
    }

    fn body_schema(&mut self, node: &Node) -> Option<BodySchema> {
        let fields = self.fields(node, "a body schema", &BODY_KEYS)?;
        let properties = fields
            .get("properties")
            .map(|node| self.named(node, "`properties`", Self::body_schema))
            .unwrap_or_default();
        Some(BodySchema {
            span: node.span,
            kind: self.field_text(&fields, "type"),
            format: self.field_text(&fields, "format"),
            properties,
            items: fields
                .get("items")
                .and_then(|node| self.body_schema(node))
                .map(Box::new),
            required: self.field_texts(&fields, "required"),
            pattern: self.field_text(&fields, "pattern"),
            allowed: self.field_texts_if_given(&fields, "enumValues"),
            additional_properties: self.field_boolean(&fields, "additionalProperties"),
        })
    }
}

/// Bytes of a header name (RFC 9110 §5.6.2 `tchar`).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
