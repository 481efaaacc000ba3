//! The issuer, the sample source and the function of the demonstration.

use std::time::Duration;

use anyhow::{Context, bail};
use hushgate_host::cloud::Clouds;
use hushgate_host::config::Environment;
use hushgate_host::prepare;

use crate::examples::EXAMPLE_KEYS;
use crate::sample::{Issuer, SampleSource, Served};
use crate::sources::{BuiltIn, SAMPLE_TOKEN};

const AUDIENCE: &str = "https://demo.hushgate.example";
const SUBJECT: &str = "demo-vendor";
const DAY_HALF: Duration = Duration::from_hours(12);

/// Everything that runs during the demonstration; dropping it stops the servers.
pub(super) struct World {
    issuer: Issuer,
    source: SampleSource,
    built_in: &'static BuiltIn,
    function: String,
    token: String,
    client: reqwest::Client,
}

/// What the function answered.
pub(super) struct Answer {
    pub(super) status: reqwest::StatusCode,
    pub(super) body: String,
}

impl World {
    /// Starts all three.
    pub(super) async fn start(source_id: &str, port: u16) -> anyhow::Result<Self> {
        let built_in = BuiltIn::find(source_id)?;
        let issuer = Issuer::start().await.context("start the token issuer")?;
        let source = SampleSource::start(served(built_in)?, Some(SAMPLE_TOKEN.into()))
            .await
            .context("start the sample source")?;
        let environment = environment(built_in, &issuer, &source, port)?;
        let function = hushgate_host::BuiltIn {
            id: built_in.id,
            source_yaml: built_in.declared()?.source,
            rules_yaml: built_in.rules,
            rules_packed: &[],
            clouds: Clouds::NONE,
        };
        let prepared = match prepare(&function, &environment).await {
            Ok(prepared) => prepared,
            Err(problems) => bail!("the function does not start: {}", problems.join("; ")),
        };
        let function = format!("http://{}", prepared.address()?);
        tokio::spawn(prepared.serve(std::future::pending()));
        let token = issuer.token(SUBJECT, AUDIENCE, DAY_HALF)?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self {
            issuer,
            source,
            built_in,
            function,
            token,
            client,
        })
    }

    pub(super) fn issuer_url(&self) -> String {
        self.issuer.url()
    }

    pub(super) fn source_url(&self) -> String {
        self.source.url()
    }

    pub(super) fn function_url(&self) -> &str {
        &self.function
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// The first `GET` example without a pseudonym in it, and the source's answer to it.
    pub(super) fn first_call(&self) -> anyhow::Result<(String, &'static str)> {
        let calls = self.built_in.calls()?;
        calls
            .iter()
            .filter(|call| call.method() == "GET" && !call.template().contains("{{"))
            .find_map(|call| {
                let original = self.built_in.original(call.name.as_deref()?)?;
                Some((call.template().to_owned(), original))
            })
            .context("the source has no example that needs no pseudonym")
    }

    /// `GET` on the function.
    pub(super) async fn call(&self, target: &str, with_token: bool) -> anyhow::Result<Answer> {
        let mut request = self.client.get(format!("{}{target}", self.function));
        if with_token {
            request = request.bearer_auth(&self.token);
        }
        let response = request.send().await.context("call the function")?;
        Ok(Answer {
            status: response.status(),
            body: response.text().await?,
        })
    }
}

fn served(built_in: &'static BuiltIn) -> anyhow::Result<Vec<Served>> {
    let calls = built_in.calls()?;
    Ok(calls
        .iter()
        .filter_map(|call| {
            let body = built_in.original(call.name.as_deref()?)?.to_owned();
            Some(Served {
                method: call.method().to_owned(),
                target: call.plain_target(),
                request: call.plain_body(),
                body,
            })
        })
        .collect())
}

/// The variables the function is configured by; secrets are samples.
fn environment(
    built_in: &BuiltIn,
    issuer: &Issuer,
    source: &SampleSource,
    port: u16,
) -> anyhow::Result<Environment> {
    let issuer = issuer.url();
    let policy = format!(
        "issuers:\n  - issuer: {issuer}\n    algorithms: [ES256]\nclients:\n  - id: demo-vendor\n    name: Demo vendor\n    \
         identity: {{issuer: \"{issuer}\", subject: {SUBJECT}, audience: \"{AUDIENCE}\"}}\n    \
         sources: [{}]\n    expires: 2099-12-31\n",
        built_in.id
    );
    let host = source.url().trim_start_matches("http://").to_owned();
    let mut environment = Environment::from([
        ("PORT".to_owned(), port.to_string()),
        ("HUSHGATE_LOG".to_owned(), "off".to_owned()),
        ("HUSHGATE_ACCESS".to_owned(), policy),
        ("HUSHGATE_DEV_LOOPBACK".to_owned(), "1".to_owned()),
        ("HUSHGATE_TOKEN_ORIGIN".to_owned(), source.url()),
        ("HUSHGATE_TARGET_HOST".to_owned(), host),
    ]);
    environment.extend(
        EXAMPLE_KEYS
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    environment.extend(crate::sources::sample_secrets(built_in)?);
    Ok(environment)
}
