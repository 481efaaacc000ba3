//! Queues: work that waits for an instance to do it, at least once.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::PortFuture;

/// Most bytes of a message, its attributes included; the least that any of the services allows.
pub const LARGEST_MESSAGE: usize = 256 << 10;

/// Most bytes of an attribute's value; Pub/Sub takes no longer ones.
pub const LONGEST_ATTRIBUTE: usize = 1024;

/// Most messages of one call of [`Queue::receive`].
pub const MOST_RECEIVED: usize = 10;

/// Longest time that a message is held or kept back.
pub const LONGEST_HOLD: Duration = Duration::from_mins(10);

/// A queue whose messages are given at least once, in no promised order.
///
/// A received message is hidden from other receivers for [`Queue::receive`]'s `hold` and comes again
/// unless it is [`Queue::done`] by then.
pub trait Queue: Send + Sync {
    /// Stores messages; durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`QueueError::Partly`] when only some were stored; [`QueueError::Message`] when one can't be,
    /// and then none was.
    fn send(&self, messages: Vec<Message>) -> PortFuture<'_, Result<(), QueueError>>;

    /// Takes up to `most` messages (at most [`MOST_RECEIVED`]), each hidden from others for `hold`.
    /// Waits up to `wait` for the first one; none after that is fine.
    fn receive(
        &self,
        most: usize,
        wait: Duration,
        hold: Duration,
    ) -> PortFuture<'_, Result<Vec<Received>, QueueError>>;

    /// Takes a message out for good. Fine when it is gone already, or was given to another receiver
    /// meanwhile (it then stays that one's).
    fn done<'a>(&'a self, receipt: &'a Receipt) -> PortFuture<'a, Result<(), QueueError>>;

    /// Hides a message for this long from now, at most [`LONGEST_HOLD`]: to go on working at it, or
    /// with zero to give it back at once.
    fn hold<'a>(
        &'a self,
        receipt: &'a Receipt,
        time: Duration,
    ) -> PortFuture<'a, Result<(), QueueError>>;
}

/// A message to be sent.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The text, as [`check_messages`] takes it.
    pub body: String,
    /// Names and values beside it, at most ten.
    pub attributes: BTreeMap<String, String>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} bytes)", self.body.len())
    }
}

/// A message that was received.
#[derive(Debug, Clone)]
pub struct Received {
    /// The message.
    pub message: Message,
    /// How often it was given to a receiver, this time included, as far as the service tells.
    pub attempt: u32,
    /// With what it is taken out or held.
    pub receipt: Receipt,
}

/// What a service wants to hear about one delivery of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

/// Why a queue could not be used. Never carries a message.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// The service did not answer, or answered with a failure that may pass.
    #[error("the queue is unavailable: {0}")]
    Unavailable(String),
    /// The service refused this function.
    #[error("the queue `{name}` denied access: {hint}")]
    Denied {
        /// The queue.
        name: String,
        /// The permission that is missing.
        hint: String,
    },
    /// There is no such queue.
    #[error("there is no queue `{0}`")]
    NoQueue(String),
    /// A message can't be stored.
    #[error("message {index} can't be sent: {problem}")]
    Message {
        /// Which one, from 0.
        index: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// Only some messages were stored.
    #[error("{} messages were not stored: {reason}", unsent.len())]
    Partly {
        /// Which ones, from 0, in order.
        unsent: Vec<usize>,
        /// Why.
        reason: String,
    },
}

impl QueueError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "queue-unavailable",
            Self::Denied { .. } => "queue-denied",
            Self::NoQueue(_) => "queue-missing",
            Self::Message { .. } => "queue-message-invalid",
            Self::Partly { .. } => "queue-partly-sent",
        }
    }
}

/// Takes messages that every service can hold: a body that is not empty, of the characters XML 1.0
/// has, at most [`LARGEST_MESSAGE`] bytes with the attributes; at most ten attributes, named by letters,
/// digits, `-` and `_`, with values under the body's rules of at most [`LONGEST_ATTRIBUTE`] bytes. Names
/// that begin with `goog` are Pub/Sub's own.
///
/// # Errors
/// [`QueueError::Message`] tells the first that can't be stored.
pub fn check_messages(messages: &[Message]) -> Result<(), QueueError> {
    for (index, message) in messages.iter().enumerate() {
        check_message(message).map_err(|problem| QueueError::Message { index, problem })?;
    }
    Ok(())
}

fn check_message(message: &Message) -> Result<(), &'static str> {
    let text = |t: &str| !t.is_empty() && t.chars().all(is_xml);
    let name = |n: &str| {
        !n.is_empty()
            && n.len() <= 128
            && n.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if !text(&message.body) {
        return Err("its body is empty, or has a character that XML 1.0 has not");
    }
    if message.attributes.len() > 10 {
        return Err("it has more than ten attributes");
    }
    if !message.attributes.iter().all(|(n, v)| name(n) && text(v)) {
        return Err("an attribute has a name other than letters, digits, `-` and `_`, or no value");
    }
    if message.attributes.keys().any(|n| n.starts_with("goog")) {
        return Err("an attribute's name begins with `goog`, which Pub/Sub keeps for itself");
    }
    if message
        .attributes
        .values()
        .any(|v| v.len() > LONGEST_ATTRIBUTE)
    {
        return Err("an attribute's value has more than 1024 bytes");
    }
    let beside = message.attributes.iter();
    let size: usize = beside.map(|(n, v)| n.len() + v.len()).sum();
    if message.body.len() + size > LARGEST_MESSAGE {
        return Err("it has more than 262144 bytes");
    }
    Ok(())
}

/// XML 1.0, production 2.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str, attributes: &[(&str, &str)]) -> Message {
        let pair = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        Message {
            body: body.to_owned(),
            attributes: attributes.iter().map(pair).collect(),
        }
    }

    #[test]
    fn takes_messages_that_every_service_can_hold() {
        let largest = "x".repeat(LARGEST_MESSAGE);
        for good in [
            message("{\"a\": \"ü\u{1f511}\"}\n", &[("kind", "invoice")]),
            message(&largest, &[]),
            message("a", &[("a-goog", &largest[..LONGEST_ATTRIBUTE])]),
        ] {
            assert!(check_messages(&[good]).is_ok());
        }
        let eleven: Vec<_> = (0..11).map(|n| format!("n{n}")).collect();
        let eleven: Vec<_> = eleven.iter().map(|n| (n.as_str(), "x")).collect();
        for bad in [
            message("", &[]),
            message("a\0b", &[]),
            message("a\u{b}", &[]),
            message("a\u{fffe}", &[]),
            message("a", &[("", "x")]),
            message("a", &[("na me", "x")]),
            message("a", &[("name", "")]),
            message("a", &[("name", &largest[..=LONGEST_ATTRIBUTE])]),
            message("a", &[("google", "x")]),
            message("a", &eleven),
            message(&largest, &[("n", "x")]),
        ] {
            let both = [message("a", &[]), bad];
            let error = check_messages(&both).unwrap_err();
            assert!(
                matches!(error, QueueError::Message { index: 1, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn shows_nothing_of_a_message() {
        let shown = format!(
            "{:?}",
            message("someone@example.com", &[("who", "someone")])
        );
        assert_eq!(shown, "Message(19 bytes)");
    }
}
