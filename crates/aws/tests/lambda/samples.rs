//! Events that others collected: the samples of the crates `aws_lambda_events` and `lambda_http`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::runtime_api::Answer;
use crate::world::World;

/// The sample files of both crates, which stand beside their sources.
fn samples() -> Vec<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let folder = match package["name"].as_str().unwrap() {
            "aws_lambda_events" => "src/fixtures",
            "lambda_http" => "tests/data",
            _ => continue,
        };
        let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
        let files = std::fs::read_dir(manifest.with_file_name("").join(folder)).unwrap();
        let files = files.map(|file| file.unwrap().path());
        found.extend(files.filter(|file| file.extension().is_some_and(|e| e == "json")));
    }
    found.sort();
    found
}

/// Whether a sample is a request to a function behind one of the ways that are served, by its name.
fn is_request(name: &str) -> bool {
    let no_request = ["authorizer-v", "custom-auth", "response", "websocket"];
    let way = ["alb", "apigw", "lambda_function_url"];
    let name = name.trim_start_matches("example-");
    way.iter().any(|way| name.starts_with(way)) && !no_request.iter().any(|no| name.contains(no))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_among_the_samples_are_refused_and_all_others_are_no_requests() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let samples = samples();
    let mut refused = 0;
    for sample in &samples {
        let event = std::fs::read(sample).unwrap();
        let name = sample.file_stem().unwrap().to_string_lossy();
        match world.invoke_raw(&event).await {
            Answer::Failed { error, .. } => {
                assert!(!is_request(&name), "{name}: {error}");
                assert_eq!(error["errorType"], "event-not-http", "{name}");
            }
            answer => {
                assert!(is_request(&name), "{name}: {answer:?}");
                let code = answer.header("x-hushgate-error").unwrap_or_default();
                let known = ["token-missing", "https-required"].contains(&code.as_str());
                assert!(known, "{name}: {answer:?}");
                refused += 1;
            }
        }
    }
    assert!(
        refused >= 30 && samples.len() > 180,
        "{refused} of {}",
        samples.len()
    );
    assert!(world.seen().is_empty());
    // The one after is answered as ever.
    let answer = world.invoke(&world.get("/v2/people").function_url()).await;
    assert_eq!(answer.status(), 200);
}
