//! The steps from a permitted call to the source's answer: the credential, the call, redirects.

use reqwest::Url;
use std::borrow::Cow;

use crate::admit::Permitted;
use crate::audit::{Phase, Record};
use crate::connect::Credential;
use crate::gateway::Gateway;
use crate::refusal::{Cause, Refusal};
use crate::upstream::{self, Answer, Outbound, OwnTarget, Received};
use http::{HeaderValue, Method};

/// Most redirects that are followed.
const MOST_REDIRECTS: usize = 3;

impl Gateway {
    /// Calls the source. A refused credential is renewed and the call repeated, once.
    ///
    /// # Errors
    /// The causes from `credential-missing` to `source-error`.
    pub(crate) async fn send(
        &self,
        permitted: &Permitted,
        record: &mut Record,
    ) -> Result<Received, Refusal> {
        let mut url = self.source_url(permitted)?;
        let limits = upstream::Limits {
            largest: self.settings.max_response_bytes,
            passed: &self.connector.source().response_headers,
        };
        let mut redirects = 0;
        let mut refused: Option<Credential> = None;
        loop {
            record.enter(Phase::Authorize);
            let credential = match &refused {
                None => self.connector.credential(permitted.user()).await?,
                Some(old) => self.connector.renew(permitted.user(), old).await?,
            };
            let outbound = authorize(permitted, url.clone(), &credential)?;
            record.enter(Phase::Send);
            match upstream::send(&self.egress, &outbound, &limits).await? {
                Answer::Success(received) => return Ok(received),
                Answer::Redirect(target) if redirects < MOST_REDIRECTS => {
                    url = self.follow(permitted, &url, target)?;
                    redirects += 1;
                }
                Answer::Redirect(_) => return Err(redirect_refused("more than three redirects")),
                Answer::Unauthorized(_) if refused.is_none() => refused = Some(credential),
                Answer::Unauthorized(passed) => {
                    let detail = "the source refused a credential that was renewed just before";
                    return Err(
                        Refusal::new(Cause::CredentialRejected, detail).with_headers(passed)
                    );
                }
            }
        }
    }

    /// The `link` headers of an answer as the caller may see them.
    pub(crate) fn shown_links(
        &self,
        permitted: &Permitted,
        received: &Received,
    ) -> Option<HeaderValue> {
        if received.links.is_empty() {
            return None;
        }
        let url = self.source_url(permitted).ok()?;
        let shown = permitted.shown();
        let own = OwnTarget {
            path: &shown.path,
            query: shown.query.as_deref().unwrap_or_default(),
            url: &url,
        };
        let admits = |query: &str| {
            self.admits_same(
                permitted,
                &shown.path,
                Some(query).filter(|q| !q.is_empty()),
            )
        };
        upstream::rewrite_links(&received.links, &own, &admits)
    }

    /// Host and scheme come from the source's declaration, path and query from the rules' step.
    fn source_url(&self, permitted: &Permitted) -> Result<Url, Refusal> {
        let clear = permitted.clear();
        let path = format!("{}{}", self.connector.source().base_path, clear.path);
        let mut url = self.connector.origin().clone();
        url.set_path(&path);
        url.set_query(clear.query.as_deref());
        // The URL type normalizes; what was checked must be exactly what is asked for.
        let written = clear.query.as_deref().map(as_written_in_urls);
        let kept = url.path() == path && url.query() == written.as_deref();
        if !kept {
            return Err(Refusal::new(
                Cause::PathNotNormal,
                "the target would change when it is written as a URL",
            ));
        }
        Ok(url)
    }

    fn follow(&self, permitted: &Permitted, from: &Url, target: Url) -> Result<Url, Refusal> {
        if !matches!(*permitted.method(), Method::GET | Method::HEAD) {
            return Err(redirect_refused(
                "a redirect of a call that is neither GET nor HEAD",
            ));
        }
        if target.origin() != from.origin()
            || !target.username().is_empty()
            || target.password().is_some()
        {
            return Err(redirect_refused("a redirect to another origin"));
        }
        if !self.admits_same(permitted, target.path(), target.query()) {
            return Err(redirect_refused(
                "a redirect to a place that the endpoint does not admit",
            ));
        }
        Ok(target)
    }
}

/// A query as every URL has it: an apostrophe, which RFC 3986 lets stand there, is `%27`
/// (<https://url.spec.whatwg.org/#special-query-percent-encode-set>). Both stand for the same.
fn as_written_in_urls(query: &str) -> Cow<'_, str> {
    if query.contains('\'') {
        Cow::Owned(query.replace('\'', "%27"))
    } else {
        Cow::Borrowed(query)
    }
}

/// Puts the credential on a permitted call; only what comes from here is sent.
fn authorize(
    permitted: &Permitted,
    mut url: Url,
    credential: &Credential,
) -> Result<Outbound, Refusal> {
    let mut headers = permitted.headers().clone();
    let mut body = permitted.body().cloned();
    credential.apply(permitted.method(), &mut url, &mut headers, &mut body)?;
    Ok(Outbound {
        method: permitted.method().clone(),
        url,
        headers,
        body,
    })
}

fn redirect_refused(detail: &str) -> Refusal {
    Refusal::new(Cause::RedirectRefused, detail)
}
