//! The only place that writes to the terminal.
#![expect(clippy::print_stderr, reason = "this is a command's output")]

use std::io::{IsTerminal, Write};

/// Writes a line of the command's result. A closed pipe ends the command quietly.
pub fn line(text: &str) {
    if writeln!(std::io::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Writes bytes of the command's result as they are.
///
/// # Errors
/// When standard output can't be written.
pub fn bytes(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Writes a line about the command's progress or findings.
pub fn note(text: &str) {
    eprintln!("{text}");
}

/// Says why the command failed, with every cause.
pub fn failure(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// Whether results go to a terminal that wants colours (<https://no-color.org>: an empty `NO_COLOR` is
/// none).
pub fn color() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !unwanted && !dumb
}

/// The terminal's width in characters, as the shell says, or 120.
pub fn width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse().ok())
        .unwrap_or(120)
}
