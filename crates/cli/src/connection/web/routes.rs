//! From a request to a page.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::answer::{Answer, file, page, page_with_forms, see_other, set_cookie};
use super::form;
use super::guard::{Place, Stranger, check_form, cookie};
use super::page::{self as pages, Page};
use super::session::{Session, Stage};

const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");

/// What a site serves within.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The time for a request's head to arrive.
    pub(super) head_time: Duration,
    /// Most bytes of a form.
    pub(super) body: usize,
    /// The time for a form to arrive.
    pub(super) body_time: Duration,
    /// How long a page waits for what is under way.
    pub(super) patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_time: Duration::from_secs(10),
            // The largest fields are keys and certificates.
            body: 256 << 10,
            body_time: Duration::from_secs(15),
            patience: Duration::from_secs(50),
        }
    }
}

/// All pages of one session.
pub(super) struct Site {
    pub(super) place: Place,
    pub(super) session: Arc<Session>,
    /// Where the pages are: `/…/`.
    pub(super) base: String,
    pub(super) limits: Limits,
    /// Told once somebody comes with a link that was used before.
    pub(super) on_reuse: fn(),
}

impl Site {
    /// Answers one request.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        if let Err(stranger) = self.place.check_host(&request) {
            return turn_away(stranger);
        }
        let path = request.uri().path().to_owned();
        let get = *request.method() == Method::GET;
        match path.as_str() {
            "/style.css" if get => {
                self.session.dressed();
                file(
                    "text/css; charset=utf-8",
                    Bytes::from_static(STYLE.as_bytes()),
                )
            }
            "/icon.svg" if get => file("image/svg+xml", Bytes::from_static(ICON.as_bytes())),
            "/button" if get => self.button(),
            path if get && path == self.place.callback => {
                self.returned(request.uri().query().unwrap_or_default())
            }
            path if get && path.starts_with(pages::ENTER) => self.enter(path),
            path => match path.strip_prefix(self.base.as_str()) {
                Some(place) => self.inside(place, request).await,
                None => nothing(),
            },
        }
    }

    async fn inside(&self, place: &str, request: Request<Incoming>) -> Answer {
        let get = *request.method() == Method::GET;
        // The page between two others says nothing, so that it may be reached from anywhere.
        if place == pages::HOP && get {
            return page(StatusCode::OK, pages::hop(&self.pages()));
        }
        if let Err(stranger) = self.check(&request) {
            return turn_away(stranger);
        }
        match (request.method(), place) {
            (&Method::GET, "") => self.show().await,
            (&Method::GET, pages::GO) => self.go(),
            (&Method::GET, pages::ENTERED) => {
                self.session.entered(self.limits.patience).await;
                self.show().await
            }
            (&Method::POST, pages::ANSWERS) => self.submit(request).await,
            (&Method::POST, pages::BACK) => {
                self.session.back();
                self.home()
            }
            (&Method::POST, pages::CANCEL) => {
                self.session.cancel();
                self.home()
            }
            _ => nothing(),
        }
    }

    fn check(&self, request: &Request<Incoming>) -> Result<(), Stranger> {
        if !self.session.knows(cookie(request.headers())?) {
            return Err(Stranger::Cookie);
        }
        self.place.check_origin(request)
    }

    fn enter(&self, path: &str) -> Answer {
        let pass = path.strip_prefix(pages::ENTER).unwrap_or_default();
        let Some(value) = self.session.enter(pass) else {
            (self.on_reuse)();
            return page(StatusCode::FORBIDDEN, pages::used());
        };
        set_cookie(self.hop(), value, &self.base)
    }

    /// The present page.
    async fn show(&self) -> Answer {
        let stage = self.session.settled(self.limits.patience).await;
        if let Stage::Consent { sent: false, .. } = stage {
            return self.go();
        }
        let ended = matches!(stage, Stage::Connected(_) | Stage::Cancelled);
        let answer = page_with_forms(pages::of(&self.pages(), &stage));
        if ended {
            self.session.told();
        }
        answer
    }

    /// To the vendor, where consent is waited for.
    fn go(&self) -> Answer {
        let url = self.session.consent();
        url.and_then(|url| see_other(&url))
            .unwrap_or_else(|| self.home())
    }

    async fn submit(&self, request: Request<Incoming>) -> Answer {
        if let Err(stranger) = check_form(request.headers()) {
            return turn_away(stranger);
        }
        let body = match self.body(request).await {
            Ok(body) => body,
            Err((status, why)) => return refuse(status, why),
        };
        let pairs = match form::parse(&body) {
            Ok(pairs) => pairs,
            Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        if let Err(error) = self.session.submit(pairs) {
            return refuse(StatusCode::BAD_REQUEST, &error.to_string());
        }
        self.hop()
    }

    async fn body(&self, request: Request<Incoming>) -> Result<Bytes, (StatusCode, &'static str)> {
        let body = Limited::new(request.into_body(), self.limits.body).collect();
        match tokio::time::timeout(self.limits.body_time, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err((
                StatusCode::PAYLOAD_TOO_LARGE,
                "the form is larger than a form can be",
            )),
            Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the form broke off")),
            Err(_) => Err((
                StatusCode::REQUEST_TIMEOUT,
                "the form did not arrive in time",
            )),
        }
    }

    /// What the vendor sends the browser back with. The cookie is not looked at: browsers don't send
    /// it when another site leads here. The secret in it, `state`, shows that it is an answer to us.
    fn returned(&self, query: &str) -> Answer {
        // What could be read in two ways is read in none.
        let plain = form::parse(query.as_bytes()).is_ok();
        let ours = plain && self.session.returned(query.to_owned());
        if ours {
            self.hop()
        } else {
            page(StatusCode::BAD_REQUEST, pages::not_ours())
        }
    }

    fn button(&self) -> Answer {
        match self.session.flow().face().button {
            Some(button) => file(button.media, button.bytes),
            None => nothing(),
        }
    }

    /// To the page that leads home by itself. It stands between another site and the pages, so that
    /// the browser sends the cookie, and between a form and what it takes time to find out.
    fn hop(&self) -> Answer {
        self.to(pages::HOP)
    }

    fn home(&self) -> Answer {
        self.to("")
    }

    fn to(&self, place: &str) -> Answer {
        let url = format!("{}{}{place}", self.place.origin(), self.base);
        see_other(&url).unwrap_or_else(nothing)
    }

    fn pages(&self) -> Page<'_> {
        Page {
            flow: self.session.flow(),
            base: &self.base,
            redirect: self.session.redirect(),
        }
    }
}

fn turn_away(stranger: Stranger) -> Answer {
    refuse(StatusCode::FORBIDDEN, &stranger.to_string())
}

fn nothing() -> Answer {
    refuse(StatusCode::NOT_FOUND, "there is no such page")
}

fn refuse(status: StatusCode, why: &str) -> Answer {
    page(status, pages::refused(why))
}
