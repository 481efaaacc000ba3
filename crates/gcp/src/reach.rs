//! How Google's services are reached: where, as whom, and how patiently.

use std::net::IpAddr;
use std::time::Duration;

use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::error::Error;
use google_cloud_gax::exponential_backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use google_cloud_gax::retry_policy::RetryPolicy;
use google_cloud_gax::retry_result::RetryResult;
use google_cloud_gax::retry_state::RetryState;
use hushgate_host::config::Environment;

use crate::identity::Identity;

/// The time for one attempt of a call.
pub(crate) const ATTEMPT: Duration = Duration::from_millis(1500);
/// The time for a call with all its attempts; shorter than what the gateway waits for a store.
pub(crate) const CALL: Duration = Duration::from_secs(4);
/// No attempt begins later than this, so that the last one has its time.
const LAST_BEGIN: Duration = Duration::from_millis(2400);
/// Attempts of a call.
pub(crate) const ATTEMPTS: u32 = 3;

/// What to do about a token that Google takes no longer.
pub(crate) const REFUSED: &str = "Google refused the access token (401); check the service account that this process runs as, or its credential file";

/// Where a service is and whose credentials are sent.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// An emulator on this machine; none: Google.
    emulator: Option<String>,
    identity: Identity,
    /// The domain of Google's services.
    universe: String,
}

impl Reach {
    /// Google, or the emulator that `variable` names, as is usual for Google's emulators.
    ///
    /// # Errors
    /// When an emulator is named where none may be: a function must not take its secrets from
    /// whoever answers at an address in its environment.
    pub(crate) fn of(environment: &Environment, variable: &str) -> Result<Self, String> {
        let given = |name: &str| {
            let value = environment.get(name).map(|v| v.trim());
            value.filter(|v| !v.is_empty())
        };
        let emulator = match given(variable) {
            None => None,
            Some(_) if given("HUSHGATE_DEV_LOOPBACK") != Some("1") => {
                return Err(format!(
                    "{variable}: an emulator is for a developer's machine, with HUSHGATE_DEV_LOOPBACK=1 only; unset this variable"
                ));
            }
            Some(address) => Some(loopback(address).ok_or_else(|| {
                format!("{variable}: this is no address of this machine; allowed is such as 127.0.0.1:9300")
            })?),
        };
        let universe = given("GOOGLE_CLOUD_UNIVERSE_DOMAIN").unwrap_or("googleapis.com");
        Ok(Self {
            identity: Identity::of(environment, emulator.is_some(), universe),
            emulator,
            universe: universe.to_owned(),
        })
    }

    /// The emulator's base URL.
    pub(crate) fn emulator(&self) -> Option<&str> {
        self.emulator.as_deref()
    }

    /// The base URL of a service, such as `storage`, without a slash at its end.
    pub(crate) fn base(&self, service: &str) -> String {
        self.emulator
            .clone()
            .unwrap_or_else(|| format!("https://{service}.{}", self.universe))
    }

    /// The credentials of this process: the service account it runs as, or those of a file.
    pub(crate) fn credentials(&self) -> Credentials {
        self.identity.credentials()
    }
}

/// A base URL on this machine.
fn loopback(address: &str) -> Option<String> {
    let bare = address.strip_prefix("http://").unwrap_or(address);
    let bare = bare.trim_end_matches('/');
    let (host, port) = bare.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let inner = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || inner.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    here.then(|| format!("http://{bare}"))
}

/// Which failed attempts are made again. Every call of this crate may be: reads change nothing, and
/// what is written is the same the second time.
#[derive(Debug)]
pub(crate) struct Patience;

impl RetryPolicy for Patience {
    fn on_error(&self, state: &RetryState, error: Error) -> RetryResult {
        if !passes(&error) {
            return RetryResult::Permanent(error);
        }
        let spent = state.start.elapsed() >= LAST_BEGIN;
        if spent || state.attempt_count >= ATTEMPTS {
            return RetryResult::Exhausted(error);
        }
        RetryResult::Continue(error)
    }
}

fn passes(error: &Error) -> bool {
    let status = error.http_status_code();
    let status_passes = |s: u16| s == 408 || s == 429 || (500..=599).contains(&s);
    status.is_some_and(status_passes)
        || error.is_connect()
        || error.is_io()
        || error.is_timeout()
        || error.is_transport()
}

/// Pauses between attempts: a tenth of a second, doubling, at random below that.
pub(crate) fn pauses() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_delay(Duration::from_millis(100))
        .with_maximum_delay(Duration::from_secs(1))
        .clamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLE: &str = "SECRET_MANAGER_EMULATOR_HOST";

    fn of(pairs: &[(&str, &str)]) -> Result<Reach, String> {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Reach::of(&pairs.collect(), VARIABLE)
    }

    #[test]
    fn takes_an_emulator_on_a_developers_machine_only() {
        let here = (VARIABLE, "127.0.0.1:9300");
        let reach = of(&[here, ("HUSHGATE_DEV_LOOPBACK", "1")]).unwrap();
        assert_eq!(reach.emulator(), Some("http://127.0.0.1:9300"));
        for switch in [vec![], vec![("HUSHGATE_DEV_LOOPBACK", "0")]] {
            let mut pairs = vec![here];
            pairs.extend(switch);
            let refused = of(&pairs).unwrap_err();
            assert!(refused.contains(VARIABLE), "{refused}");
        }
        assert_eq!(of(&[]).unwrap().emulator(), None);
    }

    #[test]
    fn an_emulator_is_on_this_machine() {
        for good in ["localhost:1", "http://127.0.0.2:9300/", "[::1]:80"] {
            assert!(loopback(good).is_some(), "{good}");
        }
        for bad in [
            "127.0.0.1",
            "10.0.0.1:80",
            "evil.example:80",
            "https://127.0.0.1:80",
            "127.0.0.1:80/x",
            "localhost.evil.example:80",
            "u@127.0.0.1:80",
        ] {
            assert!(loopback(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn knows_the_services_of_other_domains() {
        assert_eq!(
            of(&[]).unwrap().base("storage"),
            "https://storage.googleapis.com"
        );
        let other = of(&[("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "cloud.example")]);
        assert_eq!(
            other.unwrap().base("pubsub"),
            "https://pubsub.cloud.example"
        );
    }
}
