//! Whom a request comes from, before anything of it is looked at.
//!
//! The server listens on this machine only, and so does every page of every site for it: a site can
//! send requests here from the visitor's browser. It can't choose `Host` (which stops names that were
//! bound to this address), `Origin` or `Sec-Fetch-Site` (which stop forms), and has no cookie.

use http::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method, Request};

/// The name of the session's cookie.
pub(super) const COOKIE_NAME: &str = "hushgate_setup";

/// Where the server is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Its port on 127.0.0.1.
    pub(super) port: u16,
    /// The path that the vendor returns to.
    pub(super) callback: String,
    /// The host that the vendor returns to: `127.0.0.1`, or `localhost` where it wants that.
    pub(super) callback_host: String,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stranger {
    /// The request is for another host.
    #[error("this page is served under its own address only")]
    Host,
    /// The request is sent by another site.
    #[error("this request was sent by another site")]
    Origin,
    /// No cookie, or another one.
    #[error("this browser did not open the link that the command printed")]
    Cookie,
    /// Not what a form sends.
    #[error("this is not the form's type of content")]
    Content,
}

impl Place {
    /// The origin (RFC 6454) of the pages.
    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.authority())
    }

    fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Refuses requests for another host. Only the vendor's return may come to the one it knows.
    ///
    /// # Errors
    /// [`Stranger::Host`].
    pub(super) fn check_host<B>(&self, request: &Request<B>) -> Result<(), Stranger> {
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Stranger::Host);
        };
        let own = host.as_bytes() == self.authority().as_bytes();
        let returns = request.uri().path() == self.callback
            && host.as_bytes() == format!("{}:{}", self.callback_host, self.port).as_bytes();
        let absolute = request.uri().authority().is_some();
        if absolute || !(own || returns) {
            return Err(Stranger::Host);
        }
        Ok(())
    }

    /// Refuses requests that another site made.
    ///
    /// # Errors
    /// [`Stranger::Origin`].
    pub(super) fn check_origin<B>(&self, request: &Request<B>) -> Result<(), Stranger> {
        let headers = request.headers();
        let site = only(headers, &HeaderName::from_static("sec-fetch-site"))?;
        if site.is_some_and(|site| site != "same-origin" && site != "none") {
            return Err(Stranger::Origin);
        }
        let origin = only(headers, &ORIGIN)?;
        let fine = match origin {
            Some(origin) if origin == self.origin() => true,
            // A browser set up to send no referrers; its own word must then say whose the page is.
            Some("null") => site == Some("same-origin"),
            Some(_) => false,
            None => *request.method() == Method::GET || *request.method() == Method::HEAD,
        };
        if fine { Ok(()) } else { Err(Stranger::Origin) }
    }
}

/// The value of the session's cookie.
///
/// # Errors
/// [`Stranger::Cookie`] when there is none, or more than one.
pub(super) fn cookie(headers: &HeaderMap) -> Result<&str, Stranger> {
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(Stranger::Cookie),
    }
}

/// Refuses bodies that no form of ours sends.
///
/// # Errors
/// [`Stranger::Content`].
pub(super) fn check_form(headers: &HeaderMap) -> Result<(), Stranger> {
    let kind = only(headers, &CONTENT_TYPE).map_err(|_| Stranger::Content)?;
    if kind == Some("application/x-www-form-urlencoded") {
        Ok(())
    } else {
        Err(Stranger::Content)
    }
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Stranger> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Stranger::Origin),
        _ => Err(Stranger::Origin),
    }
}
