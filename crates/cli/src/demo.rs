//! `hushgate demo`: the whole gateway on one machine, offline.

mod world;

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use crate::print;
use crate::view::{Style, side_by_side};
use world::{Answer, World};

/// Options of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hushgate demo\n  hushgate demo jira-cloud --once")]
pub struct Options {
    /// The source to show
    #[arg(default_value = "zoom")]
    source: String,
    /// The port of the function; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// End after the calls instead of serving on
    #[arg(long)]
    once: bool,
}

/// Runs `demo`.
///
/// # Errors
/// When the source is unknown or a server can't start.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(show(options))
}

async fn show(options: &Options) -> anyhow::Result<ExitCode> {
    let world = World::start(&options.source, options.port).await?;
    print::line(&format!(
        "On this machine now: a token issuer ({}), a sample {} API ({}),\nand the function between them ({}).\n",
        world.issuer_url(),
        options.source,
        world.source_url(),
        world.function_url()
    ));

    let (call, original) = world
        .first_call()
        .context("the source has no example call")?;
    heading(&format!("1  {} {call}   with a workload token", "GET"));
    let answer = world.call(&call, true).await?;
    compare(original, &answer)?;

    heading(&format!("2  GET {call}   without a token"));
    refusal(&world.call(&call, false).await?);

    heading("3  GET /not/listed   with a workload token, but the rules list no such endpoint");
    refusal(&world.call("/not/listed", true).await?);

    if options.once {
        return Ok(ExitCode::SUCCESS);
    }
    let mut interrupted = signal(SignalKind::interrupt())?;
    heading("Try it yourself (the token is valid for 12 hours)");
    print::line(&format!(
        "curl -i '{}{call}' \\\n  -H 'Authorization: Bearer {}'\n",
        world.function_url(),
        world.token()
    ));
    print::line("Serving until Ctrl-C.");
    if print::reader_left() {
        return Ok(ExitCode::SUCCESS);
    }
    interrupted.recv().await;
    Ok(ExitCode::SUCCESS)
}

fn heading(text: &str) {
    let (bold, end) = if print::color() {
        ("\x1b[1m", "\x1b[0m")
    } else {
        ("", "")
    };
    print::line(&format!("{bold}{text}{end}"));
}

fn compare(original: &str, answer: &Answer) -> anyhow::Result<()> {
    print::line(&format!("   → {}\n", answer.status));
    let before: Value = serde_json::from_str(original).context("the example is JSON")?;
    let after: Value = serde_json::from_str(&answer.body)
        .with_context(|| format!("the function answered {} and no JSON", answer.status))?;
    let style = Style {
        color: print::color(),
        width: print::width(),
        elements: 1,
    };
    let column = style.width.saturating_sub(3).max(40) / 2;
    heading(&format!(
        "{:<column$} │ {}",
        "what the source answered", "what left the gateway"
    ));
    print::line(&side_by_side(&before, &after, style));
    Ok(())
}

fn refusal(answer: &Answer) {
    print::line(&format!("   → {}", answer.status));
    print::line(&format!("     {}\n", answer.body.trim()));
}
