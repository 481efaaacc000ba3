//! The only place that writes to the terminal.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::code::Code;
use crate::connection::failure::Failure;

/// Whether the pipe that standard output goes to has no reader any more.
static READER_LEFT: AtomicBool = AtomicBool::new(false);

/// Writes a line of the command's result. When the reader of a pipe has left, nothing more is written and
/// the command goes on to its own exit code; when standard output can't be written for another
/// reason, such as a full disk, the command says so and ends as failed.
pub fn line(text: &str) {
    if let Err(error) = bytes(format!("{text}\n").as_bytes()) {
        note(&format!("error: {}", unwritten(&error).lines()));
        std::process::exit(1);
    }
}

/// Writes bytes of the command's result as they are; nothing when the reader of a pipe has left.
///
/// # Errors
/// When standard output can't be written for another reason.
pub fn bytes(bytes: &[u8]) -> io::Result<()> {
    if reader_left() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            READER_LEFT.store(true, Ordering::Relaxed);
            Ok(())
        }
        written => written,
    }
}

/// Whether nobody reads the command's result any more, so that going on is of use for its exit code only.
pub fn reader_left() -> bool {
    READER_LEFT.load(Ordering::Relaxed)
}

/// The failure of a command whose result can't be written.
pub(crate) fn unwritten(error: &io::Error) -> Failure {
    Failure::new(
        Code::OutputFailed,
        format!("standard output can't be written ({})", error.kind()),
    )
}

/// Writes a line about the command's progress or findings, if somebody reads them.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says why the command failed, with every cause.
pub fn failure(error: &anyhow::Error) {
    note(&format!("error: {error:#}"));
}

/// Whether results go to a terminal that wants colours (<https://no-color.org>: an empty `NO_COLOR` is
/// none).
pub fn color() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !unwanted && !dumb
}

/// The terminal's width in characters, as the shell says, or 120.
pub fn width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse().ok())
        .unwrap_or(120)
}
