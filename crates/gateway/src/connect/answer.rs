//! Reading a token endpoint's answer: strict about types, tolerant to members it does not know.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value};

use super::diagnosis;
use super::endpoint::TokenResponse;
use super::fault::ConnectFault;
use super::source::{AnswerNames, MemberPath};
use crate::ports::Secret;
use crate::time;

/// The longest lifetime that is believed.
const LONGEST_LIFETIME: u64 = 10 * 366 * 86_400;
/// The longest wait that a `Retry-After` can ask for.
const LONGEST_WAIT: u64 = 300;
const LONGEST_TOKEN: usize = 16 * 1024;

/// What an exchange gave.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) access_token: Secret,
    /// From now; none when the answer does not say.
    pub(super) lifetime: Option<Duration>,
    pub(super) refresh_token: Option<Secret>,
    /// Where the API of the account is, when the answer says so and the source declares where.
    pub(super) host: Option<String>,
}

/// Reads an answer. `now` is seconds since 1970.
pub(super) fn read(
    response: &TokenResponse,
    names: &AnswerNames,
    now: u64,
) -> Result<Granted, ConnectFault> {
    passed(response, names, now)?;
    let status = response.status;
    let members = members(response, names)?;
    // Some endpoints report errors with status 200.
    if members.get("error").is_some_and(Value::is_string)
        && names.access_token.get(&members).is_none()
    {
        return Err(rejected(status, Some(&members)));
    }
    if let Some(kind) = members.get("token_type") {
        match kind.as_str() {
            Some(kind)
                if names
                    .token_types
                    .iter()
                    .any(|t| kind.eq_ignore_ascii_case(t)) => {}
            Some(_) => {
                let wanted = names.token_types.join("` or `");
                return Err(invalid(&format!("its `token_type` is not `{wanted}`")));
            }
            None => return Err(invalid("its `token_type` is not a text")),
        }
    }
    let access_token = token(&members, &names.access_token)?
        .ok_or_else(|| invalid(&format!("it has no `{}`", names.access_token)))?;
    let host = names.host.as_ref().and_then(|path| path.get(&members));
    Ok(Granted {
        host: host.and_then(Value::as_str).map(str::to_owned),
        access_token,
        lifetime: lifetime(&members, names, now)?,
        refresh_token: token(&members, &names.refresh_token)?,
    })
}

/// The refresh token of an answer that is otherwise unusable: the one that was sent may be used up
/// by it, so it has to be kept all the same.
pub(super) fn returned_refresh_token(
    response: &TokenResponse,
    names: &AnswerNames,
) -> Option<Secret> {
    if !(200..=299).contains(&response.status) {
        return None;
    }
    let members = members(response, names).ok()?;
    token(&members, &names.refresh_token).ok()?
}

/// Whether the status is one of success. `now` is seconds since 1970.
pub(super) fn passed(
    response: &TokenResponse,
    names: &AnswerNames,
    now: u64,
) -> Result<(), ConnectFault> {
    let status = response.status;
    match status {
        200..=299 => Ok(()),
        300..=399 => Err(ConnectFault::Redirected(status)),
        408 | 425 | 429 | 500..=599 => {
            let retry_after = response
                .retry_after
                .as_deref()
                .and_then(|text| wait(text, now));
            Err(ConnectFault::Unavailable {
                status,
                retry_after,
            })
        }
        _ => Err(rejected(status, members(response, names).ok().as_ref())),
    }
}

fn members(response: &TokenResponse, names: &AnswerNames) -> Result<Value, ConnectFault> {
    let essence = response
        .content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if names.form && essence == "application/x-www-form-urlencoded" {
        return form(&response.body);
    }
    if essence.contains("html") {
        return Err(invalid(
            "it is an HTML page; check `token_url` and that no proxy or login page stands in between",
        ));
    }
    match serde_json::from_slice(&response.body) {
        Ok(members @ Value::Object(_)) => Ok(members),
        Ok(_) => Err(invalid("it is JSON but not an object")),
        Err(_) if essence == "application/x-www-form-urlencoded" => Err(invalid(
            "it is form-encoded; if the source answers so, declare `answer: {form: true}`",
        )),
        Err(_) => Err(invalid("it is not JSON")),
    }
}

fn form(body: &[u8]) -> Result<Value, ConnectFault> {
    let text = std::str::from_utf8(body).map_err(|_| invalid("it is not UTF-8"))?;
    let mut members = Map::new();
    // The query reader of a URL reads the same encoding.
    let mut url = reqwest::Url::parse("http://x.invalid").map_err(|_| ConnectFault::Internal)?;
    url.set_query(Some(text));
    for (name, value) in url.query_pairs() {
        let value = value
            .parse::<u64>()
            .map_or_else(|_| Value::String(value.into_owned()), Value::from);
        if members.insert(name.into_owned(), value).is_some() {
            return Err(invalid("it names a member twice"));
        }
    }
    Ok(Value::Object(members))
}

fn token(members: &Value, name: &MemberPath) -> Result<Option<Secret>, ConnectFault> {
    match name.get(members) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => {
            Err(invalid(&format!("its `{name}` is empty")))
        }
        Some(Value::String(text))
            if text.len() > LONGEST_TOKEN || !text.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Err(invalid(&format!(
                "its `{name}` is too long or holds characters that no token has"
            )))
        }
        Some(Value::String(text)) => Ok(Some(Secret::new(text.as_str()))),
        Some(_) => Err(invalid(&format!("its `{name}` is not a text"))),
    }
}

fn lifetime(
    members: &Value,
    names: &AnswerNames,
    now: u64,
) -> Result<Option<Duration>, ConnectFault> {
    let believable = |name: &MemberPath, seconds: Option<u64>| match seconds {
        Some(seconds) if (1..=LONGEST_LIFETIME).contains(&seconds) => {
            Ok(Some(Duration::from_secs(seconds)))
        }
        _ => Err(invalid(&format!(
            "its `{name}` is not a time from one second to ten years ahead"
        ))),
    };
    if let Some(name) = &names.expires_at
        && let Some(value) = name.get(members).filter(|v| !v.is_null())
    {
        let end = match value {
            Value::String(text) => time::rfc3339(text),
            // Milliseconds since 1970 have passed this since the year 1973.
            value => value
                .as_u64()
                .map(|n| if n > 100_000_000_000 { n / 1000 } else { n }),
        };
        return believable(name, end.map(|end| end.saturating_sub(now)));
    }
    match names.expires_in.get(members) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => believable(&names.expires_in, value.as_u64()),
    }
}

/// The wait that a `Retry-After` asks for: seconds or a date.
fn wait(text: &str, now: u64) -> Option<Duration> {
    let text = text.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => time::http_date(text)?.saturating_sub(now),
    };
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

fn rejected(status: u16, members: Option<&Value>) -> ConnectFault {
    let finding = diagnosis::read(status, members);
    let mut reason = format!("status {status}");
    if let Some(name) = finding.error {
        reason.push_str(", ");
        reason.push_str(name);
    }
    if let Some(number) = finding.number {
        // Writing to a string does not fail.
        let _ = write!(reason, ", number {number}");
    }
    ConnectFault::Rejected {
        reason,
        cause: finding.cause,
    }
}

fn invalid(problem: &str) -> ConnectFault {
    ConnectFault::AnswerInvalid(problem.to_owned())
}
