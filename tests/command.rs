//! The `hushgate` command, run as a person runs it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::function::binary;

mod clouds;
mod config;
mod demo;
mod rules;
mod sanitize;

fn hushgate(
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: &str,
    folder: &Path,
) -> Output {
    let mut child = Command::new(binary("hushgate"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(input.as_bytes())
        // A command that ends early on wrong usage doesn't read its input.
        .ok();
    child.wait_with_output().expect("it ends")
}

fn texts(output: &Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

const RULES: &str = "\
endpoints:
  - pathTemplate: /v1/users
    allowedMethods: [GET]
    allowedQueryParams: [page]
    responseSchema:
      type: object
      properties:
        id: {type: integer}
        mail: {type: string}
    transforms:
      - !<pseudonymize>
        jsonPaths: [$.mail]
";
