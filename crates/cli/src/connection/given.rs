//! Answers given on the command line, in files, or on standard input.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use clap::Args;
use hushgate_gateway::ports::Secret;
use zeroize::Zeroizing;

use super::code::Code;
use super::failure::Failure;
use super::setup::Setup;
use super::web::{Answers, Flow};

/// Largest file and input, in bytes.
const LARGEST: u64 = 1 << 20;

/// Answers to the fields of a source.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Given {
    /// The value of a field that is no secret
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,
    /// The file that holds the value of a field
    #[arg(long = "field-file", value_name = "NAME=PATH")]
    files: Vec<String>,
    /// Read fields as a JSON object of texts from standard input
    #[arg(long)]
    fields_stdin: bool,
}

impl Given {
    /// Whether anything is given.
    pub(super) fn is_any(&self) -> bool {
        self.fields_stdin || !self.fields.is_empty() || !self.files.is_empty()
    }

    /// Whether standard input is read for answers, so that nothing can be asked there.
    pub(super) fn reads_stdin(&self) -> bool {
        self.fields_stdin
    }

    /// The answers, each accepted by its field.
    ///
    /// # Errors
    /// Every wrong one at once; a secret on the command line is refused.
    pub(super) fn answers(&self, setup: &Setup) -> Result<Answers, Failure> {
        let mut given: Vec<(String, Secret)> = Vec::new();
        for pair in &self.fields {
            let (name, value) = split(pair, "--field NAME=VALUE")?;
            if setup.is_secret(name) {
                return Err(Failure::usage(
                    Code::SecretOnCommandLine,
                    format!(
                        "`{name}` is a secret: what stands on the command line can be read by every process of this machine, and stays in the shell's history"
                    ),
                )
                .next(format!("give it with `--field-file {name}=PATH` or `--fields-stdin`")));
            }
            given.push((name.to_owned(), Secret::new(value)));
        }
        for pair in &self.files {
            let (name, path) = split(pair, "--field-file NAME=PATH")?;
            given.push((name.to_owned(), read_file(name, Path::new(path))?));
        }
        if self.fields_stdin {
            given.extend(read_stdin()?);
        }
        accept(setup, given)
    }
}

fn accept(setup: &Setup, given: Vec<(String, Secret)>) -> Result<Answers, Failure> {
    let mut answers = Answers::new();
    let mut problems = Vec::new();
    for (name, value) in given {
        if !setup.has_field(&name) {
            let names = setup.field_names().join(", ");
            let source = &setup.main().id;
            return Err(Failure::usage(
                Code::FieldUnknown,
                format!("{source} has no field `{}`", shown(&name)),
            )
            .next(format!("there are: {names}")));
        }
        if answers.contains_key(&name) {
            return Err(Failure::usage(
                Code::FieldRepeated,
                format!("`{name}` is given twice"),
            ));
        }
        match setup.accept(&name, value.reveal()) {
            Ok(accepted) => {
                answers.insert(name, accepted);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        return Ok(answers);
    }
    Err(Failure::new(Code::FieldInvalid, problems.join("\n")))
}

fn split<'p>(pair: &'p str, form: &str) -> Result<(&'p str, &'p str), Failure> {
    let found = pair.split_once('=').filter(|(name, _)| !name.is_empty());
    // The text is not repeated: it may be a secret without a name.
    found.ok_or_else(|| {
        Failure::usage(
            Code::FieldForm,
            format!("a field is not of the form `{form}`"),
        )
    })
}

/// A name as a message may show it: what is no name may be a secret in the wrong place.
fn shown(name: &str) -> &str {
    let plain = name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if plain { name } else { "…" }
}

fn read_file(name: &str, path: &Path) -> Result<Secret, Failure> {
    let failed = |reason: String| {
        Failure::new(
            Code::FieldFile,
            format!("the file for `{}` can't be read: {reason}", shown(name)),
        )
    };
    let file = std::fs::File::open(path).map_err(|e| failed(e.kind().to_string()))?;
    read_all(file).map_err(failed)
}

fn read_all(from: impl std::io::Read) -> Result<Secret, String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 << 10));
    let read = from.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|e| e.kind().to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err("it has more than 1 MiB".to_owned());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    Ok(Secret::new(text))
}

fn read_stdin() -> Result<Vec<(String, Secret)>, Failure> {
    let wrong = |problem: String| {
        Failure::usage(Code::FieldsStdin, format!("standard input holds no fields: {problem}")).next(
            "write a JSON object of texts, such as {\"CLIENT_ID\": \"…\", \"CLIENT_SECRET\": \"…\"}",
        )
    };
    let text = read_all(std::io::stdin().lock()).map_err(wrong)?;
    let parsed: BTreeMap<String, Zeroized> = serde_json::from_str(text.reveal()).map_err(|e| {
        // The parser's own words may repeat what it read.
        wrong(format!(
            "line {}, column {} is no JSON object of texts",
            e.line(),
            e.column()
        ))
    })?;
    Ok(parsed
        .into_iter()
        .map(|(name, value)| (name, value.0))
        .collect())
}

/// A text that becomes a secret as soon as it is read.
struct Zeroized(Secret);

impl<'de> serde::Deserialize<'de> for Zeroized {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}
