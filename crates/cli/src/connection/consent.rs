//! The vendor's consent, in a browser or by a code on another device.

use std::sync::Arc;

use hushgate_gateway::connect::consent::{
    Consent, ConsentFault, Device, Obtained, Pending, Polled, Recognizer,
};
use hushgate_gateway::connect::{ConnectorParts, Source};
use hushgate_gateway::ports::Secret;

use super::failure::Failure;
use super::web;

/// A consent that was begun.
pub(super) enum UnderWay {
    /// The browser will come back.
    Browser(Box<Pending>),
    /// A code is entered elsewhere.
    Device(Box<Device>, Option<Obtained>),
}

/// What a beginning gave.
pub(super) struct Begun {
    /// What goes on.
    pub under_way: UnderWay,
    /// What is shown to the person.
    pub shown: web::Begun,
    /// How the answer is recognized, for a browser.
    pub recognizer: Option<Recognizer>,
}

/// Begins the consent that a source declares: in the browser, which comes back to `redirect`, or
/// with a code where the source has only that.
///
/// # Errors
/// When fields are missing, or the vendor does not answer as it should.
pub(super) async fn begin(
    source: Arc<Source>,
    parts: ConnectorParts,
    redirect: &str,
) -> Result<Begun, Failure> {
    if Consent::redirect(&source).is_none() {
        let device = Device::begin(source, parts).await?;
        let shown = web::Begun::Device(web::Device {
            code: device.user_code().to_owned(),
            url: device.address().to_string(),
            complete: device.complete_address().map(ToString::to_string),
        });
        return Ok(Begun {
            under_way: UnderWay::Device(Box::new(device), None),
            shown,
            recognizer: None,
        });
    }
    let (pending, url) = Consent::begin(source, parts, redirect).await?;
    Ok(Begun {
        recognizer: Some(pending.recognizer().clone()),
        under_way: UnderWay::Browser(Box::new(pending)),
        shown: web::Begun::Consent(url.to_string()),
    })
}

impl UnderWay {
    /// Takes the browser's answer.
    ///
    /// # Errors
    /// When it refuses, or the exchange fails.
    pub(super) async fn complete(self, query: &str) -> Result<Vec<(String, Secret)>, Failure> {
        match self {
            Self::Browser(mut pending) => Ok(pending.complete(query).await?.into_entries()),
            Self::Device(..) => Err(ConsentFault::NotDeclared.into()),
        }
    }

    /// Asks until the code was entered.
    ///
    /// # Errors
    /// When the person refused, or the code ended.
    pub(super) async fn wait(&mut self) -> Result<(), Failure> {
        let Self::Device(device, given) = self else {
            return Err(ConsentFault::NotDeclared.into());
        };
        while given.is_none() {
            match device.poll().await? {
                Polled::Wait(time) => tokio::time::sleep(time).await,
                Polled::Obtained(obtained) => *given = Some(obtained),
            }
        }
        Ok(())
    }

    /// What the code gave.
    ///
    /// # Errors
    /// When [`UnderWay::wait`] did not end well before.
    pub(super) fn obtained(self) -> Result<Vec<(String, Secret)>, Failure> {
        match self {
            Self::Device(_, Some(obtained)) => Ok(obtained.into_entries()),
            _ => Err(ConsentFault::NotDeclared.into()),
        }
    }
}

impl From<ConsentFault> for Failure {
    fn from(fault: ConsentFault) -> Self {
        let cause = match &fault {
            ConsentFault::Connect(fault) => fault.diagnosis(),
            _ => None,
        };
        Self {
            cause,
            ..Self::new(&fault, fault.to_string())
        }
    }
}
