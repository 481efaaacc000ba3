//! Secrets in AWS Systems Manager Parameter Store: `aws-ssm:PATH`.
//!
//! The entry `NAME` is the parameter `PATH/NAME`, of type `SecureString`. Values up to 4 KB are standard
//! parameters, larger ones up to 8 KB advanced ones.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_ssm::Client;
use aws_sdk_ssm::config::Builder;
use aws_sdk_ssm::config::retry::RetryConfig;
use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use hushgate_gateway::ports::{Locked, PortFuture, Secret, StoreError};
use hushgate_host::config::Environment;
use hushgate_host::store::remote::{Backend, Entry, RemoteStore, Version, Write};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::client::{Account, Pace};
use crate::failure::{Failure, Kind, Target};

mod lock;

/// How long the name of a parameter that was deleted may not be free again
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html>).
const DELETION: Duration = Duration::from_secs(30);
/// The pause before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// The permission that reading takes.
const READ: &str = "ssm:GetParameter";
/// Most bytes of an advanced parameter.
const LARGEST: usize = 8 << 10;

/// A store of secrets in parameters below `path`, such as `/hushgate/zoom`.
///
/// # Errors
/// What the environment lacks.
pub fn parameters(path: &str, environment: &Environment) -> Result<RemoteStore, String> {
    Ok(RemoteStore::new(Parameters::of(path, environment)?))
}

/// The parameters below a path.
#[derive(Debug)]
pub struct Parameters {
    account: Arc<Account>,
    path: String,
    key: Option<String>,
    client: OnceCell<Client>,
}

/// A parameter's full name, as a name and as a part of an ARN.
struct Place {
    name: String,
    resource: String,
}

impl Place {
    fn target(&self, action: &'static str) -> Target<'_> {
        Target {
            action,
            name: &self.name,
            resource: &self.resource,
        }
    }
}

/// What a parameter holds.
struct Read {
    text: String,
    version: i64,
    /// When it was written.
    since: Option<SystemTime>,
}

impl Parameters {
    /// The parameters below `path`.
    ///
    /// # Errors
    /// What the environment lacks.
    pub fn of(path: &str, environment: &Environment) -> Result<Self, String> {
        let key = environment.get("HUSHGATE_AWS_KMS_KEY");
        Ok(Self {
            account: Account::of(environment)?,
            path: format!("/{}", path.trim_matches('/')),
            key: key.filter(|k| !k.is_empty()).cloned(),
            client: OnceCell::new(),
        })
    }

    fn place(&self, name: &str) -> Place {
        let name = format!("{}/{name}", self.path);
        Place {
            resource: format!("parameter{name}"),
            name,
        }
    }

    async fn client(&self) -> Result<&Client, Failure> {
        let made = self.client.get_or_try_init(|| async {
            let config = self.account.config("SSM", Pace::QUICK).await?;
            Ok(Client::new(&config))
        });
        made.await
    }

    /// Reads a parameter; `name` may end with `:VERSION`.
    async fn read(&self, name: &str) -> Result<Option<Read>, Failure> {
        let client = self.client().await?;
        let request = client.get_parameter().name(name).with_decryption(true);
        match request.send().await {
            Ok(answer) => Ok(answer.parameter.map(|p| Read {
                text: p.value.unwrap_or_default(),
                version: p.version,
                since: p
                    .last_modified_date
                    .and_then(|date| SystemTime::try_from(date).ok()),
            })),
            Err(error) => match Failure::of(&error) {
                failure if failure.kind == Kind::Missing => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// Writes a parameter and gives its version; none when it was to be new and is there.
    async fn write(
        &self,
        name: &str,
        value: &str,
        how: Write,
        kind: ParameterType,
    ) -> Result<Option<i64>, Failure> {
        let client = self.client().await?;
        let key = self
            .key
            .clone()
            .filter(|_| kind == ParameterType::SecureString);
        let request = client
            .put_parameter()
            .name(name)
            .value(value)
            .r#type(kind)
            .set_key_id(key)
            // Once advanced, a parameter stays so; asking for the standard tier would fail then.
            .tier(ParameterTier::IntelligentTiering)
            .overwrite(how == Write::Any);
        let sent = match how {
            Write::Any => request.send().await,
            // Repeated after an answer that was lost, it would say that somebody else made it.
            Write::OnlyNew => {
                let once = Builder::default().retry_config(RetryConfig::disabled());
                request.customize().config_override(once).send().await
            }
        };
        match sent {
            Ok(answer) => Ok(Some(answer.version)),
            Err(error) => match Failure::of(&error) {
                failure if failure.kind == Kind::Exists && how == Write::OnlyNew => Ok(None),
                failure => Err(failure),
            },
        }
    }

    async fn put(
        &self,
        place: &Place,
        value: &Secret,
        how: Write,
    ) -> Result<Option<i64>, StoreError> {
        let kind = ParameterType::SecureString;
        let written = self.write(&place.name, value.reveal(), how, kind).await;
        written.map_err(|f| f.store(place.target("ssm:PutParameter")))
    }

    /// Makes a parameter; none when it is there. The service may tell that for a while of one that was
    /// deleted.
    async fn make(&self, place: &Place, value: &Secret) -> Result<Option<i64>, StoreError> {
        let begun = Instant::now();
        loop {
            let made = self.put(place, value, Write::OnlyNew).await?;
            if made.is_some() || begun.elapsed() >= DELETION {
                return Ok(made);
            }
            let read = self.read(&place.name).await;
            let read = read.map_err(|f| f.store(place.target(READ)))?;
            if read.is_some() {
                return Ok(None);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        let client = self.client().await?;
        let path = self.place(prefix.trim_end_matches('/')).name;
        let mut pages = client
            .get_parameters_by_path()
            .path(path)
            .recursive(true)
            .with_decryption(false)
            .into_paginator()
            .send();
        let whole = format!("{}/", self.path);
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| Failure::of(&e))?;
            let found = page.parameters.unwrap_or_default().into_iter();
            let found = found.filter_map(|p| Some(p.name?.strip_prefix(&whole)?.to_owned()));
            names.extend(found.filter(|name| name.starts_with(prefix)));
        }
        Ok(names)
    }
}

impl Backend for Parameters {
    fn whole_name(&self, name: &str) -> String {
        format!("`{}` in Parameter Store", self.place(name).name)
    }

    fn permission(&self, name: &str) -> String {
        format!("`{READ}` on `{}`", self.place(name).resource)
    }

    fn get<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move {
            let place = self.place(name);
            let read = self.read(&place.name).await;
            let read = read.map_err(|f| f.store(place.target(READ)))?;
            Ok(read.map(|read| Entry {
                value: Secret::new(read.text),
                version: Version::Number(read.version),
            }))
        })
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a Secret,
        how: Write,
    ) -> PortFuture<'a, Result<Option<Version>, StoreError>> {
        Box::pin(async move {
            let place = self.place(name);
            let written = match how {
                Write::Any => self.put(&place, value, how).await?,
                Write::OnlyNew => self.make(&place, value).await?,
            };
            Ok(written.map(Version::Number))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let place = self.place(name);
            let failed = |failure: Failure| match failure.kind {
                Kind::Missing => Ok(()),
                _ => Err(failure.store(place.target("ssm:DeleteParameter"))),
            };
            let client = match self.client().await {
                Ok(client) => client,
                Err(failure) => return failed(failure),
            };
            let deleted = client.delete_parameter().name(&place.name).send().await;
            deleted.map_or_else(|e| failed(Failure::of(&e)), |_| Ok(()))
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let place = self.place(prefix.trim_end_matches('/'));
            let listed = self.list(prefix).await;
            listed.map_err(|f| f.store(place.target("ssm:GetParametersByPath")))
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(lock::take(self, name, owner, ttl))
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(lock::give_back(self, name, owner))
    }

    fn largest(&self) -> usize {
        LARGEST
    }
}
