//! Rules and keys together, outside a gateway: what `sanitize` and `rules test` run on.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, anyhow};
use hushgate_gateway::refusal::Refusal;
use hushgate_host::config::{Config, process_environment};
use hushgate_rules::endpoint::{self, Call as RuleCall, CallPath, CallQuery, RuleSet};
use hushgate_rules::language::{self, Diagnostic, LoadOptions, RuleKind};
use hushgate_rules::pseudonym::{self, Options, Pseudonymizer};
use hushgate_rules::sanitize::Sanitizer;

use crate::examples::{Call, EXAMPLE_KEYS};

/// Pseudonym keys.
#[derive(Debug, Clone)]
pub struct Keys(Pseudonymizer);

impl Keys {
    /// The public keys of the examples.
    ///
    /// # Errors
    /// None in practice: the keys are fixed.
    pub fn examples() -> anyhow::Result<Self> {
        let find = |name: &str| {
            EXAMPLE_KEYS
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Self::new(find, false, Options::default())
    }

    /// The keys in the environment, under the names a function reads from its store.
    ///
    /// # Errors
    /// Names every missing or wrong key, and every wrong variable.
    pub fn from_environment(compat: bool) -> anyhow::Result<Self> {
        let environment = process_environment().map_err(all)?;
        let config = Config::read(&environment).map_err(all)?;
        Self::new(
            |name| environment.get(name).cloned(),
            compat,
            config.pseudonyms,
        )
    }

    fn new(
        lookup: impl Fn(&str) -> Option<String>,
        compat: bool,
        options: Options,
    ) -> anyhow::Result<Self> {
        let keys = pseudonym::Keys::from_lookup(lookup, compat).map_err(all)?;
        Ok(Self(Pseudonymizer::new(keys, options)?))
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` hands over"
)]
fn all<E: std::fmt::Display>(problems: Vec<E>) -> anyhow::Error {
    anyhow!(
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n       ")
    )
}

/// Whether `HUSHGATE_COMPAT` asks for psoxy's scheme.
///
/// # Errors
/// When it has another value.
pub fn compat_from_environment() -> anyhow::Result<bool> {
    let environment = process_environment().map_err(all)?;
    match environment.get("HUSHGATE_COMPAT").map(|v| v.trim()) {
        None | Some("") => Ok(false),
        Some("psoxy") => Ok(true),
        Some(_) => Err(anyhow!("HUSHGATE_COMPAT: must be `psoxy` or empty")),
    }
}

/// Everything that is to be said about a rule file of any type.
pub fn findings(file: &str, text: &str, compat: bool) -> Vec<Diagnostic> {
    endpoint::findings(file, text, LoadOptions { compat, kind: None })
}

/// Why there is no sanitized body.
#[derive(Debug)]
pub struct Blocked {
    /// The stable code, as a function would answer it.
    pub code: &'static str,
    /// What is wrong, without any value.
    pub message: String,
    /// Whether the rules refuse the call; otherwise the body could not be sanitized.
    pub by_rules: bool,
}

/// What the rules say about a call.
#[derive(Debug)]
pub enum Outcome {
    /// Admitted by the endpoint with this index.
    Admitted(usize),
    /// Refused with the code a function would answer.
    Refused {
        /// The code.
        code: &'static str,
        /// The reason.
        detail: String,
    },
}

impl Outcome {
    /// The endpoint's index.
    ///
    /// # Errors
    /// When the call was refused.
    pub fn admitted(self) -> anyhow::Result<usize> {
        match self {
            Self::Admitted(endpoint) => Ok(endpoint),
            Self::Refused { code, detail } => Err(anyhow!("refused with `{code}`: {detail}")),
        }
    }
}

/// Compiles a rule file.
///
/// # Errors
/// Every finding, with file, line and column.
pub fn rules(path: &Path, compat: bool) -> anyhow::Result<RuleSet> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    compiled(&path.display().to_string(), &text, compat)
}

fn compiled(file: &str, text: &str, compat: bool) -> anyhow::Result<RuleSet> {
    let options = LoadOptions {
        compat,
        kind: Some(RuleKind::Rest),
    };
    let (rules, _) = RuleSet::load(file, text, options).map_err(|findings| {
        let errors = findings
            .iter()
            .filter(|f| f.severity == language::Severity::Error);
        anyhow!(
            "the rules are wrong\n{}",
            errors
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        )
    })?;
    Ok(rules)
}

/// A compiled rule set with keys.
#[derive(Debug)]
pub struct Engine {
    rules: RuleSet,
    sanitizer: Sanitizer,
}

impl Engine {
    /// Loads a rule file.
    ///
    /// # Errors
    /// Every finding, with file, line and column.
    pub fn load(path: &Path, keys: &Keys, compat: bool) -> anyhow::Result<Self> {
        Ok(Self::new(rules(path, compat)?, keys))
    }

    /// Compiled rules with keys.
    pub fn new(rules: RuleSet, keys: &Keys) -> Self {
        Self {
            rules,
            sanitizer: Sanitizer::new(keys.0.clone()),
        }
    }

    /// Compiles rules from text; `file` is for messages.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn from_text(file: &str, text: &str, keys: &Keys, compat: bool) -> anyhow::Result<Self> {
        Ok(Self::new(compiled(file, text, compat)?, keys))
    }

    /// The reversible pseudonym of an identifier.
    pub fn reversible(keys: &Keys, value: &str) -> String {
        keys.0.tokenize(value).unwrap_or_default()
    }

    /// How many endpoints the rules have.
    pub fn endpoints(&self) -> usize {
        self.rules.endpoints().len()
    }

    /// The endpoints, by index, that no answered example call exercises.
    pub fn without_example(&self, calls: &[Call]) -> Vec<usize> {
        let pseudonymizer = self.sanitizer.pseudonymizer();
        let covered: BTreeSet<usize> = calls
            .iter()
            .filter(|call| call.name.is_some())
            .filter_map(|call| {
                let target = call.target(|v| pseudonymizer.tokenize(v).unwrap_or_default());
                match self.admit(call, &target) {
                    Outcome::Admitted(endpoint) => Some(endpoint),
                    Outcome::Refused { .. } => None,
                }
            })
            .collect();
        (0..self.endpoints())
            .filter(|endpoint| !covered.contains(endpoint))
            .collect()
    }

    /// An endpoint as the rules write it.
    pub fn template(&self, endpoint: usize) -> &str {
        self.rules
            .endpoints()
            .get(endpoint)
            .map_or("", |e| e.label())
    }

    /// Looks an example call up in the rules.
    pub fn admit(&self, call: &Call, target: &str) -> Outcome {
        let pseudonymizer = self.sanitizer.pseudonymizer();
        let body = call.request_body(|v| pseudonymizer.tokenize(v).unwrap_or_default());
        let declared = call.content_type.as_deref().unwrap_or("application/json");
        let content_type = body.as_ref().map(|_| declared);
        let body = body.unwrap_or_default();
        self.look_up(call.method(), target, content_type, body.as_bytes())
    }

    fn look_up(
        &self,
        method: &str,
        target: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Outcome {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let refused = |refusal: Refusal| Outcome::Refused {
            code: refusal.cause().code(),
            detail: refusal.detail().to_owned(),
        };
        let path = match CallPath::normalize(path) {
            Ok(path) => path,
            Err(reason) => return refused(reason.into()),
        };
        let query = match CallQuery::parse(query) {
            Ok(query) => query,
            Err(reason) => return refused(reason.into()),
        };
        let call = RuleCall {
            method,
            path: &path,
            query: &query,
            content_type,
            body,
        };
        match self.rules.admit(&call) {
            Ok(admitted) => {
                Outcome::Admitted(self.rules.position(admitted.endpoint).unwrap_or_default())
            }
            Err(reason) => refused(reason.into()),
        }
    }

    /// Sanitizes an answer of an endpoint.
    ///
    /// # Errors
    /// The body can't be sanitized; the message holds nothing of it.
    pub fn sanitize(&self, endpoint: usize, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        let endpoint = self
            .rules
            .endpoints()
            .get(endpoint)
            .context("no such endpoint")?;
        let sanitized = self
            .sanitizer
            .sanitize(endpoint.response(), body)
            .map_err(|e| anyhow!("{}: {e}", e.code()))?;
        Ok(sanitized.into_parts().0)
    }

    /// What a function would answer to a call whose source answers `body`.
    ///
    /// # Errors
    /// The code, and whether the rules refuse the call.
    pub fn answer(&self, method: &str, url: &str, body: &[u8]) -> Result<Vec<u8>, Blocked> {
        let endpoint = match self.look_up(method, target_of(url), None, &[]) {
            Outcome::Admitted(endpoint) => endpoint,
            Outcome::Refused { code, detail } => {
                return Err(Blocked {
                    code,
                    message: detail,
                    by_rules: true,
                });
            }
        };
        let plan = self
            .rules
            .endpoints()
            .get(endpoint)
            .map(endpoint::Endpoint::response);
        let Some(plan) = plan else {
            return Err(Blocked {
                code: "internal",
                message: String::new(),
                by_rules: false,
            });
        };
        match self.sanitizer.sanitize(plan, body) {
            Ok(sanitized) => Ok(sanitized.into_parts().0),
            Err(error) => Err(Blocked {
                code: error.code(),
                message: error.to_string(),
                by_rules: false,
            }),
        }
    }
}

/// Path and query of a URL, or of a bare target.
fn target_of(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else {
        return url;
    };
    let start = rest.find(['/', '?']).unwrap_or(rest.len());
    let target = rest.get(start..).unwrap_or_default();
    if target.is_empty() { "/" } else { target }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_is_not_looked_at() {
        assert_eq!(
            target_of("https://api.zoom.us/v2/users?x=1"),
            "/v2/users?x=1"
        );
        assert_eq!(target_of("/v2/users"), "/v2/users");
        assert_eq!(target_of("https://api.zoom.us"), "/");
    }

    #[test]
    fn the_example_keys_are_valid() {
        let token = Engine::reversible(&Keys::examples().unwrap(), "abc");
        assert!(token.starts_with("p~"), "{token}");
    }
}
