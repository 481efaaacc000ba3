//! `hushgate call` as a tester runs it, before a real function and before hostile servers.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::support::World;
use crate::support::function::{binary, scratch};
use crate::support::world::SUBJECT;

mod answers;
mod examples;
mod health;
mod help;
mod hostile;
mod identities;
mod many;
mod meanings;
mod output;
mod page;
mod request;
mod servers;
mod signed;
mod sources;
mod terminal;
mod wrong_use;

const USERS: &str = "/v2/users?status=active&page_size=30";
const SECRET_KEY: &str = "aws-secret-that-never-shows";

/// Names and values: of variables, of headers.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// What a run of the command gave.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("one JSON document: {self:?}"))
    }

    fn lines(&self) -> Vec<Value> {
        let line = |line| serde_json::from_str(line).expect("a JSON object per line");
        self.out.lines().map(line).collect()
    }
}

/// Runs `hushgate call`; no output may ever have a token or a secret in it.
async fn call(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Ran {
    let mut command = Command::new(binary("hushgate"));
    command.arg("call").args(arguments);
    run(command, environment, input).await
}

async fn run(mut command: Command, environment: &[(&str, &str)], input: &str) -> Ran {
    let folder = binary("hushgate");
    let folder = folder.parent().expect("its folder").display().to_string();
    let mut child = command
        .env_clear()
        .env("PATH", format!("{folder}:/usr/bin:/bin"))
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("its input");
    // A command that ends early doesn't read its input.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.expect("it ends");
    let ran = Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        error: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    for text in [&ran.out, &ran.error] {
        for secret in ["eyJ", SECRET_KEY, "PRIVATE KEY", "opaque-secret"] {
            assert!(!text.contains(secret), "`{secret}` is shown: {ran:?}");
        }
    }
    ran
}

/// A file with a good token for the world's function.
fn token_file(world: &World) -> String {
    kept(&world.token())
}

/// A file with a token that the world's function refuses.
fn strange(world: &World) -> String {
    let token = world
        .issuer
        .token(SUBJECT, "https://other.example", Duration::from_mins(5));
    kept(&token.expect("a token"))
}

fn kept(text: &str) -> String {
    let file = scratch("call").join("token.jwt");
    std::fs::write(&file, format!("{text}\n")).expect("a file");
    file.display().to_string()
}
