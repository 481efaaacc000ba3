//! What a cloud's crate adds to a function: stores, and a service other than HTTP.
//!
//! The host knows the names of all clouds' places, so that a configuration means the same in every
//! build; what opens them is built in by a feature of the function's package. A place whose cloud is
//! not built in is an error that says so.

use std::fmt;
use std::sync::Arc;

use hushgate_gateway::gateway::Gateway;
use hushgate_gateway::ports::{Objects, PortFuture, Queue};

use crate::config::{Config, Environment, check_one_cloud};
use crate::objects::FolderObjects;
use crate::queue::FolderQueue;
use crate::start::{StartCode, StartError};
use crate::store::AdminStore;

mod place;

pub use place::{Bucket, CloudSecrets, ObjectAt, QueueAt};

/// One cloud.
///
/// To open a store makes no call and reads no file: clients are made when they are first used, since
/// a function's start waits for all that is done here. `None` says that a place is not this cloud's.
pub trait Cloud: fmt::Debug + Send + Sync {
    /// The feature it is built in by, such as `aws`.
    fn name(&self) -> &'static str;

    /// A store of secrets.
    ///
    /// # Errors
    /// What is missing in the environment, and what to set.
    fn secrets(
        &self,
        at: &CloudSecrets,
        environment: &Environment,
    ) -> Option<Result<Arc<dyn AdminStore>, String>> {
        let _ = (at, environment);
        None
    }

    /// The objects of a bucket.
    ///
    /// # Errors
    /// What is missing in the environment, and what to set.
    fn objects(
        &self,
        at: &Bucket,
        environment: &Environment,
    ) -> Option<Result<Arc<dyn Objects>, String>> {
        let _ = (at, environment);
        None
    }

    /// A queue.
    ///
    /// # Errors
    /// What is missing in the environment, and what to set.
    fn queue(
        &self,
        at: &QueueAt,
        environment: &Environment,
    ) -> Option<Result<Arc<dyn Queue>, String>> {
        let _ = (at, environment);
        None
    }

    /// The service that runs this process, where it hands requests over in another way than HTTP.
    fn service(&self, environment: &Environment) -> Option<Box<dyn Service>> {
        let _ = environment;
        None
    }
}

/// A service that hands requests over in its own way, such as AWS Lambda.
pub trait Service: Send {
    /// Answers requests until the service ends it.
    ///
    /// # Errors
    /// Every problem that keeps it from answering, as text for the operator.
    fn serve(self: Box<Self>, serving: Serving) -> PortFuture<'static, Result<(), Vec<String>>>;
}

/// What a [`Service`] serves.
#[derive(Clone)]
pub struct Serving {
    /// Answers requests.
    pub gateway: Arc<Gateway>,
    /// Limits and modes.
    pub config: Config,
}

/// The clouds that a program was built for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clouds(pub &'static [&'static dyn Cloud]);

impl Clouds {
    /// No cloud: for what runs on one machine.
    pub const NONE: Self = Self(&[]);

    /// Opens a store of secrets.
    ///
    /// # Errors
    /// When its cloud is not built in, or the environment lacks something.
    pub fn secrets(
        self,
        at: &CloudSecrets,
        environment: &Environment,
    ) -> Result<Arc<dyn AdminStore>, String> {
        let mut found = self.0.iter().filter_map(|c| c.secrets(at, environment));
        found
            .next()
            .unwrap_or_else(|| Err(self.without(at.cloud(), at.word())))
    }

    /// Opens the objects of a bucket or a folder.
    ///
    /// # Errors
    /// When its cloud is not built in, the environment lacks something, or there is no such folder.
    pub fn objects(
        self,
        at: &Bucket,
        environment: &Environment,
    ) -> Result<Arc<dyn Objects>, String> {
        if let Bucket::Folder(path) = at {
            let folder = FolderObjects::open(path).map_err(|e| e.to_string())?;
            return Ok(Arc::new(folder));
        }
        let mut found = self.0.iter().filter_map(|c| c.objects(at, environment));
        found
            .next()
            .unwrap_or_else(|| Err(self.without(at.cloud(), at.word())))
    }

    /// Opens a queue.
    ///
    /// # Errors
    /// When its cloud is not built in, the environment lacks something, or there is no such folder.
    pub fn queue(self, at: &QueueAt, environment: &Environment) -> Result<Arc<dyn Queue>, String> {
        if let QueueAt::Folder(path) = at {
            let folder = FolderQueue::open(path).map_err(|e| e.to_string())?;
            return Ok(Arc::new(folder));
        }
        let mut found = self.0.iter().filter_map(|c| c.queue(at, environment));
        found
            .next()
            .unwrap_or_else(|| Err(self.without(at.cloud(), at.word())))
    }

    /// The service that runs this process; none: it serves HTTP.
    ///
    /// # Errors
    /// When the environment is that of two clouds, or it runs on AWS Lambda and was not built for that.
    pub fn service(self, environment: &Environment) -> Result<Option<Box<dyn Service>>, String> {
        check_one_cloud(environment).map_err(|problem| problem.to_string())?;
        let found = self.0.iter().find_map(|c| c.service(environment));
        let on_lambda = environment.contains_key("AWS_LAMBDA_RUNTIME_API");
        if found.is_none() && on_lambda {
            return Err(self.without("aws", "AWS_LAMBDA_RUNTIME_API"));
        }
        Ok(found)
    }

    fn without(self, cloud: &str, what: &str) -> String {
        let names: Vec<_> = self.0.iter().map(|c| c.name()).collect();
        let built = if names.is_empty() {
            "for no cloud".to_owned()
        } else {
            format!("for `{}` only", names.join("`, `"))
        };
        let words = format!(
            "`{what}` needs a program built for `{cloud}`; this one was built {built}: \
             deploy the package for `{cloud}`, or build it with `--features {cloud}`"
        );
        StartError::new(StartCode::CloudNotBuiltIn, words).to_string()
    }
}
