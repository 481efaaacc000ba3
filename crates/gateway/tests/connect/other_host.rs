//! Answers that say where the account's API is.

use std::sync::{Arc, Mutex};

use hushgate_gateway::connect::{
    ConnectFault, Connector, ConnectorParts, Source, SourceOptions, TokenEndpoint, TokenRequest,
    TokenResponse,
};
use hushgate_gateway::ports::{MemoryStore, PortFuture, SecretStore, SystemClock};

const SOURCE: &str = "{id: calls, name: Calls, docs: 'https://calls.example', target_host: {pattern: '*.api.calls.example', example: eu.api.calls.example},
    auth: {type: oauth2, grant: refresh_token, token_url: 'https://calls.example/token', client_auth: basic, answer: {host: api_base},
    fields: [{name: CLIENT_ID, label: a}, {name: CLIENT_SECRET, label: b}, {name: REFRESH_TOKEN, label: c}]}}";

/// A token endpoint that rotates the refresh token and names a host.
struct Vendor {
    host: &'static str,
    asked: Mutex<u32>,
}

impl TokenEndpoint for Vendor {
    fn call(&self, _: TokenRequest) -> PortFuture<'_, Result<TokenResponse, ConnectFault>> {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        let answer = serde_json::json!({"access_token": "at", "refresh_token": format!("r{asked}"), "api_base": self.host});
        Box::pin(async move {
            Ok(TokenResponse {
                status: 200,
                content_type: "application/json".to_owned(),
                retry_after: None,
                body: answer.to_string().into_bytes().into(),
            })
        })
    }
}

#[tokio::test]
async fn a_token_of_another_host_is_not_used_and_its_refresh_token_is_kept() {
    for (host, wanted) in [
        ("https://eu-1.api.calls.example", None),
        ("https://EU-1.api.calls.example/", None),
        ("eu-1.api.calls.example", None),
        (
            "https://us-2.api.calls.example",
            Some("at `us-2.api.calls.example`, not"),
        ),
        ("https://api.evil.example", Some("at another one, not")),
        ("http://eu-1.api.calls.example", Some("at another one, not")),
        ("do-not-show\u{1b}[2J", Some("at another one, not")),
    ] {
        let source = Source::load("source.yaml", SOURCE, SourceOptions::default());
        let secrets = [
            ("CLIENT_ID", "i"),
            ("CLIENT_SECRET", "s"),
            ("REFRESH_TOKEN", "r0"),
        ];
        let store = Arc::new(MemoryStore::new(secrets));
        let vendor = Arc::new(Vendor {
            host,
            asked: Mutex::default(),
        });
        let parts = ConnectorParts {
            store: Arc::clone(&store) as Arc<dyn SecretStore>,
            clock: Arc::new(SystemClock),
            platform: None,
            endpoint: Arc::clone(&vendor) as Arc<dyn TokenEndpoint>,
            settings: std::collections::BTreeMap::default(),
            target_host: Some("eu-1.api.calls.example".to_owned()),
            dev_loopback: false,
            token_origin: None,
        };
        let connector = Connector::new(Arc::new(source.unwrap()), parts).unwrap();
        match (connector.credential(None).await, wanted) {
            (Ok(_), None) => {}
            (Err(refused), Some(wanted)) => {
                let detail = refused.detail();
                assert!(detail.starts_with("connect-other-host: "), "{detail}");
                assert!(detail.contains(wanted), "{detail}");
                assert!(!detail.contains("do-not-show"), "{detail}");
                assert_eq!(refused.cause().code(), "configuration-invalid");
                assert!(connector.credential(None).await.is_err());
            }
            (got, _) => panic!("{host}: {:?}", got.map(drop)),
        }
        let kept = store.read("REFRESH_TOKEN").await.unwrap().unwrap();
        assert_eq!(kept.reveal(), "r1");
        // It cools down instead of using refresh tokens up.
        assert_eq!(*vendor.asked.lock().unwrap(), 1);
    }
}
