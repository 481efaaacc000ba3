//! The exchange with a certified OpenID Connect server.

use hushgate_gateway::connect::Connector;

use crate::oidc::OidcProvider;
use crate::setup::{Setup, bearer};

const SOURCE: &str = "{id: peer, name: Peer, docs: 'https://peer.example', host: api.peer.example, auth: {type: oauth2, grant: client_credentials,
    token_url: 'https://login.peer.example/token', client_auth: body, scope: [api], params: {resource: 'https://api.peer.example'},
    fields: [{name: CLIENT_ID, label: a}, {name: CLIENT_SECRET, label: b}]}}";

/// A connector with this client secret, and the server that it asks.
fn connector(secret: &str) -> Option<(Connector, OidcProvider)> {
    let provider = OidcProvider::start()?;
    let secrets = [("CLIENT_ID", "workload-rs256"), ("CLIENT_SECRET", secret)];
    let connector = Setup::of(SOURCE, &provider.issuer, &secrets).connector();
    Some((connector, provider))
}

#[tokio::test]
async fn client_credentials_give_a_token_of_a_certified_server() {
    let Some((connector, _provider)) = connector("a secret of the tests only") else {
        return;
    };
    let first = connector.credential(None).await.unwrap();
    let token = bearer(&first);
    assert_eq!(token.split('.').count(), 3, "a JWT");
    assert_eq!(bearer(&connector.credential(None).await.unwrap()), token);
    assert_ne!(bearer(&connector.renew(None, &first).await.unwrap()), token);
}

#[tokio::test]
async fn a_wrong_secret_is_told_as_such() {
    let Some((connector, _provider)) = connector("do-not-show") else {
        return;
    };
    let refused = connector.credential(None).await.unwrap_err();
    let detail = refused.detail();
    assert!(detail.contains("status 401, invalid_client"), "{detail}");
    assert!(!detail.contains("do-not-show"));
}
