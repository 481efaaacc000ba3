//! From endpoints as written to what calls are compared with.

use super::admit::{Call, NotAdmitted, PathPlaces};
use super::body::Body;
use super::param::{Param, compile_pattern, spells_encoded_slash};
use super::path::CallPath;
use super::percent;
use super::template::Template;
use crate::language::{
    Diagnostics, EndpointSpec, LoadOptions, SchemaSpec, Spanned, closest, shown,
};
use crate::pattern::{Flags, Pattern};
use crate::sanitize::ResponsePlan;
use std::ops::Range;

/// One endpoint, compiled.
#[derive(Debug)]
pub struct Endpoint {
    label: String,
    compat: bool,
    matcher: Matcher,
    /// By index of the template's parameter; `None` for parameters without schema.
    path_schemas: Vec<Option<Param>>,
    /// A path schema names a parameter that the template does not have: nothing matches.
    never: bool,
    methods: Option<Vec<String>>,
    pub(super) query_names: Option<Vec<String>>,
    pub(super) query_schemas: Vec<(String, Param)>,
    body: BodyRule,
    response: ResponsePlan,
    headers: Vec<String>,
}

#[derive(Debug)]
enum Matcher {
    Template(Template),
    Pattern {
        pattern: Pattern,
        groups: Vec<usize>,
        encoded_slash: bool,
    },
}

#[derive(Debug)]
enum BodyRule {
    Any,
    Never,
    Checked(Body),
}

impl Endpoint {
    /// Compiles an endpoint; what is wrong goes to `found`, and everything is looked at.
    pub(super) fn compile(
        spec: &EndpointSpec,
        definitions: &[(Spanned<String>, SchemaSpec)],
        options: LoadOptions,
        found: &mut Diagnostics,
    ) -> Option<Self> {
        let matcher = matcher(spec, options, found);
        let names = match &matcher {
            Some(Matcher::Template(template)) => template.names(),
            _ => &[],
        };
        let (path_schemas, never) = path_schemas(spec, names, options, found);
        let query_schemas = query_schemas(spec, options, found);
        let body = match &spec.request_body {
            Some(body) => BodyRule::Checked(Body::compile(body, options, found)),
            None if options.compat => BodyRule::Any,
            None => BodyRule::Never,
        };
        let response = ResponsePlan::compile(spec, definitions, found);
        let label = spec
            .path_template
            .as_ref()
            .or(spec.path_regex.as_ref())?
            .value
            .clone();
        Some(Self {
            label,
            compat: options.compat,
            matcher: matcher?,
            response: response?,
            path_schemas,
            never,
            methods: methods(spec, options),
            query_names: spec
                .allowed_query_params
                .as_ref()
                .map(|names| names.iter().map(|name| name.to_ascii_lowercase()).collect()),
            query_schemas,
            body,
            headers: spec
                .allowed_request_headers
                .iter()
                .map(|it| it.to_lowercase())
                .collect(),
        })
    }

    /// The template or pattern as written: the endpoint's name in logs.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Names of request headers this endpoint forwards besides the rule set's, in lower case.
    pub fn allowed_request_headers(&self) -> &[String] {
        &self.headers
    }

    /// What happens to the responses.
    pub fn response(&self) -> &ResponsePlan {
        &self.response
    }

    /// Methods in upper case; `None`: every method.
    pub fn methods(&self) -> Option<&[String]> {
        self.methods.as_deref()
    }

    pub(super) fn compat(&self) -> bool {
        self.compat
    }

    pub(super) fn body(&self) -> Option<&Body> {
        match &self.body {
            BodyRule::Checked(body) => Some(body),
            BodyRule::Any | BodyRule::Never => None,
        }
    }

    pub(super) fn admits_method(&self, method: &str) -> bool {
        match &self.methods {
            Some(methods) => methods.iter().any(|own| own.eq_ignore_ascii_case(method)),
            None => true,
        }
    }

    pub(super) fn admits_body(&self, call: &Call<'_>) -> bool {
        match &self.body {
            BodyRule::Any => true,
            BodyRule::Never => call.body.is_empty(),
            BodyRule::Checked(body) => body.admits(call.content_type, call.body),
        }
    }

    /// Whether tokens in this query parameter are turned back.
    pub(super) fn declares_query(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let listed = self
            .query_names
            .as_ref()
            .is_some_and(|names| names.contains(&name));
        self.compat || listed || self.query_schemas.iter().any(|(own, _)| *own == name)
    }

    /// Whether a path, and its query for patterns, is this endpoint's.
    pub(super) fn match_path(
        &self,
        path: &CallPath,
        target: &str,
    ) -> Result<PathPlaces, NotAdmitted> {
        if self.never {
            return Err(NotAdmitted::Endpoint);
        }
        let (declared, found) = match &self.matcher {
            Matcher::Template(template) => {
                let ranges = template
                    .matches(path.as_str())
                    .ok_or(NotAdmitted::Endpoint)?;
                self.check_parameters(path, &ranges)?;
                (ranges, PathPlaces::Parameters as fn(_) -> _)
            }
            Matcher::Pattern {
                pattern,
                groups,
                encoded_slash,
            } => {
                let ranges = match_pattern(pattern, groups, path.as_str(), target)
                    .ok_or(NotAdmitted::Endpoint)?;
                if path.has_encoded_slash() && !encoded_slash {
                    return Err(NotAdmitted::EncodedSlash);
                }
                (ranges, PathPlaces::GroupsAndWholeSegments as fn(_) -> _)
            }
        };
        Ok(if self.compat {
            PathPlaces::Everywhere
        } else {
            found(declared)
        })
    }

    fn check_parameters(
        &self,
        path: &CallPath,
        ranges: &[Range<usize>],
    ) -> Result<(), NotAdmitted> {
        for (range, schema) in ranges.iter().zip(&self.path_schemas) {
            let raw = path.as_str().get(range.clone()).unwrap_or_default();
            let value = percent::decode(raw).ok_or(NotAdmitted::PathParameter)?;
            if schema.as_ref().is_some_and(|schema| !schema.admits(&value)) {
                return Err(NotAdmitted::PathParameter);
            }
            let hidden = path.has_encoded_slash() && hides_slash(raw);
            if hidden
                && !schema
                    .as_ref()
                    .is_some_and(|schema| schema.admits_slash(&value))
            {
                return Err(NotAdmitted::EncodedSlash);
            }
        }
        Ok(())
    }
}

fn hides_slash(raw: &str) -> bool {
    let mut now = raw.to_owned();
    while let Some(next) = percent::decode(&now) {
        if next == now {
            break;
        }
        now = next.into_owned();
    }
    now.contains('/')
}

fn match_pattern(
    pattern: &Pattern,
    groups: &[usize],
    path: &str,
    target: &str,
) -> Option<Vec<Range<usize>>> {
    let found = pattern.captures(target).ok().flatten()?;
    let inside = groups.iter().filter_map(|group| found.span(*group));
    // A group may reach into the query, whose parameters are turned back by name.
    Some(inside.filter(|range| range.end <= path.len()).collect())
}

fn methods(spec: &EndpointSpec, options: LoadOptions) -> Option<Vec<String>> {
    match &spec.allowed_methods {
        Some(methods) => Some(methods.iter().map(|method| method.value.clone()).collect()),
        None if options.compat => None,
        None => Some(vec!["GET".to_owned(), "HEAD".to_owned()]),
    }
}

fn matcher(spec: &EndpointSpec, options: LoadOptions, found: &mut Diagnostics) -> Option<Matcher> {
    if let (Some(template), Some(_)) = (&spec.path_template, &spec.path_regex) {
        let message = "`pathTemplate` beside `pathRegex`: the template has no effect";
        let help = "keep one of the two";
        if options.compat {
            found.warning("conflicting-options", template.span, message, help);
        } else {
            found.error("conflicting-options", template.span, message, help);
        }
    }
    if let Some(text) = &spec.path_regex {
        return pattern_matcher(text, found);
    }
    let Some(text) = &spec.path_template else {
        found.error(
            "missing-key",
            spec.span,
            "an endpoint without `pathTemplate` or `pathRegex`",
            "add `pathTemplate`, such as `/v1/users/{id}`",
        );
        return None;
    };
    match Template::compile(text) {
        Ok(template) => Some(Matcher::Template(template)),
        Err(error) => {
            let message = format!("in `pathTemplate`: {error}");
            found.error("bad-template", text.span, message, error.help());
            None
        }
    }
}

fn pattern_matcher(text: &Spanned<String>, found: &mut Diagnostics) -> Option<Matcher> {
    let whole = |source: &str| Pattern::whole_with(source, Flags::IGNORE_CASE);
    let pattern = compile_pattern(text, text.span, whole, found)?;
    let names = pattern.group_names().enumerate();
    let groups = names
        .filter_map(|(index, name)| name.map(|_| index + 1))
        .collect();
    let encoded_slash = spells_encoded_slash(text);
    Some(Matcher::Pattern {
        pattern,
        groups,
        encoded_slash,
    })
}

fn path_schemas(
    spec: &EndpointSpec,
    names: &[String],
    options: LoadOptions,
    found: &mut Diagnostics,
) -> (Vec<Option<Param>>, bool) {
    let mut schemas: Vec<Option<Param>> = names.iter().map(|_| None).collect();
    let mut never = false;
    for (name, schema) in &spec.path_parameter_schemas {
        let param = Param::compile(schema, options, found);
        let slot = names.iter().position(|own| *own == name.value);
        if let Some(slot) = slot.and_then(|index| schemas.get_mut(index)) {
            *slot = Some(param);
            continue;
        }
        never = true;
        let allowed: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = format!("`{}` is not a parameter of the template", shown(name));
        let help = match closest(name, &allowed) {
            Some(near) => format!("did you mean `{near}`?"),
            None if allowed.is_empty() => "the path has no template parameters".to_owned(),
            None => format!("parameters: {}", allowed.join(", ")),
        };
        if options.compat {
            let message = format!("{message}, so the endpoint admits nothing");
            found.warning("unknown-parameter", name.span, message, help);
        } else {
            found.error("unknown-parameter", name.span, message, help);
        }
    }
    (schemas, never)
}

fn query_schemas(
    spec: &EndpointSpec,
    options: LoadOptions,
    found: &mut Diagnostics,
) -> Vec<(String, Param)> {
    let mut schemas = Vec::new();
    for (name, schema) in &spec.query_param_schemas {
        let lower = name.to_ascii_lowercase();
        let listed = spec
            .allowed_query_params
            .as_ref()
            .is_none_or(|names| names.iter().any(|own| own.to_ascii_lowercase() == lower));
        if !listed {
            let message = format!(
                "`{}` has a schema but is not in `allowedQueryParams`",
                shown(name)
            );
            let help = "add it there, or remove the schema";
            if options.compat {
                found.warning("unknown-parameter", name.span, message, help);
            } else {
                found.error("unknown-parameter", name.span, message, help);
            }
        }
        schemas.push((lower, Param::compile(schema, options, found)));
    }
    schemas
}
