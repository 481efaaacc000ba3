//! `cargo xtask simulate`: the life cycle of shared tokens in many more schedules than a test run has.

use clap::Args;

use crate::chore::{cargo, step};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many schedules are played, one per seed
    #[arg(long, default_value_t = 1_000_000)]
    schedules: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Plays this seed alone and prints what happens in it
    #[arg(long, conflicts_with_all = ["schedules", "seed"])]
    replay: Option<u64>,
    /// With `--replay`: the defect of the protocol to play it with, such as `NoSettle`
    #[arg(long, requires = "replay")]
    flaw: Option<String>,
}

/// Builds the simulation for release and runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut test = cargo();
    test.args([
        "test",
        "--release",
        "--package",
        "hushgate-gateway",
        "--test",
        "lifecycle",
        "--",
        "--nocapture",
        "--exact",
        "no_token_is_lost_in_any_schedule",
    ]);
    match options.replay {
        Some(seed) => test.env("HUSHGATE_REPLAY", seed.to_string()),
        None => test
            .env("HUSHGATE_SCHEDULES", options.schedules.to_string())
            .env("HUSHGATE_SEED", options.seed.to_string()),
    };
    if let Some(flaw) = &options.flaw {
        test.env("HUSHGATE_FLAW", flaw);
    }
    step("simulate", &mut test)
}
