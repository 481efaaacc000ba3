//! A server before an emulator that passes everything on, except for mishaps.
//!
//! Two things of fake-gcs-server are mended to what Google documents: the question how much of an upload
//! has arrived (`bytes */…`) is not its end, and an upload in parts heeds `ifGenerationMatch=0`.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Collected, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::mishap::{Mishap, Mishaps};

type Pieces = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send>>;

/// One emulator, reached over a bad line.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// Where it listens.
    pub(crate) address: String,
    /// What happens on the line.
    pub(crate) mishaps: Arc<Mishaps>,
}

#[derive(Debug)]
struct State {
    upstream: String,
    address: String,
    client: reqwest::Client,
    mishaps: Arc<Mishaps>,
    /// How many bytes of each upload the emulator has.
    reached: Mutex<HashMap<String, String>>,
    /// What it answered to the last part of each upload.
    ended: Mutex<HashMap<String, Bytes>>,
}

impl Wire {
    pub(crate) async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let client = reqwest::Client::builder()
            .no_proxy()
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none());
        let mishaps = Arc::new(Mishaps::default());
        let state = Arc::new(State {
            upstream: upstream.to_owned(),
            address: address.clone(),
            client: client.build().unwrap(),
            mishaps: Arc::clone(&mishaps),
            reached: Mutex::default(),
            ended: Mutex::default(),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                let service = service_fn(move |request| {
                    let state = Arc::clone(&state);
                    async move { state.serve(request).await }
                });
                tokio::spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, mishaps }
    }
}

impl State {
    async fn serve(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<StreamBody<Pieces>>, std::io::Error> {
        let (head, body) = request.into_parts();
        self.mishaps.called_by(&head.headers);
        let path = head.uri.path_and_query().unwrap().to_string();
        let body = body
            .collect()
            .await
            .map_or_else(|_| Bytes::new(), Collected::to_bytes);
        let line = format!("{} {path}", head.method);
        let mishap = self.mishaps.next(line.clone());
        self.mishaps.wait(&line).await;
        let cut = || std::io::Error::other("cut");
        match mishap {
            Some(Mishap::Cut) => return Err(cut()),
            Some(Mishap::Slow(time)) => tokio::time::sleep(time).await,
            Some(Mishap::Answer(status, text)) => {
                let answer = Response::builder().status(status);
                return Ok(answer.body(whole(Bytes::from(text))).unwrap());
            }
            Some(Mishap::Status(status, _)) => {
                let message = r#"{"error":{"message":"a message of the service"}}"#;
                let answer = Response::builder().status(status);
                return Ok(answer.body(whole(Bytes::from(message))).unwrap());
            }
            _ => {}
        }
        let range = head
            .headers
            .get("content-range")
            .map(|r| r.to_str().unwrap());
        if range.is_some_and(|range| range.starts_with("bytes */")) {
            return Ok(self.how_far(&path));
        }
        if path.contains("uploadType=resumable") && self.is_in_the_way(&path).await {
            let answer = Response::builder().status(412);
            return Ok(answer.body(whole(Bytes::new())).unwrap());
        }
        let is_last = range.is_some_and(|range| !range.ends_with('*'));
        let mut headers = head.headers.clone();
        headers.remove("host");
        let request = self
            .client
            .request(head.method, format!("{}{path}", self.upstream))
            .headers(headers)
            .body(body);
        let response = request.send().await.expect("the emulator answers");
        let (status, headers) = (response.status(), response.headers().clone());
        if let Some(reached) = headers.get("range") {
            let reached = reached.to_str().unwrap().to_owned();
            self.reached.lock().unwrap().insert(path.clone(), reached);
        }
        let bytes = response.bytes().await.expect("its answer");
        if is_last {
            self.ended.lock().unwrap().insert(path, bytes.clone());
        }
        if matches!(mishap, Some(Mishap::Lost)) {
            return Err(cut());
        }
        if let Some(Mishap::Done(status)) = mishap {
            let answer = Response::builder().status(status);
            return Ok(answer.body(whole(Bytes::new())).unwrap());
        }
        let mut answer = Response::new(match mishap {
            Some(Mishap::Broken(after)) => {
                let start = bytes.slice(..after.min(bytes.len()));
                broken(start)
            }
            _ => whole(bytes),
        });
        *answer.status_mut() = status;
        *answer.headers_mut() = self.here(headers);
        Ok(answer)
    }

    /// The answer to the question how far an upload has got.
    fn how_far(&self, path: &str) -> Response<StreamBody<Pieces>> {
        if let Some(ended) = self.ended.lock().unwrap().get(path) {
            return Response::new(whole(ended.clone()));
        }
        let answer = Response::builder().status(308);
        let answer = match self.reached.lock().unwrap().get(path) {
            Some(reached) => answer.header("range", reached),
            None => answer,
        };
        answer.body(whole(Bytes::new())).unwrap()
    }

    /// Whether an upload asks for a new object and there is one.
    async fn is_in_the_way(&self, path: &str) -> bool {
        if !path.contains("ifGenerationMatch=0") {
            return false;
        }
        let (objects, query) = path.split_once('?').unwrap();
        let name = query.split('&').find_map(|pair| pair.strip_prefix("name="));
        let objects = objects.trim_start_matches("/upload");
        let url = format!("{}{objects}/{}", self.upstream, name.unwrap());
        let found = self.client.get(url).send().await;
        found.expect("the emulator answers").status().is_success()
    }

    /// Addresses of the emulator become addresses of this server.
    fn here(&self, mut headers: HeaderMap) -> HeaderMap {
        headers.remove("transfer-encoding");
        let location = headers.get("location").map(|l| l.to_str().unwrap());
        if let Some(location) = location {
            let here = location.replace(&self.upstream, &format!("http://{}", self.address));
            headers.insert("location", here.parse().unwrap());
        }
        headers
    }
}

/// These bytes, and the end of the connection once they have surely been read.
fn broken(start: Bytes) -> StreamBody<Pieces> {
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Err(std::io::Error::other("cut"))
    });
    let start = stream::iter([Ok(Frame::data(start))]);
    StreamBody::new(Box::pin(start.chain(end)))
}

fn whole(bytes: Bytes) -> StreamBody<Pieces> {
    StreamBody::new(Box::pin(stream::iter([Ok(Frame::data(bytes))])))
}
