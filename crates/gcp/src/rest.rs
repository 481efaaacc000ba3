//! Requests to Google's services that no client of Google's makes as they are needed here.
//!
//! Credentials are Google's client's; requests go to the service's own address and to no other.

use std::time::Duration;

use google_cloud_auth::credentials::{CacheableResource, Credentials};
use http::{Extensions, HeaderMap, Method, StatusCode};
use hushgate_gateway::egress::{TlsFloor, trusting};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::identity::NoToken;
use crate::reach::{ATTEMPTS, REFUSED, Reach};

/// The time to get a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a service may send nothing while an answer is awaited or read.
const SILENCE: Duration = Duration::from_secs(20);
/// The pause before the second attempt; doubled before the third.
const PAUSE: Duration = Duration::from_millis(200);
/// The most bytes of an answer that is no object.
const LARGEST_ANSWER: usize = 16 << 20;

/// One service of Google's. The client is made at the first request.
#[derive(Debug)]
pub(crate) struct Rest {
    reach: Reach,
    /// Its name in the address, such as `storage`.
    service: &'static str,
    client: OnceCell<Client>,
}

#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    credentials: Credentials,
}

/// Which failures are met by another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// All that may pass: to do it twice does no harm.
    Always,
    /// Those after which nothing was done.
    Undone,
    /// None.
    Never,
}

/// Why there is no usable answer. Carries nothing of one.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service said no.
    Status(StatusCode, Reason),
    /// There is no answer.
    Network(&'static str),
    /// There is no access token.
    Token(NoToken),
}

/// What of an error's text decides anything.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reason {
    /// The API is not enabled in the project.
    pub(crate) disabled: bool,
    /// It is the bucket that is missing, not an object.
    pub(crate) no_bucket: bool,
    /// Deliveries of a message are over.
    pub(crate) is_over: bool,
}

impl Rest {
    pub(crate) fn new(reach: Reach, service: &'static str) -> Self {
        Self {
            reach,
            service,
            client: OnceCell::new(),
        }
    }

    /// The service's base URL, without a slash at its end.
    pub(crate) fn base(&self) -> String {
        self.reach.base(self.service)
    }

    async fn client(&self) -> Result<&Client, Failure> {
        let made = self.client.get_or_try_init(|| async {
            let no_client = "the client can't be made";
            let mut builder = trusting(reqwest::Client::builder(), TlsFloor::V1_2)
                .map_err(|_| Failure::Network(no_client))?
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT)
                .read_timeout(SILENCE)
                // Objects are given as they are stored.
                .no_gzip()
                .no_brotli()
                .no_deflate()
                .no_zstd();
            if self.reach.emulator().is_some() {
                builder = builder.no_proxy();
            }
            let http = builder.build().map_err(|_| Failure::Network(no_client))?;
            let credentials = self.reach.credentials();
            Ok(Client { http, credentials })
        });
        made.await
    }

    /// Sends a request; answers other than 2xx, and those in `fine`, are failures.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        again: Again,
        fine: &[u16],
        fill: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Failure> {
        let client = self.client().await?;
        let mut attempt = 1;
        loop {
            let headers = authorization(&client.credentials).await?;
            let request = client.http.request(method.clone(), url).headers(headers);
            let failure = match fill(request).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) if fine.contains(&answer.status().as_u16()) => return Ok(answer),
                Ok(answer) => Failure::of(answer).await,
                Err(error) => Failure::sent(&error),
            };
            if attempt >= ATTEMPTS || !failure.passes(again) {
                return Err(failure);
            }
            tokio::time::sleep(PAUSE * attempt).await;
            attempt += 1;
        }
    }

    /// Sends a JSON request and reads the JSON answer.
    pub(crate) async fn json(
        &self,
        method: Method,
        url: &str,
        again: Again,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let fill = |request: RequestBuilder| match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => request,
        };
        let answer = self.send(method, url, again, &[], fill).await?;
        read_json(answer).await
    }
}

/// Reads a JSON answer; an empty one is null.
pub(crate) async fn read_json(mut answer: Response) -> Result<Value, Failure> {
    let mut bytes = Vec::new();
    let broken = Failure::Network("the answer broke off");
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= LARGEST_ANSWER => bytes.extend(chunk),
            Ok(Some(_)) => return Err(Failure::Network("the answer is too large")),
            Ok(None) if bytes.is_empty() => return Ok(Value::Null),
            Ok(None) => break,
            Err(_) => return Err(broken),
        }
    }
    serde_json::from_slice(&bytes).map_err(|_| Failure::Network("the answer is no JSON"))
}

async fn authorization(credentials: &Credentials) -> Result<HeaderMap, Failure> {
    match credentials.headers(Extensions::new()).await {
        Ok(CacheableResource::New { data, .. }) => Ok(data),
        Ok(CacheableResource::NotModified) => Ok(HeaderMap::new()),
        Err(error) => Err(match NoToken::within(&error) {
            Some(missing) => Failure::Token(missing.clone()),
            None => Failure::Network("no access token could be had"),
        }),
    }
}

impl Failure {
    async fn of(answer: Response) -> Self {
        let status = answer.status();
        let body = read_json(answer).await.unwrap_or_default();
        let message = body.pointer("/error/message").and_then(Value::as_str);
        let message = message.unwrap_or_default();
        let details = body.pointer("/error/details").and_then(Value::as_array);
        let reasons: Vec<_> = details
            .into_iter()
            .flatten()
            .map(|d| &d["reason"])
            .collect();
        let has = |wanted: &str| reasons.iter().any(|reason| *reason == wanted);
        let errors = body.pointer("/error/errors/0/reason");
        let reason = Reason {
            disabled: has("SERVICE_DISABLED") || errors.is_some_and(|r| r == "accessNotConfigured"),
            no_bucket: message.contains("bucket does not exist"),
            is_over: has("EXACTLY_ONCE_ACKID_FAILURE")
                || message.contains("acknowledgement ids in the request were invalid"),
        };
        Self::Status(status, reason)
    }

    fn sent(error: &reqwest::Error) -> Self {
        Self::Network(if error.is_connect() {
            "no connection"
        } else if error.is_timeout() {
            "no answer in time"
        } else {
            "the connection broke"
        })
    }

    fn passes(&self, again: Again) -> bool {
        match self {
            Self::Status(status, _) => match status.as_u16() {
                429 => again != Again::Never,
                // Something may have been done.
                408 | 500..=599 => again == Again::Always,
                _ => false,
            },
            Self::Network("no connection") => again != Again::Never,
            Self::Network(_) => again == Again::Always,
            Self::Token(_) => false,
        }
    }

    /// Whether it is a refusal that does not pass by itself.
    pub(crate) fn is_lasting(&self) -> bool {
        let passes = |status: u16| status == 408 || status == 429;
        matches!(self, Self::Status(status, _) if status.is_client_error() && !passes(status.as_u16()))
    }

    /// The status the service answered with.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status, _) => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Whether the deliveries that a request speaks of are over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Status(_, reason) if reason.is_over)
    }

    /// Whether it is the bucket that is missing.
    pub(crate) fn no_bucket(&self) -> bool {
        matches!(self, Self::Status(_, reason) if reason.no_bucket)
    }

    /// What to do about a refusal; none when this is something else. `need` says what to grant.
    pub(crate) fn refusal(&self, api: &str, need: &str) -> Option<String> {
        match self {
            Self::Token(missing) if !missing.passes => Some(missing.words.clone()),
            Self::Status(_, Reason { disabled: true, .. }) => Some(format!(
                "the API is not enabled in this project; run `gcloud services enable {api}.googleapis.com`"
            )),
            Self::Status(StatusCode::FORBIDDEN, _) => Some(format!("grant {need}")),
            Self::Status(StatusCode::UNAUTHORIZED, _) => Some(REFUSED.to_owned()),
            _ => None,
        }
    }

    /// What happened, in a few words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Status(status, _) => format!("it answered {}", status.as_u16()),
            Self::Network(what) => (*what).to_owned(),
            Self::Token(missing) => missing.words.clone(),
        }
    }
}

/// A text as one segment of a path or one value of a query (RFC 3986 section 2.3).
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
