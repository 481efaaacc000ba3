//! How the client proves itself (RFC 6749 section 2.3, RFC 7523 section 2.2).

use http::header::AUTHORIZATION;
use reqwest::Url;

use super::Trade;
use crate::connect::chosen_client_auth;
use crate::connect::credential::basic;
use crate::connect::draft::{Draft, filled};
use crate::connect::fault::ConnectFault;
use crate::connect::source::ClientAuthKind;
use crate::connect::template::Template;
use crate::connect::values::Values;

const JWT_CLIENT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Trade<'_> {
    /// Adds the client's proof. Where `public`, a client without one says its id (RFC 6749 section 3.2.1).
    pub(super) async fn prove(
        &self,
        draft: &mut Draft,
        url: &Url,
        values: &Values,
        public: bool,
    ) -> Result<(), ConnectFault> {
        let kind = chosen_client_auth(self.exchange, &self.parts.settings)?;
        self.prove_by(kind, draft, url, values, public).await
    }

    /// Adds the client's proof for another endpoint of the vendor, which may want another kind.
    pub(in crate::connect) async fn prove_as(
        &self,
        kind: Option<ClientAuthKind>,
        draft: &mut Draft,
        url: &Url,
        values: &Values,
    ) -> Result<(), ConnectFault> {
        let chosen = chosen_client_auth(self.exchange, &self.parts.settings)?;
        let kind = kind.unwrap_or(chosen);
        self.prove_by(kind, draft, url, values, true).await
    }

    async fn prove_by(
        &self,
        kind: ClientAuthKind,
        draft: &mut Draft,
        url: &Url,
        values: &Values,
        public: bool,
    ) -> Result<(), ConnectFault> {
        let (id, secret) = (&self.exchange.client_id, &self.exchange.client_secret);
        let assertion = match kind {
            ClientAuthKind::None => {
                if public {
                    draft.push("client_id", &filled(id, values)?);
                }
                return Ok(());
            }
            ClientAuthKind::Basic => {
                let value = basic(&filled(id, values)?, &filled(secret, values)?);
                let value = value.ok_or_else(|| unusable_for_basic(id, secret))?;
                draft.headers.insert(AUTHORIZATION, value);
                return Ok(());
            }
            ClientAuthKind::Body => {
                draft.push("client_id", &filled(id, values)?);
                draft.push("client_secret", &filled(secret, values)?);
                return Ok(());
            }
            ClientAuthKind::Federated => self.platform_assertion(values).await?,
            ClientAuthKind::Certificate | ClientAuthKind::PrivateKeyJwt => {
                self.assertion(url, values)?
            }
        };
        draft.push("client_id", &filled(id, values)?);
        draft.push("client_assertion_type", JWT_CLIENT);
        draft.push("client_assertion", assertion.reveal());
        Ok(())
    }
}

fn unusable_for_basic(id: &Template, secret: &Template) -> ConnectFault {
    let names: Vec<&str> = id.names().chain(secret.names()).collect();
    ConnectFault::FieldInvalid {
        field: names.join("`, `"),
        problem: "can't be used for HTTP Basic: a colon in the id or a control character"
            .to_owned(),
    }
}
