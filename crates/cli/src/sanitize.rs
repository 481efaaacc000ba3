//! `hushgate sanitize`: what the function would answer, without a function.

use std::collections::HashMap;
use std::io::{BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::engine::{self, Blocked, Engine, Keys, compat_from_environment};
use crate::{REFUSED, print};

/// Options of `sanitize`.
#[derive(Debug, Args)]
#[command(after_help = "\
Keys come from the environment: PSEUDONYM_KEY, or with HUSHGATE_COMPAT=psoxy PSOXY_SALT and PSOXY_ENCRYPTION_KEY.

Examples:
  hushgate sanitize --rules rules/zoom/rules.yaml --method GET --url 'https://api.zoom.us/v2/users?page_size=30' answer.json
  hushgate sanitize --batch < calls.ndjson
      NDJSON in:  {\"id\",\"rules\",\"method\",\"url\",\"body\"}; body is JSON, or a string that holds the text
      NDJSON out: {\"id\",\"status\":\"ok\",\"body\"} or {\"id\",\"status\":\"blocked\"|\"error\",\"code\",\"message\"}")]
pub struct Options {
    /// The rule file
    #[arg(long, required_unless_present = "batch", conflicts_with = "batch")]
    rules: Option<PathBuf>,
    /// The call's method
    #[arg(long, default_value = "GET", conflicts_with = "batch")]
    method: String,
    /// The call's URL; its host is not looked at
    #[arg(long, required_unless_present = "batch", conflicts_with = "batch")]
    url: Option<String>,
    /// The answer's body; standard input when absent
    #[arg(conflicts_with = "batch")]
    file: Option<PathBuf>,
    /// Read calls with bodies as NDJSON from standard input
    #[arg(long)]
    batch: bool,
}

/// Runs `sanitize`.
///
/// # Errors
/// When keys or rules are missing or wrong, or input can't be read.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let compat = compat_from_environment()?;
    if options.batch {
        return batch(&Keys::from_environment(compat)?, compat);
    }
    let (Some(rules), Some(url)) = (&options.rules, &options.url) else {
        bail!("give --rules and --url, or --batch");
    };
    // Rules are tried without keys at hand, so their problems are not hidden behind a missing key.
    let rules = engine::rules(rules, compat)?;
    let engine = Engine::new(rules, &Keys::from_environment(compat)?);
    match engine.answer(&options.method, url, &body(options.file.as_deref())?) {
        Ok(sanitized) => {
            print::bytes(&sanitized)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(blocked) => {
            print::note(&format!("{}: {}", blocked.code, blocked.message));
            Ok(ExitCode::from(if blocked.by_rules { REFUSED } else { 1 }))
        }
    }
}

fn body(file: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    if let Some(path) = file {
        return std::fs::read(path).with_context(|| format!("read {}", path.display()));
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .context("read standard input")?;
    Ok(bytes)
}

/// One line of a batch. Strings are owned, since JSON text may hold escapes.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    rules: PathBuf,
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

fn get() -> String {
    "GET".to_owned()
}

/// Answers each line of standard input with one line. Nothing stops the batch.
fn batch(keys: &Keys, compat: bool) -> anyhow::Result<ExitCode> {
    let mut engines: HashMap<PathBuf, Result<Engine, String>> = HashMap::new();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut input = std::io::stdin().lock();
    let mut text = Vec::new();
    loop {
        text.clear();
        if input
            .read_until(b'\n', &mut text)
            .context("read standard input")?
            == 0
        {
            break;
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = match serde_json::from_slice::<Line<'_>>(&text) {
            Ok(line) => {
                let engine = engines.entry(line.rules.clone()).or_insert_with(|| {
                    Engine::load(&line.rules, keys, compat).map_err(|e| format!("{e:#}"))
                });
                answer_line(engine, &line)
            }
            Err(error) => failed(id_of(&text), "error", "line-invalid", &describe(&error)),
        };
        out.write_all(&answer)?;
        out.write_all(b"\n")?;
        // A reader that works call by call must not wait for a full buffer.
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The place and kind of a wrong line, without any of its text.
fn describe(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "a member is missing or of the wrong type",
        _ => "the line is not one JSON object",
    };
    format!(
        "{kind} (column {}); a line has id, rules, method, url, body",
        error.column()
    )
}

/// The id of a line whose other members are wrong.
fn id_of(text: &[u8]) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    serde_json::from_slice::<Id<'_>>(text)
        .ok()
        .map(|line| line.id)
}

fn answer_line(engine: &Result<Engine, String>, line: &Line<'_>) -> Vec<u8> {
    let engine = match engine {
        Ok(engine) => engine,
        Err(problem) => return failed(line.id, "error", "rules-invalid", problem),
    };
    let as_text = serde_json::from_str::<String>(line.body.get()).ok();
    let body = as_text.as_deref().unwrap_or_else(|| line.body.get());
    match engine.answer(&line.method, &line.url, body.as_bytes()) {
        Ok(sanitized) => answered(line.id, &sanitized, as_text.is_some()),
        Err(Blocked {
            code,
            message,
            by_rules,
        }) => failed(
            line.id,
            if by_rules { "blocked" } else { "error" },
            code,
            &message,
        ),
    }
}

/// `{"id":…,"status":"ok","body":…}`; the body is a string if it came as one.
fn answered(id: Option<&RawValue>, sanitized: &[u8], as_string: bool) -> Vec<u8> {
    let text = String::from_utf8_lossy(sanitized);
    let mut line = format!("{{\"id\":{},\"status\":\"ok\",\"body\":", id_text(id));
    if as_string {
        line += &serde_json::Value::from(text.as_ref()).to_string();
    } else if text.is_empty() {
        line += "null";
    } else {
        line += &text;
    }
    line.push('}');
    line.into_bytes()
}

fn failed(id: Option<&RawValue>, status: &str, code: &str, message: &str) -> Vec<u8> {
    let message = serde_json::Value::from(message);
    format!(
        "{{\"id\":{},\"status\":\"{status}\",\"code\":\"{code}\",\"message\":{message}}}",
        id_text(id)
    )
    .into_bytes()
}

fn id_text(id: Option<&RawValue>) -> &str {
    id.map_or("null", RawValue::get)
}
