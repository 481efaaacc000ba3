//! The authorization code (RFC 6749 section 4.1), with a code challenge (RFC 7636) and the issuer of the
//! answer (RFC 9207).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use zeroize::Zeroizing;

use super::callback::Callback;
use super::{ConsentFault, Obtained, Scene};
use crate::connect::draft::{Draft, add_to_query, address, filled};
use crate::connect::exchange::Given;
use crate::connect::fault::ConnectFault;
use crate::connect::source::Authorization;
use crate::connect::values::Values;
use crate::ports::Secret;

/// What is remembered until the browser comes back.
pub(super) struct CodeFlow {
    /// Ties the answer to this consent (RFC 6749 section 10.12).
    state: Secret,
    /// Ties the code to this process (RFC 7636 section 4.1).
    verifier: Option<Secret>,
}

impl CodeFlow {
    /// The authorization request (RFC 6749 section 4.1.1, RFC 7636 section 4.3).
    pub(super) fn begin(
        scene: &Scene,
        authorization: &Authorization,
        values: &Values,
        redirect: &Url,
    ) -> Result<(Self, Url), ConsentFault> {
        let state = secret()?;
        let verifier = authorization.pkce.then(secret).transpose()?;
        let mut draft = Draft::default();
        draft.push("response_type", "code");
        draft.push("client_id", &filled(&scene.exchange()?.client_id, values)?);
        draft.push("redirect_uri", redirect.as_str());
        if let Some(scope) = &authorization.scope {
            draft.push(&authorization.scope_param, scope);
        }
        draft.push("state", state.reveal());
        if let Some(verifier) = &verifier {
            draft.push("code_challenge", &challenge(verifier));
            draft.push("code_challenge_method", "S256");
        }
        for (name, template) in &authorization.params {
            draft.push(name, &filled(template, values)?);
        }
        let mut url = address(&authorization.url, values, &scene.parts, &scene.origin)?;
        add_to_query(&mut url, &draft.params);
        Ok((Self { state, verifier }, url))
    }

    /// What an answer to this consent holds, and where.
    pub(super) fn mark(&self) -> (&'static [&'static str], Secret) {
        (&["state"], self.state.clone())
    }

    /// Exchanges the code.
    pub(super) async fn complete(
        &self,
        scene: &Scene,
        values: &Values,
        callback: &Callback,
        redirect: &str,
    ) -> Result<Obtained, ConsentFault> {
        let authorization = scene.source.auth.authorization.as_ref();
        if let Some(issuer) = authorization.and_then(|a| a.issuer.as_ref()) {
            // RFC 9207 section 2.4: another server's answer is never taken for this one's.
            let issuer = Secret::new(filled(issuer, values)?.as_str());
            if !callback.is("iss", &issuer) {
                return Err(ConsentFault::IssuerMismatch);
            }
        }
        let code = callback.token("code")?;
        let exchange = scene.exchange()?;
        let given = Given::Code {
            code: &code,
            redirect,
            verifier: self.verifier.as_ref(),
        };
        let granted = scene.trade(exchange).ask(values, given).await?;
        Obtained::lasting(exchange, granted.refresh_token)
    }
}

/// What nobody can guess: 256 random bits in 43 characters of base64url, which a code verifier may be
/// too (RFC 7636 section 4.1).
fn secret() -> Result<Secret, ConnectFault> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(bytes.as_mut()).map_err(|_| ConnectFault::Internal)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_ref())))
}

/// The code challenge of a verifier by S256 (RFC 7636 section 4.2).
fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.reveal().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_as_rfc_7636_appendix_b() {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(
            challenge(&verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
