//! Which endpoint admits a call, if any.

use super::path::CallPath;
use super::query::CallQuery;
use super::{Endpoint, RuleSet};
use std::ops::Range;

/// A call as its sender made it: tokens not yet turned back.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    /// The method.
    pub method: &'c str,
    /// The path, without the base path of the source.
    pub path: &'c CallPath,
    /// The query.
    pub query: &'c CallQuery,
    /// The `Content-Type` header.
    pub content_type: Option<&'c str>,
    /// The body; empty if there is none.
    pub body: &'c [u8],
}

/// A call that the rules admit, with the one endpoint that admits it.
#[derive(Debug)]
pub struct Admitted<'r, 'c> {
    /// The endpoint: the first in file order that matches.
    pub endpoint: &'r Endpoint,
    pub(crate) call: Call<'c>,
    pub(crate) places: PathPlaces,
}

/// Where in the path tokens are turned back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathPlaces {
    /// In any segment.
    Everywhere,
    /// In the parameters of the template.
    Parameters(Vec<Range<usize>>),
    /// In named groups of the pattern and in segments that are one token.
    GroupsAndWholeSegments(Vec<Range<usize>>),
}

/// Why no endpoint admits a call; the nearest miss if there are several reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotAdmitted {
    /// No endpoint has this path.
    #[error("no endpoint has this path")]
    Endpoint,
    /// The path has an encoded slash that no endpoint asks for.
    #[error("no endpoint admits an encoded slash in this place")]
    EncodedSlash,
    /// A path parameter does not fit its schema.
    #[error("a path parameter does not fit its schema")]
    PathParameter,
    /// The endpoint does not list the method.
    #[error("the endpoint does not list this method")]
    Method,
    /// A query parameter is not listed.
    #[error("the endpoint does not list a query parameter")]
    QueryParameter,
    /// A query parameter is missing or does not fit its schema.
    #[error("a query parameter is missing or does not fit its schema")]
    QueryValue,
    /// The body is missing, of an undeclared content type or does not fit its schema.
    #[error("the endpoint does not admit this body")]
    Body,
}

impl NotAdmitted {
    /// Stable name of the reason.
    pub fn code(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint-not-listed",
            Self::EncodedSlash => "path-not-normal",
            Self::PathParameter => "path-parameter-not-admitted",
            Self::Method => "method-not-listed",
            Self::QueryParameter => "query-parameter-not-listed",
            Self::QueryValue => "query-parameter-not-admitted",
            Self::Body => "body-not-admitted",
        }
    }
}

impl RuleSet {
    /// The first endpoint in file order whose path, method and query fit; its body rule then
    /// decides.
    pub fn admit<'r, 'c>(&'r self, call: &Call<'c>) -> Result<Admitted<'r, 'c>, NotAdmitted> {
        let target = call
            .query
            .to_text()
            .map(|query| format!("{}?{query}", call.path.as_str()));
        let target = target.as_deref().unwrap_or(call.path.as_str());
        let mut nearest = NotAdmitted::Endpoint;
        if call.path.has_encoded_slash() {
            nearest = NotAdmitted::EncodedSlash;
        }
        for endpoint in self.endpoints() {
            match endpoint.admit(call, target) {
                Ok(places) if endpoint.admits_body(call) => {
                    return Ok(Admitted {
                        endpoint,
                        call: *call,
                        places,
                    });
                }
                Ok(_) => return Err(NotAdmitted::Body),
                Err(reason) => nearest = nearest.max(reason),
            }
        }
        Err(nearest)
    }
}

impl Endpoint {
    fn admit(&self, call: &Call<'_>, target: &str) -> Result<PathPlaces, NotAdmitted> {
        let places = self.match_path(call.path, target)?;
        if !self.admits_method(call.method) {
            return Err(NotAdmitted::Method);
        }
        self.admit_query(call.query)?;
        Ok(places)
    }

    fn admit_query(&self, query: &CallQuery) -> Result<(), NotAdmitted> {
        for pair in query.pairs() {
            let name = pair.name.to_ascii_lowercase();
            if self
                .query_names
                .as_ref()
                .is_some_and(|names| !names.contains(&name))
            {
                return Err(NotAdmitted::QueryParameter);
            }
        }
        for (name, schema) in &self.query_schemas {
            let mut values = query
                .pairs()
                .iter()
                .filter(|pair| pair.name.to_ascii_lowercase() == *name)
                .filter_map(|pair| pair.value.as_deref())
                .peekable();
            let missing = schema.required && values.peek().is_none();
            if missing || !values.all(|value| schema.admits(value)) {
                return Err(NotAdmitted::QueryValue);
            }
        }
        Ok(())
    }
}
