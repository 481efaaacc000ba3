//! A token endpoint that records what it is asked, byte for byte, and answers as a script says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
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
    /// Sends these bytes and resets the connection.
    Break(Vec<u8>),
    Silence,
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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, script) = (Arc::clone(&requests), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                tokio::spawn(async move {
                    if let Some(request) = read(&mut stream).await {
                        let number = {
                            let mut kept = kept.lock().unwrap();
                            kept.push(request);
                            kept.len() - 1
                        };
                        act(stream, script(number)).await;
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
        Action::Silence => tokio::time::sleep(Duration::from_mins(10)).await,
    }
}

async fn read(stream: &mut TcpStream) -> Option<Recorded> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let mut headers = BTreeMap::new();
    for header in lines {
        let (name, value) = header.split_once(": ").unwrap();
        let twice = headers.insert(name.to_ascii_lowercase(), value.to_owned());
        assert!(twice.is_none(), "header `{name}` is sent twice");
    }
    let length = headers
        .get("content-length")
        .map_or(0, |l: &String| l.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
    Some(Recorded {
        line,
        headers,
        body,
    })
}
