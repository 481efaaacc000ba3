//! `hushgate rules examples --json`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::engine::{Engine, Keys};
use crate::examples::Folder;
use crate::print;

/// Options of `rules examples`.
#[derive(Debug, Args)]
pub struct Options {
    /// NDJSON: {"source","rules","method","url","original","sanitized"}, paths from the repository's root
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let keys = Keys::examples()?;
    for folder in Folder::all()? {
        let host = crate::sources::host(&folder.path).unwrap_or_else(|| folder.id.clone());
        for call in folder.calls()? {
            let Some(name) = &call.name else { continue };
            let url = format!(
                "https://{host}{}",
                call.target(|v| Engine::reversible(&keys, v))
            );
            let (original, sanitized) = (folder.original(name), folder.sanitized(name));
            if options.json {
                let line = json!({
                    "source": folder.id,
                    "rules": folder.rules().display().to_string(),
                    "method": call.method(),
                    "url": url,
                    "original": original.display().to_string(),
                    "sanitized": sanitized.display().to_string(),
                });
                print::line(&line.to_string());
            } else {
                print::line(&format!(
                    "{:<22} {:<30} {} {url}",
                    folder.id,
                    name,
                    call.method()
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
