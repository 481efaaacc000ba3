//! REST rule sets as written.

use super::schema::SchemaSpec;
use super::span::{Span, Spanned};
use super::transform::{AugmentSpec, TransformSpec};

/// A REST rule set as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RestRules {
    /// Admitted calls, in file order; the first that matches wins.
    pub endpoints: Vec<EndpointSpec>,
    /// Request headers forwarded for every endpoint.
    pub allowed_request_headers: Vec<Spanned<String>>,
    /// Targets of `$ref: "#/definitions/NAME"`, in file order.
    pub definitions: Vec<(Spanned<String>, SchemaSpec)>,
}

/// One endpoint as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndpointSpec {
    /// Where the endpoint begins.
    pub span: Span,
    /// `pathTemplate`
    pub path_template: Option<Spanned<String>>,
    /// `pathRegex`; takes precedence over a template.
    pub path_regex: Option<Spanned<String>>,
    /// `allowedMethods` in upper case; none: see the loader's options.
    pub allowed_methods: Option<Vec<Spanned<String>>>,
    /// `allowedQueryParams` as written; none: any parameter, an empty list: no parameter.
    pub allowed_query_params: Option<Vec<Spanned<String>>>,
    /// `queryParamSchemas` by parameter name.
    pub query_param_schemas: Vec<(Spanned<String>, ParamSchema)>,
    /// `pathParameterSchemas` by template parameter.
    pub path_parameter_schemas: Vec<(Spanned<String>, ParamSchema)>,
    /// `requestBody`
    pub request_body: Option<RequestBodySpec>,
    /// `allowedRequestHeaders` and `allowedRequestHeadersToForward` together.
    pub allowed_request_headers: Vec<Spanned<String>>,
    /// `responseSchema`
    pub response_schema: Option<SchemaSpec>,
    /// `augments`, in file order.
    pub augments: Vec<AugmentSpec>,
    /// `transforms`, in file order.
    pub transforms: Vec<TransformSpec>,
}

/// Schema of a path or query parameter, as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParamSchema {
    /// Where the schema begins.
    pub span: Span,
    /// `type`
    pub kind: Option<Spanned<String>>,
    /// `format`
    pub format: Option<Spanned<String>>,
    /// `pattern`, for the whole value.
    pub pattern: Option<Spanned<String>>,
    /// `enum`, exact texts.
    pub allowed: Option<Vec<Spanned<String>>>,
    /// `anyOf`: if not empty, at least one must hold.
    pub any_of: Vec<ParamSchema>,
    /// `required`; only for query parameters.
    pub required: bool,
}

/// `requestBody` as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RequestBodySpec {
    /// Where the key's value begins.
    pub span: Span,
    /// Whether an empty body is refused.
    pub required: bool,
    /// `content` by content type, in file order.
    pub content: Vec<(Spanned<String>, BodySchema)>,
}

/// Schema of a request body, as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BodySchema {
    /// Where the schema begins.
    pub span: Span,
    /// `type`
    pub kind: Option<Spanned<String>>,
    /// `format`
    pub format: Option<Spanned<String>>,
    /// `properties`, in file order.
    pub properties: Vec<(Spanned<String>, BodySchema)>,
    /// `items`
    pub items: Option<Box<BodySchema>>,
    /// `required` members.
    pub required: Vec<Spanned<String>>,
    /// `pattern`, found anywhere in the value (JSON Schema semantics).
    pub pattern: Option<Spanned<String>>,
    /// `enumValues`, exact texts.
    pub allowed: Option<Vec<Spanned<String>>>,
    /// `additionalProperties`; none: members without a schema are refused.
    pub additional_properties: Option<bool>,
}
