//! Checks of single values, and of what they mean together.

use std::net::IpAddr;
use std::path::Path;

use hushgate_gateway::ports::Secret;
use hushgate_rules::pseudonym::{DomainHandling, EmailCanonicalization};

use super::text::{Text, TextError};
use super::variables::{VARIABLES, value};
use super::{ConfigError, Environment};
use crate::cloud::{CloudSecrets, ObjectAt};
use crate::platform::{PlatformKind, is_pool_id};
use crate::start::{StartCode, StartError};
use crate::store::vault::{Vault, compartment_of, is_connection_id};
use crate::store::{handed_keys, pass_phrase};

/// What is wrong with a value, without the value.
pub(super) type Verdict = Result<(), String>;

/// Variables by which Google Cloud's hosts are recognized.
const GOOGLE_MARKS: &[&str] = &["K_SERVICE", "FUNCTION_TARGET"];
/// Variables by which AWS's hosts are recognized; emulators of the Lambda Runtime API set them too.
const AWS_MARKS: &[&str] = &["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME"];

/// Variables that the real Lambda sets in every environment, so that nobody's configuration can change
/// or remove them; emulators need none of them.
const LAMBDA_ONLY: &[&str] = &[
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "_HANDLER",
];

/// The port of the Runtime API in the real Lambda.
const RUNTIME_API_PORT: u16 = 9001;

/// All problems of an environment.
pub(super) fn problems(environment: &Environment) -> Vec<ConfigError> {
    let mut problems = Vec::new();
    for variable in VARIABLES {
        let Some(text) = value(environment, variable.name) else {
            continue;
        };
        if let Err(problem) = (variable.check)(text, environment) {
            problems.push(ConfigError {
                variable: variable.name.to_owned(),
                problem: format!("{problem}; allowed: {}", variable.allowed),
            });
        }
    }
    if let Err(problem) = check_one_cloud(environment) {
        problems.push(problem);
    }
    // Other programs may have variables of this prefix; only what looks like a slip is a problem.
    let unknown = environment
        .keys()
        .filter(|n| n.starts_with("HUSHGATE_") && !VARIABLES.iter().any(|v| v.name == n.as_str()));
    for name in unknown {
        if let Some(meant) = nearest(name) {
            problems.push(ConfigError {
                variable: name.clone(),
                problem: format!("there is no such variable; did you mean `{meant}`?"),
            });
        }
    }
    problems
}

/// A process runs in one cloud; variables of two mean that one of them was set by hand, and what is
/// allowed on that cloud alone would be allowed here.
pub(crate) fn check_one_cloud(environment: &Environment) -> Result<(), ConfigError> {
    let set = |marks: &[&'static str]| {
        let mut marks = marks.iter().copied();
        marks.find(|mark| value(environment, mark).is_some())
    };
    let (Some(google), Some(aws)) = (set(GOOGLE_MARKS), set(AWS_MARKS)) else {
        return Ok(());
    };
    Err(ConfigError {
        variable: google.to_owned(),
        problem: StartError::new(
            StartCode::CloudsMixed,
            format!(
                "{aws} is set too, so this looks like Google Cloud and like AWS at once; \
                 remove what the cloud did not set itself"
            ),
        )
        .to_string(),
    })
}

pub(super) fn port(value: &str, _: &Environment) -> Verdict {
    value
        .parse::<u16>()
        .map(|_| ())
        .map_err(|_| "not a port number".to_owned())
}

pub(super) fn listen(value: &str, _: &Environment) -> Verdict {
    value
        .parse::<IpAddr>()
        .map(|_| ())
        .map_err(|_| "not an IP address".to_owned())
}

pub(super) fn access(value: &str, _: &Environment) -> Verdict {
    if let Some(verdict) = elsewhere(value) {
        return verdict;
    }
    let read = Text::new(value).read_plain();
    read.map(|_| ()).map_err(|e| unread(value, &e))
}

pub(super) fn rules(value: &str, _: &Environment) -> Verdict {
    if let Some(verdict) = elsewhere(value) {
        return verdict;
    }
    let read = Text::new(value).read_packed();
    read.map(|_| ()).map_err(|e| unread(value, &e))
}

/// Why a document can't be read, with what to write where its path looks like a place elsewhere.
fn unread(value: &str, error: &TextError) -> String {
    let lower = value.to_ascii_lowercase();
    let begins = |word: &str| lower.starts_with(word);
    let meant = if begins("arn:") {
        "an ARN is no path: write `store:NAME` for an entry of the secret store, `s3://BUCKET/KEY` for an object"
    } else if ["s3://", "gs://", "store:"].into_iter().any(begins) {
        "`s3://`, `gs://` and `store:` are written in small letters"
    } else if lower.contains("://") {
        "no other addresses are read than `s3://BUCKET/KEY` and `gs://BUCKET/KEY`"
    } else if begins("projects/") {
        "a resource's full name is no path: write `store:NAME` for an entry of the secret store"
    } else {
        return error.to_string();
    };
    match error {
        TextError::File(_) => format!("{error}; {meant}"),
        _ => error.to_string(),
    }
}

/// The verdict on a document that lies in a store and is read at start; none for other documents.
fn elsewhere(value: &str) -> Option<Verdict> {
    if let Some(name) = store_name(value) {
        return Some(match compartment_of(name) {
            Ok(_) => Ok(()),
            Err(_) => Err("not a name of a secret".to_owned()),
        });
    }
    ObjectAt::parse(value).map(|at| at.map(|_| ()))
}

pub(super) fn secrets(value: &str, _: &Environment) -> Verdict {
    if let Some(cloud) = CloudSecrets::parse(value) {
        return cloud.map(|_| ());
    }
    match value.split_once(':') {
        None if value == "env" => Ok(()),
        Some(("file", path)) if !path.is_empty() => crate::store::FileStore::open(Path::new(path))
            .map(|_| ())
            .map_err(|e| e.to_string()),
        Some(("vault", folder)) if !folder.is_empty() => Vault::lock_of(Path::new(folder))
            .map(|_| ())
            .map_err(|e| e.to_string()),
        _ => Err("not a store".to_owned()),
    }
}

/// The name in `store:NAME`.
pub(super) fn store_name(value: &str) -> Option<&str> {
    let name = value.strip_prefix("store:")?;
    // A policy whose first key is `store` is inline, and refused as such.
    (!name.contains([' ', '\n'])).then_some(name)
}

pub(super) fn vault_keys(value: &str, environment: &Environment) -> Verdict {
    needs_vault(environment)?;
    handed_keys(&Secret::new(value)).map(|_| ())
}

pub(super) fn vault_pass_phrase_file(path: &str, environment: &Environment) -> Verdict {
    needs_vault(environment)?;
    pass_phrase(Path::new(path))
        .map(|_| ())
        .map_err(|e| e.to_string())
}

fn needs_vault(environment: &Environment) -> Verdict {
    match value(environment, "HUSHGATE_SECRETS") {
        Some(at) if at.starts_with("vault:") => Ok(()),
        _ => Err("HUSHGATE_SECRETS names no vault".to_owned()),
    }
}

pub(super) fn kms_key(value: &str, _: &Environment) -> Verdict {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b":/_-".contains(&b);
    if value.len() <= 2048 && value.bytes().all(fits) {
        Ok(())
    } else {
        Err("not the id, ARN or alias of a key".to_owned())
    }
}

pub(super) fn connection(value: &str, _: &Environment) -> Verdict {
    if is_connection_id(value) {
        Ok(())
    } else {
        Err("not the id of a connection".to_owned())
    }
}

pub(super) fn host(text: &str, environment: &Environment) -> Verdict {
    let local = value(environment, "HUSHGATE_DEV_LOOPBACK") == Some("1");
    check_host(text, local)
}

pub(super) fn platform(text: &str, _: &Environment) -> Verdict {
    one_of(text, &PlatformKind::WORDS)
}

pub(super) fn metadata_host(text: &str, _: &Environment) -> Verdict {
    plain_host(text)
}

pub(super) fn pool_id(text: &str, _: &Environment) -> Verdict {
    if is_pool_id(text) {
        Ok(())
    } else {
        Err("not the id of a pool or an identity".to_owned())
    }
}

pub(super) fn developer_name(text: &str, _: &Environment) -> Verdict {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-/".contains(&b);
    if text.len() <= 128 && text.bytes().all(fits) {
        Ok(())
    } else {
        Err("not the name of a developer provider".to_owned())
    }
}

pub(super) fn token_origin(text: &str, environment: &Environment) -> Verdict {
    if value(environment, "HUSHGATE_DEV_LOOPBACK") != Some("1") {
        return Err("only for development".to_owned());
    }
    let bare = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))
        .ok_or("without a scheme")?;
    plain_host(bare)?;
    if is_this_machine(bare) {
        Ok(())
    } else {
        Err("not on this machine".to_owned())
    }
}

/// Whether a plain host is 127.0.0.0/8, `[::1]` or `localhost`.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

pub(super) fn canonicalization(value: &str, _: &Environment) -> Verdict {
    one_of(value, &EmailCanonicalization::NAMES)
}

pub(super) fn domains(value: &str, _: &Environment) -> Verdict {
    one_of(value, &DomainHandling::NAMES)
}

/// Whether a text is a host as `HUSHGATE_TARGET_HOST` may be.
///
/// # Errors
/// What is wrong with it, without the text.
pub fn check_host(text: &str, dev_loopback: bool) -> Result<(), String> {
    let bare = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    plain_host(bare.filter(|_| dev_loopback).unwrap_or(text))
}

fn plain_host(value: &str) -> Verdict {
    let (name, port) = match value.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (value, None),
    };
    let port_fits = port.is_none_or(|p| p.parse::<u16>().is_ok_and(|p| p > 0));
    let literal = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let name_fits = match literal {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host_name(name) && !looks_like_lenient_address(name),
    };
    if port_fits && name_fits {
        return Ok(());
    }
    Err("not a plain host".to_owned())
}

fn is_host_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// Whether a lenient parser would read the name as an address, such as `0x7f.1` or `2130706433`.
fn looks_like_lenient_address(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|b| b.is_ascii_digit())
        || last.starts_with("0x")
        || last.starts_with("0X");
    numeric && name.parse::<std::net::Ipv4Addr>().is_err()
}

pub(super) fn compat(value: &str, _: &Environment) -> Verdict {
    one_of(value, &["psoxy"])
}

pub(super) fn loopback(text: &str, environment: &Environment) -> Verdict {
    one_of(text, &["0", "1"])?;
    let emulated = is_emulated_lambda(environment);
    let cloud = GOOGLE_MARKS
        .iter()
        .chain(AWS_MARKS.iter().filter(|_| !emulated))
        .find(|mark| environment.contains_key(**mark));
    match cloud {
        Some(mark) if text == "1" => Err(format!("refused on a cloud host ({mark} is set)")),
        _ => Ok(()),
    }
}

/// Whether the Runtime API is certainly an emulator's: on this machine, on another port than the real
/// one's, and nothing else of the real Lambda is there. An extension that stands in front of the real
/// API can change its address, but not the rest.
fn is_emulated_lambda(environment: &Environment) -> bool {
    let address = environment.get("AWS_LAMBDA_RUNTIME_API");
    let place = address.and_then(|address| {
        // Lambda gives no scheme; cargo-lambda does.
        let bare = address.strip_prefix("http://").unwrap_or(address);
        let host = bare.split('/').next().unwrap_or_default();
        Some((host, host.rsplit_once(':')?.1.parse::<u16>().ok()?))
    });
    let here = place.is_some_and(|(host, port)| is_this_machine(host) && port != RUNTIME_API_PORT);
    here && !LAMBDA_ONLY
        .iter()
        .any(|mark| environment.contains_key(*mark))
}

pub(super) fn tls(value: &str, _: &Environment) -> Verdict {
    one_of(value, &["1.2", "1.3"])
}

pub(super) fn lambda_response(value: &str, _: &Environment) -> Verdict {
    one_of(value, &["buffered", "streamed"])
}

pub(super) fn log(value: &str, _: &Environment) -> Verdict {
    one_of(value, &["error", "warn", "info", "debug", "trace", "off"])
}

pub(super) fn seconds(value: &str, least: u64, most: u64) -> Verdict {
    in_range(value, least, most)
}

pub(super) fn size(value: &str, least: u64, most: u64) -> Verdict {
    in_range(value, least, most)
}

pub(super) fn count(value: &str, least: u64, most: u64) -> Verdict {
    in_range(value, least, most)
}

fn in_range(value: &str, least: u64, most: u64) -> Verdict {
    match value.parse::<u64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(()),
        Ok(_) => Err("out of range".to_owned()),
        Err(_) => Err("not a number".to_owned()),
    }
}

fn one_of(value: &str, allowed: &[&str]) -> Verdict {
    if allowed.contains(&value) {
        Ok(())
    } else {
        Err("not one of the allowed words".to_owned())
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    const SLIPS: usize = 2;
    VARIABLES
        .iter()
        .map(|v| (distance(v.name, name), v.name))
        .filter(|(distance, _)| *distance <= SLIPS)
        .min()
        .map(|(_, known)| known)
}

/// Levenshtein distance of two short texts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let step = (diagonal + usize::from(from != *to))
                .min(left + 1)
                .min(*cell + 1);
            diagonal = *cell;
            *cell = step;
            left = step;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
