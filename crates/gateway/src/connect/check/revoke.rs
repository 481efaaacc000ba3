//! Giving a connection up: by RFC 7009, or by a call of the vendor's own.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use reqwest::Url;
use zeroize::Zeroizing;

use super::CheckFault;
use super::call::{Check, put_on};
use crate::connect::draft::{self, Draft};
use crate::connect::endpoint::TokenRequest;
use crate::connect::exchange::Trade;
use crate::connect::fault::ConnectFault;
use crate::connect::source::{Call, ClientAuthKind, Revoke, RevokedToken};
use crate::ports::Secret;

impl Check<'_> {
    pub(super) async fn revoke_by_call(
        &self,
        call: &Call,
        by_client: bool,
    ) -> Result<(), CheckFault> {
        let connector = self.connector;
        let credential = connector.obtain(None).await?;
        let refresh_token = self.refresh_token().await?;
        let mut request = self.request(call, &credential, refresh_token.as_ref())?;
        if by_client {
            let mut proof = Draft::default();
            let basic = Some(ClientAuthKind::Basic);
            self.prove(basic, &mut proof, &request.url).await?;
            request.headers.extend(proof.headers);
        } else {
            put_on(&credential, &mut request)?;
        }
        let response = connector.parts().endpoint.call(request).await?;
        let tokens = [credential.token(), refresh_token];
        self.success(call, "revocation", &response, &tokens)?;
        Ok(())
    }

    /// RFC 7009 section 2.1.
    pub(super) async fn revoke_by_standard(
        &self,
        revoke: &Revoke,
        token: RevokedToken,
    ) -> Result<(), CheckFault> {
        let Revoke::Rfc7009 {
            url,
            client_auth,
            params,
            ..
        } = revoke
        else {
            return Err(ConnectFault::Internal.into());
        };
        let connector = self.connector;
        let (auth, parts) = (&connector.source().auth, connector.parts());
        let (hint, secret) = match token {
            RevokedToken::Refresh => ("refresh_token", self.refresh_token().await?),
            RevokedToken::Access => {
                let credential = connector.obtain(None).await?;
                ("access_token", credential.token())
            }
        };
        let secret = secret.ok_or_else(|| {
            let field = auth.exchange.as_ref().map(|e| e.refresh_token.clone());
            CheckFault::NothingToRevoke(field.unwrap_or_default())
        })?;
        let url = draft::address(url, &self.values, parts, connector.origin())?;
        let mut draft = Draft::default();
        draft.push("token", secret.reveal());
        draft.push("token_type_hint", hint);
        for (name, template) in params {
            draft.push(name, &draft::filled(template, &self.values)?);
        }
        self.prove(*client_auth, &mut draft, &url).await?;
        let mut body = Zeroizing::new(String::new());
        draft::encode(&draft.params, &mut body);
        let mut headers = draft.headers;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        let request = TokenRequest {
            method: Method::POST,
            url,
            headers,
            body,
        };
        let response = parts.endpoint.call(request).await?;
        let what = "revocation";
        match response.status {
            200..=299 => Ok(()),
            300..=399 => Err(ConnectFault::Redirected(response.status).into()),
            status @ (408 | 425 | 429 | 500..=599) => Err(CheckFault::Unavailable { what, status }),
            status => Err(CheckFault::Refused {
                what,
                status,
                message: None,
            }),
        }
    }

    /// Adds the client's proof, of this kind or as at the token endpoint, where there is a client.
    async fn prove(
        &self,
        kind: Option<ClientAuthKind>,
        draft: &mut Draft,
        url: &Url,
    ) -> Result<(), ConnectFault> {
        let connector = self.connector;
        let (auth, parts) = (&connector.source().auth, connector.parts());
        let Some(exchange) = &auth.exchange else {
            return Ok(());
        };
        let trade = Trade {
            parts,
            auth,
            exchange,
            origin: connector.origin(),
            user: None,
        };
        trade.prove_as(kind, draft, url, &self.values).await
    }

    /// The refresh token as it is now, which may be newer than what was read with the fields.
    async fn refresh_token(&self) -> Result<Option<Secret>, CheckFault> {
        let exchange = self.connector.source().auth.exchange.as_ref();
        let Some(exchange) = exchange.filter(|e| e.grant.refreshes()) else {
            return Ok(None);
        };
        let store = &self.connector.parts().store;
        let read = store.read_newest(&exchange.refresh_token).await;
        let token = read.map_err(ConnectFault::from)?;
        Ok(token.map(|t| Secret::new(t.reveal().trim())))
    }
}
