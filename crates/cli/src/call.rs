//! `hushgate call`: calls a function as a client would.

mod aws;
mod clean;
pub(crate) mod code;
mod command;
mod every;
mod exposed;
mod fault;
mod google;
mod health;
mod identity;
mod load;
mod outgoing;
mod patient;
mod pretty;
mod reach;
mod request;
mod show;
mod target;
mod token;
mod verdict;
mod wire;

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{HeaderName, HeaderValue, Request};

pub use self::exposed::refused;

use self::code::Code;
use crate::connection::failure::Failure;
use crate::connection::report;
use crate::{REFUSED, print};
use identity::{Identity, IdentityOptions};
use load::Load;
use request::Common;
use show::Form;
use target::Target;
use verdict::Verdict;
use wire::{Limits, Wire};

// Without a heading of their own, options behind those of the identity would stand under its heading.
const ANSWER: &str = "Answer";
const LOAD: &str = "Load and limits";

/// Options of `call`.
#[derive(Debug, Args)]
#[command(after_help = "\
The body goes to standard output, status, headers and refusals to standard error.
Exit codes: 0 answered, 1 failed, 2 wrong usage, 3 refused by the function's rules,
130 interrupted during --repeat.
Examples that can be copied are in docs/call.md.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are switches of a command line"
)]
pub struct Options {
    /// The function's address; http for this machine only
    url: String,
    /// Path and query of the source's API, sent byte for byte [default: those of URL]
    path: Option<String>,

    /// The health check of the function instead of a call
    #[arg(long, conflicts_with_all = ["method", "body", "repeat"])]
    health: bool,
    /// The example calls of a source, by its id or a folder; places of pseudonyms are filled from
    /// earlier answers
    #[arg(long, value_name = "SOURCE", conflicts_with_all = ["method", "body", "health", "repeat"])]
    all: Option<String>,
    /// With --all: also the reading calls that must be refused
    #[arg(long, requires = "all")]
    refused: bool,

    /// The method [default: GET, or POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<String>,
    /// A header, as 'Name: value'; may be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// The body, from this file or, with -, from standard input
    #[arg(short, long, value_name = "FILE")]
    body: Option<String>,
    /// The type of the body [default: application/json]
    #[arg(long, value_name = "TYPE", requires = "body")]
    content_type: Option<String>,
    /// The account to act for, or its reversible pseudonym
    #[arg(long, value_name = "USER")]
    as_user: Option<String>,
    /// Send control headers under the names of psoxy
    #[arg(long, value_name = "SYSTEM", value_parser = ["psoxy"])]
    compat: Option<String>,

    #[command(flatten)]
    identity: IdentityOptions,

    /// The body byte for byte
    #[arg(long, conflicts_with_all = ["json", "all", "repeat"], help_heading = ANSWER)]
    raw: bool,
    /// One JSON object per call, for scripts
    #[arg(long, help_heading = ANSWER)]
    json: bool,
    /// All headers of the answer
    #[arg(short, long, conflicts_with_all = ["all", "repeat"], help_heading = ANSWER)]
    include: bool,

    /// Call this many times and tell percentiles
    #[arg(long, value_name = "TIMES", help_heading = LOAD, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    repeat: Option<u32>,
    /// With --repeat: this many calls at once
    #[arg(long, value_name = "CALLS", help_heading = LOAD, default_value_t = 1, requires = "repeat",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,

    /// Seconds for one call, all included
    #[arg(long, value_name = "SECONDS", help_heading = LOAD, default_value_t = 200,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// The most bytes of an answer
    #[arg(long, value_name = "BYTES", help_heading = LOAD, default_value_t = 64 * 1024 * 1024)]
    max_bytes: usize,
}

/// Runs `call`.
///
/// # Errors
/// When the runtime can't start; all else is told and becomes the exit code.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(start(options));
    // A token command that still runs is not waited for.
    runtime.shutdown_background();
    Ok(outcome.unwrap_or_else(|failure| report(Err(failure), options.json)))
}

async fn start(options: &Options) -> Result<ExitCode, Failure> {
    check_path(options)?;
    let target = Target::parse(&options.url)?;
    let psoxy = options.compat.is_some();
    let common = Common::new(&target, &options.headers, options.as_user.as_deref(), psoxy)?;
    let form = Form {
        raw: options.raw,
        json: options.json,
        include: options.include,
    };
    let limits = Limits {
        time: Duration::from_secs(options.timeout),
        bytes: options.max_bytes,
    };
    let identity = Identity::of(&options.identity, &target, !options.health)?;
    if let Some(source) = &options.all {
        // One word about an address that no call can be made at, instead of one for each call.
        target.with("/")?;
        let mut line = Wire::to(&target, limits)?.line();
        return every::run(source, options.refused, &common, &identity, &mut line, form).await;
    }
    let request = prepared(options, &common, psoxy)?;
    let wire = Wire::to(&target, limits)?;
    if let Some(times) = options.repeat {
        let load = Load {
            request,
            target: target.clone(),
            identity,
            wire,
        };
        return load::run(load, times, options.concurrency, form).await;
    }
    once(request, &target, &identity, &wire, options.health, form).await
}

/// Refuses a token where PATH stands, and a PATH beside an option that says itself what is called.
fn check_path(options: &Options) -> Result<(), Failure> {
    let Some(path) = &options.path else {
        return Ok(());
    };
    if exposed::is_no_path(path) {
        return Err(identity::in_argument());
    }
    let option = match (options.health, &options.all) {
        (true, _) => "--health",
        (_, Some(_)) => "--all",
        (false, None) => return Ok(()),
    };
    Err(Failure::usage(
        Code::PathInvalid,
        format!("a PATH cannot be used with `{option}`, which says itself what is called"),
    )
    .next("leave the PATH out; a token goes into a file for --token-file"))
}

fn prepared(
    options: &Options,
    common: &Common<'_>,
    psoxy: bool,
) -> Result<Request<Bytes>, Failure> {
    if options.health {
        let target = common.target.with("/")?;
        let mut request = common.request("GET", &target, Bytes::new(), None)?;
        let name = if psoxy {
            "x-psoxy-health-check"
        } else {
            "x-hushgate-health-check"
        };
        let one = HeaderValue::from_static("1");
        request
            .headers_mut()
            .insert(HeaderName::from_static(name), one);
        return Ok(request);
    }
    let called = match &options.path {
        Some(path) => common.target.with(path)?,
        None => common.target.own().ok_or_else(|| {
            Failure::usage(Code::PathMissing, "nothing says what to call")
                .next("give a PATH, --health or --all SOURCE")
        })?,
    };
    let body = options.body.as_deref().map(request::body).transpose()?;
    let usual = if body.is_some() { "POST" } else { "GET" };
    let method = options.method.as_deref().unwrap_or(usual);
    let content_type = options
        .content_type
        .as_deref()
        .or(body.is_some().then_some("application/json"));
    common.request(method, &called, body.unwrap_or_default(), content_type)
}

async fn once(
    mut request: Request<Bytes>,
    target: &Target,
    identity: &Identity,
    wire: &Wire,
    health: bool,
    form: Form,
) -> Result<ExitCode, Failure> {
    let call = format!("{} {}", request.method(), request.uri());
    identity.apply(&mut request).await?;
    let answer = match wire.line().send(&request).await {
        Ok(answer) => answer,
        Err(failure) => {
            show::failure(&call, &failure, form);
            return Ok(ExitCode::from(1));
        }
    };
    let path = request.uri().path();
    let verdict = if health {
        health::judge(&answer, path, target, identity)
    } else {
        Verdict::of(&answer, path, target, identity)
    };
    let mut facts = identity.facts(verdict.code.as_deref());
    let readable = health && !form.json && !form.raw;
    if readable {
        facts.extend(health::in_the_log(&answer));
    }
    let written = if readable {
        if form.include {
            print::note(&show::head(&call, &answer, true));
        }
        health::show(&answer, &verdict);
        show::judged(&verdict, &facts);
        Ok(())
    } else {
        show::answer(&call, &answer, &verdict, &facts, form)
    };
    written.map_err(|error| print::unwritten(&error))?;
    Ok(match &verdict {
        verdict if verdict.fine => ExitCode::SUCCESS,
        verdict if verdict.by_rules => ExitCode::from(REFUSED),
        _ => ExitCode::from(1),
    })
}
