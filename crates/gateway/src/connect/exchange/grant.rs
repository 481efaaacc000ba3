//! What each grant sends for a token.

use http::HeaderValue;
use http::header::AUTHORIZATION;
use reqwest::Url;
use zeroize::Zeroizing;

use super::{Given, Trade};
use crate::connect::assertion::{self, Occasion};
use crate::connect::draft::{Draft, filled};
use crate::connect::fault::ConnectFault;
use crate::connect::source::{Grant, SubjectToken};
use crate::connect::template::Place;
use crate::connect::values::Values;
use crate::ports::{IdentityRequest, PlatformError, Secret};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

impl Trade<'_> {
    pub(super) async fn grant(
        &self,
        draft: &mut Draft,
        url: &Url,
        values: &Values,
        given: Given<'_>,
    ) -> Result<(), ConnectFault> {
        match given {
            Given::Fields => return self.grant_of_fields(draft, url, values).await,
            Given::RefreshToken(token) => {
                draft.push("grant_type", "refresh_token");
                draft.push("refresh_token", token.reveal());
            }
            Given::Code {
                code,
                redirect,
                verifier,
            } => {
                draft.push("grant_type", "authorization_code");
                draft.push("code", code.reveal());
                draft.push("redirect_uri", redirect);
                if let Some(verifier) = verifier {
                    draft.push("code_verifier", verifier.reveal());
                }
            }
            Given::DeviceCode(code) => {
                draft.push("grant_type", DEVICE_CODE);
                draft.push("device_code", code.reveal());
            }
        }
        Ok(())
    }

    async fn grant_of_fields(
        &self,
        draft: &mut Draft,
        url: &Url,
        values: &Values,
    ) -> Result<(), ConnectFault> {
        let exchange = self.exchange;
        match exchange.grant {
            Grant::ClientCredentials => draft.push("grant_type", "client_credentials"),
            Grant::AccountCredentials => draft.push("grant_type", "account_credentials"),
            Grant::RefreshToken | Grant::AuthorizationCode | Grant::DeviceCode => {
                draft.push("grant_type", "refresh_token");
                draft.push("refresh_token", values.need(&exchange.refresh_token)?);
            }
            Grant::Password => {
                draft.push("grant_type", "password");
                draft.push("username", &filled(&exchange.user_name, values)?);
                draft.push("password", &filled(&exchange.password, values)?);
            }
            Grant::JwtBearer => {
                draft.push("grant_type", JWT_BEARER);
                draft.push("assertion", self.assertion(url, values)?.reveal());
            }
            Grant::GithubApp => {
                let assertion = self.assertion(url, values)?;
                let bearer = Zeroizing::new(format!("Bearer {}", assertion.reveal()));
                let value = HeaderValue::from_str(&bearer);
                let mut value = value.map_err(|_| ConnectFault::Internal)?;
                value.set_sensitive(true);
                draft.headers.insert(AUTHORIZATION, value);
            }
            Grant::TokenExchange => self.token_exchange(draft, url, values).await?,
            // A login's body is its own; a personal access token is not exchanged.
            Grant::Login | Grant::PersonalAccessToken => {}
        }
        Ok(())
    }

    /// RFC 8693 section 2.1.
    async fn token_exchange(
        &self,
        draft: &mut Draft,
        url: &Url,
        values: &Values,
    ) -> Result<(), ConnectFault> {
        let spec = self.exchange.token_exchange.as_ref();
        let spec = spec.ok_or(ConnectFault::Internal)?;
        let subject = match &spec.subject {
            SubjectToken::Platform => self.platform_assertion(values).await?,
            SubjectToken::Assertion => self.assertion(url, values)?,
            SubjectToken::Given(template) => Secret::new(filled(template, values)?.as_str()),
        };
        draft.push("grant_type", TOKEN_EXCHANGE);
        draft.push("subject_token", subject.reveal());
        draft.push("subject_token_type", &spec.subject_type);
        if let Some((actor, kind)) = &spec.actor {
            draft.push("actor_token", &filled(actor, values)?);
            draft.push("actor_token_type", kind);
        }
        if let Some(kind) = &spec.requested_type {
            draft.push("requested_token_type", kind);
        }
        Ok(())
    }

    /// The assertion that is signed here, for the grant or the client authentication.
    pub(super) fn assertion(&self, url: &Url, values: &Values) -> Result<Secret, ConnectFault> {
        let spec = self.exchange.assertion.as_ref();
        let spec = spec.ok_or(ConnectFault::Internal)?;
        let occasion = Occasion {
            values,
            token_url: url.as_str(),
            scope: self.exchange.scope.as_deref(),
            user: self.user,
            now: self.parts.clock.unix_seconds(),
        };
        assertion::make(spec, &occasion)
    }

    /// The identity token of the hosting cloud.
    pub(super) async fn platform_assertion(&self, values: &Values) -> Result<Secret, ConnectFault> {
        let platform = self.parts.platform.as_ref();
        let platform = platform.ok_or(ConnectFault::PlatformMissing)?;
        let exchange = self.exchange;
        let audience = exchange
            .platform_audience
            .fill(Place::Plain, |n| values.get(n))?;
        let client_id = exchange.client_id.fill(Place::Plain, |n| values.get(n));
        let request = IdentityRequest {
            audience: &audience,
            client_id: client_id.as_deref().unwrap_or_default(),
        };
        let assertion = platform.assertion(&request).await;
        assertion.map_err(|error| match error {
            PlatformError::SettingMissing(name) => ConnectFault::SettingMissing(name.to_owned()),
            PlatformError::Denied(problem) => ConnectFault::PlatformDenied(problem),
            PlatformError::Unavailable(problem) => ConnectFault::PlatformFailed(problem),
        })
    }
}
