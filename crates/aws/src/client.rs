//! How AWS is reached: region, credentials, endpoints, times; made of the environment.
//!
//! Nothing is called and no file is read before the first use. On Lambda, and wherever an access key
//! stands in the environment, that is all there is to it; elsewhere the standard chain of the SDK is
//! asked (shared files, web identity, container, instance).
//!
//! `AWS_ENDPOINT_URL` and its forms for single services are honoured with `https`, since an endpoint
//! of one's own network is named that way. With plain `http` secrets would cross a network in the
//! clear, so that is taken for an address of this machine alone.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::Uri;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ssm::config::{
    Credentials, ProvideCredentials as _, SharedCredentialsProvider, SharedHttpClient,
};
use aws_smithy_types::retry::ReconnectMode;
use hushgate_host::config::Environment;
use tokio::runtime::{Handle, Id};
use tokio::sync::OnceCell;

mod http;

/// Attempts of one call, within [`Pace::whole`]. The SDK pauses 50 ms before the second at most, then
/// twice that; and stops repeating when many calls of this process fail.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
const CONNECT: Duration = Duration::from_secs(1);

/// The times of a service's calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// For one attempt, up to the answer's head.
    pub(crate) attempt: Duration,
    /// For the call with all attempts; none: as long as data flows.
    pub(crate) whole: Option<Duration>,
}

impl Pace {
    /// Small requests that somebody waits for. A connection's life cycle gives a store five seconds.
    pub(crate) const QUICK: Self = Self {
        attempt: Duration::from_millis(1500),
        whole: Some(Duration::from_secs(4)),
    };

    /// Requests with a part of an object. A body is stopped when nothing of it moves.
    pub(crate) const DATA: Self = Self {
        attempt: Duration::from_mins(1),
        whole: None,
    };
}

/// The AWS account this process works for.
#[derive(Debug)]
pub(crate) struct Account {
    region: String,
    key: Option<Credentials>,
    endpoints: Environment,
    fips: bool,
    dual_stack: bool,
    shared: OnceCell<SharedCredentialsProvider>,
}

/// There are no credentials.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoCredentials;

impl NoCredentials {
    /// What is wrong and what to do.
    pub(crate) const TEXT: &'static str = "no AWS credentials were found: on Lambda the function's role gives them; \
         elsewhere set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";
}

impl Account {
    /// The account that the environment names.
    ///
    /// # Errors
    /// Which variable is missing or wrong.
    pub(crate) fn of(environment: &Environment) -> Result<Arc<Self>, String> {
        let value = |name: &str| environment.get(name).filter(|v| !v.is_empty()).cloned();
        let region = value("AWS_REGION").or_else(|| value("AWS_DEFAULT_REGION"));
        let region = region.ok_or("AWS_REGION is not set; set it to the region of the store")?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if region.len() > 32 || !region.bytes().all(plain) {
            return Err("AWS_REGION is no region, such as `eu-central-1`".to_owned());
        }
        let secret = value("AWS_SECRET_ACCESS_KEY");
        let key = value("AWS_ACCESS_KEY_ID").zip(secret).map(|(id, secret)| {
            Credentials::new(id, secret, value("AWS_SESSION_TOKEN"), None, "environment")
        });
        let mut endpoints = Environment::new();
        for (name, url) in environment {
            if name.starts_with("AWS_ENDPOINT_URL") && !url.is_empty() {
                check_endpoint(url).map_err(|problem| format!("{name}: {problem}"))?;
                endpoints.insert(name.clone(), url.clone());
            }
        }
        Ok(Arc::new(Self {
            region,
            key,
            endpoints,
            fips: value("AWS_USE_FIPS_ENDPOINT").is_some_and(|v| v == "true"),
            dual_stack: value("AWS_USE_DUALSTACK_ENDPOINT").is_some_and(|v| v == "true"),
            shared: OnceCell::new(),
        }))
    }

    /// The endpoint that the environment names for a service, such as `SSM`.
    fn endpoint(&self, service: &str) -> Option<&String> {
        let own = self.endpoints.get(&format!("AWS_ENDPOINT_URL_{service}"));
        own.or_else(|| self.endpoints.get("AWS_ENDPOINT_URL"))
    }

    /// What a service's client is made of.
    pub(crate) async fn config(
        &self,
        service: &str,
        pace: Pace,
    ) -> Result<SdkConfig, NoCredentials> {
        let mut times = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(pace.attempt);
        times.set_operation_timeout(pace.whole);
        let retry = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_PAUSE)
            .with_max_backoff(LONGEST_PAUSE)
            // After an answer that tells a failure; a connection that failed is gone anyway.
            .with_reconnect_mode(ReconnectMode::ReuseAllConnections);
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .http_client(http_client())
            .credentials_provider(self.credentials().await?)
            .timeout_config(times.build())
            .retry_config(retry)
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().build())
            .use_fips(self.fips)
            .use_dual_stack(self.dual_stack);
        config.set_endpoint_url(self.endpoint(service).cloned());
        Ok(config.build())
    }

    async fn credentials(&self) -> Result<SharedCredentialsProvider, NoCredentials> {
        if let Some(key) = &self.key {
            return Ok(SharedCredentialsProvider::new(key.clone()));
        }
        let found = self.shared.get_or_try_init(|| async {
            let region = Region::new(self.region.clone());
            let reach = ProviderConfig::without_region()
                .with_region(Some(region.clone()))
                .with_http_client(http_client());
            let chain = DefaultCredentialsChain::builder().configure(reach);
            let chain = chain.region(region).build().await;
            // Asked now, so that having none is told as that and not as a failed call.
            match chain.provide_credentials().await {
                Ok(_) => Ok(SharedCredentialsProvider::new(chain)),
                Err(_) => Err(NoCredentials),
            }
        });
        found.await.cloned()
    }
}

/// The one HTTP client under all of the SDK's clients in this process, so that they share its
/// connections. Proxies are those of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
///
/// # Panics
/// Outside a runtime, since connections belong to one.
pub fn http_client() -> SharedHttpClient {
    static SHARED: Mutex<Option<(Id, SharedHttpClient)>> = Mutex::new(None);
    // Tests have many runtimes.
    let runtime = Handle::current().id();
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    match shared.as_ref() {
        Some((of, client)) if *of == runtime => client.clone(),
        _ => shared
            .insert((runtime, SharedHttpClient::new(http::Http::default())))
            .1
            .clone(),
    }
}

/// Takes `https`, and `http` to this machine.
fn check_endpoint(url: &str) -> Result<(), &'static str> {
    let wrong = "this is no `https://HOST`";
    let uri: Uri = url.parse().map_err(|_| wrong)?;
    let host = uri.host().ok_or(wrong)?;
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err("credentials do not belong into an endpoint");
    }
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let here = address
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if here => Ok(()),
        Some("http") => {
            Err("plain `http` is taken for an address of this machine only; use `https`")
        }
        _ => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        let pair = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn says_which_variable_is_missing_or_wrong() {
        for (pairs, expected) in [
            (&[][..], "AWS_REGION is not set"),
            (&[("AWS_REGION", "")], "AWS_REGION is not set"),
            (&[("AWS_REGION", "evil.example.com/")], "AWS_REGION is no"),
            (
                &[
                    ("AWS_REGION", "eu-central-1"),
                    ("AWS_ENDPOINT_URL_SSM", "x"),
                ],
                "AWS_ENDPOINT_URL_SSM: ",
            ),
        ] {
            let error = Account::of(&environment(pairs)).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let fallback = environment(&[("AWS_DEFAULT_REGION", "eu-central-1")]);
        assert_eq!(Account::of(&fallback).unwrap().region, "eu-central-1");
    }

    #[test]
    fn sends_nothing_in_the_clear_to_another_machine() {
        for good in [
            "https://vpce-1.ssm.eu-central-1.vpce.amazonaws.com",
            "http://127.0.0.1:5000",
            "http://[::1]:5000",
        ] {
            assert_eq!(check_endpoint(good), Ok(()), "{good}");
        }
        for bad in [
            "http://ssm.eu-central-1.amazonaws.com",
            "http://localhost.example.com",
            "http://localhost",
            "http://127.0.0.1.example.com",
            "http://169.254.169.254",
            "https://user:word@127.0.0.1",
            "ftp://127.0.0.1",
            "127.0.0.1:5000",
            "",
        ] {
            assert!(check_endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_of_one_service_comes_before_that_of_all() {
        let account = Account::of(&environment(&[
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL", "https://all.example.com"),
            ("AWS_ENDPOINT_URL_SSM", "https://ssm.example.com"),
        ]));
        let account = account.unwrap();
        let endpoint = |service| account.endpoint(service).map(String::as_str);
        assert_eq!(endpoint("SSM"), Some("https://ssm.example.com"));
        assert_eq!(endpoint("S3"), Some("https://all.example.com"));
    }

    #[test]
    fn shows_no_key() {
        let account = Account::of(&environment(&[
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "mark-of-the-key"),
            ("AWS_SESSION_TOKEN", "mark-of-the-session"),
        ]));
        let shown = format!("{:?}", account.unwrap());
        assert!(!shown.contains("mark-of"), "{shown}");
    }
}
