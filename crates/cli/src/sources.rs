//! The sources inside this command, and declarations on disk.

use std::path::Path;

use anyhow::anyhow;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hushgate_gateway::connect::{KeyFormat, Source, SourceHost, SourceOptions};
use hushgate_rules::language::tree::{self, Kind};
use hushgate_rules::language::{Diagnostic, Diagnostics, closest};

use crate::built_in::{BUILT_IN, DECLARED};
use crate::examples::{Call, parse_calls};

/// The static credential that the sample source accepts.
pub const SAMPLE_TOKEN: &str = "sample-static-token";

/// A source whose declaration is built in; connections can be made to it, with or without rules.
#[derive(Debug)]
pub struct Declared {
    /// Its id.
    pub id: &'static str,
    /// `source.yaml`.
    pub source: &'static str,
    /// The image of `connect_button`: media type and content.
    pub button: Option<(&'static str, &'static [u8])>,
}

impl Declared {
    /// All of them, by id.
    pub fn all() -> &'static [Self] {
        DECLARED
    }

    /// The declared source with this id.
    ///
    /// # Errors
    /// Lists the ids there are.
    pub fn find(id: &str) -> anyhow::Result<&'static Self> {
        let found = DECLARED.iter().find(|source| source.id == id);
        found.ok_or_else(|| {
            let known: Vec<_> = DECLARED.iter().map(|source| source.id).collect();
            anyhow!(
                "no source `{id}`{}; there are: {}",
                meant(id, &known),
                known.join(", ")
            )
        })
    }

    /// The declaration, read and checked.
    ///
    /// # Errors
    /// Every finding, when the declaration is wrong.
    pub fn load(&self) -> anyhow::Result<Source> {
        let file = format!("rules/{}/source.yaml", self.id);
        Source::load(&file, self.source, SourceOptions::default()).map_err(|findings| {
            let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
            anyhow!("{}", findings.join("\n"))
        })
    }
}

/// A source that is built in with rules and examples.
#[derive(Debug)]
pub struct BuiltIn {
    /// Its id.
    pub id: &'static str,
    /// `rules.yaml`.
    pub rules: &'static str,
    /// `examples/calls.yaml`.
    pub calls: &'static str,
    /// `examples/original/*.json` by name.
    pub originals: &'static [(&'static str, &'static str)],
}

impl BuiltIn {
    /// The built-in source with this id.
    ///
    /// # Errors
    /// Says whether the rules are missing or the source is unknown, and lists the ids there are.
    pub fn find(id: &str) -> anyhow::Result<&'static Self> {
        let found = BUILT_IN.iter().find(|source| source.id == id);
        found.ok_or_else(|| {
            let known: Vec<_> = BUILT_IN.iter().map(|source| source.id).collect();
            let problem = match Declared::find(id) {
                Ok(_) => format!("source `{id}` has no rules yet"),
                Err(_) => format!("no source `{id}`{} in this command", meant(id, &known)),
            };
            anyhow!("{problem}; there are: {}", known.join(", "))
        })
    }

    /// `source.yaml`.
    ///
    /// # Errors
    /// None for a table that `cargo xtask gen` wrote: every source with rules is declared.
    pub fn declared(&self) -> anyhow::Result<&'static Declared> {
        Declared::find(self.id)
    }

    /// The example calls.
    ///
    /// # Errors
    /// When `calls.yaml` is wrong.
    pub fn calls(&self) -> anyhow::Result<Vec<Call>> {
        parse_calls(
            &format!("rules/{}/examples/calls.yaml", self.id),
            self.calls,
        )
    }

    /// The original answer of a named call.
    pub fn original(&self, name: &str) -> Option<&'static str> {
        self.originals
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| *text)
    }
}

/// A question after a word that is not known, when one of the known words is near enough to be meant.
fn meant(id: &str, known: &[&str]) -> String {
    closest(id, known).map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"))
}

/// The host of the source declared in `folder`, for examples: its own, or the example of an account's.
pub fn host(folder: &Path) -> Option<String> {
    let path = folder.join("source.yaml");
    let text = std::fs::read_to_string(&path).ok()?;
    let source = Source::load(&path.display().to_string(), &text, SourceOptions::default()).ok()?;
    Some(match source.host {
        SourceHost::Fixed(host) => host,
        SourceHost::Account { example, .. } => example,
    })
}

/// Everything that is wrong with a `source.yaml`.
pub fn findings(file: &str, text: &str) -> Vec<Diagnostic> {
    Source::load(file, text, SourceOptions::default())
        .err()
        .unwrap_or_default()
}

/// Whether a text is a declaration rather than rules: a mapping with `auth`.
pub fn declares(text: &str) -> bool {
    let node = tree::parse(text, &mut Diagnostics::new(""));
    node.is_some_and(|node| node.entries().iter().any(|(key, _)| key.value == "auth"))
}

/// Warnings about a declaration in its folder: an id that is not the folder's name, an image that is
/// not there.
pub fn misplaced(file: &Path, text: &str) -> Vec<Diagnostic> {
    let mut found = Diagnostics::new(file.display().to_string());
    let node = tree::parse(text, &mut Diagnostics::new(""));
    let entries = node.as_ref().map_or(&[][..], |node| node.entries());
    let folder = file.canonicalize().ok();
    let folder = folder.as_deref().and_then(Path::parent);
    for (key, value) in entries {
        let (Kind::Scalar { text, .. }, Some(folder)) = (&value.kind, folder) else {
            continue;
        };
        if key.value == "id" && folder.file_name().is_some_and(|name| name != text.as_str()) {
            found.warning(
                "id-not-folder",
                value.span,
                "`id` is not the name of the folder",
                "name the folder after the id, so that commands find the source",
            );
        }
        if key.value == "connect_button" && !folder.join(text).is_file() {
            found.warning(
                "image-missing",
                value.span,
                "the image of `connect_button` is not beside this file",
                "put it there, or remove the key",
            );
        }
    }
    found.into_vec()
}

/// Values for every secret and setting that a source needs, good enough for the sample source.
///
/// # Errors
/// When the declaration is wrong or no key can be made.
pub fn sample_secrets(built_in: &BuiltIn) -> anyhow::Result<Vec<(String, String)>> {
    let source = built_in.declared()?.load()?;
    let assertion = source
        .auth
        .exchange
        .as_ref()
        .and_then(|e| e.assertion.as_ref());
    let fields = source
        .auth
        .fields
        .iter()
        .filter(|field| field.default.is_none());
    let choice = source
        .auth
        .exchange
        .as_ref()
        .and_then(|e| e.client_auth.setting.clone())
        .map(|setting| Ok((setting, "body".to_owned())));
    fields
        .map(|field| {
            let value = match assertion.filter(|a| a.key == field.name) {
                Some(assertion) => sample_key(assertion.format)?,
                None if source.auth.exchange.is_none() => SAMPLE_TOKEN.to_owned(),
                None => "11112222333344445555".to_owned(),
            };
            Ok((field.name.clone(), value))
        })
        .chain(choice)
        .collect()
}

/// A fresh RSA key in the form a field asks for.
fn sample_key(format: KeyFormat) -> anyhow::Result<String> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("can't make an RSA key"))?;
    let pkcs8: Pkcs8V1Der<'_> = pair
        .as_der()
        .map_err(|_| anyhow!("can't encode an RSA key"))?;
    let base64 = STANDARD.encode(pkcs8.as_ref());
    let lines: Vec<_> = base64
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    );
    Ok(match format {
        KeyFormat::Pem => pem,
        KeyFormat::GoogleServiceAccount => serde_json::json!({
            "type": "service_account",
            "client_email": "sample@sample-project.iam.gserviceaccount.example",
            "private_key_id": "sample",
            "private_key": pem,
            "token_uri": "https://oauth2.googleapis.com/token",
        })
        .to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declared_source_loads_and_those_with_rules_are_among_them() {
        for declared in Declared::all() {
            let source = declared.load().unwrap();
            assert_eq!(source.id, declared.id);
            assert_eq!(source.connect_button.is_some(), declared.button.is_some());
        }
        for built_in in BUILT_IN {
            assert_eq!(built_in.declared().unwrap().id, built_in.id);
        }
        assert!(Declared::all().len() > BUILT_IN.len());
    }

    #[test]
    fn tells_a_source_without_rules_from_an_unknown_one() {
        let declared_only = Declared::all()
            .iter()
            .find(|d| !BUILT_IN.iter().any(|b| b.id == d.id))
            .unwrap();
        let error = BuiltIn::find(declared_only.id).unwrap_err().to_string();
        assert!(error.contains("has no rules yet"), "{error}");
        let error = BuiltIn::find("no-such").unwrap_err().to_string();
        assert!(error.starts_with("no source `no-such`"), "{error}");
        let error = BuiltIn::find("zom").unwrap_err().to_string();
        assert!(error.contains("did you mean `zoom`?"), "{error}");
        let error = Declared::find("salesfroce").unwrap_err().to_string();
        assert!(error.contains("did you mean `salesforce`?"), "{error}");
        let error = Declared::find("no-such").unwrap_err().to_string();
        assert!(error.contains("asana") && error.contains("zoom"), "{error}");
    }
}
