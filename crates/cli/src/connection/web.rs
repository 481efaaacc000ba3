//! The page on this machine that sets up a connection: `--web`.
//!
//! The command serves it on 127.0.0.1 for one browser. The link it prints opens the session once and
//! is exchanged for a cookie at once; after that nothing secret is in an address. The pages are HTML
//! and a style sheet without any script. Values go from the form to the [`Flow`] and are never
//! written into a page again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use hushgate_gateway::connect::source::Redirect;

use crate::print;

mod answer;
mod flow;
mod form;
mod guard;
mod html;
mod keys;
mod open;
mod page;
mod routes;
mod server;
mod session;
#[cfg(test)]
mod tests;

pub use flow::{
    Answers, Begun, Button, Choice, Connected, Device, Doing, Face, Flow, Input, InputKind,
};

use guard::Place;
use keys::Key;
use routes::{Limits, Site};
pub(super) use server::Listeners;
use session::{End, LastPage, Session};

/// How long the last page's style sheet may take to be fetched.
const LAST_FILE: Duration = Duration::from_secs(5);
/// And what else the browser may want, such as the icon.
const LAST_WISHES: Duration = Duration::from_millis(500);
/// How long the last page may take to be fetched.
const LAST_PAGE: Duration = Duration::from_mins(1);

/// How the page is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the vendor sends the browser back to, as it is registered there.
    pub redirect: Redirect,
    /// The port to listen on where `redirect` names none; none: any free one.
    pub port: Option<u16>,
    /// How long the command waits for the setup to end.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            redirect: Redirect::default(),
            port: None,
            patience: Duration::from_mins(30),
        }
    }
}

/// The page, listening and not yet serving.
pub struct Web {
    listeners: Listeners,
    site: Arc<Site>,
    link: String,
    patience: Duration,
}

impl Web {
    /// Listens on this machine.
    ///
    /// # Errors
    /// When the port can't be had.
    pub async fn prepare(flow: Arc<dyn Flow>, options: &Options) -> anyhow::Result<Self> {
        Self::within(flow, options, Limits::default()).await
    }

    async fn within(
        flow: Arc<dyn Flow>,
        options: &Options,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        let redirect = &options.redirect;
        let port = redirect.port.or(options.port).unwrap_or(0);
        let localhost = redirect.host == "localhost";
        let listeners = Listeners::bind(port, localhost)
            .await
            .with_context(|| match port {
                0 => "can't listen on 127.0.0.1".to_owned(),
                port => format!("can't listen on port {port} of this machine; is it in use?"),
            })?;
        let place = Place {
            port: listeners.port()?,
            callback: redirect.path.clone(),
            callback_host: redirect.host.clone(),
        };
        let pass = Key::fresh()?;
        let link = format!("{}{}{}", place.origin(), page::ENTER, pass.reveal());
        let redirect = redirect.with_port(place.port);
        let site = Site {
            place,
            session: Arc::new(Session::new(flow, pass, Key::fresh()?, redirect)),
            base: format!("/{}/", Key::fresh()?.reveal()),
            limits,
            on_reuse,
        };
        Ok(Self {
            listeners,
            site: Arc::new(site),
            link,
            patience: options.patience,
        })
    }

    /// The link that opens the session, once. It is a secret until then.
    pub fn link(&self) -> &str {
        &self.link
    }

    /// Opens the link in the browser, if there is one to be opened.
    pub fn open(&self) {
        open::in_browser(&self.link);
    }

    /// Serves until the setup ended and the page has told so.
    ///
    /// # Errors
    /// When the setup was cancelled in the page, or did not end in time.
    pub async fn run(self) -> anyhow::Result<Connected> {
        let session = Arc::clone(&self.site.session);
        let mut end = None;
        let stop = async {
            end = session.ended(self.patience).await;
            if end.is_some() {
                // A browser that went away is not waited for.
                let told = session.reached(LastPage::Told);
                let _ = tokio::time::timeout(LAST_PAGE, told).await;
                let dressed = session.reached(LastPage::Dressed);
                let _ = tokio::time::timeout(LAST_FILE, dressed).await;
                tokio::time::sleep(LAST_WISHES).await;
            }
        };
        server::serve(self.listeners, Arc::clone(&self.site), stop).await;
        match end {
            Some(End::Connected(connected)) => Ok(connected),
            Some(End::Cancelled) => bail!("the setup was cancelled in the page; nothing was kept"),
            None => bail!("nobody finished the setup in the page in time; nothing was kept"),
        }
    }
}

/// Somebody has the link from this terminal and came second; or first, and this is the rightful one.
fn on_reuse() {
    print::note(
        "the link was opened a second time and refused; if the first time was not you, press Ctrl-C and start again",
    );
}
