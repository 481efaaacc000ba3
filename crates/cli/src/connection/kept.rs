//! Connections that are kept: reaching their sources, testing and renewing them.

use std::sync::Arc;

use clap::Args;
use hushgate_gateway::connect::source::Kept;
use hushgate_gateway::connect::{Connector, Source};
use hushgate_gateway::ports::{Secret, SecretStore};
use hushgate_host::connection::{RECORD, Record};
use hushgate_host::store::ConnectionView;
use serde_json::json;

use super::check;
use super::code::Code;
use super::failure::Failure;
use super::renewal::RenewalLock;
use super::saved::saved;
use super::setup::now;
use super::unbroken::unbroken;
use super::{Place, find_source};
use crate::print;

/// A connection by its id.
#[derive(Debug, Args)]
pub struct One {
    /// The connection's id
    pub(super) id: String,
    /// The path of its source.yaml, for a source that is not built in
    #[arg(long, value_name = "PATH")]
    pub(super) source: Option<String>,
    /// The user that a service account acts for
    #[arg(long, value_name = "EMAIL")]
    act_for: Option<String>,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Asks the vendor whether a connection works.
pub(super) async fn test(options: &One) -> Result<(), Failure> {
    let place = Place::open()?;
    let record = place.record(&options.id).await?;
    let mut seen = super::web::Connected::default();
    for (index, source) in sources(&place, &record, options.source.as_deref())?
        .iter()
        .enumerate()
    {
        let connector = connector(&place, &record, source)?;
        let looked = unbroken(async {
            let looked = check::look(&connector, options.act_for.as_deref()).await;
            saved(&connector).await;
            looked
        })
        .await;
        let looked = looked.map_err(|mut failure| {
            failure.message = format!("{}: {}", source.id, failure.message);
            failure.next.get_or_insert_with(|| {
                format!(
                    "`hushgate connection reconnect {}` connects it anew",
                    record.id
                )
            });
            failure
        })?;
        if index == 0 {
            seen = looked;
        }
    }
    let tested = Record {
        account: seen.account.clone().or_else(|| record.account.clone()),
        email: seen.email.clone().or_else(|| record.email.clone()),
        validated: Some(now()),
        ..record.clone()
    };
    unbroken(keep_tested(&place, &record, &tested)).await?;
    if options.json {
        let result = json!({
            "id": tested.id, "works": true, "serves": tested.serves, "account": tested.account,
            "email": tested.email, "notes": seen.notes,
        });
        print::line(&result.to_string());
    } else {
        print::line(&format!("`{}` works{}", tested.id, whose(&tested)));
        for note in &seen.notes {
            print::line(note);
        }
    }
    Ok(())
}

/// The sources a connection serves, its own first.
pub(super) fn sources(
    place: &Place,
    record: &Record,
    named: Option<&str>,
) -> Result<Vec<Arc<Source>>, Failure> {
    let loopback = place.config.dev_loopback;
    let mut sources = Vec::new();
    for id in &record.serves {
        let own = *id == record.source;
        let source = find_source(named.filter(|_| own).unwrap_or(id), loopback);
        let source = source.map_err(|failure| not_built_in(failure, &record.id))?;
        sources.push(source);
    }
    Ok(sources)
}

/// A failure to find the source of a connection that is there.
pub(super) fn not_built_in(failure: Failure, id: &str) -> Failure {
    Failure {
        usage: false,
        ..failure
    }
    .next(format!(
        "connection `{id}` is of a source that is not built in: name it with `--source PATH`"
    ))
}

/// The fields that a connection may have in the store.
#[derive(Debug, Default)]
pub(super) struct KnownFields {
    pub(super) fields: Vec<String>,
    /// A source that it serves and whose fields are not known.
    pub(super) unknown: Option<String>,
}

/// The fields that the sources of a connection declare. A source that can't be found is told, and no
/// error: what is left of its connection is to be given up nevertheless.
pub(super) fn known_fields(loopback: bool, record: &Record, named: Option<&str>) -> KnownFields {
    let mut known = KnownFields::default();
    for id in &record.serves {
        let named = named.filter(|_| *id == record.source);
        let Ok(source) = find_source(named.unwrap_or(id), loopback) else {
            known.unknown = Some(id.clone());
            continue;
        };
        let stored = source.auth.fields.iter().filter(|f| f.kept == Kept::Store);
        known.fields.extend(stored.map(|f| f.name.clone()));
        let exchange = source.auth.exchange.as_ref();
        let refresh = exchange.map(|e| e.refresh_token.clone());
        known.fields.extend(refresh.filter(|name| !name.is_empty()));
    }
    known.fields.sort_unstable();
    known.fields.dedup();
    known
}

pub(super) fn main_source(
    place: &Place,
    record: &Record,
    named: Option<&str>,
) -> Result<Arc<Source>, Failure> {
    let mut sources = sources(place, record, named)?;
    if sources.is_empty() {
        return Err(Failure::new(
            Code::SourceUnknown,
            "the connection serves no source",
        ));
    }
    Ok(sources.swap_remove(0))
}

/// A connector on the kept entries, as a function has one.
pub(super) fn connector(
    place: &Place,
    record: &Record,
    source: &Arc<Source>,
) -> Result<Connector, Failure> {
    let store: Arc<dyn SecretStore> = place.store.clone();
    let view = Arc::new(ConnectionView::new(store, &record.id));
    let host = place
        .config
        .target_host
        .clone()
        .or_else(|| record.target_host.clone());
    let parts = place.parts(source, view, record.settings.clone(), host)?;
    Ok(Connector::new(Arc::clone(source), parts)?)
}

/// Keeps what a test found out; not when the connection was made anew meanwhile, which has a record of
/// its own.
async fn keep_tested(place: &Place, before: &Record, tested: &Record) -> Result<(), Failure> {
    let lock = RenewalLock::take(place, &before.id).await?;
    let kept = async {
        if place.record(&before.id).await? == *before {
            let changes = vec![(RECORD.to_owned(), Some(Secret::new(tested.text())))];
            place.store.save(&before.id, false, changes).await?;
        }
        Ok(())
    }
    .await;
    lock.give_back().await;
    kept
}

pub(super) fn whose(record: &Record) -> String {
    match (&record.account, &record.email) {
        (Some(account), Some(email)) if account != email => format!(": {account} <{email}>"),
        (Some(one), _) | (None, Some(one)) => format!(": {one}"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_fields_of_every_source_that_is_served_are_known() {
        let record = |serves: &[&str]| Record {
            id: "work".to_owned(),
            source: serves[0].to_owned(),
            serves: serves.iter().map(ToString::to_string).collect(),
            label: None,
            account: None,
            email: None,
            target_host: None,
            settings: BTreeMap::new(),
            created: 0,
            authorized: 0,
            validated: None,
        };
        let known = known_fields(false, &record(&["zoom"]), None);
        assert_eq!(known.unknown, None);
        for field in ["CLIENT_ID", "CLIENT_SECRET"] {
            assert!(known.fields.iter().any(|f| f == field), "{known:?}");
        }
        let known = known_fields(false, &record(&["zoom", "no-such-source"]), None);
        assert_eq!(known.unknown.as_deref(), Some("no-such-source"));
        assert!(known.fields.iter().any(|f| f == "CLIENT_SECRET"));
    }
}
