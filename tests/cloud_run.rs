//! The HTTP host as Cloud Run and other container hosts use it: the port, both HTTP versions, the probe,
//! and the end.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hushgate_cli::sample::LoopbackServer;
use reqwest::{Client, Method, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::function::{Function, binary};
use crate::support::{World, raw};

/// What Cloud Run sets in every container of a service.
const CLOUD_RUN: &[(&str, &str)] = &[
    ("K_SERVICE", "zoom"),
    ("K_REVISION", "zoom-00001-abc"),
    ("K_CONFIGURATION", "zoom"),
];

/// A call that the examples answer.
const USERS: &str = "/v2/users?status=active&page_size=30";

/// A client that speaks HTTP/2 without TLS and without asking, as Cloud Run does when it is told to.
fn h2c() -> Client {
    let builder = Client::builder().no_proxy().no_gzip();
    let builder = builder.http2_prior_knowledge();
    builder.build().expect("a client")
}

/// What a probe sees: status, header names, body.
async fn seen(client: &Client, method: Method, url: String) -> (u16, Vec<String>, Bytes) {
    let response = client.request(method, url).send().await;
    let response = response.expect("an answer");
    let names = response.headers().keys().map(ToString::to_string);
    let mut names: Vec<_> = names.collect();
    names.sort();
    let status = response.status().as_u16();
    (status, names, response.bytes().await.expect("a body"))
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_all_addresses_at_the_given_port_where_cloud_run_starts_it() {
    let mut function = Function::start("zoom", CLOUD_RUN);
    // Another address of this machine than the one it was waited for at.
    let url = format!("http://127.0.0.2:{}", function.address().port());
    let plain = Client::builder().no_proxy().build().expect("a client");
    let answer = seen(&plain, Method::GET, format!("{url}/healthz")).await;
    assert_eq!((answer.0, &answer.2[..]), (200, &b"ok\n"[..]));
    // No policy was given: nobody may call.
    let refused = plain.get(format!("{url}/v2/users")).send().await;
    assert_eq!(refused.expect("an answer").status(), 401);
    let code = tokio::task::block_in_place(|| function.terminate());
    assert_eq!(code, Some(0));
    for line in function.log().lines() {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "a log line that is no JSON: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_is_the_same_bytes_for_everybody() {
    let world = World::start().await;
    let token = world.token();
    for request in [
        "GET /healthz HTTP/1.1\r\nhost: x\r\n".to_owned(),
        "GET /healthz?verbose=1 HTTP/1.1\r\nhost: x\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: x\r\nauthorization: Bearer nonsense\r\n".to_owned(),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"),
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-hushgate-health-check: 1\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: x\r\nuser-agent: kube-probe/1.30\r\naccept-encoding: gzip\r\norigin: https://evil.example\r\n".to_owned(),
    ] {
        let bytes = format!("{request}connection: close\r\n\r\n");
        let address = world.function.address();
        let answer =
            tokio::task::block_in_place(|| raw::exchange(address, bytes.as_bytes()));
        let (before, rest) = answer.split_once("date: ").expect("a date");
        assert_eq!(before, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n", "{request}");
        let (date, rest) = rest.split_once("\r\n").expect("a line's end");
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
        assert_eq!(rest, "\r\nok\n", "{request}");
    }
    assert_eq!(world.source.as_ref().expect("a source").calls(), 0);
    assert!(
        !world.function.log().contains("healthz"),
        "it is not logged"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_answers_in_both_versions_and_nothing_beside_it_does() {
    let world = World::start().await;
    for client in [&world.client, &h2c()] {
        let url = |path: &str| format!("{}{path}", world.function.url());
        let answer = seen(client, Method::GET, url("/healthz")).await;
        let names = ["content-length", "date"].map(str::to_owned).to_vec();
        assert_eq!(answer, (200, names.clone(), Bytes::from_static(b"ok\n")));
        let head = seen(client, Method::HEAD, url("/healthz")).await;
        assert_eq!(head, (200, names, Bytes::new()));
        // A refusal has a body; an answer to `HEAD` has not.
        let refused = seen(client, Method::HEAD, url("/v2/users")).await;
        assert_eq!((refused.0, refused.2), (401, Bytes::new()));
        for (method, path) in [
            (Method::POST, "/healthz"),
            (Method::OPTIONS, "/healthz"),
            (Method::GET, "/healthz/"),
            (Method::GET, "/healthz/x"),
            (Method::GET, "/HEALTHZ"),
            (Method::GET, "/%68ealthz"),
            (Method::GET, "//healthz"),
            (Method::GET, "/healthz;x"),
        ] {
            let (status, _, body) = seen(client, method.clone(), url(path)).await;
            assert_eq!(status, 401, "{method} {path}");
            assert!(!body.starts_with(b"ok"), "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_without_tls_gives_the_same_answers() {
    let world = World::start().await;
    let h2c = Arc::new(h2c());
    let plain = world.get(USERS).await;
    assert_eq!(plain.version(), Version::HTTP_11);
    let plain = plain.bytes().await.expect("a body");
    let token = world.token();
    let ask = |path: &str| {
        let url = format!("{}{path}", world.function.url());
        h2c.get(url).bearer_auth(&token).send()
    };
    // Many at once, on one connection.
    let calls = (0..20).map(|_| ask(USERS));
    for call in futures_of(calls.collect()).await {
        let response = call.expect("an answer");
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.status(), 200);
        let length = response.headers()["content-length"].clone();
        let body = response.bytes().await.expect("a body");
        assert_eq!(length, body.len().to_string().as_str());
        assert_eq!(body, plain);
    }
    // Refusals too, with the same code.
    for (path, token) in [("/v2/not/listed", Some(token.as_str())), (USERS, None)] {
        let mut codes = Vec::new();
        for client in [&world.client, h2c.as_ref()] {
            let mut request = client.get(format!("{}{path}", world.function.url()));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.expect("an answer");
            let error = response.headers().get("x-hushgate-error").cloned();
            codes.push((response.status(), error.expect("a code")));
        }
        assert_eq!(codes[0], codes[1], "{path}");
    }
}

/// All of them at once, in their order.
async fn futures_of<F>(futures: Vec<F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut all = Vec::with_capacity(tasks.len());
    for task in tasks {
        all.push(task.await.expect("it does not panic"));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_turn_a_connection_into_another_protocol() {
    let world = World::start().await;
    for upgrade in ["h2c", "websocket", "TLS/1.2", "HTTP/2.0"] {
        let request = format!(
            "GET /v2/users HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: {upgrade}\r\n\
             http2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-version: 13\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        );
        let address = world.function.address();
        let answer = tokio::task::block_in_place(|| raw::exchange(address, request.as_bytes()));
        assert_eq!(raw::status(&answer), 401, "{upgrade}: {answer}");
        // The connection speaks on as it did.
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        assert!(!answer.contains("101"), "{answer}");
    }
}

/// A source that takes its time, and says how many requests came.
struct SlowSource {
    address: String,
    asked: Arc<AtomicUsize>,
}

impl SlowSource {
    /// `token`: how long a token takes; `users`: how long the list.
    async fn start(token: Duration, users: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    let _ = answer(stream, &count, token, users).await;
                });
            }
        });
        Self { address, asked }
    }

    async fn world(&self, environment: &[(&str, &str)]) -> World {
        World::before(&self.address, environment).await
    }

    /// Waits until so many requests have come.
    async fn asked(&self, count: usize) {
        let start = Instant::now();
        while self.asked.load(Ordering::SeqCst) < count {
            assert!(start.elapsed() < Duration::from_secs(10), "nobody asks");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Answers one request, late.
async fn answer(
    mut stream: TcpStream,
    count: &AtomicUsize,
    token: Duration,
    users: Duration,
) -> std::io::Result<()> {
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !text.contains("\r\n\r\n") || (text.starts_with("POST") && !text.contains("grant_type")) {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    count.fetch_add(1, Ordering::SeqCst);
    let (wait, body) = if text.starts_with("POST") {
        let body =
            r#"{"access_token":"sample-access-token","expires_in":3600,"token_type":"bearer"}"#;
        (token, body)
    } else {
        (users, r#"{"users":[]}"#)
    };
    tokio::time::sleep(wait).await;
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn tell_to_stop(world: &World) {
    let pid = world.function.pid().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.expect("kill runs").success());
}

/// Waits until no connection is taken any more.
async fn closed(world: &World) {
    let start = Instant::now();
    while TcpStream::connect(world.function.address()).await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(2), "it listens on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_answered_and_nothing_new_is_taken_after_sigterm() {
    let source = SlowSource::start(Duration::ZERO, Duration::from_millis(1500)).await;
    let mut world = source.world(&[]).await;
    // A kept connection without a request.
    let mut kept = TcpStream::connect(world.function.address())
        .await
        .expect("a connection");
    let warm = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    kept.write_all(warm).await.expect("it is sent");
    let mut first = [0; 512];
    let count = kept.read(&mut first).await.expect("an answer");
    assert!(String::from_utf8_lossy(&first[..count]).ends_with("ok\n"));
    let mut calls = Vec::new();
    for client in [world.client.clone(), h2c()] {
        let url = format!("{}/v2/users", world.function.url());
        let call = client.get(url).bearer_auth(world.token());
        calls.push(tokio::spawn(call.send()));
    }
    // One token, two lists.
    source.asked(3).await;
    let told = Instant::now();
    tell_to_stop(&world);
    closed(&world).await;
    let _ = kept.write_all(warm).await;
    let mut rest = Vec::new();
    let _ = kept.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "a kept connection is answered no more");
    for call in calls {
        let response = call.await.expect("the call ends").expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.expect("a body"), r#"{"users":[]}"#);
    }
    let code = tokio::task::block_in_place(|| world.function.terminate());
    assert_eq!(code, Some(0));
    assert!(told.elapsed() < Duration::from_secs(5));
    assert!(world.function.log().contains("\"stopped\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_by_itself_before_it_is_killed() {
    let forever = Duration::from_secs(40);
    // A list that does not come, and a token that does not come.
    let (lists, tokens) = (
        SlowSource::start(Duration::ZERO, forever).await,
        SlowSource::start(forever, Duration::ZERO).await,
    );
    let mut ends = BTreeMap::new();
    let mut waiting = Vec::new();
    for (what, source, requests) in [("list", &lists, 2), ("token", &tokens, 1)] {
        let world = source.world(&[]).await;
        let call = world.request(Method::GET, "/v2/users");
        let call = tokio::spawn(call.send());
        source.asked(requests).await;
        tell_to_stop(&world);
        waiting.push((what, world, call, Instant::now()));
    }
    for (what, mut world, call, told) in waiting {
        let code = tokio::task::block_in_place(|| world.function.terminate());
        ends.insert(what, (code, told.elapsed()));
        // The caller's connection ends; nothing that looks like an answer comes.
        assert!(call.await.expect("the call ends").is_err(), "{what}");
        let log = world.function.log();
        assert!(log.contains("\"stopped\""), "{what}: {log}");
        let unsaved = "stopped while a credential was being obtained";
        assert_eq!(log.contains(unsaved), what == "token", "{log}");
    }
    // Cloud Run kills after ten seconds.
    for (what, (code, time)) in ends {
        assert_eq!(code, Some(0), "{what}");
        assert!(time < Duration::from_millis(9800), "{what}: {time:?}");
        assert!(time > Duration::from_secs(8), "{what}: {time:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_to_end_can_be_set() {
    let source = SlowSource::start(Duration::ZERO, Duration::from_secs(20)).await;
    let mut world = source.world(&[("HUSHGATE_DRAIN_SECONDS", "1")]).await;
    let call = tokio::spawn(world.request(Method::GET, "/v2/users").send());
    source.asked(2).await;
    let told = Instant::now();
    let code = tokio::task::block_in_place(|| world.function.terminate());
    let time = told.elapsed();
    assert_eq!(code, Some(0));
    assert!(
        time > Duration::from_millis(900) && time < Duration::from_secs(4),
        "{time:?}"
    );
    assert!(call.await.expect("the call ends").is_err());
}

/// A token as Cloud Run hands it over: checked, and without its signature.
fn unsigned(subject: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("a clock").as_secs();
    let claims = serde_json::json!({
        "iss": "https://accounts.google.com", "sub": subject, "aud": "https://zoom-1234.run.example",
        "iat": now - 5, "exp": now + 1800,
    });
    let parts = [
        r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#.to_owned(),
        claims.to_string(),
    ];
    let [head, claims] = parts.map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("Bearer {head}.{claims}.SIGNATURE_REMOVED_BY_GOOGLE")
}

/// The metadata server of an instance of Cloud Run; with another status, of some other machine.
async fn metadata_server(status: u16) -> LoopbackServer {
    let server = LoopbackServer::start(move |request| {
        let region = "/computeMetadata/v1/instance/region";
        let asked =
            request.uri().path() == region && request.headers().get("metadata-flavor").is_some();
        let status = if asked { status } else { 403 };
        let body = Bytes::from_static(b"projects/104857600000/regions/europe-west6");
        let response = http::Response::builder()
            .status(status)
            .header("metadata-flavor", "Google");
        response.body(body).expect("an answer")
    });
    server.await.expect("a metadata server")
}

#[test]
fn variables_of_cloud_run_alone_make_no_cloud_run() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let machine = runtime.block_on(metadata_server(404));
    let address = machine.address().to_string();
    for (variables, says) in [
        (
            vec![("GCE_METADATA_HOST", address.as_str())],
            "it has no region for this instance",
        ),
        (vec![("GCE_METADATA_HOST", "127.0.0.1:1")], "no connection"),
        (
            vec![("KUBERNETES_SERVICE_HOST", "10.0.0.1")],
            "but Kubernetes",
        ),
    ] {
        let output = Command::new(binary("zoom"))
            .env_clear()
            .env("PORT", "0")
            .env("HUSHGATE_PLATFORM_CALLERS", "cloud-run")
            .envs(CLOUD_RUN.iter().copied())
            .envs(variables)
            .output();
        let output = output.expect("it ends by itself");
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr);
        let told: Vec<_> = told
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("HUSHGATE_PLATFORM_CALLERS: this host is not"),
            "{told:?}"
        );
        assert!(told[0].contains(says), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_word_counts_where_it_was_asked_for_and_nowhere_else() {
    let signed = crate::support::world::policy("https://issuer.example.com", "[zoom]");
    let checked = format!(
        "{signed}  - id: checked\n    identity: {{cloud_run: {{subject: \"104857\", audience: \"https://zoom-1234.run.example\"}}}}\n    \
         sources: [zoom]\ncloud_run: {{unauthenticated: refused}}\n"
    );
    let start = |policy: &str, more: &[(&str, &str)]| {
        let mut all = more.to_vec();
        all.push(("HUSHGATE_ACCESS", policy));
        all.push(("PSEUDONYM_KEY", crate::support::world::KEY));
        Function::start("zoom", &all)
    };
    let switch = [("HUSHGATE_PLATFORM_CALLERS", "cloud-run")];
    let there = metadata_server(200).await;
    let address = there.address().to_string();
    let metadata = [("GCE_METADATA_HOST", address.as_str())];
    let on = start(&checked, &[CLOUD_RUN, &switch, &metadata].concat());
    let off = start(&signed, CLOUD_RUN);
    let elsewhere = start(&signed, &[]);
    let client = Client::builder().no_proxy().build().expect("a client");
    let (known, stranger) = (unsigned("104857"), unsigned("104858"));
    for (function, headers, status) in [
        // Known: the rules decide, and do not list this call.
        (&on, vec![("authorization", &known)], 403),
        (&on, vec![("x-serverless-authorization", &known)], 403),
        (&on, vec![("authorization", &stranger)], 401),
        (
            &on,
            vec![
                ("authorization", &known),
                ("x-serverless-authorization", &stranger),
            ],
            401,
        ),
        (&off, vec![("authorization", &known)], 401),
        (&off, vec![("x-serverless-authorization", &known)], 401),
        (&elsewhere, vec![("authorization", &known)], 401),
        (
            &elsewhere,
            vec![("x-serverless-authorization", &known)],
            401,
        ),
    ] {
        let mut request = client.get(format!("{}/v2/not/listed", function.url()));
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(answer.status(), status, "{names:?}\n{}", function.log());
    }
}
