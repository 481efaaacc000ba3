//! How fast the engine is, beside `serde_json` reading and writing the same bytes.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use hushgate_cli::engine::{Engine, Keys};
use hushgate_cli::examples::Folder;
use serde_json::Value;

use crate::{markdown, quantile};

/// Source, example, and the path to the list that is repeated to reach a size.
const BODIES: &[(&str, &str, &str)] = &[
    ("zoom", "users-list", "/users"),
    ("slack-discovery-api", "conversations-history", "/messages"),
    ("outlook-cal", "events-list", "/value"),
];

const SIZES: &[(&str, usize)] = &[
    ("10 KB", 10_000),
    ("1 MB", 1_000_000),
    ("50 MB", 50_000_000),
];

pub(crate) fn table() -> String {
    let keys = Keys::examples().unwrap();
    let mut rows = Vec::new();
    for (source, example, list) in BODIES {
        let folder =
            Folder::find(&format!("{}/../rules/{source}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let rules = std::fs::read_to_string(folder.rules()).unwrap();
        let engine = Engine::from_text("rules.yaml", &rules, &keys, false).unwrap();
        let padded =
            Engine::from_text("rules.yaml", &with_useless_transforms(&rules), &keys, false)
                .unwrap();
        let endpoint = endpoint_of(&engine, &folder, example, &keys);
        for (label, size) in SIZES {
            eprintln!("throughput: {source}, {label}");
            let body = grown(&folder.original(example), list, *size);
            let [plain, ours, more] = compare(&body, &engine, &padded, endpoint);
            rows.push(vec![
                (*source).to_owned(),
                (*label).to_owned(),
                format!("{:.0} MB/s", rate(&body, plain)),
                format!("{:.0} MB/s", rate(&body, ours)),
                format!("**{:.2}**", plain / ours),
                format!("{:.2}", more / ours),
            ]);
        }
    }
    markdown(
        "Sanitizing against plain JSON",
        &[
            "source, full rules",
            "body",
            "serde_json `Value` parse + write",
            "Hushgate sanitize",
            "ratio (aim ≥ 0.7)",
            "time with 200 further transforms that don't match",
        ],
        &rows,
    )
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn rate(body: &[u8], seconds: f64) -> f64 {
    body.len() as f64 / seconds / 1e6
}

fn endpoint_of(engine: &Engine, folder: &Folder, example: &str, keys: &Keys) -> usize {
    let calls = folder.calls().unwrap();
    let call = calls
        .iter()
        .find(|c| c.name.as_deref() == Some(example))
        .unwrap();
    let target = call.target(|v| Engine::reversible(keys, v));
    engine.admit(call, &target).admitted().unwrap()
}

/// The example with the elements of its list repeated, each with its own identifiers, up to `size` bytes.
fn grown(original: &Path, list: &str, size: usize) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(&std::fs::read(original).unwrap()).unwrap();
    let elements = document.pointer(list).unwrap().as_array().unwrap().clone();
    let text = serde_json::to_string(&elements).unwrap();
    let copies = (size / text.len().max(1)).max(1);
    let mut grown = Vec::new();
    for copy in 0..copies {
        let varied = text.replace('@', &format!("{copy}@"));
        grown.extend(serde_json::from_str::<Vec<Value>>(&varied).unwrap());
    }
    *document.pointer_mut(list).unwrap() = Value::Array(grown);
    serde_json::to_vec(&document).unwrap()
}

/// Every endpoint's transforms, and after them 200 whose names occur nowhere.
fn with_useless_transforms(rules: &str) -> String {
    let mut padded = String::new();
    for line in rules.lines() {
        let _ = writeln!(padded, "{line}");
        let Some(indent) = line.strip_suffix("transforms:") else {
            continue;
        };
        for number in 0..200 {
            let _ = writeln!(
                padded,
                "{indent}  - !<redact>\n{indent}    jsonPaths: [\"$..neverThere{number}[*].orHere\"]"
            );
        }
    }
    padded
}

/// Median seconds of `serde_json`, of the engine, and of the engine with useless transforms; taken in turns.
fn compare(body: &[u8], engine: &Engine, padded: &Engine, endpoint: usize) -> [f64; 3] {
    let rounds = (40_000_000 / body.len()).clamp(5, 400);
    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..rounds {
        times[0].push(timed(|| {
            let value: Value = serde_json::from_slice(body).unwrap();
            serde_json::to_vec(&value).unwrap().len()
        }));
        times[1].push(timed(|| engine.sanitize(endpoint, body).unwrap().len()));
        times[2].push(timed(|| padded.sanitize(endpoint, body).unwrap().len()));
    }
    times.map(|mut samples| quantile(&mut samples, 0.5))
}

fn timed(work: impl FnOnce() -> usize) -> f64 {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed().as_secs_f64()
}
