//! Identity tokens of Amazon Cognito for developer-authenticated identities
//! (<https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetOpenIdTokenForDeveloperIdentity.html>).

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request};
use hushgate_gateway::connect::{TokenEndpoint as _, TokenRequest, TokenResponse};
use hushgate_gateway::egress::Egress;
use hushgate_gateway::ports::{
    Clock, IdentityRequest, PlatformError, PlatformIdentity, PortFuture, Secret,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{given, jwt};
use crate::config::Environment;
use crate::sigv4::{self, AccessKey, Scope};

#[cfg(test)]
mod tests;

const TARGET: &str = "AWSCognitoIdentityService.GetOpenIdTokenForDeveloperIdentity";
const ACTION: &str = "cognito-identity:GetOpenIdTokenForDeveloperIdentity";

/// The identity in a Cognito identity pool that stands for the function.
pub struct Aws {
    settings: Settings,
    key: Option<AccessKey>,
    egress: Egress,
    clock: Arc<dyn Clock>,
    /// In place of the region's endpoint.
    origin: Option<String>,
}

struct Settings {
    pool: Option<String>,
    identity: Option<String>,
    developer: Option<String>,
}

impl Aws {
    /// The identity that `IDENTITY_POOL_ID`, `IDENTITY_ID` and `DEVELOPER_NAME_ID` name, asked for with
    /// the access key of the function's role. Nothing is called yet.
    pub fn new(environment: &Environment, egress: Egress, clock: Arc<dyn Clock>) -> Self {
        let owned = |name: &str| given(environment, name).map(str::to_owned);
        let secret = |name: &str| owned(name).map(Zeroizing::new);
        let key = owned("AWS_ACCESS_KEY_ID").zip(secret("AWS_SECRET_ACCESS_KEY"));
        Self {
            settings: Settings {
                pool: owned("IDENTITY_POOL_ID"),
                identity: owned("IDENTITY_ID"),
                developer: owned("DEVELOPER_NAME_ID"),
            },
            key: key.map(|(id, secret_key)| AccessKey {
                id,
                secret: secret_key,
                session: secret("AWS_SESSION_TOKEN"),
            }),
            egress,
            clock,
            origin: None,
        }
    }

    async fn fetch(&self, client_id: &str) -> Result<Secret, PlatformError> {
        let pool = needed(self.settings.pool.as_deref(), "IDENTITY_POOL_ID")?;
        let identity = needed(self.settings.identity.as_deref(), "IDENTITY_ID")?;
        let developer = needed(self.settings.developer.as_deref(), "DEVELOPER_NAME_ID")?;
        let client = needed(Some(client_id).filter(|id| !id.is_empty()), "CLIENT_ID")?;
        let body = serde_json::json!({
            "IdentityPoolId": pool,
            "IdentityId": identity,
            "Logins": {developer: client},
        });
        let request = self.signed(pool, &body.to_string())?;
        let response = self.egress.call(request).await;
        let response = response
            .map_err(|fault| PlatformError::Unavailable(format!("Amazon Cognito: {fault}")))?;
        if response.status != 200 {
            return Err(refused(&response));
        }
        let answer: Answer =
            serde_json::from_slice(&response.body).map_err(|_| unreadable("no token"))?;
        let token = Zeroizing::new(answer.token);
        if answer.identity_id != identity {
            return Err(unreadable("a token of another identity than IDENTITY_ID"));
        }
        jwt(&token)
    }

    fn signed(&self, pool: &str, body: &str) -> Result<TokenRequest, PlatformError> {
        let key = self.key.as_ref();
        let key = key.ok_or(PlatformError::SettingMissing(
            "AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY",
        ))?;
        // A pool answers in its own region only, which its id begins with.
        let region = region_of(pool).ok_or_else(|| {
            PlatformError::Denied("IDENTITY_POOL_ID does not begin with a region".to_owned())
        })?;
        let origin = match &self.origin {
            Some(origin) => origin.clone(),
            None => format!("https://{}", host_in(region)),
        };
        let url = self.egress.parse(&format!("{origin}/"));
        let url = url.map_err(|e| PlatformError::Unavailable(format!("Amazon Cognito: {e}")))?;
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        let request = Request::post("/")
            .header(HOST, host)
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", TARGET)
            .body(Bytes::from(body.to_owned()));
        let mut request = request.map_err(|_| unreadable("an address that can't be called"))?;
        let scope = Scope {
            region: region.to_owned(),
            service: "cognito-identity".to_owned(),
        };
        sigv4::sign(&mut request, key, &scope, self.clock.unix_seconds())
            .map_err(|e| PlatformError::Denied(e.to_string()))?;
        let mut headers: HeaderMap = std::mem::take(request.headers_mut());
        // The client writes it from the URL.
        headers.remove(HOST);
        Ok(TokenRequest {
            method: Method::POST,
            url,
            headers,
            body: Zeroizing::new(body.to_owned()),
        })
    }
}

impl PlatformIdentity for Aws {
    fn assertion<'a>(
        &'a self,
        request: &'a IdentityRequest<'a>,
    ) -> PortFuture<'a, Result<Secret, PlatformError>> {
        Box::pin(self.fetch(request.client_id))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    identity_id: String,
    token: String,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "__type")]
    kind: String,
}

/// The region in the id of a pool or an identity: `REGION:UUID`.
pub(crate) fn region_of(id: &str) -> Option<&str> {
    let (region, rest) = id.split_once(':')?;
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    (plain(region) && plain(rest) && id.len() <= 55).then_some(region)
}

fn host_in(region: &str) -> String {
    let partition = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("cognito-identity.{region}.amazonaws.com{partition}")
}

fn needed<'a>(value: Option<&'a str>, name: &'static str) -> Result<&'a str, PlatformError> {
    value.ok_or(PlatformError::SettingMissing(name))
}

fn unreadable(what: &str) -> PlatformError {
    PlatformError::Unavailable(format!("Amazon Cognito gave {what}"))
}

/// Why Cognito refused, by the kind of its error; its message may repeat what was sent, so it is not told.
fn refused(response: &TokenResponse) -> PlatformError {
    let problem: Option<Problem> = serde_json::from_slice(&response.body).ok();
    let kind = problem.as_ref().map_or("", |problem| {
        problem.kind.rsplit('#').next().unwrap_or_default()
    });
    let reason = match kind {
        "AccessDeniedException" | "NotAuthorizedException" => {
            format!("allow the function's role `{ACTION}` on the pool of IDENTITY_POOL_ID")
        }
        "ResourceNotFoundException" => {
            "IDENTITY_POOL_ID or IDENTITY_ID is not there; compare both with the identity pool".to_owned()
        }
        "ResourceConflictException" | "DeveloperUserAlreadyRegisteredException" => {
            "CLIENT_ID is linked to another identity than IDENTITY_ID in this pool".to_owned()
        }
        "InvalidParameterException" | "ValidationException" | "InvalidParameterValue" => {
            "a setting is wrong; compare IDENTITY_POOL_ID, IDENTITY_ID and DEVELOPER_NAME_ID with the identity pool"
                .to_owned()
        }
        "UnrecognizedClientException" | "InvalidSignatureException" | "ExpiredTokenException"
        | "InvalidClientTokenId" | "IncompleteSignatureException" => {
            "the access key of the environment is refused; let AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN be those of the function's role"
                .to_owned()
        }
        _ if matches!(response.status, 401 | 403) => {
            format!("Amazon Cognito answered {}; the role needs `{ACTION}`", response.status)
        }
        _ => {
            let status = response.status;
            return PlatformError::Unavailable(format!("Amazon Cognito answered {status}"));
        }
    };
    PlatformError::Denied(reason)
}
