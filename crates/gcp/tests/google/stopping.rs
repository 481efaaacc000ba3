//! The signal to stop while a refresh token is exchanged: what came for it is in Secret Manager before the
//! process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Request, Response};
use hushgate_gateway::ports::Secret;
use hushgate_host::store::{AdminStore as _, entry};
use tokio::sync::watch;

use crate::mishap::Mishap;
use crate::secrets::newest;
use crate::together;
use crate::world::{Function, RULES, World, program, world};

const SOURCE: &str = "jira-cloud";

/// A vendor whose exchange lasts until it is let go, and gives a new refresh token.
struct Vendor {
    server: LoopbackServer,
    asked: Arc<AtomicUsize>,
    go: watch::Sender<bool>,
}

impl Vendor {
    async fn start() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, go) = (Arc::clone(&asked), watch::Sender::new(false));
        let gone = go.subscribe();
        let server = LoopbackServer::start(move |request: Request| {
            let body = if request.method() == http::Method::POST {
                count.fetch_add(1, Ordering::SeqCst);
                let runtime = tokio::runtime::Handle::current();
                let gone = gone.clone();
                tokio::task::block_in_place(|| runtime.block_on(together::wait(gone)));
                r#"{"access_token":"token-of-the-source","refresh_token":"secret-token-2","expires_in":3600}"#
            } else {
                r#"{"people":[{"id":7,"name":"Ada Quill","email":"ada@acme.example"}]}"#
            };
            let mut response = Response::new(Bytes::from_static(body.as_bytes()));
            let json = http::HeaderValue::from_static("application/json");
            response.headers_mut().insert("content-type", json);
            response
        });
        let server = server.await.unwrap();
        Self { server, asked, go }
    }

    async fn is_asked(&self, function: &Function) {
        let start = Instant::now();
        while self.asked.load(Ordering::SeqCst) == 0 {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{}",
                function.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A connection with a refresh token, as `hushgate connection` leaves it.
async fn connect(world: &World) {
    let fields = [
        ("CLIENT_ID", "client"),
        ("CLIENT_SECRET", "secret-of-the-tests"),
        ("REFRESH_TOKEN", "secret-token-1"),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), Some(Secret::new(value))));
    let store = world.project.store();
    store.save("work", true, fields.to_vec()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_and_its_saving_end_first() {
    if program(SOURCE).is_none() {
        return;
    }
    for stays in [true, false] {
        let world = world!();
        connect(&world).await;
        let vendor = Vendor::start().await;
        let (url, policy) = (vendor.server.url(), world.policy(""));
        let policy = policy.replace("[zoom]", &format!("[{SOURCE}]"));
        let given = [
            ("HUSHGATE_CONNECTION", "work"),
            ("HUSHGATE_ACCESS", policy.as_str()),
            ("HUSHGATE_RULES", RULES),
            ("HUSHGATE_TARGET_HOST", url.as_str()),
            ("HUSHGATE_TOKEN_ORIGIN", url.as_str()),
        ];
        let mut function = world.function_of(SOURCE, &given).await;
        // Saving takes longer than all else that a process could wait for.
        let saving = "acme--connections--work--REFRESH_TOKEN:addVersion";
        let slowly = Mishap::Slow(Duration::from_secs(1));
        world.project.front.mishap(saving, 1, slowly);
        let answered = {
            let call = world.call(&function, "authorization");
            tokio::pin!(call);
            tokio::select! {
                (status, answer) = &mut call => panic!("{status}: {answer}"),
                () = vendor.is_asked(&function) => {}
            }
            // A caller who goes away here leaves the exchange alone under way.
            if stays {
                function.tell_to_stop();
                function.is_closed().await;
                vendor.go.send_replace(true);
                Some(call.await)
            } else {
                None
            }
        };
        if let Some((status, answer)) = answered {
            assert_eq!(status, 200, "{answer}");
        } else {
            function.tell_to_stop();
            function.is_closed().await;
            vendor.go.send_replace(true);
        }
        let status = function.has_ended().await;
        assert_eq!(status.code(), Some(0), "{}", function.log());
        let log = function.log();
        assert!(log.contains("\"stopped\""), "{log}");
        assert!(!log.contains("credential was being"), "{log}");
        let kept = newest(&world.project.store(), &entry("work", "REFRESH_TOKEN")).await;
        assert_eq!(kept.as_deref(), Some("secret-token-2"), "stays: {stays}");
        assert_eq!(vendor.asked.load(Ordering::SeqCst), 1);
    }
}
