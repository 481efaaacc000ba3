//! Consents: in a browser by OAuth 2 and OAuth 1.0a, and on another device; and what forges them.

use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::connect::consent::{Consent, ConsentFault, Obtained, Pending};
use hushgate_gateway::ports::Secret;
use reqwest::Url;

use crate::server::{Action, Server};
use crate::setup::{Setup, TestClock};

#[path = "consent/browser.rs"]
mod browser;
#[path = "consent/device.rs"]
mod device;
#[path = "consent/three_legs.rs"]
mod three_legs;

const REDIRECT: &str = "http://127.0.0.1:8917/callback";

/// A vendor with a script, and a consent that was begun there.
struct Begun {
    server: Server,
    clock: Arc<TestClock>,
    pending: Pending,
    /// What the browser opens.
    url: Url,
}

impl Begun {
    async fn new(
        auth: &str,
        secrets: &[(&str, &str)],
        script: impl Fn(usize) -> Action + Send + Sync + 'static,
    ) -> Self {
        let server = Server::start(script).await;
        let (clock, begun) = begin(auth, secrets, &server, REDIRECT).await;
        let (pending, url) = begun.unwrap();
        Self {
            server,
            clock,
            pending,
            url,
        }
    }

    async fn complete(&mut self, answer: &str) -> Result<Obtained, ConsentFault> {
        self.pending.complete(answer).await
    }

    /// A parameter of the address that the browser opens.
    fn param(&self, name: &str) -> String {
        let found = self.url.query_pairs().find(|(known, _)| known == name);
        found.unwrap().1.into_owned()
    }

    /// The code of the refusal, whose text must not show anything that was sent.
    async fn refused(&mut self, answer: &str) -> &'static str {
        let fault = self.complete(answer).await.unwrap_err();
        is_quiet(&fault);
        fault.code()
    }
}

async fn begin(
    auth: &str,
    secrets: &[(&str, &str)],
    server: &Server,
    redirect: &str,
) -> (Arc<TestClock>, Result<(Pending, Url), ConsentFault>) {
    let setup = setup(auth, secrets, server);
    let clock = Arc::clone(&setup.clock);
    let (source, parts) = setup.into_parts();
    (clock, Consent::begin(source, parts, redirect).await)
}

fn setup<'a>(auth: &str, secrets: &[(&str, &str)], server: &'a Server) -> Setup<'a> {
    let yaml = format!(
        "{{id: peer, name: Peer, docs: 'https://peer.example', host: api.peer.example, auth: {{{auth}}}}}"
    );
    let mut setup = Setup::of(&yaml, &server.origin, secrets);
    setup.read_timeout = Duration::from_secs(5);
    setup
}

fn entries(obtained: Obtained) -> Vec<(String, String)> {
    let entries = obtained.into_entries().into_iter();
    entries
        .map(|(name, value): (String, Secret)| (name, value.reveal().to_owned()))
        .collect()
}

/// What every secret, code and hostile text of these tests has in it.
const MARK: &str = "do-not-show";

fn is_quiet(fault: &ConsentFault) {
    let shown = format!("{fault} {fault:?}");
    assert!(!shown.contains(MARK), "{shown}");
    assert!(!shown.chars().any(char::is_control), "{shown}");
}
