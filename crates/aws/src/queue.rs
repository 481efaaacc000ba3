//! A queue of Amazon SQS: `sqs:URL`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::Region;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::types::{
    Message as Given, MessageAttributeValue, MessageSystemAttributeName,
    SendMessageBatchRequestEntry,
};
use hushgate_gateway::ports::queue::{
    LARGEST_MESSAGE, LONGEST_HOLD, MOST_RECEIVED, Message, QueueError, Receipt, Received,
    check_messages,
};
use hushgate_gateway::ports::{PortFuture, Queue};
use hushgate_host::config::Environment;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::client::{Account, Pace};
use crate::failure::{Failure, Kind, Target};

mod batch;

/// Longest time that the service waits for a message, in seconds.
const LONGEST_WAIT: u64 = 20;
/// The type of attributes that are text, which counts towards a message's size.
const TEXT: &str = "String";
/// How often messages are sent again that the service did not take.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

const SEND: &str = "sqs:SendMessage";
const RECEIVE: &str = "sqs:ReceiveMessage";
const DELETE: &str = "sqs:DeleteMessage";
const HOLD: &str = "sqs:ChangeMessageVisibility";

/// A queue.
#[derive(Debug)]
pub struct Sqs {
    account: Arc<Account>,
    url: String,
    client: OnceCell<Client>,
}

impl Sqs {
    /// The queue at this address. Nothing is called yet.
    ///
    /// # Errors
    /// What the environment lacks; a queue of a kind that promises another order.
    pub fn open(url: &str, environment: &Environment) -> Result<Self, String> {
        if url.rsplit('.').next() == Some("fifo") {
            return Err("this is a FIFO queue; a standard queue is needed".to_owned());
        }
        Ok(Self {
            account: Account::of(environment)?,
            url: url.to_owned(),
            client: OnceCell::new(),
        })
    }

    async fn client(&self) -> Result<&Client, Failure> {
        let made = self.client.get_or_try_init(|| async {
            let config = self.account.config("SQS", Pace::QUICK).await?;
            let config = match region(&self.url) {
                Some(region) => config.into_builder().region(Region::new(region)).build(),
                None => config,
            };
            Ok(Client::new(&config))
        });
        made.await
    }

    fn error(&self, failure: &Failure, action: &'static str) -> QueueError {
        let target = Target {
            action,
            name: &self.url,
            resource: &self.url,
        };
        match failure.kind {
            Kind::Denied
            | Kind::Key(_)
            | Kind::Credentials
            | Kind::NoCredentials
            | Kind::Region => QueueError::Denied {
                name: self.url.clone(),
                hint: failure.hint(target),
            },
            Kind::NoPlace => QueueError::NoQueue(self.url.clone()),
            _ => QueueError::Unavailable(format!("SQS, {}", failure.reason(target))),
        }
    }

    async fn send_all(&self, messages: &[Message]) -> Result<(), QueueError> {
        check_messages(messages)?;
        for (index, message) in messages.iter().enumerate() {
            if size(message) > LARGEST_MESSAGE {
                let problem = "with the types of its attributes it has more than 262144 bytes";
                return Err(QueueError::Message { index, problem });
            }
        }
        let mut unsent = Vec::new();
        let mut why = None;
        for range in batch::ranges(messages.iter().map(size)) {
            let (left, failure) = self.send_batch(messages, range.collect()).await;
            unsent.extend(left);
            why = failure.or(why);
        }
        match why {
            None => Ok(()),
            Some(failure) if unsent.len() == messages.len() => Err(self.error(&failure, SEND)),
            Some(failure) => Err(QueueError::Partly {
                unsent,
                reason: self.error(&failure, SEND).to_string(),
            }),
        }
    }

    /// Sends the messages of these indices; gives those that were not stored, and why one was not.
    async fn send_batch(
        &self,
        messages: &[Message],
        mut indices: Vec<usize>,
    ) -> (Vec<usize>, Option<Failure>) {
        let (mut unsent, mut why) = (Vec::new(), None);
        for pause in PAUSES.into_iter().map(Some).chain([None]) {
            let failed = match self.send_once(messages, &indices).await {
                Ok(failed) => failed,
                // The SDK sent it several times already.
                Err(failure) => {
                    unsent.extend(indices);
                    why = why.or(Some(failure));
                    break;
                }
            };
            let passes = |failure: &Failure| matches!(failure.kind, Kind::Throttled | Kind::Broken);
            let again = |failure: &Failure| pause.is_some() && passes(failure);
            let (passing, lasting): (Vec<_>, Vec<_>) =
                failed.into_iter().partition(|(_, failure)| again(failure));
            for (index, failure) in lasting {
                unsent.push(index);
                why = why.or(Some(failure));
            }
            indices = passing.into_iter().map(|(index, _)| index).collect();
            match pause {
                Some(pause) if !indices.is_empty() => tokio::time::sleep(pause).await,
                _ => break,
            }
        }
        unsent.sort_unstable();
        (unsent, why)
    }

    /// One request; gives the messages that the service does not say to have stored.
    async fn send_once(
        &self,
        messages: &[Message],
        indices: &[usize],
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        let client = self.client().await?;
        let entries = indices.iter().filter_map(|index| {
            let message = messages.get(*index)?;
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(&message.body)
                .set_message_attributes(attributes(message));
            entry.build().ok()
        });
        let sent = client
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .send();
        let answer = sent.await.map_err(|e| Failure::of(&e))?;
        let unsent = indices.iter().filter_map(|index| {
            let id = index.to_string();
            if answer.successful().iter().any(|entry| entry.id() == id) {
                return None;
            }
            let told = answer.failed().iter().find(|entry| entry.id() == id);
            let failure = told.map_or_else(
                // What is not mentioned may be stored, and is sent once more rather than lost.
                || Failure::told("", false),
                |entry| Failure::told(entry.code(), entry.sender_fault()),
            );
            Some((*index, failure))
        });
        Ok(unsent.collect())
    }

    async fn take(
        &self,
        most: usize,
        wait: Duration,
        hold: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let end = Instant::now() + wait;
        let most = i32::try_from(most.clamp(1, MOST_RECEIVED)).unwrap_or(1);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let seconds = left.as_secs().min(LONGEST_WAIT);
            let taken = self.take_once(most, seconds, hold).await;
            let taken = taken.map_err(|failure| self.error(&failure, RECEIVE))?;
            let left = end.saturating_duration_since(Instant::now());
            if !taken.is_empty() || left.is_zero() {
                return Ok(taken);
            }
            if left < Duration::from_secs(1) {
                tokio::time::sleep(left).await;
            }
        }
    }

    async fn take_once(
        &self,
        most: i32,
        wait: u64,
        hold: Duration,
    ) -> Result<Vec<Received>, Failure> {
        let client = self.client().await?;
        let wait_time = Duration::from_secs(wait);
        let times = TimeoutConfig::builder()
            .operation_attempt_timeout(Pace::QUICK.attempt + wait_time)
            .operation_timeout(wait_time + Duration::from_secs(5))
            .build();
        let asked = client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(most)
            .wait_time_seconds(i32::try_from(wait).unwrap_or_default())
            .visibility_timeout(seconds(hold))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .customize()
            .config_override(Builder::new().timeout_config(times))
            .send();
        let answer = asked.await.map_err(|e| Failure::of(&e))?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        Ok(messages.filter_map(received).collect())
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), Failure> {
        let client = self.client().await?;
        let request = client.delete_message().queue_url(&self.url);
        let sent = request.receipt_handle(&receipt.0).send().await;
        sent.map_err(|e| Failure::of(&e))?;
        Ok(())
    }

    async fn hide(&self, receipt: &Receipt, time: Duration) -> Result<(), Failure> {
        let client = self.client().await?;
        let request = client.change_message_visibility().queue_url(&self.url);
        let request = request
            .receipt_handle(&receipt.0)
            .visibility_timeout(seconds(time));
        request.send().await.map_err(|e| Failure::of(&e))?;
        Ok(())
    }
}

/// The region that a queue's address names, if it is one of Amazon's own addresses.
fn region(url: &str) -> Option<String> {
    let host = url.strip_prefix("https://")?.split('/').next()?;
    let rest = host.strip_prefix("sqs.")?;
    let region = rest
        .strip_suffix(".amazonaws.com")
        .or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (!region.is_empty() && region.bytes().all(fits)).then(|| region.to_owned())
}

/// A message's bytes as the service counts them.
fn size(message: &Message) -> usize {
    let beside = message.attributes.iter();
    let beside: usize = beside.map(|(n, v)| n.len() + v.len() + TEXT.len()).sum();
    message.body.len() + beside
}

fn attributes(
    message: &Message,
) -> Option<std::collections::HashMap<String, MessageAttributeValue>> {
    let pairs = message.attributes.iter().filter_map(|(name, value)| {
        let value = MessageAttributeValue::builder()
            .data_type(TEXT)
            .string_value(value);
        Some((name.clone(), value.build().ok()?))
    });
    (!message.attributes.is_empty()).then(|| pairs.collect())
}

fn received(given: Given) -> Option<Received> {
    let attempt = given
        .attributes
        .as_ref()
        .and_then(|a| a.get(&MessageSystemAttributeName::ApproximateReceiveCount))
        .and_then(|count| count.parse().ok());
    let attributes = given.message_attributes.unwrap_or_default().into_iter();
    let attributes = attributes.filter_map(|(name, value)| Some((name, value.string_value?)));
    Some(Received {
        message: Message {
            body: given.body?,
            attributes: attributes.collect::<BTreeMap<_, _>>(),
        },
        attempt: attempt.unwrap_or(1),
        receipt: Receipt(given.receipt_handle?),
    })
}

/// Whole seconds, rather more than less.
fn seconds(time: Duration) -> i32 {
    let time = time.min(LONGEST_HOLD);
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or_default()
}

/// Whether a delivery is over: what it was about is gone, or another receiver's by now.
fn is_over(failure: &Failure) -> bool {
    [
        "ReceiptHandleIsInvalid",
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
    ]
    .contains(&failure.code.as_str())
}

impl Queue for Sqs {
    fn send(&self, messages: Vec<Message>) -> PortFuture<'_, Result<(), QueueError>> {
        Box::pin(async move { self.send_all(&messages).await })
    }

    fn receive(
        &self,
        most: usize,
        wait: Duration,
        hold: Duration,
    ) -> PortFuture<'_, Result<Vec<Received>, QueueError>> {
        Box::pin(self.take(most, wait, hold))
    }

    fn done<'a>(&'a self, receipt: &'a Receipt) -> PortFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            match self.delete(receipt).await {
                // Of a delivery that is over for long, the service says that a parameter is wrong.
                Err(failure) if is_over(&failure) || failure.code == "InvalidParameterValue" => {
                    Ok(())
                }
                deleted => deleted.map_err(|failure| self.error(&failure, DELETE)),
            }
        })
    }

    fn hold<'a>(
        &'a self,
        receipt: &'a Receipt,
        time: Duration,
    ) -> PortFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            match self.hide(receipt, time).await {
                Err(failure) if is_over(&failure) => Ok(()),
                hidden => hidden.map_err(|failure| self.error(&failure, HOLD)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queues_region_is_that_of_its_address() {
        for (url, expected) in [
            (
                "https://sqs.eu-west-1.amazonaws.com/444455556666/work",
                Some("eu-west-1"),
            ),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/444455556666/work",
                Some("cn-north-1"),
            ),
            ("https://sqs.evil.example/x.amazonaws.com/work", None),
            ("https://sqs.a.b.amazonaws.com/1/work", None),
            ("http://127.0.0.1:5000/1/work", None),
        ] {
            assert_eq!(region(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn times_are_whole_seconds_and_never_too_short() {
        for (millis, expected) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (3_600_000, 600)] {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn queues_that_keep_an_order_are_refused() {
        let environment = [("AWS_REGION".to_owned(), "eu-central-1".to_owned())];
        let environment: Environment = environment.into_iter().collect();
        let url = "https://sqs.eu-central-1.amazonaws.com/444455556666/work";
        assert!(Sqs::open(url, &environment).is_ok());
        let refused = Sqs::open(&format!("{url}.fifo"), &environment);
        assert!(refused.unwrap_err().contains("FIFO"));
    }
}
