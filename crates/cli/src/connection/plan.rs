//! What is set up: the source, the sources it serves beside, the connection's id.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use hushgate_gateway::connect::source::Kept;
use hushgate_gateway::connect::{Source, SourceHost, SourceOptions};

use super::code::Code;
use super::failure::Failure;
use crate::sources::Declared;

/// A source by its id, or by the path of a `source.yaml` or its folder.
///
/// # Errors
/// When there is no such source, or its declaration is wrong.
pub fn find_source(name: &str, dev_loopback: bool) -> Result<Arc<Source>, Failure> {
    let options = SourceOptions { dev_loopback };
    let (file, text) = if name.contains(['/', '.']) {
        let path = Path::new(name);
        let path = if path.is_dir() {
            path.join("source.yaml")
        } else {
            path.to_owned()
        };
        let text = std::fs::read_to_string(&path).map_err(|e| {
            Failure::usage(
                Code::SourceUnreadable,
                format!("{} can't be read: {}", path.display(), e.kind()),
            )
        })?;
        (path.display().to_string(), text)
    } else {
        let declared =
            Declared::find(name).map_err(|e| Failure::usage(Code::SourceUnknown, e.to_string()))?;
        (
            format!("rules/{}/source.yaml", declared.id),
            declared.source.to_owned(),
        )
    };
    let source = Source::load(&file, &text, options).map_err(|findings| {
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        Failure::new(Code::SourceInvalid, lines.join("\n"))
            .next("`hushgate rules check` checks the declaration")
    })?;
    Ok(Arc::new(source))
}

/// The sources that one connection serves: the one it is set up with, and others of its family.
///
/// # Errors
/// Names the source that can't be served, and why.
pub fn family(main: &Arc<Source>, others: Vec<Arc<Source>>) -> Result<Vec<Arc<Source>>, Failure> {
    let mut seen = BTreeSet::from([main.id.clone()]);
    let mut served = vec![Arc::clone(main)];
    for other in others {
        if !seen.insert(other.id.clone()) {
            continue;
        }
        if let Some(reason) = misfit(main, &other) {
            return Err(Failure::usage(
                Code::ConnectionFamily,
                format!(
                    "a connection of {} can't serve {}: {reason}",
                    main.id, other.id
                ),
            )
            .next(format!(
                "`hushgate connection connect {}` makes a connection of its own",
                other.id
            )));
        }
        served.push(other);
    }
    let merged = with_all_scopes(main, &served);
    if let Some(first) = served.first_mut() {
        *first = Arc::new(merged);
    }
    Ok(served)
}

/// Why a connection of one source can't serve another.
fn misfit(main: &Source, other: &Source) -> Option<String> {
    if main.family() != other.family() {
        return Some(format!(
            "they share no account (families `{}` and `{}`)",
            main.family(),
            other.family()
        ));
    }
    if main.auth.kind != other.auth.kind || main.auth.grant != other.auth.grant {
        return Some("they authenticate in different ways".to_owned());
    }
    if let (SourceHost::Account { .. }, SourceHost::Fixed(_)) = (&other.host, &main.host) {
        return Some(format!("{} needs a host of its own", other.id));
    }
    let has = |name: &str, kept: Kept| {
        let mut fields = main.auth.fields.iter();
        fields.any(|field| field.name == name && field.kept == kept)
    };
    let missing: Vec<_> = other
        .auth
        .fields
        .iter()
        .filter(|field| field.required && field.default.is_none())
        .filter(|field| !has(&field.name, field.kept))
        .map(|field| format!("`{}`", field.name))
        .collect();
    if !missing.is_empty() {
        return Some(format!("it needs {} too", missing.join(", ")));
    }
    // One access token for all of them must have the rights of each.
    let scope = |source: &Source| source.auth.exchange.as_ref().and_then(|e| e.scope.clone());
    let shared = main.auth.shared && other.auth.shared;
    (shared && scope(main) != scope(other))
        .then(|| "they ask for tokens of different scope, and instances share one token".to_owned())
}

/// The first source, asking for consent to the scopes of all.
fn with_all_scopes(first: &Source, served: &[Arc<Source>]) -> Source {
    let delimiter = first.auth.scope_delimiter.as_str();
    let joined = |scopes: &mut dyn Iterator<Item = Option<String>>| {
        let mut all: Vec<String> = Vec::new();
        for scope in scopes.flatten() {
            for one in scope.split(delimiter) {
                if !all.iter().any(|known| known == one) {
                    all.push(one.to_owned());
                }
            }
        }
        (!all.is_empty()).then(|| all.join(delimiter))
    };
    let mut merged = first.clone();
    if let Some(authorization) = &mut merged.auth.authorization {
        let mut scopes = served
            .iter()
            .map(|s| s.auth.authorization.as_ref().and_then(|a| a.scope.clone()));
        authorization.scope = joined(&mut scopes);
    }
    if let Some(device) = &mut merged.auth.device {
        let mut scopes = served
            .iter()
            .map(|s| s.auth.device.as_ref().and_then(|d| d.scope.clone()));
        device.scope = joined(&mut scopes);
    }
    merged
}
