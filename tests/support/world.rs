//! Everything around one function: an issuer, a source, a policy, secrets.

use std::process::Command;
use std::time::Duration;

use hushgate_cli::examples::Folder;
use hushgate_cli::sample::{Issuer, SampleSource, Served};
use hushgate_cli::sources::{BuiltIn, sample_secrets};

use super::function::{Function, root};

/// The audience that the test policy asks for.
pub(crate) const AUDIENCE: &str = "https://zoom.gw.example";
/// The subject that the test policy knows.
pub(crate) const SUBJECT: &str = "112233";
/// The pseudonym key of the tests.
pub(crate) const KEY: &str = "1:aHVzaGdhdGUtZTJlLWtleS1ub3QtYS1zZWNyZXQtMzI=";

/// A function with a working world around it.
pub(crate) struct World {
    pub(crate) issuer: Issuer,
    pub(crate) source: Option<SampleSource>,
    pub(crate) function: Function,
    pub(crate) client: reqwest::Client,
}

impl World {
    /// Starts source zoom and all around it; the source replays the examples.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts source zoom with further variables for the function; an empty one is left out.
    pub(crate) async fn with(environment: &[(&str, &str)]) -> Self {
        Self::of("zoom", environment).await
    }

    /// Starts any source with further variables.
    pub(crate) async fn of(id: &str, environment: &[(&str, &str)]) -> Self {
        let source = SampleSource::start(served(id), None)
            .await
            .expect("the sample source");
        let address = source.url().trim_start_matches("http://").to_owned();
        let mut world = Self::of_before(id, &address, environment).await;
        world.source = Some(source);
        world
    }

    /// Starts all but the source, zoom, which listens at `address` (`host:port`).
    pub(crate) async fn before(address: &str, environment: &[(&str, &str)]) -> Self {
        Self::of_before("zoom", address, environment).await
    }

    /// Starts all but the source, any one, which listens at `address` (`host:port`).
    pub(crate) async fn of_before(id: &str, address: &str, environment: &[(&str, &str)]) -> Self {
        let start = |all: &[(&str, &str)]| Some(Function::start(id, all));
        let world = Self::launch(id, address, environment, start).await;
        world.expect("the function starts")
    }

    /// Any source with further variables, whose function this command starts.
    pub(crate) async fn launched(
        id: &str,
        command: Command,
        address: &str,
        further: &[(&str, &str)],
    ) -> Self {
        let start = |all: &[(&str, &str)]| Some(Function::launch(command, id, all));
        let world = Self::launch(id, address, further, start).await;
        world.expect("the function starts")
    }

    /// Source zoom, which the function looks for under its own name in this hosts file; tokens come
    /// from `address`. None where the system does not let a function have a hosts file of its own.
    pub(crate) async fn with_hosts(
        hosts: &str,
        address: &str,
        environment: &[(&str, &str)],
    ) -> Option<Self> {
        let mut environment = environment.to_vec();
        environment.push(("HUSHGATE_TARGET_HOST", ""));
        let start = |all: &[(&str, &str)]| Function::start_with_hosts("zoom", all, hosts);
        Self::launch("zoom", address, &environment, start).await
    }

    async fn launch(
        id: &str,
        address: &str,
        environment: &[(&str, &str)],
        start: impl FnOnce(&[(&str, &str)]) -> Option<Function>,
    ) -> Option<Self> {
        let issuer = Issuer::start().await.expect("the issuer");
        let usual = variables(id, &issuer.url(), address);
        let mut all: Vec<_> = usual
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        all.retain(|(name, _)| !environment.iter().any(|(other, _)| other == name));
        all.extend(
            environment
                .iter()
                .copied()
                .filter(|(_, value)| !value.is_empty()),
        );
        let function = start(&all)?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .no_gzip()
            .build()
            .expect("a client");
        Some(Self {
            issuer,
            source: None,
            function,
            client,
        })
    }

    /// A good token.
    pub(crate) fn token(&self) -> String {
        self.issuer
            .token(SUBJECT, AUDIENCE, Duration::from_mins(10))
            .expect("a token")
    }

    /// `GET` with a good token.
    pub(crate) async fn get(&self, target: &str) -> reqwest::Response {
        self.request(reqwest::Method::GET, target)
            .send()
            .await
            .expect("an answer")
    }

    /// A request with a good token, to be completed.
    pub(crate) fn request(&self, method: reqwest::Method, target: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("{}{target}", self.function.url()))
            .bearer_auth(self.token())
    }
}

/// What a function of this source needs to know: the policy, the source at `address`, its secrets.
pub(crate) fn variables(id: &str, issuer: &str, address: &str) -> Vec<(String, String)> {
    let mut all = secrets(id);
    let more = [
        ("HUSHGATE_ACCESS", policy(issuer, &format!("[{id}]"))),
        ("HUSHGATE_DEV_LOOPBACK", "1".to_owned()),
        ("HUSHGATE_TARGET_HOST", address.to_owned()),
        ("HUSHGATE_TOKEN_ORIGIN", format!("http://{address}")),
        ("PSEUDONYM_KEY", KEY.to_owned()),
    ];
    all.extend(more.map(|(name, value)| (name.to_owned(), value)));
    all
}

/// The credential of a source, as a person would store it.
fn secrets(id: &str) -> Vec<(String, String)> {
    let built_in = BuiltIn::find(id).expect("a built-in source");
    let mut secrets = sample_secrets(built_in).expect("its sample secrets");
    for (name, value) in &mut secrets {
        if name == "CLIENT_SECRET" {
            "e2e-client-secret".clone_into(value);
        }
    }
    secrets
}

/// The access policy of the tests.
pub(crate) fn policy(issuer: &str, sources: &str) -> String {
    format!(
        "issuers:\n  - issuer: {issuer}\n    algorithms: [ES256]\nclients:\n  - id: vendor-test\n    name: Test vendor\n    \
         identity: {{issuer: \"{issuer}\", subject: \"{SUBJECT}\", audience: \"{AUDIENCE}\"}}\n    \
         sources: {sources}\n    expires: 2099-12-31\n"
    )
}

/// What the sample source answers: the examples of a source.
pub(crate) fn served(source: &str) -> Vec<Served> {
    let folder = root().join("rules").join(source);
    let folder = Folder::find(&folder.display().to_string()).expect("the source's folder");
    let calls = folder.calls().expect("its calls");
    calls
        .iter()
        .filter_map(|call| {
            let path = folder.original(call.name.as_deref()?);
            let body = std::fs::read_to_string(path).expect("an original");
            Some(Served {
                method: call.method().to_owned(),
                target: call.plain_target(),
                request: call.plain_body(),
                body,
            })
        })
        .collect()
}

/// The body of an answer as JSON.
pub(crate) async fn json(response: reqwest::Response) -> serde_json::Value {
    let body = response.text().await.expect("a body");
    serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"))
}
