//! A token endpoint that records what it is asked, byte for byte, and answers as a script says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use incoming::Incoming;

#[path = "../shared/incoming.rs"]
mod incoming;

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl From<Incoming> for Recorded {
    fn from(incoming: Incoming) -> Self {
        let mut headers = BTreeMap::new();
        for (name, value) in incoming.headers {
            let twice = headers.insert(name.to_ascii_lowercase(), value);
            assert!(twice.is_none(), "header `{name}` is sent twice");
        }
        Self {
            line: incoming.line,
            headers,
            body: incoming.body,
        }
    }
}

impl Recorded {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The form body, each name once.
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        pairs(&self.body)
    }

    /// The query of the request line.
    pub(crate) fn query(&self) -> BTreeMap<String, String> {
        let target = self.line.split(' ').nth(1).unwrap();
        pairs(target.split_once('?').map_or("", |(_, query)| query))
    }
}

fn pairs(encoded: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://x.invalid/?{encoded}")).unwrap();
    let mut form = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        let twice = form.insert(name.clone().into_owned(), value.into_owned());
        assert!(twice.is_none(), "`{name}` is sent twice");
    }
    form
}

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Action {
    Reply(Vec<u8>),
    After(Duration, Vec<u8>),
    /// Sends these bytes and closes the connection.
    Break(Vec<u8>),
    /// Sends these bytes and resets the connection.
    Reset(Vec<u8>),
    /// One byte after the other, with this pause between them.
    Dribble(Duration, Vec<u8>),
    Silence,
}

impl Action {
    /// The same answer, later.
    pub(crate) fn after(self, pause: Duration) -> Self {
        match self {
            Self::Reply(bytes) => Self::After(pause, bytes),
            other => other,
        }
    }
}

pub(crate) fn reply(status: &str, content_type: &str, body: impl AsRef<[u8]>) -> Action {
    reply_with(status, &format!("content-type: {content_type}\r\n"), body)
}

pub(crate) fn reply_with(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Action {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    Action::Reply([head.as_bytes(), body].concat())
}

pub(crate) fn json(body: &str) -> Action {
    reply("200 OK", "application/json", body)
}

/// The running server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) origin: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Server {
    /// Starts a server; the script gets the number of the request, from 0.
    pub(crate) async fn start(script: impl Fn(usize) -> Action + Send + Sync + 'static) -> Self {
        Self::answering(move |number, _| script(number)).await
    }

    /// Starts a server whose script looks at the request too.
    pub(crate) async fn answering(
        script: impl Fn(usize, &Recorded) -> Action + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, script) = (Arc::clone(&requests), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                tokio::spawn(async move {
                    if let Some(request) = Incoming::read(&mut stream).await {
                        let action = {
                            let mut kept = kept.lock().unwrap();
                            kept.push(request.into());
                            script(kept.len() - 1, &kept[kept.len() - 1])
                        };
                        act(stream, action).await;
                    }
                });
            }
        });
        Self { origin, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// The one request that was made.
    pub(crate) fn only(&self) -> Recorded {
        let requests = self.requests();
        assert_eq!(requests.len(), 1);
        requests[0].clone()
    }
}

async fn act(mut stream: TcpStream, action: Action) {
    match action {
        Action::Reply(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Action::After(pause, bytes) => {
            tokio::time::sleep(pause).await;
            let _ = stream.write_all(&bytes).await;
        }
        Action::Break(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
        }
        Action::Reset(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            // Without lingering, closing is a reset; what was sent arrives before it.
            let _ = stream.set_zero_linger();
        }
        Action::Dribble(pause, bytes) => {
            for byte in bytes {
                if stream.write_all(&[byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(pause).await;
            }
        }
        Action::Silence => tokio::time::sleep(Duration::from_mins(10)).await,
    }
}
