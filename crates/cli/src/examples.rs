//! The examples of a source: calls, original answers, what they become, and what must vanish.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

/// The pseudonym keys that examples are sanitized with: public on purpose, for examples only.
pub const EXAMPLE_KEYS: &[(&str, &str)] =
    &[("PSEUDONYM_KEY", hushgate_rules::transform::EXAMPLE_KEY)];

/// One entry of `examples/calls.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Names `original/<name>.json` and `sanitized/<name>.json`; absent for refused calls.
    #[serde(default)]
    pub name: Option<String>,
    /// `METHOD /path?query`; `{{reversible:VALUE}}` stands for the reversible pseudonym of `VALUE`.
    pub call: String,
    /// Request headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The request body, with placeholders like `call`.
    #[serde(default)]
    pub body: Option<String>,
    /// The request body's type; JSON when absent.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The code this call must be refused with.
    #[serde(default)]
    pub refused: Option<String>,
}

impl Call {
    /// The method.
    pub fn method(&self) -> &str {
        self.call
            .split_once(' ')
            .map_or("GET", |(method, _)| method)
    }

    /// Path and query with placeholders.
    pub fn template(&self) -> &str {
        self.call
            .split_once(' ')
            .map_or(self.call.as_str(), |(_, target)| target.trim())
    }

    /// Path and query as the caller sends them: placeholders turned into pseudonyms by `pseudonym`.
    pub fn target(&self, pseudonym: impl Fn(&str) -> String) -> String {
        replace_placeholders(self.template(), pseudonym)
    }

    /// The body as the caller sends it: placeholders turned into pseudonyms by `pseudonym`.
    pub fn request_body(&self, pseudonym: impl Fn(&str) -> String) -> Option<String> {
        let body = self.body.as_deref()?;
        Some(replace_placeholders(body, pseudonym))
    }

    /// The body as the vendor receives it.
    pub fn plain_body(&self) -> Option<String> {
        self.request_body(str::to_owned)
    }

    /// Path and query as the vendor receives them.
    pub fn plain_target(&self) -> String {
        self.target(str::to_owned)
    }
}

/// Replaces each `{{reversible:VALUE}}` of `text` by `replace(VALUE)`.
pub fn replace_placeholders(text: &str, replace: impl Fn(&str) -> String) -> String {
    const OPEN: &str = "{{reversible:";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((value, tail)) = after.split_once("}}") else {
            break;
        };
        out.push_str(before);
        out.push_str(&replace(value));
        rest = tail;
    }
    out + rest
}

/// Reads the calls of a `calls.yaml`.
///
/// # Errors
/// Names `file`, line and column.
pub fn parse_calls(file: &str, text: &str) -> anyhow::Result<Vec<Call>> {
    let calls: Vec<Call> =
        serde_saphyr::from_str(text).map_err(|e| anyhow::anyhow!("{file}: {e}"))?;
    for (index, call) in calls.iter().enumerate() {
        let place = format!("{file}: entry {} (`{}`)", index + 1, call.call);
        if !call.template().starts_with('/') {
            bail!("{place}: `call` must be a method, a space and a path that starts with `/`");
        }
        match (&call.name, &call.refused) {
            (None, None) => {
                bail!("{place}: give `name` (for a pair of files) or `refused` (a code)")
            }
            (Some(_), Some(_)) => bail!("{place}: `name` and `refused` exclude each other"),
            _ => {}
        }
    }
    Ok(calls)
}

/// A source's folder on disk: `rules.yaml` and `examples/`.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Its name, which is the source's id.
    pub id: String,
}

impl Folder {
    /// The folder of `source`, which is a path to one, or the id of one in `./rules`.
    ///
    /// # Errors
    /// When there is no `rules.yaml`; the message lists where it looked.
    pub fn find(source: &str) -> anyhow::Result<Self> {
        let candidates = [PathBuf::from(source), Path::new("rules").join(source)];
        let Some(path) = candidates.iter().find(|c| c.join("rules.yaml").is_file()) else {
            if let Some(declared) = candidates.iter().find(|c| c.join("source.yaml").is_file()) {
                bail!(
                    "no rules for `{source}` yet: {} declares it, but there is no rules.yaml beside it",
                    declared.join("source.yaml").display()
                );
            }
            bail!(
                "no rules for `{source}`: looked for {}; give a folder with a rules.yaml, or run in the repository's root",
                candidates
                    .map(|c| format!("`{}`", c.join("rules.yaml").display()))
                    .join(" and ")
            );
        };
        let absolute = std::fs::canonicalize(path)?;
        let id = absolute.file_name().context("a source is a named folder")?;
        Ok(Self {
            path: path.clone(),
            id: id.to_string_lossy().into_owned(),
        })
    }

    /// Every folder in `./rules` that has rules, by name.
    ///
    /// # Errors
    /// When `./rules` can't be read.
    pub fn all() -> anyhow::Result<Vec<Self>> {
        Self::with_any_of(&["rules.yaml"])
    }

    /// Every folder in `./rules` that declares a source or has rules, by name.
    ///
    /// # Errors
    /// When `./rules` can't be read.
    pub fn declared() -> anyhow::Result<Vec<Self>> {
        Self::with_any_of(&["source.yaml", "rules.yaml"])
    }

    fn with_any_of(files: &[&str]) -> anyhow::Result<Vec<Self>> {
        let entries = std::fs::read_dir("rules")
            .context("read ./rules: run in the repository's root, or name a folder")?;
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if files.iter().any(|file| path.join(file).is_file()) {
                let id = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                found.push(Self { path, id });
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// The rule file.
    pub fn rules(&self) -> PathBuf {
        self.path.join("rules.yaml")
    }

    /// The calls; none when there is no `examples/calls.yaml`.
    ///
    /// # Errors
    /// When the file can't be read or is wrong.
    pub fn calls(&self) -> anyhow::Result<Vec<Call>> {
        let path = self.path.join("examples/calls.yaml");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        parse_calls(&path.display().to_string(), &text)
    }

    /// The file of the original answer of a named call.
    pub fn original(&self, name: &str) -> PathBuf {
        self.path.join(format!("examples/original/{name}.json"))
    }

    /// The file of the sanitized answer of a named call.
    pub fn sanitized(&self, name: &str) -> PathBuf {
        self.path.join(format!("examples/sanitized/{name}.json"))
    }

    /// The values that must occur in an original and in no sanitized answer.
    ///
    /// # Errors
    /// When the file exists and can't be read.
    pub fn identifiers(&self) -> anyhow::Result<Vec<String>> {
        let path = self.path.join("examples/pii.txt");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_in_path_and_query() {
        let call = Call {
            name: None,
            call: "GET /users/{{reversible:u 1}}/x?y={{reversible:2}}&z=3".into(),
            headers: BTreeMap::new(),
            body: None,
            content_type: None,
            refused: None,
        };
        assert_eq!(
            call.target(|v| format!("p~{v}")),
            "/users/p~u 1/x?y=p~2&z=3"
        );
        assert_eq!(call.method(), "GET");
    }

    #[test]
    fn a_call_needs_a_name_or_a_refusal() {
        let error = parse_calls("calls.yaml", "- call: GET /x\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("entry 1"), "{error}");
        let error = parse_calls("calls.yaml", "- call: GET x\n  name: a\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("starts with `/`"), "{error}");
    }

    #[test]
    fn a_missing_folder_says_where_it_looked() {
        let error = Folder::find("no-such-source").unwrap_err().to_string();
        assert!(error.contains("rules/no-such-source/rules.yaml"), "{error}");
    }
}
