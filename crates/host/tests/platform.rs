//! A shipped source reached with the identity of the hosting cloud, and which cloud a start takes.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use hushgate_gateway::connect::{Connector, ConnectorParts, Source, SourceOptions};
use hushgate_gateway::egress::{Egress, EgressConfig};
use hushgate_gateway::ports::{MemoryStore, SystemClock};
use hushgate_host::config::{Config, Environment};
use hushgate_host::platform::{Google, PlatformKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const OUTLOOK: &str = include_str!("../../../rules/outlook-cal/source.yaml");
/// `{"alg":"RS256"}`, `{}` and a signature.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.e30.bWFyay1vZi10aGUtdG9rZW4";

/// Answers every request so, and gives at most `count` requests as text.
async fn server(
    count: usize,
    head: &'static str,
    body: &'static str,
) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let mut requests = Vec::new();
        for _ in 0..count {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !whole(&request) {
                let mut part = [0; 4096];
                let read = stream.read(&mut part).await.unwrap();
                request.push_str(std::str::from_utf8(&part[..read]).unwrap());
            }
            requests.push(request);
            let answer = format!(
                "HTTP/1.1 200 OK\r\n{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    (host, serving)
}

fn whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |l| l.parse().unwrap())
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let pairs = pairs.iter();
    pairs
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect()
}

#[tokio::test]
async fn outlook_calendar_is_reached_with_google_s_identity_fresh_for_each_exchange() {
    let (metadata, identities) = server(2, "Metadata-Flavor: Google\r\n", TOKEN).await;
    let answer = r#"{"access_token":"graph-1","token_type":"Bearer","expires_in":3599}"#;
    let (entra, exchanges) = server(2, "content-type: application/json\r\n", answer).await;
    let egress = Egress::new(EgressConfig {
        dev_loopback: true,
        ..EgressConfig::default()
    });
    let settings = environment(&[
        ("TENANT_ID", "tenant.example.com"),
        ("CLIENT_ID", "8f7d2b90-1111-4222-8333-944455556666"),
    ]);
    let options = SourceOptions { dev_loopback: true };
    let source = Source::load("source.yaml", OUTLOOK, options).unwrap();
    let google = Google::new(&environment(&[("GCE_METADATA_HOST", &metadata)]));
    let (source, google) = (Arc::new(source), Arc::new(google));
    for _instance in 0..2 {
        let parts = ConnectorParts {
            store: Arc::new(MemoryStore::new(BTreeMap::<String, String>::new())),
            clock: Arc::new(SystemClock),
            platform: Some(google.clone()),
            endpoint: Arc::new(egress.clone()),
            settings: settings.clone(),
            target_host: None,
            dev_loopback: true,
            token_origin: Some(egress.parse(&format!("http://{entra}")).unwrap()),
        };
        let connector = Connector::new(Arc::clone(&source), parts).unwrap();
        connector.credential(None).await.unwrap();
        // Kept: asks nobody.
        connector.credential(None).await.unwrap();
    }

    let identities = identities.await.unwrap();
    for asked in &identities {
        let line = asked.lines().next().unwrap();
        assert!(
            line.ends_with("/identity?audience=api%3A%2F%2FAzureADTokenExchange HTTP/1.1"),
            "{line}"
        );
    }
    let exchanges = exchanges.await.unwrap();
    assert_eq!((identities.len(), exchanges.len()), (2, 2));
    for asked in &exchanges {
        assert!(asked.starts_with("POST /tenant.example.com/oauth2/v2.0/token HTTP/1.1\r\n"));
        for parameter in [
            "grant_type=client_credentials",
            "client_id=8f7d2b90-1111-4222-8333-944455556666",
            "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
            &format!("client_assertion={TOKEN}"),
        ] {
            assert!(asked.contains(parameter), "{parameter}: {asked}");
        }
        assert!(!asked.contains("client_secret"));
    }
}

#[test]
fn a_start_takes_the_cloud_it_runs_on_and_refuses_two() {
    let platform = |pairs: &[(&str, &str)]| {
        let config = Config::read(&environment(pairs));
        config.map(|config| config.platform).map_err(|problems| {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })
    };
    let (google, aws) = (("K_SERVICE", "fn"), ("AWS_LAMBDA_FUNCTION_NAME", "fn"));
    assert_eq!(platform(&[]), Ok(None));
    assert_eq!(platform(&[google]), Ok(Some(PlatformKind::Google)));
    assert_eq!(platform(&[aws]), Ok(Some(PlatformKind::Aws)));
    let chosen = [google, ("HUSHGATE_PLATFORM", "aws")];
    assert_eq!(platform(&chosen), Ok(Some(PlatformKind::Aws)));
    for both in [
        &[google, aws][..],
        &[google, aws, ("HUSHGATE_PLATFORM", "aws")],
    ] {
        let told = platform(both).unwrap_err();
        assert!(
            told.starts_with("K_SERVICE: ") && told.contains("AWS_LAMBDA_FUNCTION_NAME"),
            "{told}"
        );
    }
    for (name, wrong) in [
        ("HUSHGATE_PLATFORM", "azure"),
        ("GCE_METADATA_HOST", "http://169.254.169.254/x"),
        ("IDENTITY_POOL_ID", "evil.example/:1"),
        ("IDENTITY_ID", "1111"),
        ("DEVELOPER_NAME_ID", "a b"),
    ] {
        let told = platform(&[(name, wrong)]).unwrap_err();
        assert!(told.starts_with(name) && !told.contains(wrong), "{told}");
    }
}
