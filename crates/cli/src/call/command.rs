//! A token from a command's output.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::code::Code;
use super::token::{MOST_BYTES, Token};
use crate::connection::failure::Failure;

const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(10);

/// Runs `command` in the shell and takes its output as a token; what it says on standard error is
/// shown, its output never.
///
/// # Errors
/// When it fails, takes longer than a minute, or gives no token.
pub(super) fn token(command: &str) -> Result<Token, Failure> {
    let failed = |what: String| Failure::new(Code::TokenCommandFailed, what);
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| {
            failed(format!(
                "the token command can't be started ({})",
                error.kind()
            ))
        })?;
    let output = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 1));
        if let Some(output) = output {
            // A command that dies half-way is told by its exit code.
            let _ = output.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes);
        }
        bytes
    });
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(
                    "the token command did not end within 60 s".to_owned(),
                ));
            }
            Err(error) => {
                return Err(failed(format!(
                    "the token command is lost ({})",
                    error.kind()
                )));
            }
        }
    };
    if !status.success() {
        return Err(failed(format!("the token command failed ({status})"))
            .next("run it alone and look at what it says"));
    }
    while !reader.is_finished() && start.elapsed() < PATIENCE {
        std::thread::sleep(PAUSE);
    }
    if !reader.is_finished() {
        return Err(failed("the token command left its output open".to_owned()));
    }
    let bytes = reader
        .join()
        .map_err(|_| failed("the token command's output can't be read".to_owned()))?;
    Token::read(&bytes, "the token command's output")
}
