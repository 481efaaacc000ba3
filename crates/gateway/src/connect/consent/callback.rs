//! The browser's answer to a consent, read strictly: it comes from whoever made the browser go there.

use reqwest::Url;

use super::{ConsentFault, same};
use crate::ports::Secret;

/// Longest answer.
const LONGEST: usize = 16 * 1024;

/// The parameters of an answer. Its `Debug` is left out, since it holds the code.
pub(super) struct Callback(Vec<(String, Secret)>);

impl Callback {
    /// Reads the query of the redirect address, or that whole address.
    pub(super) fn read(answer: &str, redirect: &Url) -> Result<Self, ConsentFault> {
        let invalid = ConsentFault::AnswerInvalid;
        let answer = answer.trim();
        if answer.len() > LONGEST {
            return Err(invalid("is longer than any answer"));
        }
        let url = if answer.starts_with("http:") || answer.starts_with("https:") {
            let url = Url::parse(answer).map_err(|_| invalid("is not an address"))?;
            let came_back = url.scheme() == redirect.scheme()
                && url.host() == redirect.host()
                && url.port() == redirect.port()
                && url.path() == redirect.path()
                && url.username().is_empty()
                && url.password().is_none();
            if !came_back {
                return Err(ConsentFault::RedirectMismatch);
            }
            url
        } else {
            let mut url = redirect.clone();
            let query = answer.strip_prefix('?').unwrap_or(answer);
            url.set_query(Some(query));
            url
        };
        let mut params: Vec<(String, Secret)> = Vec::new();
        for (name, value) in url.query_pairs() {
            // RFC 6749 section 3.1: no parameter occurs twice.
            if params.iter().any(|(known, _)| *known == name) {
                return Err(invalid("names a parameter twice"));
            }
            params.push((name.into_owned(), Secret::new(value)));
        }
        Ok(Self(params))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Secret> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    /// Whether a parameter is there with this value.
    pub(super) fn is(&self, name: &str, wanted: &Secret) -> bool {
        self.get(name).is_some_and(|v| same(v.reveal(), wanted))
    }

    /// The refusal that the answer carries, if it does.
    pub(super) fn refused(&self) -> Result<(), ConsentFault> {
        match self.get("error") {
            Some(code) => Err(ConsentFault::refused(code.reveal())),
            None => Ok(()),
        }
    }

    /// A parameter that is a code or a verifier: printable ASCII (RFC 6749 appendix A.11).
    pub(super) fn token(&self, name: &'static str) -> Result<Secret, ConsentFault> {
        let value = self.get(name).map(Secret::reveal).unwrap_or_default();
        if value.is_empty() {
            return Err(ConsentFault::AnswerInvalid("carries no code"));
        }
        if !value.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(ConsentFault::AnswerInvalid(
                "carries a code with characters that no code has",
            ));
        }
        Ok(Secret::new(value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redirect() -> Url {
        Url::parse("http://127.0.0.1:8917/callback").unwrap()
    }

    proptest! {
        #[test]
        fn reads_anything_without_a_panic(answer in "\\PC*", query in "[a-z=&%?#+0-9A-F]*") {
            for text in [answer, query, format!("http://127.0.0.1:8917/callback?{}", "x")] {
                if let Ok(callback) = Callback::read(&text, &redirect()) {
                    prop_assert!(!callback.is("state", &Secret::new("a state that nobody guesses")));
                }
            }
        }

        #[test]
        fn reads_back_what_a_form_encodes(name in "[a-z]{1,8}", value in any::<String>()) {
            let mut url = redirect();
            url.query_pairs_mut().append_pair(&name, &value);
            for text in [url.as_str(), url.query().unwrap()] {
                let callback = Callback::read(text, &redirect()).unwrap();
                prop_assert!(callback.is(&name, &Secret::new(value.as_str())));
            }
        }
    }
}
