//! The figures of docs/performance.md. Run with `cargo xtask bench`.
//!
//! Everything is a comparison within one run: the engine against plain `serde_json` on the same bytes
//! with the same allocator, a call through the function against the same call without it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark stops when something is missing"
)]

mod callers;
mod cloud;
mod latency;
mod process;
#[path = "../support/runtime_api.rs"]
mod runtime_api;
mod stores;
mod throughput;

use std::fmt::Write as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let only: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let wanted = |part: &str| only.is_empty() || only.iter().any(|o| o == part);
    let mut page = String::new();
    if wanted("throughput") {
        page += &throughput::table();
    }
    if wanted("process") {
        page += &process::table();
    }
    if wanted("latency") {
        page += &latency::table();
    }
    // It needs both clouds' functions, so it is run by its name alone.
    if only.iter().any(|o| o == "cloud") {
        page += &cloud::table();
    }
    println!("{page}");
}

/// The value below which `share` of the sorted `samples` lie.
pub(crate) fn quantile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into a few thousand samples"
    )]
    let index = (last as f64 * share).round() as usize;
    samples.get(index).copied().unwrap_or(f64::NAN)
}

/// A Markdown table.
pub(crate) fn markdown(title: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("\n## {title}\n\n| {} |\n", head.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}
