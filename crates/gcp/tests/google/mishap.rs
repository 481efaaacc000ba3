//! The bad days of a service, as the servers before emulators show them.

use std::sync::Mutex;
use std::time::Duration;

/// What happens to a call in place of, or beside, its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mishap {
    /// It is answered with this status, and not carried out.
    Status(u16, &'static str),
    /// The connection ends, and it is not carried out.
    Cut,
    /// It is carried out, and the connection ends before the answer.
    Lost,
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
}

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

    /// All is well from now on.
    pub(crate) fn calm(&self) {
        self.rules.lock().unwrap().clear();
    }

    /// Notes a call; gives what it meets.
    pub(crate) fn next(&self, line: String) -> Option<Mishap> {
        let mut rules = self.rules.lock().unwrap();
        let mut rules = rules.iter_mut();
        let rule = rules.find(|r| r.left > 0 && line.contains(&r.part));
        self.calls.lock().unwrap().push(line);
        let rule = rule?;
        rule.left -= 1;
        Some(rule.mishap)
    }

    /// Method and path of all calls since this was asked last.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}
