//! The three legs of OAuth 1.0a (RFC 5849 section 2): temporary credentials, consent, token.

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Url;
use zeroize::Zeroizing;

use super::callback::Callback;
use super::{ConsentFault, Obtained, Scene};
use crate::connect::diagnosis::Diagnosis;
use crate::connect::endpoint::{TokenRequest, TokenResponse};
use crate::connect::fault::ConnectFault;
use crate::connect::oauth1::{Call, Pair, Signed, Signer, Stamp};
use crate::connect::source::{AnswerNames, Oauth1};
use crate::connect::template::Template;
use crate::connect::values::Values;
use crate::connect::{answer, draft};
use crate::ports::Secret;

const LONGEST_TOKEN: usize = 16 * 1024;

/// What the first leg gave, to be remembered until the browser comes back.
pub(super) struct ThreeLegs {
    temporary: Pair,
}

impl ThreeLegs {
    /// Asks for temporary credentials and makes the address to consent at.
    pub(super) async fn begin(
        scene: &Scene,
        oauth1: &Oauth1,
        values: &Values,
        redirect: &Url,
    ) -> Result<(Self, Url), ConsentFault> {
        let signer = Signer::declared(oauth1, values, None)?;
        let callback = [("oauth_callback", redirect.as_str())];
        let asked = call(scene, &oauth1.request_token_url, values, &signer, &callback).await?;
        // RFC 5849 section 2.1: without it the server is one of version 1.0, whose consents can be stolen.
        let confirmed = asked.get("oauth_callback_confirmed");
        if !confirmed.is_some_and(|c| c.eq_ignore_ascii_case("true")) {
            return Err(invalid(
                "it does not say `oauth_callback_confirmed=true`, which OAuth 1.0a demands",
            ));
        }
        let temporary = asked.credentials()?;
        let mut url = draft::address(&oauth1.authorize_url, values, &scene.parts, &scene.origin)?;
        let mut params = vec![("oauth_token".to_owned(), temporary.id.clone().into())];
        for (name, template) in &oauth1.authorize_params {
            params.push((name.clone(), draft::filled(template, values)?));
        }
        draft::add_to_query(&mut url, &params);
        Ok((Self { temporary }, url))
    }

    /// What an answer to this consent holds, and where: some servers name the temporary credentials
    /// `denied` when they refuse.
    pub(super) fn mark(&self) -> (&'static [&'static str], Secret) {
        let id = Secret::new(self.temporary.id.as_str());
        (&["oauth_token", "denied"], id)
    }

    /// Exchanges the verifier for the token.
    pub(super) async fn complete(
        &self,
        scene: &Scene,
        values: &Values,
        callback: &Callback,
    ) -> Result<Obtained, ConsentFault> {
        let oauth1 = scene.source.auth.oauth1.as_ref();
        let oauth1 = oauth1.ok_or(ConsentFault::NotDeclared)?;
        if callback.get("denied").is_some() {
            return Err(ConsentFault::refused("access_denied"));
        }
        if let Some(problem) = callback.get("oauth_problem") {
            return Err(match problem.reveal() {
                "permission_denied" | "user_refused" => ConsentFault::refused("access_denied"),
                _ => ConsentFault::refused("unknown"),
            });
        }
        let verifier = callback.token("oauth_verifier")?;
        let signer = Signer::declared(oauth1, values, Some(self.temporary.clone()))?;
        let more = [("oauth_verifier", verifier.reveal())];
        let asked = call(scene, &oauth1.access_token_url, values, &signer, &more).await?;
        let token = asked.credentials()?;
        Ok(Obtained {
            entries: vec![
                (oauth1.token.clone(), Secret::new(token.id)),
                (oauth1.token_secret.clone(), token.secret),
            ],
        })
    }
}

/// One signed call to an endpoint of the protocol: a POST without a body.
async fn call(
    scene: &Scene,
    endpoint: &Template,
    values: &Values,
    signer: &Signer,
    more: &[(&str, &str)],
) -> Result<Answer, ConsentFault> {
    let mut url = draft::address(endpoint, values, &scene.parts, &scene.origin)?;
    let stamp = Stamp::fresh(scene.parts.clock.unix_seconds());
    let call = Call {
        method: "POST",
        url: &url,
        form: None,
    };
    let signature = signer.sign(&call, more, &stamp);
    let signature = signature.map_err(|_| ConnectFault::Internal)?;
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    match signature {
        Signed::Header(value) => {
            headers.insert(AUTHORIZATION, value);
        }
        Signed::Query(query) => url.set_query(Some(&query)),
    }
    let request = TokenRequest {
        method: Method::POST,
        url,
        headers,
        body: Zeroizing::new(String::new()),
    };
    let response = scene.parts.endpoint.call(request).await?;
    Answer::read(scene, &response)
}

/// A form-encoded answer.
struct Answer(Vec<(String, Secret)>);

impl Answer {
    fn read(scene: &Scene, response: &TokenResponse) -> Result<Self, ConsentFault> {
        let now = scene.parts.clock.unix_seconds();
        answer::passed(response, &AnswerNames::standard(), now)
            .map_err(|fault| problem(response).unwrap_or(fault))?;
        let body = std::str::from_utf8(&response.body).map_err(|_| invalid("it is not UTF-8"))?;
        if body.trim_start().starts_with(['<', '{']) {
            return Err(invalid(
                "it is not form-encoded; check the three addresses of the source",
            ));
        }
        Ok(Self(pairs(body)?))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.reveal())
    }

    fn credentials(&self) -> Result<Pair, ConsentFault> {
        let (id, secret) = (self.get("oauth_token"), self.get("oauth_token_secret"));
        let (id, secret) = id
            .zip(secret)
            .filter(|(id, _)| !id.is_empty())
            .ok_or_else(|| invalid("it has no `oauth_token` with `oauth_token_secret`"))?;
        let sound = |text: &str| {
            text.len() <= LONGEST_TOKEN && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        };
        if !sound(id) || !sound(secret) {
            return Err(invalid(
                "its token is too long or holds characters that no token has",
            ));
        }
        Ok(Pair::new(id, secret))
    }
}

/// Causes that servers name in `oauth_problem` (an extension that many have).
const PROBLEMS: &[(&str, Diagnosis)] = &[
    ("consumer_key_unknown", Diagnosis::ClientChanged),
    ("consumer_key_rejected", Diagnosis::ClientDisabled),
    ("consumer_key_refused", Diagnosis::ClientDisabled),
    ("signature_invalid", Diagnosis::KeyUnknown),
    ("signature_method_rejected", Diagnosis::WrongAppKind),
    ("timestamp_refused", Diagnosis::ClockSkew),
    ("token_expired", Diagnosis::LifetimeEnded),
    ("token_revoked", Diagnosis::Revoked),
    ("token_used", Diagnosis::RefreshTokenUnknown),
    ("token_rejected", Diagnosis::RefreshTokenUnknown),
    ("permission_denied", Diagnosis::ConsentMissing),
    ("permission_unknown", Diagnosis::ConsentMissing),
    ("user_refused", Diagnosis::ConsentMissing),
    ("verifier_invalid", Diagnosis::RequestWrong),
    ("parameter_rejected", Diagnosis::RequestWrong),
    ("nonce_used", Diagnosis::RequestWrong),
];

/// The cause that a refusing answer names, if it is a known one.
fn problem(response: &TokenResponse) -> Option<ConnectFault> {
    let body = std::str::from_utf8(&response.body).ok()?;
    let pairs = pairs(body).ok()?;
    let (_, named) = pairs.iter().find(|(name, _)| name == "oauth_problem")?;
    let (name, cause) = PROBLEMS.iter().find(|(name, _)| *name == named.reveal())?;
    Some(ConnectFault::Rejected {
        reason: format!("status {}, {name}", response.status),
        cause: *cause,
    })
}

fn pairs(body: &str) -> Result<Vec<(String, Secret)>, ConsentFault> {
    // The query reader of a URL reads the same encoding.
    let mut url = Url::parse("http://x.invalid").map_err(|_| ConnectFault::Internal)?;
    url.set_query(Some(body.trim()));
    let mut pairs: Vec<(String, Secret)> = Vec::new();
    for (name, value) in url.query_pairs() {
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(invalid("it names a member twice"));
        }
        pairs.push((name.into_owned(), Secret::new(value)));
    }
    Ok(pairs)
}

fn invalid(problem: &str) -> ConsentFault {
    ConnectFault::AnswerInvalid(problem.to_owned()).into()
}
