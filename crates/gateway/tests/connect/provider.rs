//! Exchanges with a certified provider that refuses what is not to the letter.

use std::sync::Arc;

use hushgate_gateway::connect::Connector;
use hushgate_gateway::ports::{Clock as _, MemoryStore, SecretStore as _, SystemClock};
use serde_json::Value;

use crate::peer::Peer;
use crate::setup::{Setup, TestClock, bearer};

const SECRET: &str = "a secret of the tests only";
const TWO_HOURS: u64 = 2 * 3600;

/// A connector to the peer, with what it stands on.
struct Peered {
    connector: Connector,
    store: Arc<MemoryStore>,
    clock: Arc<TestClock>,
}

impl Peered {
    /// A source with this `auth`, its fields those that `secrets` name.
    fn new(peer: &Peer, auth: &str, secrets: &[(&str, &str)]) -> Self {
        let fields: Vec<_> = secrets
            .iter()
            .map(|(name, _)| format!("{{name: {name}, label: x}}"))
            .collect();
        let source = format!(
            "{{id: peer, name: Peer, docs: 'https://peer.example', host: api.peer.example, auth: {{type: oauth2, \
             token_url: 'https://login.peer.example/oauth/token', {auth}, fields: [{}]}}}}",
            fields.join(", ")
        );
        let mut setup = Setup::of(&source, peer.issuer(), secrets);
        let store = Arc::new(MemoryStore::new(secrets.iter().copied()));
        setup.store = store.clone();
        // The provider goes by the machine's clock.
        setup.clock = TestClock::at(SystemClock.unix_seconds());
        let clock = Arc::clone(&setup.clock);
        Self {
            connector: setup.connector(),
            store,
            clock,
        }
    }

    /// A client of the provider with this refresh token.
    fn refreshing(peer: &Peer, token: &str) -> Self {
        let secrets = [
            ("CLIENT_ID", "app"),
            ("CLIENT_SECRET", SECRET),
            ("REFRESH_TOKEN", token),
        ];
        Self::new(peer, "grant: refresh_token, client_auth: body", &secrets)
    }

    async fn token(&self) -> String {
        bearer(&self.connector.credential(None).await.unwrap())
    }

    async fn refresh_token(&self) -> String {
        let stored = self.store.read("REFRESH_TOKEN").await.unwrap().unwrap();
        stored.reveal().to_owned()
    }
}

#[tokio::test]
async fn every_grant_gives_a_token_that_the_api_of_a_certified_provider_takes() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let client = |id| vec![("CLIENT_ID", id), ("CLIENT_SECRET", SECRET)];
    let with = |id, more| [client(id), vec![more]].concat();
    let key = peer.told("private_key");
    let seeded = peer.seed("app").await;
    let assertion = "assertion: {key: PRIVATE_KEY, issuer: '{{CLIENT_ID}}', subject: avery, audience: '{{token_url}}', lifetime: 5m}";
    let bearer_grant = format!("grant: jwt_bearer, client_auth: body, {assertion}");
    let rows = [
        (
            "grant: client_credentials, client_auth: body",
            client("machine-body"),
            "machine-body",
        ),
        (
            "grant: client_credentials, client_auth: basic",
            client("machine-basic"),
            "machine-basic",
        ),
        (
            "grant: account_credentials, client_auth: basic, params: {account_id: '{{ACCOUNT_ID}}'}",
            with("account", ("ACCOUNT_ID", "account-1")),
            "account-1",
        ),
        (
            "grant: refresh_token, client_auth: body",
            [client("app"), vec![("REFRESH_TOKEN", seeded.as_str())]].concat(),
            "avery",
        ),
        (&bearer_grant, with("bearer", ("PRIVATE_KEY", key)), "avery"),
    ];
    for (auth, secrets, account) in &rows {
        let peered = Peered::new(&peer, auth, secrets);
        let first = peered.connector.credential(None).await;
        let first = first.unwrap_or_else(|refused| panic!("{auth}: {}", refused.detail()));
        let (status, body) = peer.ask("GET", "/api", &bearer(&first)).await;
        assert_eq!(
            (status, &body["id"]),
            (200, &Value::from(*account)),
            "{auth}"
        );
        // Kept, and renewed when it is refused.
        assert_eq!(peered.token().await, bearer(&first), "{auth}");
        let renewed = peered.connector.renew(None, &first).await;
        let renewed = renewed.unwrap_or_else(|refused| panic!("{auth}: {}", refused.detail()));
        assert_ne!(bearer(&renewed), bearer(&first), "{auth}");
    }
    let events = peer.events().await;
    assert_eq!(events["refused"], Value::Array(Vec::new()), "{events}");
}

#[tokio::test]
async fn a_wrong_secret_is_told_as_such() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let secrets = [
        ("CLIENT_ID", "machine-body"),
        ("CLIENT_SECRET", "do-not-show"),
    ];
    let peered = Peered::new(
        &peer,
        "grant: client_credentials, client_auth: body",
        &secrets,
    );
    let refused = peered.connector.credential(None).await.unwrap_err();
    let detail = refused.detail();
    assert!(detail.contains("status 401, invalid_client"), "{detail}");
    assert!(!detail.contains("do-not-show"));
}

#[tokio::test]
async fn a_family_of_refresh_tokens_lives_as_long_as_each_is_used_once() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let first = peer.seed("app").await;
    let peered = Peered::refreshing(&peer, &first);
    let mut tokens = vec![first.clone()];
    for _ in 0..5 {
        peered.token().await;
        tokens.push(peered.refresh_token().await);
        peered
            .clock
            .advance(std::time::Duration::from_secs(TWO_HOURS));
    }
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 6, "each is used once");
    // Whoever uses an old one ends the whole family: so it would be seen here if one of us did.
    let stale = Peered::refreshing(&peer, &first);
    let refused = stale.connector.credential(None).await.unwrap_err();
    assert!(
        refused.detail().contains("invalid_grant"),
        "{}",
        refused.detail()
    );
    let refused = peered.connector.credential(None).await.unwrap_err();
    assert!(
        refused.detail().contains("invalid_grant"),
        "{}",
        refused.detail()
    );
    let events = peer.events().await;
    assert_eq!(
        (&events["revoked"], &events["granted"]["refresh_token"]),
        (&1.into(), &5.into())
    );
}
