//! Questions in the terminal, of which secret answers are not shown.
#![expect(
    clippy::print_stderr,
    reason = "a question is written beside the result"
)]

use std::io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin};
use std::sync::{Mutex, PoisonError};

use hushgate_gateway::ports::Secret;
use rustix::termios::{self, LocalModes, OptionalActions, Termios};

/// How the terminal was before echo was turned off.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// Nobody is there to answer.
    #[error("standard input is not a terminal, so nothing can be asked")]
    NoTerminal,
    /// The input ended, or can't be read.
    #[error("the question was not answered")]
    Ended,
}

/// Whether questions can be asked.
pub fn is_possible() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Asks for a line that may be seen.
///
/// # Errors
/// Without a terminal, or when the input ends.
pub fn line(question: &str) -> Result<String, PromptError> {
    ask(question).map(|line| line.reveal().to_owned())
}

/// Asks for a line that is not shown while it is typed.
///
/// # Errors
/// Without a terminal, or when the input ends.
pub fn secret(question: &str) -> Result<Secret, PromptError> {
    let hidden = Hidden::start()?;
    let answer = ask(question);
    drop(hidden);
    eprintln!();
    answer
}

/// Asks for lines until an empty one, or the end of a PEM text.
///
/// # Errors
/// Without a terminal, or when the input ends before the first line.
pub fn lines(question: &str, is_secret: bool) -> Result<Secret, PromptError> {
    let hidden = is_secret.then(Hidden::start).transpose()?;
    let mut text = zeroize(String::with_capacity(8 << 10));
    let mut question = question;
    loop {
        let line = match ask(question) {
            Ok(line) => line,
            Err(PromptError::Ended) if !text.is_empty() => break,
            Err(error) => return Err(error),
        };
        let line = line.reveal();
        if line.is_empty() {
            break;
        }
        text.push_str(line);
        text.push('\n');
        if line.starts_with("-----END ") {
            break;
        }
        question = "";
    }
    drop(hidden);
    if is_secret {
        eprintln!();
    }
    Ok(Secret::new(text.as_str()))
}

/// Shows again what is typed, for a command that ends in the middle of a question.
pub fn show_again() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // Nothing can be done about a terminal that went away.
        let _ = termios::tcsetattr(stdin(), OptionalActions::Flush, &before);
    }
}

fn ask(question: &str) -> Result<Secret, PromptError> {
    if !is_possible() {
        return Err(PromptError::NoTerminal);
    }
    eprint!("{question}");
    let _ = stderr().flush();
    let mut line = zeroize(String::with_capacity(4096));
    match stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => Err(PromptError::Ended),
        Ok(_) => Ok(Secret::new(line.trim_end_matches(['\n', '\r']))),
    }
}

/// A text that is wiped when it is dropped.
fn zeroize(text: String) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(text)
}

/// Echo is off while this lives.
struct Hidden;

impl Hidden {
    fn start() -> Result<Self, PromptError> {
        let Ok(before) = termios::tcgetattr(stdin()) else {
            return Err(PromptError::NoTerminal);
        };
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        termios::tcsetattr(stdin(), OptionalActions::Flush, &quiet)
            .map_err(|_| PromptError::NoTerminal)?;
        Ok(Self)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        show_again();
    }
}
