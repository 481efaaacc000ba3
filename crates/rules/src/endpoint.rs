//! Which calls are admitted, and where reversible tokens in them are turned back.

mod admit;
mod body;
mod compile;
mod lint;
mod param;
mod path;
mod percent;
mod query;
mod reach;
mod reverse;
mod template;
mod token;

pub use admit::{Admitted, Call, NotAdmitted};
pub use compile::Endpoint;
pub use path::{CallPath, MAX_PATH_BYTES, PathRefused};
pub use query::{CallQuery, MAX_QUERY_BYTES, QueryPair, QueryRefused};
pub use reverse::{ReverseError, UpstreamTarget};

use crate::language::{self, Diagnostic, LoadOptions, Parsed, RestRules, RuleFile, RuleKind};
use crate::pattern;

/// A REST rule set, compiled.
#[derive(Debug)]
pub struct RuleSet {
    endpoints: Vec<Endpoint>,
    headers: Vec<String>,
    digest: String,
}

impl RuleSet {
    /// Reads, checks and compiles REST rules from what was configured (see [`language::parse`]).
    /// Returns them with the warnings, or all findings if there is an error.
    pub fn load(
        file_name: &str,
        configured: &str,
        options: LoadOptions,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let options = rest(options);
        Self::compile(language::read(file_name, configured, options)?, options)
    }

    /// Like [`RuleSet::load`], for a YAML or JSON text beside which a program carries what
    /// [`language::pack`] made of it. The same comes of it, sooner; bytes that were made of another
    /// text, or of none, are not used.
    pub fn load_packed(
        file_name: &str,
        text: &str,
        packed: &[u8],
        options: LoadOptions,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let options = rest(options);
        let parsed = language::read_packed(file_name, text, packed, options)?;
        Self::compile(parsed, options)
    }

    fn compile(
        mut parsed: Parsed,
        options: LoadOptions,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut found = std::mem::take(&mut parsed.found);
        let RuleFile::Rest(rules) = &parsed.rules else {
            return Err(parsed.findings(found));
        };
        lint::check(rules, options, &mut found);
        let endpoints: Vec<Endpoint> = pattern::sharing(|| {
            let compile = |spec| Endpoint::compile(spec, &rules.definitions, options, &mut found);
            rules.endpoints.iter().filter_map(compile).collect()
        });
        if found.has_errors() {
            return Err(parsed.findings(found));
        }
        let headers = rule_set_headers(rules);
        let digest = parsed.digest.clone();
        Ok((
            Self {
                endpoints,
                headers,
                digest,
            },
            parsed.findings(found),
        ))
    }

    /// The endpoints in file order.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The index of one of these endpoints in [`RuleSet::endpoints`].
    pub fn position(&self, endpoint: &Endpoint) -> Option<usize> {
        self.endpoints
            .iter()
            .position(|one| std::ptr::eq(one, endpoint))
    }

    /// Names of request headers forwarded for every endpoint, in lower case.
    pub fn allowed_request_headers(&self) -> &[String] {
        &self.headers
    }

    /// SHA-256 of the rules' text in lower-case hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// Everything that is to be said about a rule file of any type, in file order.
pub fn findings(file_name: &str, configured: &str, options: LoadOptions) -> Vec<Diagnostic> {
    let rules = match language::read(file_name, configured, options) {
        Ok(parsed) => parsed.rules,
        Err(found) => return found,
    };
    if matches!(rules, RuleFile::Rest(_)) {
        return match RuleSet::load(file_name, configured, options) {
            Ok((_, warnings)) => warnings,
            Err(found) => found,
        };
    }
    match language::parse(file_name, configured, options) {
        Ok(parsed) => parsed.into_findings(),
        Err(found) => found,
    }
}

fn rest(options: LoadOptions) -> LoadOptions {
    LoadOptions {
        kind: Some(RuleKind::Rest),
        ..options
    }
}

fn rule_set_headers(rules: &RestRules) -> Vec<String> {
    rules
        .allowed_request_headers
        .iter()
        .map(|name| name.to_lowercase())
        .collect()
}
