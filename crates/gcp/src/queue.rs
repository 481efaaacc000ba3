//! A topic of Google Pub/Sub and a subscription to it, over its REST interface
//! (<https://cloud.google.com/pubsub/docs/reference/rest>).
//!
//! Google's client takes messages as a stream and holds them by itself; the gateway takes single
//! messages and says how long each is held.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use hushgate_gateway::ports::queue::{
    LONGEST_HOLD, MOST_RECEIVED, Message, QueueError, Receipt, Received, check_messages,
};
use hushgate_gateway::ports::{PortFuture, Queue};
use hushgate_host::config::Environment;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::reach::Reach;
use crate::rest::{Again, Failure, Rest};

/// Names an emulator of Pub/Sub.
const EMULATOR: &str = "PUBSUB_EMULATOR_HOST";
/// Messages of one request, which is stored whole or not at all.
const BATCH: usize = 20;
/// The pause between two looks for messages, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

const PUBLISH: &str = "`pubsub.topics.publish` on the topic, as with the role Pub/Sub Publisher";
const CONSUME: &str =
    "`pubsub.subscriptions.consume` on the subscription, as with the role Pub/Sub Subscriber";

/// A topic and a subscription to it.
#[derive(Debug)]
pub struct PubSub {
    rest: Rest,
    topic: String,
    subscription: String,
}

impl PubSub {
    /// A topic and a subscription, both of one project. Nothing is called yet.
    ///
    /// # Errors
    /// When the environment names an emulator where none may be.
    pub fn open(
        project: &str,
        topic: &str,
        subscription: &str,
        environment: &Environment,
    ) -> Result<Self, String> {
        let reach = Reach::of(environment, EMULATOR)?;
        Ok(Self {
            rest: Rest::new(reach, "pubsub"),
            topic: format!("projects/{project}/topics/{topic}"),
            subscription: format!("projects/{project}/subscriptions/{subscription}"),
        })
    }

    async fn call(
        &self,
        name: &str,
        verb: &str,
        body: &Value,
        again: Again,
    ) -> Result<Value, Failure> {
        let url = format!("{}/v1/{name}:{verb}", self.rest.base());
        self.rest.json(Method::POST, &url, again, Some(body)).await
    }

    async fn publish(&self, messages: &[Message]) -> Result<(), QueueError> {
        check_messages(messages)?;
        let mut sent = 0;
        for batch in messages.chunks(BATCH) {
            let bodies: Vec<_> = batch.iter().map(written).collect();
            let body = json!({"messages": bodies});
            // At least once is what is promised; twice is better than not at all.
            let published = self
                .call(&self.topic, "publish", &body, Again::Always)
                .await;
            let published = published.and_then(|answer| match answer["messageIds"].as_array() {
                Some(ids) if ids.len() == batch.len() => Ok(()),
                _ => Err(Failure::Network(
                    "the answer does not name each message that was sent",
                )),
            });
            match published {
                Ok(()) => sent += batch.len(),
                Err(failure) if sent == 0 => return Err(error(&failure, &self.topic, PUBLISH)),
                Err(failure) => {
                    let reason = error(&failure, &self.topic, PUBLISH).to_string();
                    let unsent = (sent..messages.len()).collect();
                    return Err(QueueError::Partly { unsent, reason });
                }
            }
        }
        Ok(())
    }

    async fn pull(
        &self,
        most: usize,
        wait: Duration,
        hold: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let most = most.clamp(1, MOST_RECEIVED);
        let end = Instant::now() + wait;
        let [mut pause, longest] = PAUSES;
        // Asked to wait, the service may give messages to a request that has gone away meanwhile.
        let body = json!({"maxMessages": most, "returnImmediately": true});
        loop {
            let pulled = self
                .call(&self.subscription, "pull", &body, Again::Always)
                .await;
            let pulled = pulled.map_err(|f| error(&f, &self.subscription, CONSUME))?;
            let mut received = Vec::new();
            for given in listed(&pulled) {
                match read(given) {
                    Some(message) => received.push(message),
                    None => self.set_aside(given).await,
                }
            }
            if !received.is_empty() {
                let ids: Vec<_> = received.iter().map(|r| r.receipt.0.as_str()).collect();
                self.extend(&ids, hold).await?;
                return Ok(received);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Vec::new());
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Takes a message that is no text out of the way, which would come again for ever: it goes to the
    /// subscription's topic for dead letters, or is acknowledged where there is none.
    async fn set_aside(&self, given: &Value) {
        let id = given["message"]["messageId"].as_str().unwrap_or_default();
        let id =
            Some(id).filter(|id| id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        let has_dead_letters = given["deliveryAttempt"].is_u64();
        tracing::warn!(
            message = id.unwrap_or_default(),
            subscription = self.subscription,
            has_dead_letters,
            "a message is not UTF-8 text and is set aside: for dead letters where the subscription has a topic for them, \
             else it is gone"
        );
        let told = match given["ackId"].as_str() {
            None => Ok(()),
            Some(ack) if has_dead_letters => self.extend(&[ack], Duration::ZERO).await,
            Some(ack) => self.tell("acknowledge", &json!({"ackIds": [ack]})).await,
        };
        if let Err(error) = told {
            // The others are given all the same.
            tracing::warn!(%error, "the message that is set aside comes again");
        }
    }

    async fn extend(&self, ids: &[&str], time: Duration) -> Result<(), QueueError> {
        let time = time.min(LONGEST_HOLD);
        // Whole seconds, rather more than less, except that zero gives back.
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let body = json!({"ackIds": ids, "ackDeadlineSeconds": seconds});
        self.tell("modifyAckDeadline", &body).await
    }

    /// Says something about deliveries. About those that are over, nothing needs to be said.
    async fn tell(&self, verb: &str, body: &Value) -> Result<(), QueueError> {
        match self
            .call(&self.subscription, verb, body, Again::Always)
            .await
        {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_over() => Ok(()),
            Err(failure) => Err(error(&failure, &self.subscription, CONSUME)),
        }
    }
}

fn written(message: &Message) -> Value {
    json!({"data": STANDARD.encode(&message.body), "attributes": message.attributes})
}

fn listed(pulled: &Value) -> impl Iterator<Item = &Value> {
    let messages = pulled["receivedMessages"].as_array();
    messages.into_iter().flatten()
}

fn read(received: &Value) -> Option<Received> {
    let message = &received["message"];
    let data = STANDARD.decode(message["data"].as_str().unwrap_or_default());
    let attributes = message["attributes"].as_object().into_iter().flatten();
    let attributes = attributes.filter_map(|(n, v)| Some((n.clone(), v.as_str()?.to_owned())));
    let attempt = received["deliveryAttempt"].as_u64().unwrap_or(1);
    Some(Received {
        message: Message {
            body: String::from_utf8(data.ok()?).ok()?,
            attributes: attributes.collect(),
        },
        // Counted only where the subscription has a topic for dead letters.
        attempt: u32::try_from(attempt).unwrap_or(u32::MAX).max(1),
        receipt: Receipt(received["ackId"].as_str()?.to_owned()),
    })
}

fn error(failure: &Failure, name: &str, need: &str) -> QueueError {
    if let Some(hint) = failure.refusal("pubsub", need) {
        let name = name.to_owned();
        return QueueError::Denied { name, hint };
    }
    match failure.status() {
        Some(404) => QueueError::NoQueue(name.to_owned()),
        _ => QueueError::Unavailable(format!("Pub/Sub, `{name}`: {}", failure.words())),
    }
}

impl Queue for PubSub {
    fn send(&self, messages: Vec<Message>) -> PortFuture<'_, Result<(), QueueError>> {
        Box::pin(async move { self.publish(&messages).await })
    }

    fn receive(
        &self,
        most: usize,
        wait: Duration,
        hold: Duration,
    ) -> PortFuture<'_, Result<Vec<Received>, QueueError>> {
        Box::pin(self.pull(most, wait, hold))
    }

    fn done<'a>(&'a self, receipt: &'a Receipt) -> PortFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let body = json!({"ackIds": [receipt.0]});
            self.tell("acknowledge", &body).await
        })
    }

    fn hold<'a>(
        &'a self,
        receipt: &'a Receipt,
        time: Duration,
    ) -> PortFuture<'a, Result<(), QueueError>> {
        Box::pin(async move { self.extend(&[receipt.0.as_str()], time).await })
    }
}
