//! Consent on another device (RFC 8628): a code to enter there, and asking until it is done.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Url;
use serde_json::Value;

use super::{ConsentFault, Obtained, Scene};
use crate::connect::endpoint::TokenResponse;
use crate::connect::exchange::Given;
use crate::connect::source::{Source, is_loopback};
use crate::connect::{ConnectFault, ConnectorParts, answer};
use crate::ports::Secret;

/// How often to ask when the vendor does not say (RFC 8628 section 3.2), and how much less often after
/// `slow_down` (section 3.5).
const INTERVAL: Duration = Duration::from_secs(5);
const LONGEST_INTERVAL: Duration = Duration::from_mins(5);
const LONGEST_LIFETIME: u64 = 86_400;
const LONGEST_CODE: usize = 2048;
const LONGEST_USER_CODE: usize = 40;

/// A consent on another device that was begun. Its `Debug` shows no secret.
pub struct Device {
    scene: Scene,
    code: Secret,
    user_code: String,
    address: Url,
    complete_address: Option<Url>,
    ends: SystemTime,
    interval: Duration,
    next: SystemTime,
    used: bool,
}

/// What asking gave.
#[derive(Debug)]
pub enum Polled {
    /// Not yet: ask again after this time.
    Wait(Duration),
    /// The consent was given.
    Obtained(Obtained),
}

impl Device {
    /// Begins a consent (RFC 8628 section 3.1). `parts.store` holds the client's fields.
    ///
    /// # Errors
    /// When the source has no such consent, a field is missing, or the vendor does not answer as it should.
    pub async fn begin(source: Arc<Source>, parts: ConnectorParts) -> Result<Self, ConsentFault> {
        let scene = Scene::new(source, parts)?;
        let values = scene.values().await?;
        let device = scene.source.auth.device.as_ref();
        let device = device.ok_or(ConsentFault::NotDeclared)?;
        let trade = scene.trade(scene.exchange()?);
        let response = trade.ask_for_device(device, &values).await?;
        answer::passed(
            &response,
            &scene.exchange()?.answer,
            scene.parts.clock.unix_seconds(),
        )?;
        let members = members(&response)?;
        let now = scene.parts.clock.now();
        let lifetime = members.get("expires_in").and_then(Value::as_u64);
        let lifetime = lifetime
            .filter(|s| (1..=LONGEST_LIFETIME).contains(s))
            .ok_or_else(|| invalid("its `expires_in` is not a number of seconds up to a day"))?;
        let interval = match members.get("interval") {
            None | Some(Value::Null) => INTERVAL,
            Some(given) => {
                let seconds = given.as_u64().map(Duration::from_secs);
                let seconds = seconds.filter(|i| *i <= LONGEST_INTERVAL);
                seconds.ok_or_else(|| invalid("its `interval` is not a number of seconds"))?
            }
        }
        .max(Duration::from_secs(1));
        let dev_loopback = scene.parts.dev_loopback;
        let address = ["verification_uri", "verification_url"]
            .iter()
            .find_map(|name| members.get(*name));
        let address = shown_address(address, dev_loopback)?
            .ok_or_else(|| invalid("it has no `verification_uri`"))?;
        let complete = shown_address(members.get("verification_uri_complete"), dev_loopback)?;
        if complete
            .as_ref()
            .is_some_and(|c| c.origin() != address.origin())
        {
            return Err(invalid(
                "its `verification_uri_complete` leads to another host than `verification_uri`",
            ));
        }
        Ok(Self {
            code: Secret::new(text(&members, "device_code", LONGEST_CODE)?),
            user_code: text(&members, "user_code", LONGEST_USER_CODE)?.to_owned(),
            address,
            complete_address: complete,
            ends: now + Duration::from_secs(lifetime),
            interval,
            next: now + interval,
            used: false,
            scene,
        })
    }

    /// The code that the person enters.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Where the person enters it.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// The same with the code in it, if the vendor offers that.
    pub fn complete_address(&self) -> Option<&Url> {
        self.complete_address.as_ref()
    }

    /// When the code ends.
    pub fn ends(&self) -> SystemTime {
        self.ends
    }

    /// Asks whether the person has consented (RFC 8628 section 3.4), not more often than the vendor
    /// allows: before that it only tells how long to wait.
    ///
    /// # Errors
    /// When the person refused, the code ended or was used, or the exchange failed for good.
    pub async fn poll(&mut self) -> Result<Polled, ConsentFault> {
        if self.used {
            return Err(ConsentFault::Used);
        }
        let now = self.scene.parts.clock.now();
        if now >= self.ends {
            return Err(ConsentFault::Expired);
        }
        if let Ok(left) = self.next.duration_since(now)
            && !left.is_zero()
        {
            return Ok(Polled::Wait(left));
        }
        let exchange = self.scene.exchange()?;
        let trade = self.scene.trade(exchange);
        let values = self.scene.values().await?;
        let given = Given::DeviceCode(&self.code);
        let response = match trade.send(&values, given).await {
            Ok(response) => response,
            // Section 3.5: asking less often after a failed connection.
            Err(ConnectFault::Network { .. }) => return Ok(self.wait(self.interval)),
            Err(fault) => return Err(fault.into()),
        };
        match error_code(&response).as_deref() {
            Some("authorization_pending") => return Ok(self.wait(Duration::ZERO)),
            Some("slow_down") => return Ok(self.wait(INTERVAL)),
            Some("expired_token") => return Err(self.end(ConsentFault::Expired)),
            Some(code @ "access_denied") => return Err(self.end(ConsentFault::refused(code))),
            _ => {}
        }
        match trade.read(&response) {
            Err(ConnectFault::Unavailable { .. }) => Ok(self.wait(self.interval)),
            Err(fault) => Err(self.end(fault.into())),
            Ok(granted) => {
                let obtained = Obtained::lasting(exchange, granted.refresh_token);
                self.used = true;
                obtained.map(Polled::Obtained)
            }
        }
    }

    fn wait(&mut self, longer: Duration) -> Polled {
        self.interval = (self.interval + longer).min(LONGEST_INTERVAL);
        self.next = self.scene.parts.clock.now() + self.interval;
        Polled::Wait(self.interval)
    }

    fn end(&mut self, fault: ConsentFault) -> ConsentFault {
        self.used = true;
        fault
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device")
            .field("source", &self.scene.source.id)
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

fn members(response: &TokenResponse) -> Result<serde_json::Map<String, Value>, ConsentFault> {
    match serde_json::from_slice(&response.body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(invalid("it is not a JSON object")),
    }
}

/// The error code of a token answer (RFC 6749 section 5.2); some vendors send it with status 200.
fn error_code(response: &TokenResponse) -> Option<String> {
    let answer: Value = serde_json::from_slice(&response.body).ok()?;
    answer.get("error")?.as_str().map(str::to_owned)
}

/// A text that people or the vendor get to see: printable ASCII.
fn text<'m>(
    members: &'m serde_json::Map<String, Value>,
    name: &str,
    longest: usize,
) -> Result<&'m str, ConsentFault> {
    let text = members
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default();
    let sound = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if text.trim().is_empty() || text.len() > longest || !sound {
        return Err(invalid(&format!(
            "its `{name}` is missing, too long or holds characters that no code has"
        )));
    }
    Ok(text)
}

/// An address that is shown to a person: https, or of this machine in development.
fn shown_address(value: Option<&Value>, dev_loopback: bool) -> Result<Option<Url>, ConsentFault> {
    let Some(value) = value.filter(|v| !v.is_null()) else {
        return Ok(None);
    };
    let url = value.as_str().and_then(|text| Url::parse(text).ok());
    let sound = |url: &Url| {
        let secure = url.scheme() == "https" || (dev_loopback && is_loopback(url));
        secure && url.username().is_empty() && url.password().is_none()
    };
    let url = url.filter(sound);
    url.map(Some)
        .ok_or_else(|| invalid("its verification address is not an https address"))
}

fn invalid(problem: &str) -> ConsentFault {
    ConnectFault::AnswerInvalid(problem.to_owned()).into()
}
