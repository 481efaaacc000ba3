//! A workload token: its form, and what can be read from it without checking it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde_json::Value;
use zeroize::Zeroizing;

use super::clean;
use super::code::Code;
use crate::connection::failure::Failure;

/// Larger than any token a function takes.
pub(super) const MOST_BYTES: usize = 64 * 1024;

/// A token. It has no `Debug` and is erased when dropped.
pub(super) struct Token(Zeroizing<String>);

impl Token {
    /// Takes a token from what a file or command gave; white space around it is removed.
    ///
    /// # Errors
    /// When it is empty or can't be a token; `from` says where it came from, its text is not repeated.
    pub(super) fn read(text: &Zeroizing<Vec<u8>>, from: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::new(Code::TokenUnreadable, format!("{from} {what}"));
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(wrong("has no token in it"));
        }
        if text.len() > MOST_BYTES {
            return Err(wrong("has more than 64 KiB, which is no token"));
        }
        if text
            .get(..7)
            .is_some_and(|t| t.eq_ignore_ascii_case(b"bearer "))
        {
            return Err(wrong(
                "begins with `Bearer`: leave the word out, it is added",
            ));
        }
        if !text.iter().all(|b| (0x21..=0x7e).contains(b)) {
            return Err(wrong(
                "has other characters than those of a token: it must be one word, nothing before or after it",
            ));
        }
        let text = String::from_utf8(text.to_vec()).map_err(|_| wrong("is not text"))?;
        Ok(Self(Zeroizing::new(text)))
    }

    /// The value of a header that carries it; marked so that nothing prints it.
    ///
    /// # Errors
    /// None for a token that was read.
    pub(super) fn header(&self) -> Result<HeaderValue, Failure> {
        let text = Zeroizing::new(format!("Bearer {}", self.0.as_str()));
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            Failure::new(Code::TokenUnreadable, "the token can't stand in a header")
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// What the token says of itself; nothing if it is no JSON Web Token. Its signature is not checked.
    pub(super) fn claims(&self) -> Option<Claims> {
        let mut parts = self.0.split('.');
        let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
        let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
        let value: Value = serde_json::from_slice(&payload).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(shortened);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time before 1970 or after all times is as good as the nearest one"
        )]
        let time = |name: &str| value.get(name)?.as_f64().map(|seconds| seconds as u64);
        let audience = match value.get("aud") {
            Some(Value::String(one)) => vec![shortened(one)],
            Some(Value::Array(all)) => all
                .iter()
                .filter_map(Value::as_str)
                .map(shortened)
                .collect(),
            _ => Vec::new(),
        };
        Some(Claims {
            issuer: text("iss"),
            subject: text("sub"),
            audience,
            expires: time("exp"),
            not_before: time("nbf"),
        })
    }
}

/// What a token says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    issuer: Option<String>,
    subject: Option<String>,
    audience: Vec<String>,
    /// Seconds since 1970.
    pub(super) expires: Option<u64>,
    not_before: Option<u64>,
}

impl Claims {
    /// Why the token can't be taken at the time `now` (seconds since 1970), by its own words.
    pub(super) fn out_of_time(&self, now: u64) -> Option<String> {
        if let Some(expires) = self.expires.filter(|expires| *expires <= now) {
            return Some(format!(
                "the token expired {} ago (`exp` {expires}); get a fresh one",
                span(now - expires)
            ));
        }
        let from = self.not_before.filter(|from| *from > now + 60)?;
        Some(format!(
            "the token is valid only in {} (`nbf` {from}); check the clocks",
            span(from - now)
        ))
    }

    /// What the token says of its caller; with the `hint` for one that was refused that the function's access
    /// policy has to name the same.
    pub(super) fn lines(&self, hint: bool) -> Vec<String> {
        let one = |name: &str, value: &Option<String>| match value {
            Some(value) => format!("the token's {name} is `{value}`"),
            None => format!("the token has no {name}"),
        };
        let audience = match self.audience.as_slice() {
            [] => "the token has no audience".to_owned(),
            all => format!("the token's audience is `{}`", all.join("`, `")),
        };
        vec![
            one("issuer", &self.issuer),
            one("subject", &self.subject),
            if hint {
                format!("{audience}: the access policy must name exactly the same")
            } else {
                audience
            },
        ]
    }
}

/// Now, in seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn shortened(text: &str) -> String {
    let mut clean = clean::line(text);
    if let Some((at, _)) = clean.char_indices().nth(200) {
        clean.truncate(at);
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Token, Failure> {
        Token::read(&Zeroizing::new(text.as_bytes().to_vec()), "the file")
    }

    fn with_payload(payload: &str) -> Token {
        read(&format!("e30.{}.c2ln\n", URL_SAFE_NO_PAD.encode(payload)))
            .unwrap_or_else(|f| panic!("{f}"))
    }

    #[test]
    fn takes_one_word_and_nothing_else() {
        for (text, says) in [
            ("", "no token"),
            (" \n", "no token"),
            ("Bearer abc", "leave the word out"),
            ("abc def", "one word"),
            ("abc\r\nx-evil: 1", "one word"),
            ("abc\0", "one word"),
            ("abcä", "one word"),
        ] {
            let failure = read(text).err().unwrap();
            assert!(
                failure.message.contains(says),
                "{text}: {}",
                failure.message
            );
            assert!(!failure.message.contains("abc"));
        }
        assert!(read(&"x".repeat(MOST_BYTES + 1)).is_err());
        let header = read(" abc\n").ok().unwrap().header().unwrap();
        assert_eq!(header, "Bearer abc");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }

    #[test]
    fn says_when_a_token_is_out_of_time() {
        let claims = |payload: &str| with_payload(payload).claims().unwrap();
        let said = claims(r#"{"exp":1000}"#).out_of_time(1000 + 3 * 60);
        assert!(said.unwrap().contains("expired 3 min ago"));
        assert_eq!(claims(r#"{"exp":1000.5}"#).out_of_time(999), None);
        assert!(
            claims(r#"{"nbf":10000}"#)
                .out_of_time(1)
                .unwrap()
                .contains("in 2 h")
        );
        assert_eq!(claims(r#"{"exp":"soon"}"#).out_of_time(1), None);
        assert_eq!(claims(r#"{"exp":1e300}"#).out_of_time(1), None);
    }

    #[test]
    fn tells_issuer_subject_and_audience_without_steering_the_terminal() {
        let claims =
            with_payload("{\"iss\":\"https://i.example\",\"aud\":[\"a\",\"b\\u001b[2J\"]}")
                .claims();
        let lines = claims.unwrap().lines(true).join("\n");
        assert!(lines.contains("issuer is `https://i.example`"));
        assert!(
            lines.contains("no subject") && lines.contains("`a`, `b\\u{1b}[2J`"),
            "{lines}"
        );
    }

    #[test]
    fn an_opaque_token_says_nothing() {
        for text in ["opaque", "a.b", "a.!!.c", "e30.bm9qc29u.x"] {
            assert_eq!(read(text).ok().unwrap().claims(), None, "{text}");
        }
    }
}
