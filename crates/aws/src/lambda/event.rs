//! The events of every way to a function over HTTP, in one strict reading.
//!
//! Payload formats: 2.0 (Function URL, HTTP API), 1.0 (HTTP API), the REST API's proxy event, and the
//! event of an Application Load Balancer. Members that are not needed are skipped unread; members that
//! are needed have to be of their type.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::fault::Fault;

/// An event as it came, if it is JSON at all.
///
/// Reading it never fails, so that what is wrong is told in words of ours, not in those of a parser,
/// which may quote the event.
pub(super) struct RawEvent(Option<Box<RawValue>>);

impl<'de> Deserialize<'de> for RawEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer).ok()))
    }
}

impl RawEvent {
    /// The members that are needed.
    ///
    /// # Errors
    /// `event-malformed` when it is not JSON, `event-not-http` when members have other types.
    pub(super) fn read(&self) -> Result<Event, Fault> {
        let raw = self.0.as_ref().ok_or(Fault::Malformed)?;
        serde_json::from_str(raw.get()).map_err(|error| match error.classify() {
            Category::Data => Fault::NotHttp,
            Category::Syntax | Category::Eof | Category::Io => Fault::Malformed,
        })
    }
}

/// The union of all forms' members.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    version: Option<String>,
    http_method: Option<String>,
    pub(super) path: Option<String>,
    pub(super) raw_path: Option<String>,
    pub(super) raw_query_string: Option<String>,
    pub(super) query_string_parameters: Option<Members<String>>,
    pub(super) multi_value_query_string_parameters: Option<Members<Vec<String>>>,
    pub(super) headers: Option<Members<String>>,
    pub(super) multi_value_headers: Option<Members<Vec<String>>>,
    pub(super) body: Option<String>,
    pub(super) is_base64_encoded: Option<bool>,
    method_arn: Option<serde::de::IgnoredAny>,
    route_arn: Option<serde::de::IgnoredAny>,
    request_context: Option<RequestContext>,
}

/// What the platform says about the request and its caller.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    domain_name: Option<String>,
    stage: Option<String>,
    http: Option<HttpContext>,
    elb: Option<serde::de::IgnoredAny>,
    connection_id: Option<serde::de::IgnoredAny>,
    identity: Option<Identity>,
    authorizer: Option<Authorizer>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpContext {
    method: String,
    source_ip: Option<String>,
}

/// `requestContext.identity` of format 1.0.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    source_ip: Option<String>,
    pub(super) user_arn: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) principal_org_id: Option<String>,
    pub(super) cognito_identity_id: Option<serde::de::IgnoredAny>,
    pub(super) cognito_identity_pool_id: Option<serde::de::IgnoredAny>,
}

/// `requestContext.authorizer`. In format 1.0 an authorizer of the deployment's own may put anything
/// there, so only format 2.0 is read, where `iam` is the platform's.
#[derive(serde::Deserialize)]
struct Authorizer {
    #[serde(default, deserialize_with = "lenient")]
    iam: Option<Iam>,
}

/// `requestContext.authorizer.iam` of format 2.0.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Iam {
    pub(super) user_arn: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) principal_org_id: Option<String>,
    pub(super) cognito_identity: Option<serde::de::IgnoredAny>,
}

/// How a request came to the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A Function URL.
    FunctionUrl,
    /// An API Gateway HTTP API, format 2.0.
    HttpApi,
    /// An API Gateway HTTP API, format 1.0.
    HttpApiV1,
    /// An API Gateway REST API.
    RestApi,
    /// An Application Load Balancer.
    LoadBalancer {
        /// Whether its target group has multi-value headers.
        multi: bool,
    },
}

impl Event {
    /// The way it came.
    ///
    /// # Errors
    /// `event-not-http` for every other event.
    pub(super) fn way(&self) -> Result<Way, Fault> {
        let context = self.request_context.as_ref().ok_or(Fault::NotHttp)?;
        // A WebSocket's events have a connection, and may have all that requests have beside it.
        if self.asks_an_authorizer() || context.connection_id.is_some() {
            return Err(Fault::NotHttp);
        }
        if context.elb.is_some() {
            let multi = self.multi_value_headers.is_some();
            return Ok(Way::LoadBalancer { multi });
        }
        let is_v1 = self.http_method.is_some() && self.path.is_some();
        match self.version.as_deref() {
            Some("2.0") if context.http.is_some() && self.raw_path.is_some() => {
                Ok(if context.is_function_url() {
                    Way::FunctionUrl
                } else {
                    Way::HttpApi
                })
            }
            Some("1.0") if is_v1 => Ok(Way::HttpApiV1),
            None if is_v1 => Ok(Way::RestApi),
            _ => Err(Fault::NotHttp),
        }
    }

    /// Whether API Gateway asks a Lambda authorizer about a request. Its events of type `REQUEST` are in
    /// everything else like requests; `methodArn` (format 1.0) or `routeArn` (format 2.0) tells them.
    fn asks_an_authorizer(&self) -> bool {
        self.method_arn.is_some() || self.route_arn.is_some()
    }

    /// The method, as it came.
    pub(super) fn method(&self) -> &str {
        let of_context = self.context().and_then(|c| c.http.as_ref());
        of_context
            .map(|http| http.method.as_str())
            .or(self.http_method.as_deref())
            .unwrap_or_default()
    }

    /// The address of the caller as the platform saw it. A load balancer states none but in a header.
    pub(super) fn source_ip(&self, way: Way) -> Option<&str> {
        let context = self.context()?;
        match way {
            Way::FunctionUrl | Way::HttpApi => context.http.as_ref()?.source_ip.as_deref(),
            Way::HttpApiV1 | Way::RestApi => context.identity.as_ref()?.source_ip.as_deref(),
            Way::LoadBalancer { .. } => None,
        }
    }

    /// The stage of an API, unless it is the nameless one.
    pub(super) fn stage(&self) -> Option<&str> {
        let stage = self.context()?.stage.as_deref()?;
        (stage != "$default" && !stage.is_empty()).then_some(stage)
    }

    /// The IAM principal of format 2.0.
    pub(super) fn iam(&self) -> Option<&Iam> {
        self.context()?.authorizer.as_ref()?.iam.as_ref()
    }

    /// The identity of format 1.0.
    pub(super) fn identity(&self) -> Option<&Identity> {
        self.context()?.identity.as_ref()
    }

    fn context(&self) -> Option<&RequestContext> {
        self.request_context.as_ref()
    }
}

impl RequestContext {
    /// Whether the domain is of the form `<id>.lambda-url.<region>.on.aws`, which is that of all Function
    /// URLs: in China, where others would be expected, Lambda has none. No API can have such a domain.
    fn is_function_url(&self) -> bool {
        let domain = self.domain_name.as_deref().unwrap_or_default();
        let names = domain.strip_suffix(".on.aws");
        let names = names.and_then(|names| names.split_once(".lambda-url."));
        let is_label = |name: &str| !name.is_empty() && !name.contains('.');
        names.is_some_and(|(id, region)| is_label(id) && is_label(region))
    }
}

/// The members of a JSON object in their order, repeated ones too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Members<V>(pub(super) Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for InOrder<V> {
            type Value = Members<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

/// What does not have the form is left out: authorizers of format 1.0 have members of any type.
fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Iam>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.and_then(|raw| serde_json::from_str(raw.get()).ok()))
}
