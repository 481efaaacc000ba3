//! Whether a connection works, asked of the vendor before it is kept.

use std::sync::Arc;

use hushgate_gateway::connect::{CheckFault, Connector, Source, VendorText};

use super::draft::Draft;
use super::failure::Failure;
use super::place::Place;
use super::saved::saved;
use super::web::Connected;

/// What the vendor said.
#[derive(Debug, Clone, Default)]
pub(super) struct Checked {
    /// For people.
    pub connected: Connected,
    /// Whether it was found to work; `false` when this can't be found out here.
    pub worked: bool,
}

/// Asks for a credential for each source, and the vendor for the account behind it.
///
/// # Errors
/// Names the first source for which it does not work, and why.
pub(super) async fn check(
    place: &Place,
    sources: &[Arc<Source>],
    draft: &Draft,
    act_for: Option<&str>,
) -> Result<Checked, Failure> {
    let exchanges = sources.iter().filter_map(|s| s.auth.exchange.as_ref());
    let mut exchanges = exchanges.filter(|e| e.needs_platform(draft.client_auth));
    if exchanges.next().is_some() {
        let note = "Not checked: only the deployed function has the cloud's identity that this connection uses. \
            When it is deployed, call it with `hushgate call`.";
        return Ok(Checked {
            connected: Connected {
                notes: vec![note.to_owned()],
                ..Connected::default()
            },
            worked: false,
        });
    }
    let mut checked = Checked {
        worked: true,
        ..Checked::default()
    };
    for source in sources {
        let parts = place.parts(
            source,
            draft.store.clone(),
            draft.settings.clone(),
            draft.target_host.clone(),
        );
        let looked = async {
            let connector = Connector::new(Arc::clone(source), parts?)?;
            let looked = look(&connector, act_for).await;
            // What an exchange keeps beside the credential is kept now, too.
            saved(&connector).await;
            looked
        }
        .await;
        let looked = looked.map_err(|mut failure| {
            if sources.len() > 1 {
                failure.message = format!("{}: {}", source.id, failure.message);
            }
            failure
        })?;
        if checked.connected.account.is_none() {
            checked.connected.account = looked.account;
        }
        if checked.connected.email.is_none() {
            checked.connected.email = looked.email;
        }
        checked.connected.notes.extend(looked.notes);
    }
    Ok(checked)
}

/// Asks the vendor of one source whether the credential works, and whose it is.
///
/// # Errors
/// Why the connection does not work.
pub(super) async fn look(
    connector: &Connector,
    act_for: Option<&str>,
) -> Result<Connected, Failure> {
    let found = connector.validate(act_for).await?;
    let text = |text: Option<VendorText>| text.map(|t| t.as_str().to_owned());
    let mut notes = Vec::new();
    if !found.asked {
        notes.push(format!(
            "{} has no call that checks a credential, so it was not tried beyond what its fields give.",
            connector.source().name
        ));
    }
    Ok(Connected {
        account: text(found.account_name),
        email: text(found.email),
        notes,
    })
}

impl From<CheckFault> for Failure {
    fn from(fault: CheckFault) -> Self {
        let vendor = fault.vendor_message().map(|m| m.as_str().to_owned());
        let failure = match fault {
            CheckFault::Credential(refusal) => refusal.into(),
            CheckFault::Connect(fault) => fault.into(),
            other => Self::new(&other, other.to_string()),
        };
        Self { vendor, ..failure }
    }
}
