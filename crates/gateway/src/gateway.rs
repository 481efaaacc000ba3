//! The life of a request, in one place.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::HeaderMap;
use hushgate_rules::endpoint::RuleSet;
use hushgate_rules::pseudonym;

use crate::access::Verifier;
use crate::admit;
use crate::audit::{Phase, Record};
use crate::connect::Connector;
use crate::control;
use crate::egress::Egress;
use crate::health;
use crate::inbound::Inbound;
use crate::keys::Keys;
use crate::ports::SecretStore;
use crate::refusal::{Cause, Refusal};
use crate::reply::{self, Badge, Reply};
use crate::request_id::RequestId;
use crate::sanitize;

/// What a gateway is made of.
pub struct Parts {
    /// The source's id.
    pub source: String,
    /// Who may call.
    pub verifier: Verifier,
    /// What is admitted and what happens to it.
    pub rules: RuleSet,
    /// How the source is reached.
    pub connector: Connector,
    /// Where pseudonym keys are.
    pub store: Arc<dyn SecretStore>,
    /// The way out.
    pub egress: Egress,
    /// Limits and modes.
    pub settings: Settings,
}

/// Limits and modes of a gateway.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Pseudonyms and header names of the reference.
    pub compat: bool,
    /// How e-mail addresses are treated.
    pub pseudonyms: pseudonym::Options,
    /// The time for one request.
    pub request_timeout: Duration,
    /// Most decoded bytes of a source's answer.
    pub max_response_bytes: usize,
    /// Most levels of arrays and objects in a source's answer.
    pub max_response_depth: usize,
    /// What the operator should know, for the health check; free of values.
    pub warnings: Vec<String>,
}

/// Answers requests for one source.
pub struct Gateway {
    pub(crate) source: Arc<str>,
    pub(crate) verifier: Verifier,
    pub(crate) rules: Arc<RuleSet>,
    pub(crate) connector: Connector,
    pub(crate) keys: Arc<Keys>,
    pub(crate) egress: Egress,
    pub(crate) settings: Settings,
}

impl Gateway {
    /// Puts a gateway together. Does nothing that takes time.
    pub fn new(parts: Parts) -> Self {
        let keys = Keys::new(parts.store, &parts.settings);
        Self {
            source: parts.source.into(),
            verifier: parts.verifier,
            rules: Arc::new(parts.rules),
            connector: parts.connector,
            keys: Arc::new(keys),
            egress: parts.egress,
            settings: parts.settings,
        }
    }

    /// The source's id.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Begins what every request will need, in the background: keys of the issuers, keys of
    /// pseudonyms, the TLS client. Call it once, inside the runtime; nothing waits for it.
    pub fn warm(&self) {
        self.verifier.prefetch();
        let (keys, egress) = (self.keys.clone(), self.egress.clone());
        // A failure shows again, with its cause, in the request that needs it.
        tokio::spawn(async move {
            let _ = keys.load().await;
        });
        tokio::task::spawn_blocking(move || {
            let _ = egress.warm();
        });
    }

    /// Ends when no exchange for a credential is under way and what one gave is saved: whoever stops the
    /// process waits for this, or a new refresh token may be lost with it.
    pub async fn quiet(&self) {
        self.connector.quiet().await;
    }

    /// Ends when a process that is frozen from here on loses no credential that can't be had again and that
    /// waiting for `patience` could save: a host that freezes its processes between requests waits for
    /// this before each answer, and has that much time for it.
    pub async fn secured(&self, patience: Duration) {
        self.connector.secured(patience).await;
    }

    /// Answers one request: a reply in every case, and one line in the log.
    ///
    /// Dropping the future ends the call to the source; the log line then says that the caller went away.
    pub async fn handle(&self, mut inbound: Inbound) -> Reply {
        let body = std::mem::take(&mut inbound.body);
        self.handle_arriving(inbound, async { Ok(body) }).await
    }

    /// Like [`Gateway::handle`], for a request whose body still arrives; it is polled once the caller is
    /// verified, and dropped if it is not needed. What it fails with is the answer.
    pub async fn handle_arriving(
        &self,
        mut inbound: Inbound,
        body: impl Future<Output = Result<Bytes, Refusal>> + Send,
    ) -> Reply {
        let mut record = Record::new(self.source.clone(), &inbound);
        let limit = TimeLimit::of(&inbound, self.settings.request_timeout);
        let answer = AssertUnwindSafe(self.answer(&mut inbound, body, &mut record)).catch_unwind();
        let outcome = match tokio::time::timeout_at(limit.end, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_panic)) => Err(Refusal::new(
                Cause::Internal,
                "a panic; its place was logged before this line",
            )),
            Err(_elapsed) => Err(limit.over(record.phase())),
        };
        let (reply, refusal) = match outcome {
            Ok(reply) => (reply, None),
            Err(refusal) => (self.refuse(&refusal, &record.id), Some(refusal)),
        };
        let reply = if record.is_verified() {
            reply.badge(&self.badge())
        } else {
            reply
        };
        record.finish(reply.status(), reply.body().len(), refusal.as_ref());
        reply
    }

    /// The reply to a refused request; under compatibility it has the reference's name of the cause too.
    pub fn refuse(&self, refusal: &Refusal, id: &RequestId) -> Reply {
        let reply = Reply::refused(refusal, id);
        if self.settings.compat {
            reply.psoxy_error(refusal.cause())
        } else {
            reply
        }
    }

    /// The reply in place of one that the host's platform can't carry, under the same request id.
    pub fn replace(&self, undelivered: &Reply, refusal: &Refusal) -> Reply {
        let reply = self.refuse(refusal, &undelivered.request_id());
        if undelivered.headers().contains_key(reply::RULES) {
            reply.badge(&self.badge())
        } else {
            reply
        }
    }

    async fn answer(
        &self,
        inbound: &mut Inbound,
        body: impl Future<Output = Result<Bytes, Refusal>> + Send,
        record: &mut Record,
    ) -> Result<Reply, Refusal> {
        check_transport(inbound)?;
        let asks_health = control::asks_health(&inbound.headers, self.settings.compat);
        let caller = match self.verifier.verify(inbound).await {
            Err(refusal) if asks_health => {
                record.note(refusal);
                return Ok(health::bare(&record.id));
            }
            verified => verified?,
        };
        record.verified(&caller);
        if asks_health {
            record.enter(Phase::Admit);
            let health = self.health(&caller).await;
            let reply = health.reply(&record.id);
            health.refusal.into_iter().for_each(|r| record.note(r));
            return Ok(reply);
        }
        record.enter(Phase::Receive);
        inbound.body = body.await?;
        record.bytes_in = inbound.body.len();
        record.enter(Phase::Admit);
        let keys = self.keys.sanitizer(&caller).await?;
        let permitted = admit::admit(self, inbound, keys.pseudonymizer())?;
        record.endpoint = Some(permitted.label(&self.rules).to_owned());
        let received = self.send(&permitted, record).await?;
        record.enter(Phase::Sanitize);
        let link = self.shown_links(&permitted, &received);
        let sanitized = sanitize::sanitize(
            &self.rules,
            permitted.endpoint(),
            received,
            link,
            keys,
            record,
        )
        .await?;
        let reply = Reply::sanitized(sanitized, &record.id);
        compress(reply, &inbound.headers).await
    }

    fn badge(&self) -> Badge {
        Badge {
            rules_digest: self.rules.digest().to_owned(),
            key_fingerprint: self.keys.fingerprint(),
            compat: self.settings.compat,
        }
    }
}

/// The platform in front of a function says by header how the caller came.
fn check_transport(inbound: &Inbound) -> Result<(), Refusal> {
    let mut stated = inbound.headers.get_all("x-forwarded-proto").iter();
    let secure = stated.all(|value| {
        value.to_str().is_ok_and(|text| {
            text.split(',')
                .all(|proto| proto.trim().eq_ignore_ascii_case("https"))
        })
    });
    if secure {
        Ok(())
    } else {
        Err(Refusal::new(
            Cause::HttpsRequired,
            "`x-forwarded-proto` is not https",
        ))
    }
}

/// Large bodies are compressed on a thread of their own, so that others don't wait.
async fn compress(reply: Reply, request: &HeaderMap) -> Result<Reply, Refusal> {
    if reply.body().len() <= sanitize::LARGE {
        return Ok(reply.compress_for(request));
    }
    let request = request.clone();
    tokio::task::spawn_blocking(move || reply.compress_for(&request))
        .await
        .map_err(|_| {
            Refusal::new(
                Cause::Internal,
                "a panic; its place was logged before this line",
            )
        })
}

/// When the time for a request is over, and who says so.
struct TimeLimit {
    end: tokio::time::Instant,
    of_platform: bool,
}

impl TimeLimit {
    fn of(inbound: &Inbound, timeout: Duration) -> Self {
        let configured = inbound.received + timeout;
        let platform = inbound.deadline.filter(|deadline| *deadline < configured);
        Self {
            end: platform.unwrap_or(configured).into(),
            of_platform: platform.is_some(),
        }
    }

    fn over(&self, phase: Phase) -> Refusal {
        let cause = match phase {
            Phase::Verify => Cause::IssuerUnavailable,
            Phase::Receive => Cause::RequestInvalid,
            Phase::Admit => Cause::StoreUnavailable,
            Phase::Authorize | Phase::Send => Cause::SourceTimeout,
            Phase::Sanitize => Cause::NotSanitizable,
        };
        let detail = if self.of_platform {
            "the time that the platform gives the request was nearly over; the function's own timeout sets it"
        } else {
            "the time for the request was over; HUSHGATE_REQUEST_TIMEOUT_SECONDS sets it"
        };
        Refusal::new(cause, detail)
    }
}
