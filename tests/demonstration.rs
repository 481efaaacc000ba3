//! `hushgate demo` after its three calls: it serves on, and the `curl` it prints works as it stands there.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::function::{binary, root, scratch};

/// A demonstration that serves; killed when dropped.
struct Demo {
    process: Child,
    /// What it showed up to the words that it is serving.
    shown: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Demo {
    fn of(source: &str, folder: &Path) -> Self {
        let mut process = Command::new(binary("hushgate"))
            .args(["demo", source])
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut demo = Self {
            process,
            shown: String::new(),
        };
        while let Some(Ok(line)) = lines.next() {
            demo.shown.push_str(&line);
            demo.shown.push('\n');
            if line.starts_with("Serving until") {
                return demo;
            }
        }
        let mut error = String::new();
        let stderr = demo.process.stderr.as_mut().expect("its errors");
        stderr.read_to_string(&mut error).expect("text");
        panic!("it ended: {}{error}", demo.shown);
    }

    /// The arguments of the `curl` that it prints, as a shell reads them.
    fn arguments(&self) -> Vec<String> {
        let start = self.shown.find("\ncurl ").expect("a curl");
        let command = self.shown[start..].split("\n\n").next().expect("its end");
        let script = format!("curl() {{ printf '%s\\n' \"$@\"; }}\n{command}\n");
        let output = Command::new("sh")
            .args(["-c", &script])
            .output()
            .expect("a shell");
        assert!(output.status.success() && output.stderr.is_empty());
        let arguments = String::from_utf8(output.stdout).expect("text");
        arguments.lines().map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_call_is_answered_again_and_again_without_a_person_in_it() {
    for source in ["zoom", "github"] {
        let demo = Demo::of(source, &scratch("demonstration"));
        let arguments = demo.arguments();
        let [shows_head, url, flag, header] = &arguments[..] else {
            panic!("other arguments: {arguments:?}");
        };
        assert_eq!((shows_head.as_str(), flag.as_str()), ("-i", "-H"));
        let (name, value) = header.split_once(": ").expect("a header");
        let people = people(source);
        for _ in 0..3 {
            let request = client().get(url).header(name, value);
            let response = request.send().await.expect("it serves on");
            assert_eq!(response.status(), 200, "{source}");
            let body = response.text().await.expect("a body");
            assert!(body.len() > 100, "{source}: {body}");
            let told = people.iter().find(|person| body.contains(person.as_str()));
            assert_eq!(told, None, "{source}");
        }
        let refused = client().get(url).send().await.expect("it serves on");
        assert_eq!(refused.status(), 401, "{source}");
    }
}

/// The identifiers in the source's examples, which its demonstration replays.
fn people(source: &str) -> Vec<String> {
    let file = root().join("rules").join(source).join("examples/pii.txt");
    let text = std::fs::read_to_string(file).expect("the identifiers");
    let lines = text.lines().map(str::trim);
    let people: Vec<String> = lines
        .filter(|line| line.len() >= 5 && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    assert!(people.len() >= 10, "{source}");
    people
}

fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy();
    let client = client.timeout(Duration::from_mins(5));
    client.build().expect("a client")
}
