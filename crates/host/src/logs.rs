//! Logs: one JSON object a line, on standard output.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts writing logs at `level` and above; a second call changes nothing.
///
/// Other crates' lines are limited to warnings: some of them write what they send. The clouds' clients
/// write nothing: their warnings repeat what they were answered, and our errors say what it means.
pub fn start(level: &str) {
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_timer(SystemTime);
    let _ = tracing_subscriber::registry()
        .with(filter(level))
        .with(lines)
        .try_init();
}

/// Which lines are written at `level`.
pub fn filter(level: &str) -> Targets {
    let own = level.parse().unwrap_or(LevelFilter::INFO);
    // A target counts for all that begin with it: the gateway's, the host's and the clouds'.
    Targets::new()
        .with_default(own.min(LevelFilter::WARN))
        .with_target("aws_", LevelFilter::OFF)
        .with_target("google_cloud", LevelFilter::OFF)
        .with_target("hushgate", own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn lines_of_other_crates_are_limited_to_warnings() {
        // level, and the most that our crates and others write at it
        let table = [
            ("trace", Some(Level::TRACE), Some(Level::WARN)),
            ("debug", Some(Level::DEBUG), Some(Level::WARN)),
            ("info", Some(Level::INFO), Some(Level::WARN)),
            ("warn", Some(Level::WARN), Some(Level::WARN)),
            ("error", Some(Level::ERROR), Some(Level::ERROR)),
            ("off", None, None),
        ];
        let levels = [
            Level::ERROR,
            Level::WARN,
            Level::INFO,
            Level::DEBUG,
            Level::TRACE,
        ];
        for (level, own, others) in table {
            let filter = filter(level);
            let most = |target| {
                let enabled = levels.iter().rev();
                enabled.copied().find(|at| filter.would_enable(target, at))
            };
            for target in ["hushgate_gateway::gateway", "hushgate_host::run"] {
                assert_eq!(most(target), own, "{target} at {level}");
            }
            for target in ["hyper_util::client", "h2", "rustls::conn"] {
                assert_eq!(most(target), others, "{target} at {level}");
            }
            for target in [
                "aws_config::meta::credentials::chain",
                "aws_smithy_runtime::client",
                "google_cloud_auth::token",
            ] {
                assert_eq!(most(target), None, "{target} at {level}");
            }
        }
    }
}
