//! Before the Runtime API of other makers, that of `cargo lambda watch`: it is invoked as Lambda is
//! (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>), by the event itself.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::World;

/// More than any answer here takes.
const LONG: Duration = Duration::from_mins(1);

/// `cargo lambda watch`, which starts no function itself.
struct CargoLambda {
    process: Child,
    address: String,
}

impl CargoLambda {
    /// Nothing, with a message, where it is not installed.
    async fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("HUSHGATE_CARGO_LAMBDA") else {
            assert!(
                std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none(),
                "HUSHGATE_CARGO_LAMBDA is not set; run `cargo xtask test --cloud`"
            );
            // Past the capture of passing tests' output.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: HUSHGATE_CARGO_LAMBDA is not set; `cargo xtask test --cloud` installs cargo-lambda"
            );
            return None;
        };
        // Another program may take the port first.
        for _ in 0..3 {
            if let Some(this) = Self::listening(&program).await {
                return Some(this);
            }
        }
        panic!("{} lambda watch never listens", program.display());
    }

    /// Nothing when it ended.
    async fn listening(program: &OsStr) -> Option<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let process = Command::new(program)
            .args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1"])
            .args(["-P", &port.to_string()])
            .current_dir(repository)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut this = Self {
            process,
            address: format!("127.0.0.1:{port}"),
        };
        let begun = Instant::now();
        loop {
            let listens = TcpStream::connect(&this.address).await.is_ok();
            if this.process.try_wait().unwrap().is_some() || begun.elapsed() > LONG {
                return None;
            }
            if listens {
                return Some(this);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    fn runtime_api(&self) -> String {
        format!("http://{}/.rt/zoom", self.address)
    }

    /// What an invocation with this event gives: the status of it, and the answer.
    async fn invoke(&self, event: &Value) -> (u16, Value) {
        let body = event.to_string();
        let head = format!(
            "POST /2015-03-31/functions/zoom/invocations HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // It waits for a function that has ended as for one that is slow.
        let read = tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await;
        read.expect("an answer within LONG").unwrap();
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {text}"));
        (status, body)
    }
}

impl Drop for CargoLambda {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_api_of_other_makers_gets_the_same_answers() {
    let Some(lambda) = CargoLambda::start().await else {
        return;
    };
    let api = lambda.runtime_api();
    let Some(world) = World::start(&[("AWS_LAMBDA_RUNTIME_API", &api)]).await else {
        return;
    };
    for (way, event) in world.get("/v2/people").query("page=2").every_way() {
        let (status, answer) = lambda.invoke(&event).await;
        assert_eq!(status, 200, "{way}: {answer}");
        assert_eq!(answer["statusCode"], 200, "{way}: {answer}");
        let body = answer["body"].as_str().unwrap();
        assert!(body.contains("grüße"), "{way}: {body}");
        for person in ["ada@acme.example", "Ada Quill"] {
            assert!(!body.contains(person), "{way}: {body}");
        }
    }
    // Refused by the function, and no event at all.
    let stranger = world.get("/v2/people").without("authorization");
    let (status, answer) = lambda.invoke(&stranger.function_url()).await;
    assert_eq!((status, &answer["statusCode"]), (200, &json!(401)));
    let (_, answer) = lambda.invoke(&json!({"Records": []})).await;
    assert!(answer.to_string().contains("event"), "{answer}");
    // The one after is answered like those before.
    let (_, answer) = lambda.invoke(&world.get("/v2/people").function_url()).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
}
