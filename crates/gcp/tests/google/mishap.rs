//! The bad days of a service, as the servers before emulators show them.

use std::sync::Mutex;
use std::time::Duration;

use crate::together::{self, Together};

/// What happens to a call in place of, or beside, its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mishap {
    /// It is answered with this status, and not carried out.
    Status(u16, &'static str),
    /// The connection ends, and it is not carried out.
    Cut,
    /// It is carried out, and the connection ends before the answer.
    Lost,
    /// It is carried out, and answered with this status.
    Done(u16),
    /// It is not carried out, and answered with this status and text.
    Answer(u16, &'static str),
    /// It is carried out after this time.
    Slow(Duration),
    /// It is carried out, and the connection ends after so many bytes of the answer's body.
    Broken(usize),
}

/// Which calls meet what, and which calls came.
#[derive(Debug, Default)]
pub(crate) struct Mishaps {
    rules: Mutex<Vec<Rule>>,
    calls: Mutex<Vec<String>>,
    bearers: Mutex<Vec<String>>,
    /// What each call meets by its number, and the number of the next.
    pattern: Mutex<Option<(usize, Pattern)>>,
    /// What calls wait for whose method and path hold the text.
    together: Mutex<Vec<(String, Together)>>,
}

type Pattern = fn(usize) -> Option<Mishap>;

#[derive(Debug)]
struct Rule {
    /// In the method, a space, and the path.
    part: String,
    left: usize,
    mishap: Mishap,
}

impl Mishaps {
    /// The next `times` calls whose method and path hold `part` meet this.
    pub(crate) fn add(&self, part: &str, times: usize, mishap: Mishap) {
        let part = part.to_owned();
        let left = times;
        let rule = Rule { part, left, mishap };
        self.rules.lock().unwrap().push(rule);
    }

    /// Calls meet what the pattern says, which is asked for numbers from this one on.
    pub(crate) fn follow(&self, from: usize, pattern: Pattern) {
        *self.pattern.lock().unwrap() = Some((from, pattern));
    }

    /// All is well from now on.
    pub(crate) fn calm(&self) {
        self.rules.lock().unwrap().clear();
    }

    /// Calls whose method and path hold `part` wait until all of these have come.
    pub(crate) fn meet(&self, part: &str, all: &Together) {
        let meeting = (part.to_owned(), all.clone());
        self.together.lock().unwrap().push(meeting);
    }

    /// Waits for what a call has to wait for.
    pub(crate) async fn wait(&self, line: &str) {
        let met: Vec<_> = {
            let together = self.together.lock().unwrap();
            let mine = together.iter().filter(|(part, _)| line.contains(part));
            mine.map(|(part, all)| all.come(part)).collect()
        };
        for all in met {
            together::wait(all).await;
        }
    }

    /// Notes a call; gives what it meets.
    pub(crate) fn next(&self, line: String) -> Option<Mishap> {
        if let Some((number, pattern)) = self.pattern.lock().unwrap().as_mut() {
            *number += 1;
            return pattern(*number - 1);
        }
        let mut rules = self.rules.lock().unwrap();
        let mut rules = rules.iter_mut();
        let rule = rules.find(|r| r.left > 0 && line.contains(&r.part));
        self.calls.lock().unwrap().push(line);
        let rule = rule?;
        rule.left -= 1;
        Some(rule.mishap)
    }

    /// Notes who called.
    pub(crate) fn called_by(&self, headers: &http::HeaderMap) {
        let bearer = headers.get("authorization");
        let bearer = bearer.map_or("", |b| b.to_str().unwrap());
        self.bearers.lock().unwrap().push(bearer.to_owned());
    }

    /// The `Authorization` of all calls since this was asked last; empty where there was none.
    pub(crate) fn bearers(&self) -> Vec<String> {
        std::mem::take(&mut self.bearers.lock().unwrap())
    }

    /// Method and path of all calls since this was asked last.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}
