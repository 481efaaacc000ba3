//! From augments as written to their compiled form.

use super::Augment;
use crate::json::Symbols;
use crate::language::{AugmentKind, AugmentSpec, Diagnostics};
use crate::sanitize::compile_path;
use crate::transform::TextDigester;

impl Augment {
    /// Compiles one augment. `None` if it adds nothing or is wrong; `diagnostics` says which.
    pub fn compile(
        spec: &AugmentSpec,
        symbols: &mut Symbols,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let AugmentKind::TextDigest { keywords } = &spec.kind else {
            diagnostics.warning(
                "augment-without-effect",
                spec.span,
                "`sentenceMetadata` needs language models, which are not available, and adds nothing",
                "remove the augment",
            );
            return None;
        };
        let paths = spec.json_paths.iter();
        let paths = paths
            .map(|path| compile_path(path, symbols, diagnostics))
            .collect::<Vec<_>>();
        let mut digester = TextDigester::new(keywords.iter().map(|word| word.value.clone()));
        if let Some(inner) = &spec.inner_json_path {
            diagnostics.warning(
                "augment-copies-inner-json",
                inner.span,
                "the added member holds all of the inner JSON, only what the path finds is digested",
                "make sure that nothing else in it is sensitive, or use the transform `textDigest`",
            );
            let mut inside = Symbols::new();
            let path = compile_path(inner, &mut inside, diagnostics)?;
            digester = digester.inside(path, inside);
        }
        Some(Self {
            paths: paths.into_iter().collect::<Option<_>>()?,
            digester,
        })
    }
}
