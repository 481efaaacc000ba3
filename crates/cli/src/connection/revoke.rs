//! `hushgate connection revoke`: a connection is given up, at the vendor and here.

use std::time::Duration;

use clap::Args;
use hushgate_gateway::connect::source::{Revoke as Declared, RevokedToken};
use hushgate_gateway::connect::{Connector, Revoked, Source};
use hushgate_host::connection::Record;
use hushgate_host::store::entry;
use serde_json::json;

use super::Place;
use super::code::Code;
use super::failure::Failure;
use super::kept::{One, connector, known_fields, main_source, whose};
use super::renewal::RenewalLock;
use super::saved::saved;
use super::unbroken::unbroken;
use crate::{print, prompt};

/// Options of `connection revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    one: One,
    /// Remove it here only; what the vendor granted stays until it is ended there
    #[arg(long, alias = "local-only")]
    keep_remote: bool,
    /// Do not ask whether it is meant
    #[arg(long)]
    yes: bool,
}

impl Revoke {
    pub(super) fn json(&self) -> bool {
        self.one.json
    }
}

/// Gives a connection up: at the vendor, then here.
pub(super) async fn revoke(options: &Revoke) -> Result<(), Failure> {
    let place = Place::open()?;
    let id = &options.one.id;
    let record = place.record(id).await?;
    confirm(options, &record)?;
    let mut at_vendor = "kept";
    let mut note = None;
    let lock = if options.keep_remote {
        RenewalLock::take(&place, id).await?
    } else {
        let named = options.one.source.as_deref();
        let source = main_source(&place, &record, named)?;
        let connector = connector(&place, &record, &source)?;
        let ended = unbroken(end(&place, id, &connector)).await;
        let (lock, revoked) = ended.map_err(|failure| not_revoked(failure, id))?;
        match revoked {
            Revoked::NotDeclared => {
                at_vendor = "not possible";
                note = Some(format!(
                    "{} has no call to end it: end it on the vendor's pages, see {}",
                    source.name, source.docs
                ));
            }
            Revoked::AtVendor => at_vendor = "revoked",
        }
        lock
    };
    let known = known_fields(
        place.config.dev_loopback,
        &record,
        options.one.source.as_deref(),
    );
    if let Some(source) = &known.unknown
        && place.store.settle() > Duration::ZERO
    {
        let text = format!(
            "`{source}` is not built in, so its fields are found by the store's list alone, which may lack \
             those of the last minutes; look whether entries below `{}` are left",
            entry(id, "")
        );
        note = Some(note.map_or_else(|| text.clone(), |said| format!("{said}; {text}")));
    }
    let forgotten = place.store.forget(id, &known.fields).await;
    // Its entries include the lock, so there is nothing to give back any more.
    if forgotten.is_err() {
        lock.give_back().await;
    }
    forgotten?;
    if options.one.json {
        let result = json!({"id": id, "removed": true, "at_vendor": at_vendor, "note": note});
        print::line(&result.to_string());
        return Ok(());
    }
    let vendor = match at_vendor {
        "revoked" => "revoked at the vendor and removed here",
        _ => "removed here",
    };
    print::line(&format!("`{id}` is {vendor}"));
    if let Some(note) = note {
        print::line(&note);
    }
    Ok(())
}

/// Ends the connection at the vendor, under the lock of renewals: what a function is given in this
/// moment would be a token that nobody ends.
async fn end<'p>(
    place: &'p Place,
    id: &str,
    connector: &Connector,
) -> Result<(RenewalLock<'p>, Revoked), Failure> {
    if sends_access_token(connector.source()) {
        // Before the lock, which an exchange needs itself.
        let had = connector.obtain(None).await;
        saved(connector).await;
        had?;
    }
    let lock = RenewalLock::take(place, id).await?;
    match connector.revoke().await {
        Ok(revoked) => Ok((lock, revoked)),
        Err(fault) => {
            lock.give_back().await;
            Err(fault.into())
        }
    }
}

fn sends_access_token(source: &Source) -> bool {
    match &source.auth.account.revoke {
        None => false,
        Some(Declared::Rfc7009 { token, .. }) => *token == RevokedToken::Access,
        Some(Declared::Call { .. }) => true,
    }
}

fn not_revoked(mut failure: Failure, id: &str) -> Failure {
    failure.message = format!(
        "the vendor did not revoke it, so it is kept: {}",
        failure.message
    );
    failure.next = Some(format!(
        "try again, or end it on the vendor's pages and run `hushgate connection revoke {id} --keep-remote`"
    ));
    failure
}

fn confirm(options: &Revoke, record: &Record) -> Result<(), Failure> {
    if options.yes {
        return Ok(());
    }
    let unsure = || {
        Failure::usage(
            Code::RevokeNotConfirmed,
            "nothing was revoked: it was not confirmed",
        )
        .next("give `--yes`, or answer the question with the connection's id")
    };
    if !prompt::is_possible() {
        return Err(unsure());
    }
    let question = format!(
        "Functions of {} lose their access{}. Enter the id `{}` to go on: ",
        record.serves.join(", "),
        whose(record),
        record.id
    );
    let answer = prompt::line(&question)?;
    if answer.trim() == record.id {
        Ok(())
    } else {
        Err(unsure())
    }
}
