//! How a connector's credential is made: the source's declaration, put to the life cycle's port.

use std::sync::{Arc, Mutex, PoisonError};

use super::answer::{self, Granted};
use super::credential::Credential;
use super::diagnosis;
use super::exchange::{Given, Trade};
use super::fault::ConnectFault;
use super::lifecycle::{Access, Answer, Exchange, JOURNAL_ENTRY, Material, Plan, Print};
use super::source::{Kept, RefreshTokens, SourceHost, is_loopback};
use super::values::{Purpose, Values};
use super::{ConnectorParts, Source};
use crate::ports::{PortFuture, Random as _, Secret, SystemRandom};
use reqwest::Url;

/// What every keeper of one connector works with.
pub(super) struct Ground {
    pub(super) source: Arc<Source>,
    pub(super) parts: ConnectorParts,
    pub(super) origin: Url,
}

/// Makes credentials for one user of a source, or for the source as such.
pub(super) struct Reach {
    pub(super) ground: Arc<Ground>,
    pub(super) user: Option<String>,
    /// The fields as they were read for the last exchange.
    pub(super) values: Mutex<Option<Arc<Values>>>,
}

impl Ground {
    /// How the source's credential is kept.
    pub(super) fn plan(&self) -> Plan {
        let auth = &self.source.auth;
        let exchange = auth.exchange.as_ref();
        let material = match exchange {
            None => Material::Fields,
            Some(exchange) if !exchange.grant.refreshes() => Material::Exchange,
            Some(_) if auth.rotation == RefreshTokens::Constant => Material::ConstantRefreshToken,
            Some(_) => Material::RefreshToken,
        };
        // An entry that an administrator keeps is never overwritten.
        let taken = |f: &super::Field| f.kept == Kept::Store && f.name == JOURNAL_ENTRY;
        let taken = auth.fields.iter().any(taken);
        Plan {
            source: self.source.id.clone(),
            material,
            shared: auth.shared && exchange.is_some() && !taken,
            margin: exchange.map(|e| e.renew_before).unwrap_or_default(),
            default_lifetime: exchange.map(|e| e.default_lifetime).unwrap_or_default(),
            refresh_entry: exchange
                .map(|e| e.refresh_token.clone())
                .unwrap_or_default(),
        }
    }
}

impl Ground {
    /// Whether the host that a token answer names is the configured one.
    fn is_at(&self, told: Option<&str>) -> Result<(), ConnectFault> {
        let local = self.parts.dev_loopback && is_loopback(&self.origin);
        let Some(told) = told.filter(|_| !local) else {
            return Ok(());
        };
        let bare = told.strip_prefix("https://").unwrap_or(told);
        let bare = bare.trim_end_matches('/');
        if self
            .origin
            .host_str()
            .is_some_and(|h| h.eq_ignore_ascii_case(bare))
        {
            return Ok(());
        }
        // Nothing of an answer is told that could be anything else than a host of this source.
        let host = match &self.source.host {
            SourceHost::Account { pattern, .. } if pattern.matches(bare) => format!("`{bare}`"),
            _ => "another one".to_owned(),
        };
        Err(ConnectFault::OtherHost(host))
    }
}

impl Reach {
    async fn ask(&self, refresh: Option<&Secret>) -> Result<Answer, ConnectFault> {
        let Ground {
            source,
            parts,
            origin,
        } = self.ground.as_ref();
        let exchange = source.auth.exchange.as_ref();
        let exchange = exchange.ok_or(ConnectFault::Internal)?;
        let trade = Trade {
            parts,
            auth: &source.auth,
            exchange,
            origin,
            user: self.user.as_deref(),
        };
        let values = Arc::new(trade.values().await?);
        let given = refresh.map_or(Given::Fields, Given::RefreshToken);
        let response = trade.send(&values, given).await?;
        *self.values() = Some(values);
        Ok(match trade.read(&response) {
            Ok(Granted {
                access_token,
                lifetime,
                refresh_token,
                host,
            }) => Answer {
                access: self.ground.is_at(host.as_deref()).map(|()| Access {
                    token: access_token,
                    lifetime,
                }),
                refresh: refresh_token,
            },
            Err(fault) => Answer {
                access: Err(self.settled(fault).await),
                refresh: answer::returned_refresh_token(&response, &exchange.answer),
            },
        })
    }

    /// The fault with its cause as far as the facts of the connection settle it.
    async fn settled(&self, fault: ConnectFault) -> ConnectFault {
        if !fault.refuses_grant() {
            return fault;
        }
        let Ground { source, parts, .. } = self.ground.as_ref();
        let facts = diagnosis::gather(&source.auth, parts.store.as_ref(), parts.clock.now());
        fault.settled(&facts.await)
    }

    fn values(&self) -> std::sync::MutexGuard<'_, Option<Arc<Values>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fields that the credential itself is made of.
    async fn fields(&self, token: Option<&Secret>) -> Result<Arc<Values>, ConnectFault> {
        let auth = &self.ground.source.auth;
        if token.is_some() {
            if auth.oauth1.is_none() && auth.send.iter().all(|p| p.is_made_of("access_token")) {
                return Ok(Arc::default());
            }
            let last = self.values().clone();
            if let Some(values) = last {
                return Ok(values);
            }
        }
        let values = Values::read(auth, &self.ground.parts, Purpose::Call);
        Ok(Arc::new(values.await?))
    }
}

impl Exchange for Reach {
    type Credential = Credential;

    fn exchange(&self, refresh: Option<Secret>) -> PortFuture<'_, Answer> {
        Box::pin(async move {
            let answer = self.ask(refresh.as_ref()).await;
            answer.unwrap_or_else(|fault| Answer {
                access: Err(fault),
                refresh: None,
            })
        })
    }

    fn dress<'a>(
        &'a self,
        token: Option<&'a Secret>,
    ) -> PortFuture<'a, Result<Credential, ConnectFault>> {
        Box::pin(async move {
            let values = self.fields(token).await?;
            let print = match token {
                Some(token) => Print::of(token.reveal()),
                None => Print::of(&SystemRandom.number().to_string()),
            };
            let Ground { source, parts, .. } = self.ground.as_ref();
            Credential::declared(&source.auth, &values, token, &parts.clock, print)
        })
    }

    fn print(&self, credential: &Credential) -> Print {
        credential.print
    }

    fn is_same(&self, one: &Credential, other: &Credential) -> bool {
        one.same_as(other)
    }
}
