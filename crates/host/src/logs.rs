//! Logs: one JSON object a line, on standard output.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// Starts writing logs at `level` and above; a second call changes nothing.
///
/// Other crates' lines are limited to warnings: some of them write what they send.
pub fn start(level: &str) {
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_timer(SystemTime)
        .with_env_filter(filter(level))
        .try_init();
}

/// Which lines are written at `level`.
pub fn filter(level: &str) -> EnvFilter {
    EnvFilter::new(format!(
        "{},hushgate={level},hushgate_gateway={level},hushgate_host={level}",
        others(level)
    ))
}

fn others(level: &str) -> &str {
    if matches!(level, "off" | "error") {
        level
    } else {
        "warn"
    }
}
