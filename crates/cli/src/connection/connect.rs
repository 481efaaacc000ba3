//! `hushgate connection connect` and `reconnect`.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hushgate_gateway::connect::Source;
use hushgate_gateway::connect::consent::Consent;
use serde_json::json;

use super::code::Code;
use super::failure::Failure;
use super::given::Given;
use super::kept::not_built_in;
use super::setup::{Setup, Wanted};
use super::terminal::{self, Manner};
use super::web::{self, Connected, Flow as _, Web};
use super::{Place, config, environment, family, find_source};
use crate::{print, prompt};

/// Options of `connection connect`.
#[derive(Debug, Args)]
pub struct Options {
    /// The source's id, or the path of a source.yaml
    source: String,
    /// The connection's id; default the source's
    #[arg(long)]
    id: Option<String>,
    /// Further sources that the connection serves
    #[arg(long, value_delimiter = ',', value_name = "SOURCES")]
    serves: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Options of `connection reconnect`.
#[derive(Debug, Args)]
pub struct Again {
    /// The connection's id
    pub(super) id: String,
    /// All further sources that it shall serve from now on; default as before
    #[arg(long, value_delimiter = ',', value_name = "SOURCES")]
    serves: Option<Vec<String>>,
    /// The path of its source.yaml, for a source that is not built in
    #[arg(long, value_name = "PATH")]
    pub(super) source: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// What `connect` and `reconnect` have in common.
#[derive(Debug, Clone, Args)]
pub(super) struct Common {
    /// A name for people
    #[arg(long)]
    label: Option<String>,
    #[command(flatten)]
    given: Given,
    /// The user that a service account acts for while the connection is checked
    #[arg(long, value_name = "EMAIL")]
    act_for: Option<String>,
    /// Set up in a page on this machine instead of the terminal
    #[arg(long)]
    web: bool,
    /// The port for the page, or for the vendor's return, where the source leaves it open
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Ask nothing: fields that are not given are an error
    #[arg(long)]
    no_input: bool,
    /// How many minutes a consent is waited for
    #[arg(long, default_value_t = 10, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=60))]
    wait: u64,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

impl Options {
    pub(super) fn json(&self) -> bool {
        self.common.json
    }
}

impl Again {
    /// The user that a service account acts for.
    pub(super) fn act_for(&self) -> Option<&str> {
        self.common.act_for.as_deref()
    }

    /// Whether new values are given with the command.
    pub(super) fn gives_fields(&self) -> bool {
        self.common.web || self.common.given.is_any()
    }

    pub(super) fn json(&self) -> bool {
        self.common.json
    }
}

/// Makes a connection.
pub(super) async fn connect(options: &Options) -> Result<(), Failure> {
    // The source first: to open a store may ask for a pass phrase.
    let loopback = config(&environment()?)?.dev_loopback;
    let main = find_source(&options.source, loopback)?;
    let sources = served(&main, &options.serves, loopback)?;
    let place = Place::open()?;
    let wanted = Wanted {
        id: options.id.clone(),
        label: options.common.label.clone(),
        act_for: options.common.act_for.clone(),
    };
    let setup = Setup::new(place, sources, wanted)?;
    setup.check_free().await?;
    drive(Arc::new(setup), &options.common).await
}

/// Renews a connection in place.
pub(super) async fn reconnect(options: &Again) -> Result<(), Failure> {
    reconnect_at(Place::open()?, options).await
}

/// Renews a connection in an opened store.
pub(super) async fn reconnect_at(place: Place, options: &Again) -> Result<(), Failure> {
    let loopback = place.config.dev_loopback;
    let record = place.record(&options.id).await?;
    let main = match &options.source {
        Some(named) => find_source(named, loopback)?,
        None => find_source(&record.source, loopback)
            .map_err(|failure| not_built_in(failure, &record.id))?,
    };
    if main.id != record.source {
        return Err(Failure::usage(
            Code::ConnectionSource,
            format!(
                "connection `{}` is of {}, not of {}",
                record.id, record.source, main.id
            ),
        ));
    }
    let others = match &options.serves {
        Some(others) => others.clone(),
        None => record
            .serves
            .iter()
            .filter(|id| **id != main.id)
            .cloned()
            .collect(),
    };
    let sources = served(&main, &others, loopback)?;
    let wanted = Wanted {
        id: None,
        label: options.common.label.clone(),
        act_for: options.common.act_for.clone(),
    };
    let setup = Setup::again(place, sources, record, wanted).await?;
    drive(Arc::new(setup), &options.common).await
}

fn served(
    main: &Arc<Source>,
    others: &[String],
    loopback: bool,
) -> Result<Vec<Arc<Source>>, Failure> {
    let others: Result<Vec<_>, _> = others
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| find_source(name, loopback))
        .collect();
    family(main, others?)
}

async fn drive(setup: Arc<Setup>, common: &Common) -> Result<(), Failure> {
    let connected = set_up(&setup, common).await.map_err(|mut failure| {
        if let Some(name) = setup.used_up() {
            failure.message += "; `";
            failure.message += &name;
            failure.message += "` was exchanged meanwhile and its successor is not kept, so it is used up: have a new one made before you try again";
        }
        failure
    })?;
    report(&setup, &connected, common.json);
    Ok(())
}

async fn set_up(setup: &Arc<Setup>, common: &Common) -> Result<Connected, Failure> {
    let answers = common.given.answers(setup)?;
    let patience = Duration::from_secs(common.wait * 60);
    let declared = Consent::redirect(setup.main()).and_then(|redirect| redirect.port);
    if let Some(port) = declared.filter(|port| common.port != 0 && common.port != *port) {
        return Err(Failure::usage(
            Code::PortDeclared,
            format!(
                "the vendor of {} returns to port {port} only",
                setup.main().id
            ),
        )
        .next("leave `--port` out"));
    }
    if common.web {
        if !answers.is_empty() {
            return Err(Failure::usage(
                Code::WebAndFields,
                "with `--web` the page asks for the fields",
            )
            .next("leave `--field`, `--field-file` and `--fields-stdin` out"));
        }
        in_browser(setup, common.port, patience).await
    } else {
        let manner = Manner {
            asks: !common.no_input && !common.given.reads_stdin() && prompt::is_possible(),
            port: common.port,
            patience,
        };
        terminal::run(Arc::clone(setup), answers, manner).await
    }
}

async fn in_browser(
    setup: &Arc<Setup>,
    port: u16,
    patience: Duration,
) -> Result<Connected, Failure> {
    let options = web::Options {
        redirect: Consent::redirect(setup.main()).cloned().unwrap_or_default(),
        port: (port != 0).then_some(port),
        patience,
    };
    let failed = |e: anyhow::Error| Failure::new(Code::Web, format!("{e:#}"));
    let page = Web::prepare(Arc::clone(setup) as Arc<dyn web::Flow>, &options)
        .await
        .map_err(failed)?;
    print::note(&format!(
        "Open this address in a browser on this machine; it works once:\n\n  {}\n",
        page.link()
    ));
    if std::io::stdin().is_terminal() {
        page.open();
    }
    page.run().await.map_err(failed)
}

fn report(setup: &Setup, connected: &Connected, as_json: bool) {
    let serves = setup.served();
    if as_json {
        let result = json!({
            "id": setup.id(), "source": setup.main().id, "serves": serves,
            "account": connected.account, "email": connected.email, "notes": connected.notes,
        });
        print::line(&result.to_string());
        return;
    }
    let account = match (&connected.account, &connected.email) {
        (Some(account), Some(email)) if account != email => format!(": {account} <{email}>"),
        (Some(one), _) | (None, Some(one)) => format!(": {one}"),
        (None, None) => String::new(),
    };
    let source = setup.face().source;
    print::line(&format!(
        "`{}` is connected to {source}{account}",
        setup.id()
    ));
    for note in &connected.notes {
        print::line(note);
    }
    print::line(&format!(
        "Functions of {} use it with HUSHGATE_CONNECTION={}",
        serves.join(", "),
        setup.id()
    ));
}
