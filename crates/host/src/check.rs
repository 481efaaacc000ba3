//! What can be said about a configuration before a function is started with it: all that a start would
//! say of documents that are at hand.

use hushgate_gateway::ports::{Clock as _, SystemClock};

use crate::assemble::{read_policy, replaced, wrong_policy, wrong_rules};
use crate::config::{Config, DocumentAt};

/// Checks the access policy as a start does, if it is in a file or inline; one that lies in a store or
/// bucket is not fetched. Gives what its author should look at again, such as sources that are not
/// `known`.
///
/// # Errors
/// Every problem of it, as text for the operator.
pub fn check_policy(config: &Config, known: &[&str]) -> Result<Vec<String>, Vec<String>> {
    let Some(DocumentAt::Text(given)) = &config.access else {
        return Ok(Vec::new());
    };
    let text = given.read_plain();
    let text = text.map_err(|problem| wrong_policy(&problem.to_string()))?;
    let policy = read_policy(&text, given.name(), config)?;
    let warnings = policy.warnings(known, SystemClock.unix_seconds());
    Ok(warnings
        .into_iter()
        .flat_map(|warning| wrong_policy(&warning))
        .collect())
}

/// Compiles the rules that replace the built-in ones as a start does, if they are in a file or inline.
/// Gives their warnings.
///
/// # Errors
/// Every problem of them, as text for the operator.
pub fn check_rules(config: &Config) -> Result<Vec<String>, Vec<String>> {
    let Some(DocumentAt::Text(given)) = &config.rules else {
        return Ok(Vec::new());
    };
    let text = given.read_packed();
    let text = text.map_err(|problem| wrong_rules(&problem.to_string()))?;
    replaced(config, given.name(), &text).map(|(_, warnings)| warnings)
}
