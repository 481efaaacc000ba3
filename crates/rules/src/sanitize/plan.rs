//! From an endpoint's rules as written to what is run for each response.

use crate::augment::Augment;
use crate::json::Symbols;
use crate::jsonpath::JsonPath;
use crate::language::{
    AugmentSpec, Diagnostics, EndpointSpec, PseudonymEncoding, SchemaSpec, Spanned, TransformKind,
    TransformSpec,
};
use crate::pseudonym::Purpose;
use crate::schema::Schema;
use crate::transform::{Transform, compile};

/// What happens to the responses of one endpoint, compiled.
#[derive(Debug)]
pub struct ResponsePlan {
    symbols: Symbols,
    pub(super) augments: Vec<Augment>,
    pub(super) schema: Option<Schema>,
    pub(super) steps: Vec<Step>,
}

/// One transform with its targets.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) paths: Vec<JsonPath>,
    pub(super) condition: Option<JsonPath>,
    reversible: Option<Purpose>,
    pub(super) transform: Box<dyn Transform>,
}

impl ResponsePlan {
    /// Compiles the response side of an endpoint, whose schema refers to `definitions`.
    ///
    /// `None` if anything is wrong, which is then in `diagnostics`; everything is looked at.
    pub fn compile(
        endpoint: &EndpointSpec,
        definitions: &[(Spanned<String>, SchemaSpec)],
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        if endpoint.response_schema.is_none() {
            diagnostics.warning(
                "endpoint-without-schema",
                endpoint.span,
                "this endpoint has no `responseSchema`, so fields that no transform names pass",
                "list the fields that may leave in `responseSchema`",
            );
        }
        let schema = endpoint.response_schema.as_ref();
        if let Some((name, _)) = schema.and_then(|schema| schema.definitions.first()) {
            diagnostics.warning(
                "schema-definitions-ignored",
                name.span,
                "`definitions` inside an endpoint's schema are not looked at",
                "move them to `definitions` of the rule set",
            );
        }
        let (augments, transforms) = (&endpoint.augments, &endpoint.transforms);
        Self::from_parts(schema, definitions, augments, transforms, diagnostics)
    }

    /// Compiles a plan from its parts, as webhooks and records have them.
    pub fn from_parts(
        schema: Option<&SchemaSpec>,
        definitions: &[(Spanned<String>, SchemaSpec)],
        augments: &[AugmentSpec],
        transforms: &[TransformSpec],
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let mut symbols = Symbols::new();
        let compiled_schema =
            schema.map(|spec| Schema::compile(spec, definitions, &mut symbols, diagnostics));
        let augments = augments
            .iter()
            .filter_map(|spec| Augment::compile(spec, &mut symbols, diagnostics))
            .collect();
        let steps: Vec<_> = transforms
            .iter()
            .map(|spec| Step::compile(spec, &mut symbols, diagnostics))
            .collect();
        if diagnostics.has_errors() {
            return None;
        }
        let schema = match compiled_schema {
            Some(compiled) => Some(compiled?),
            None => None,
        };
        let steps = steps.into_iter().collect::<Option<_>>()?;
        Some(Self {
            symbols,
            augments,
            schema,
            steps,
        })
    }

    /// What reversible pseudonyms the plan makes; each needs a key to encrypt with.
    pub fn reversible_purposes(&self) -> impl Iterator<Item = Purpose> {
        self.steps.iter().filter_map(|step| step.reversible)
    }

    /// Whether only what a schema names can leave.
    pub fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    /// How many transforms there are.
    pub fn transform_count(&self) -> usize {
        self.steps.len()
    }

    /// The member names that the plan mentions.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }
}

impl Step {
    fn compile(
        spec: &TransformSpec,
        symbols: &mut Symbols,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let paths: Vec<_> = spec
            .json_paths
            .iter()
            .map(|path| compile_target(path, symbols, diagnostics))
            .collect();
        let condition = spec
            .apply_only_when
            .as_ref()
            .map(|path| compile_path(path, symbols, diagnostics));
        let transform = compile(&spec.kind, diagnostics);
        let condition = match condition {
            Some(condition) => Some(condition?),
            None => None,
        };
        let paths = paths.into_iter().collect::<Option<_>>()?;
        Some(Self {
            name: spec.kind.name(),
            paths,
            condition,
            transform: transform?,
            reversible: reversible_purpose(&spec.kind),
        })
    }
}

/// For what the transform makes reversible pseudonyms, if it does.
fn reversible_purpose(kind: &TransformKind) -> Option<Purpose> {
    match kind {
        TransformKind::Tokenize { .. }
        | TransformKind::PseudonymizeRegexMatches {
            include_reversible: true,
            ..
        } => Some(Purpose::Identifier),
        TransformKind::Pseudonymize {
            encoding,
            include_reversible: true,
            ..
        } => (*encoding != PseudonymEncoding::UrlSafeHashOnly).then_some(Purpose::Identifier),
        TransformKind::EncryptIp => Some(Purpose::IpAddress),
        _ => None,
    }
}

/// Compiles a path, noting what is wrong with it or worth a second look.
pub(crate) fn compile_path(
    path: &Spanned<String>,
    symbols: &mut Symbols,
    diagnostics: &mut Diagnostics,
) -> Option<JsonPath> {
    let compiled = match JsonPath::parse(&path.value, symbols) {
        Ok(compiled) => compiled,
        Err(error) => {
            let help = "the grammar of paths is in docs/jsonpath.md";
            diagnostics.error(error.code(), path.span, error.to_string(), help);
            return None;
        }
    };
    if compiled.uses_lookaround() {
        diagnostics.warning(
            "regex-lookaround",
            path.span,
            "a pattern of this path needs backtracking; where it takes too many steps, it counts as matched",
            "avoid look-around, back-references and possessive quantifiers",
        );
    }
    if let Some(difference) = compiled.rfc9535_difference() {
        let help = "nothing to do here; mind the difference when the path is used elsewhere";
        diagnostics.warning("jsonpath-differs", path.span, difference, help);
    }
    Some(compiled)
}

/// Compiles the target of a transform, which can't be the whole document.
fn compile_target(
    path: &Spanned<String>,
    symbols: &mut Symbols,
    diagnostics: &mut Diagnostics,
) -> Option<JsonPath> {
    let compiled = compile_path(path, symbols, diagnostics)?;
    if compiled.is_root() {
        diagnostics.error(
            "jsonpath-root",
            path.span,
            "a transform can't replace the whole document",
            "name the members to transform, or describe what may leave in `responseSchema`",
        );
        return None;
    }
    Some(compiled)
}
