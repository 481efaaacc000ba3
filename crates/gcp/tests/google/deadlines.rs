//! A server before drongo's Pub/Sub: what it lacks of the service.
//!
//! drongo gives a message again only when it is given back. Here the time that a receiver has ends too, as
//! Google documents it: it is that of the subscription, or what was asked for last, and a message that was not
//! acknowledged by then is given back. Nothing else is added.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The time of a subscription that names none.
const DEFAULT: u64 = 10;

#[derive(Debug)]
struct State {
    upstream: String,
    client: reqwest::Client,
    /// What ends each delivery.
    ends: Mutex<HashMap<String, JoinHandle<()>>>,
}

/// Starts it before the emulator at this URL; gives its own.
pub(crate) async fn before(upstream: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(State {
        upstream: upstream.to_owned(),
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        ends: Mutex::default(),
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let state = Arc::clone(&state);
            let service = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, std::convert::Infallible>(state.serve(request).await) }
            });
            tokio::spawn(async move {
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    format!("http://{address}")
}

impl State {
    async fn serve(self: &Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let body = body.collect().await;
        let body = body.map_or_else(|_| Bytes::new(), Collected::to_bytes);
        let (status, answer) = self.forward(&head.method, &path, body.clone()).await;
        if let (true, Some((name, verb))) = (status.is_success(), path.rsplit_once(':')) {
            let read = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
            self.follow(name, verb, &read(&body), &read(&answer));
        }
        let response = Response::builder().status(status);
        let response = response.header("content-type", "application/json");
        response.body(Full::new(answer)).unwrap()
    }

    /// What an answered call means for the time of deliveries.
    fn follow(self: &Arc<Self>, name: &str, verb: &str, asked: &Value, answer: &Value) {
        let texts = |list: &Value| -> Vec<String> {
            let list = list.as_array().into_iter().flatten();
            list.filter_map(|id| id.as_str().map(str::to_owned))
                .collect()
        };
        match verb {
            "pull" => {
                let given = answer["receivedMessages"].as_array().into_iter().flatten();
                for one in given {
                    let id = one["ackId"].as_str().unwrap();
                    self.ends_after(name, id, DEFAULT);
                }
            }
            "modifyAckDeadline" => {
                let seconds = asked["ackDeadlineSeconds"].as_u64().unwrap();
                for id in texts(&asked["ackIds"]) {
                    // A delivery that is over is not taken up again.
                    if self.is_over(&id) && seconds > 0 {
                        self.ends_after(name, &id, seconds);
                    }
                }
            }
            "acknowledge" => {
                for id in texts(&asked["ackIds"]) {
                    self.is_over(&id);
                }
            }
            _ => {}
        }
    }

    fn ends_after(self: &Arc<Self>, name: &str, id: &str, seconds: u64) {
        let state = Arc::clone(self);
        let path = format!("{name}:modifyAckDeadline");
        let back = json!({"ackIds": [id], "ackDeadlineSeconds": 0}).to_string();
        let over = id.to_owned();
        let end = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            state.ends.lock().unwrap().remove(&over);
            state.forward(&Method::POST, &path, back.into()).await;
        });
        self.ends.lock().unwrap().insert(id.to_owned(), end);
    }

    /// Ends a delivery before its time; false: it was over.
    fn is_over(&self, id: &str) -> bool {
        let end = self.ends.lock().unwrap().remove(id);
        end.inspect(JoinHandle::abort).is_some()
    }

    async fn forward(&self, method: &Method, path: &str, body: Bytes) -> (http::StatusCode, Bytes) {
        let url = format!("{}{path}", self.upstream);
        let request = self.client.request(method.clone(), url);
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let response = request.send().await.expect("the emulator answers");
        let status = response.status();
        (status, response.bytes().await.expect("its answer"))
    }
}
