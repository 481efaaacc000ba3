//! `docs/sources.md`: all sources in one table, from their declarations.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::chore::root;

const HEAD: &str = "\
# Sources

<!-- Written by `cargo xtask gen` from rules/*/source.yaml. -->

Every source that Hushgate can be connected to. With *rules* there is a function that lets the listed calls through and
sanitizes the answers; without, a connection can be made and kept, and nothing is let through yet. A source's page says
how to set it up at the vendor; how the credentials work is in [Connections](connections.md).

";

/// The part of a declaration that the table shows.
#[derive(Deserialize)]
struct Declaration {
    name: String,
    #[serde(default)]
    categories: Vec<String>,
    connect_button: Option<String>,
    host: Option<String>,
    target_host: Option<TargetHost>,
    auth: Auth,
}

#[derive(Deserialize)]
struct TargetHost {
    pattern: String,
    example: String,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(rename = "type")]
    kind: String,
    grant: Option<String>,
    family: Option<String>,
    authorization: Option<IgnoredAny>,
    device: Option<IgnoredAny>,
    refresh_token: Option<String>,
    send: Option<Send>,
    #[serde(default)]
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Send {
    #[serde(rename = "in")]
    place: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    default: Option<String>,
    required: Option<bool>,
    #[serde(default)]
    when: Vec<String>,
}

/// The page for the declared sources, of which some have rules.
pub(super) fn page(declared: &[String], with_rules: &[String]) -> anyhow::Result<String> {
    let mut text = HEAD.to_owned();
    let _ = write!(
        text,
        "{} sources, {} of them with rules.\n\n\
         | source | name | kinds of data | host | authentication | needed | rules |\n|---|---|---|---|---|---|---|\n",
        declared.len(),
        with_rules.len()
    );
    let mut families: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in declared {
        let rules = if with_rules.contains(id) {
            "yes"
        } else {
            "later"
        };
        let declaration = read(id)?;
        let _ = writeln!(
            text,
            "| [{id}](../rules/{id}/README.md) | {} | {} | {} | {} | {} | {rules} |",
            declaration.name,
            declaration.categories.join(", "),
            host(&declaration),
            authentication(&declaration.auth),
            needed(&declaration.auth)
        );
        if let Some(family) = declaration.auth.family {
            families.entry(family).or_default().push(format!("`{id}`"));
        }
    }
    text.push_str(
        "\n*Needed* names the fields without which no connection can be made. In brackets: depending on the chosen way \
         to authenticate.\n",
    );
    text.push_str("\nOne connection can serve all sources of a family:\n\n");
    for (family, members) in families {
        let _ = writeln!(text, "- `{family}`: {}", members.join(", "));
    }
    Ok(text)
}

/// The name of the image that a source declares for its button.
pub(super) fn connect_button(id: &str) -> anyhow::Result<Option<String>> {
    Ok(read(id)?.connect_button)
}

fn read(id: &str) -> anyhow::Result<Declaration> {
    let path = root().join(format!("rules/{id}/source.yaml"));
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("read {}", path.display()))
}

fn host(declaration: &Declaration) -> String {
    match (&declaration.host, &declaration.target_host) {
        (Some(host), _) => format!("`{host}`"),
        (None, Some(target)) if target.pattern == "*" => {
            format!("of the account, such as `{}`", target.example)
        }
        (None, Some(target)) => format!("`{}`", target.pattern),
        (None, None) => String::new(),
    }
}

fn authentication(auth: &Auth) -> String {
    let place = auth.send.as_ref().map_or("", |send| send.place.as_str());
    let name = auth.send.as_ref().and_then(|send| send.name.as_deref());
    match (auth.kind.as_str(), auth.grant.as_deref()) {
        ("apiKey", _) => match (place, name) {
            ("header", Some("authorization")) => "static bearer token".to_owned(),
            ("header", Some(name)) => format!("static key in `{name}`"),
            ("query", Some(name)) => format!("static key in the query parameter `{name}`"),
            ("body", Some(name)) => format!("static key in the JSON body as `{name}`"),
            _ => "static key by HTTP Basic".to_owned(),
        },
        ("oauth2", Some(grant)) => format!("OAuth 2.0, `{grant}`"),
        ("oauth1", _) => "OAuth 1.0a".to_owned(),
        ("pwd", _) => "user name and password".to_owned(),
        (other, _) => other.to_owned(),
    }
}

fn needed(auth: &Auth) -> String {
    let consent = auth.authorization.is_some() || auth.device.is_some();
    let obtained = auth.refresh_token.as_deref().unwrap_or("REFRESH_TOKEN");
    let needed = auth
        .fields
        .iter()
        .filter(|field| field.required.unwrap_or(field.default.is_none()))
        .filter(|field| !(consent && field.name == obtained));
    let mut names: Vec<_> = needed
        .map(|field| {
            if field.when.is_empty() {
                format!("`{}`", field.name)
            } else {
                format!("(`{}`)", field.name)
            }
        })
        .collect();
    if consent {
        names.push("a consent in the browser".to_owned());
    }
    names.join(", ")
}
