//! A connector in front of a scripted token endpoint, with all that a test turns and looks at.

use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::connect::Connector;
use hushgate_gateway::refusal::Refusal;

use crate::server::{Action, Server, json};
use crate::setup::{Setup, TestClock, bearer};

pub(crate) const ZOOM: &[(&str, &str)] = &[
    ("CLIENT_ID", "i"),
    ("CLIENT_SECRET", "s"),
    ("ACCOUNT_ID", "a"),
];

pub(crate) struct Bench {
    pub(crate) server: Server,
    pub(crate) connector: Connector,
    clock: Arc<TestClock>,
}

impl Bench {
    /// Source zoom, which has no refresh token.
    pub(crate) async fn zoom(script: impl Fn(usize) -> Action + Send + Sync + 'static) -> Self {
        Self::shipped("zoom", ZOOM, script, |_| {}).await
    }

    /// A shipped source; `change` has the last word on its setup.
    pub(crate) async fn shipped(
        id: &str,
        secrets: &[(&str, &str)],
        script: impl Fn(usize) -> Action + Send + Sync + 'static,
        change: impl FnOnce(&mut Setup<'_>),
    ) -> Self {
        let server = Server::start(script).await;
        let origin = server.origin.clone();
        let mut setup = Setup::shipped(id, &origin, secrets);
        change(&mut setup);
        let clock = Arc::clone(&setup.clock);
        Self {
            server,
            connector: setup.connector(),
            clock,
        }
    }

    /// Lets time pass for the connector.
    pub(crate) fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The token that a call gets now.
    pub(crate) async fn token(&self) -> String {
        let header = bearer(&self.connector.credential(None).await.unwrap());
        header.strip_prefix("Bearer ").unwrap().to_owned()
    }

    /// Why a call gets none now.
    pub(crate) async fn refused(&self) -> Refusal {
        self.connector.credential(None).await.unwrap_err()
    }

    /// How often the token endpoint was asked.
    pub(crate) fn asked(&self) -> usize {
        self.server.requests().len()
    }
}

/// The token `t<number>`, for an hour.
pub(crate) fn numbered(number: usize) -> Action {
    json(&format!(
        r#"{{"access_token":"t{number}","expires_in":3600}}"#
    ))
}

/// `first` for the first requests, then numbered tokens.
pub(crate) fn at_first(times: usize, first: Action) -> impl Fn(usize) -> Action {
    move |number| {
        if number < times {
            first.clone()
        } else {
            numbered(number)
        }
    }
}
