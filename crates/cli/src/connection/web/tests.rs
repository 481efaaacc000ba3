//! The page over real sockets: what a browser does, and what others try.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hushgate_gateway::ports::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::routes::Limits;
use super::{
    Answers, Begun, Choice, Connected, Device, Doing, Face, Flow, Input, InputKind, Options, Web,
};
use crate::connection::failure::Failure;

mod pages;
mod strangers;

type Tested = anyhow::Result<()>;

const SECRET: &str = "s3cr3t-<b>&\"value'";
const AUTHORIZE: &str = "https://vendor.example/authorize?state=the-state";

/// A setup whose end the test decides.
#[derive(Default)]
struct Sample {
    consent: bool,
    device: bool,
    entered: tokio::sync::Notify,
    fails: Mutex<Option<Failure>>,
    connected: Connected,
    slow: Duration,
    begun: AtomicUsize,
    returns: AtomicUsize,
    answers: Mutex<BTreeMap<String, String>>,
}

impl Sample {
    fn end(&self) -> Result<Connected, Failure> {
        let fails = self.fails.lock().ok().and_then(|mut fails| fails.take());
        match fails {
            Some(problem) => Err(problem),
            None => Ok(self.connected.clone()),
        }
    }
}

impl Flow for Sample {
    fn face(&self) -> Face {
        Face {
            source: "Zoom <i>".into(),
            connection: "zoom".into(),
            store: "the vault".into(),
            docs: Some("https://vendor.example/docs".into()),
            consent: self.consent,
            permissions: vec!["user:read:admin\"><b>".into()],
            ..Face::default()
        }
    }

    fn inputs(&self) -> Vec<Input> {
        let input = |name: &str, label: &str, kind, secret| Input {
            name: name.into(),
            label: label.into(),
            tooltip: format!("Where to find it <script>alert('{name}')</script>"),
            kind,
            required: true,
            secret,
            default: None,
            when: Vec::new(),
            chooser: false,
        };
        let choice = |value: &str| Choice {
            value: value.into(),
            label: format!("By {value} </option>"),
        };
        let ways = InputKind::Select(vec![choice("body"), choice("certificate")]);
        vec![
            Input {
                default: Some("body".into()),
                chooser: true,
                ..input("CLIENT_AUTH", "Way", ways, false)
            },
            input(
                "CLIENT_ID",
                "Client id \" onfocus=x",
                InputKind::Text,
                false,
            ),
            Input {
                when: vec!["body".into()],
                ..input("CLIENT_SECRET", "Client secret", InputKind::Password, true)
            },
            Input {
                when: vec!["certificate".into()],
                ..input("PRIVATE_KEY", "Private key", InputKind::TextArea, true)
            },
        ]
    }

    fn accept(&self, input: &str, value: &str) -> Result<Secret, String> {
        match value {
            "bad" => Err(format!("{input} must be <good>")),
            value => Ok(Secret::new(value.trim())),
        }
    }

    fn begin<'a>(
        &'a self,
        answers: &'a Answers,
        redirect: &'a str,
    ) -> Doing<'a, Result<Begun, Failure>> {
        Box::pin(async move {
            tokio::time::sleep(self.slow).await;
            self.begun.fetch_add(1, Ordering::Relaxed);
            if let Ok(mut kept) = self.answers.lock() {
                let pairs = answers.iter();
                *kept = pairs
                    .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
                    .collect();
                kept.insert("redirect".into(), redirect.to_owned());
            }
            if self.device {
                return Ok(Begun::Device(Device {
                    code: "WDJB-<b>".into(),
                    url: "https://vendor.example/device".into(),
                    complete: None,
                }));
            }
            if self.consent {
                return Ok(Begun::Consent(AUTHORIZE.into()));
            }
            self.end().map(Begun::Connected)
        })
    }

    fn recognizes(&self, query: &str) -> bool {
        query.split('&').any(|pair| pair == "state=the-state")
    }

    fn returned<'a>(&'a self, _: &'a str) -> Doing<'a, Result<Connected, Failure>> {
        self.returns.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { self.end() })
    }

    fn entered(&self) -> Doing<'_, Result<(), Failure>> {
        Box::pin(async {
            self.entered.notified().await;
            Ok(())
        })
    }

    fn granted(&self) -> Doing<'_, Result<Connected, Failure>> {
        self.returns.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { self.end() })
    }
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }
}

/// A browser of our own, as far as the server can tell.
struct Visit {
    flow: Arc<Sample>,
    port: u16,
    base: String,
    cookie: String,
    link: String,
    running: JoinHandle<anyhow::Result<Connected>>,
}

impl Visit {
    /// A page that was opened, with the cookie in hand.
    async fn of(flow: Sample) -> anyhow::Result<Self> {
        let mut visit = Self::before(flow, Limits::default()).await?;
        visit.enter().await?;
        Ok(visit)
    }

    /// A page that nobody has opened yet.
    async fn before(flow: Sample, limits: Limits) -> anyhow::Result<Self> {
        let flow = Arc::new(flow);
        Self::with(flow, &Options::default(), limits).await
    }

    async fn with(flow: Arc<Sample>, options: &Options, limits: Limits) -> anyhow::Result<Self> {
        let web = Web::within(flow.clone(), options, limits).await?;
        Ok(Self {
            flow,
            port: web.listeners.port()?,
            base: web.site.base.clone(),
            cookie: String::new(),
            link: web.link().to_owned(),
            running: tokio::spawn(web.run()),
        })
    }

    async fn enter(&mut self) -> Tested {
        let reply = self.get(self.pass_path().as_str()).await?;
        anyhow::ensure!(reply.status == 303, "{reply:?}");
        let cookie = reply.header("set-cookie").unwrap_or_default();
        self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(())
    }

    fn pass_path(&self) -> String {
        self.link.replace(&self.origin(), "")
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        let host = format!("127.0.0.1:{}", self.port);
        let cookie = &self.cookie;
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\nsec-fetch-site: none\r\n\r\n"
        ))
        .await
    }

    /// The present page.
    async fn page(&self) -> anyhow::Result<Reply> {
        self.get(&self.base).await
    }

    /// Posts a form as a browser does that is set up to send no referrers.
    async fn post(&self, place: &str, form: &str) -> anyhow::Result<Reply> {
        self.post_with(
            place,
            form,
            "origin: null\r\nsec-fetch-site: same-origin\r\n",
        )
        .await
    }

    async fn post_with(&self, place: &str, form: &str, headers: &str) -> anyhow::Result<Reply> {
        let (port, base, cookie, length) = (self.port, &self.base, &self.cookie, form.len());
        self.send(&format!(
            "POST {base}{place} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\n{headers}\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
        ))
        .await
    }

    /// Sends bytes and reads the one response to them.
    async fn send(&self, request: &str) -> anyhow::Result<Reply> {
        let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        // A server that refuses early may not read to the end.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        let text = String::from_utf8(bytes)?;
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).unwrap_or_default();
        Ok(Reply {
            status: status.parse().unwrap_or(0),
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    fn answers(&self) -> BTreeMap<String, String> {
        self.flow
            .answers
            .lock()
            .map(|a| a.clone())
            .unwrap_or_default()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "%{byte:02x}");
        all
    })
}

/// A form that fits.
fn good() -> String {
    format!(
        "CLIENT_AUTH=body&CLIENT_ID=id-1&CLIENT_SECRET={}&PRIVATE_KEY=",
        encoded(SECRET)
    )
}
