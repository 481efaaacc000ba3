//! `hushgate connection rotate`: a new access token now, or a new key.

use clap::Args;
use serde_json::json;

use super::Place;
use super::connect::{self, Again};
use super::failure::Failure;
use super::kept::{connector, main_source};
use super::saved::saved;
use super::unbroken::unbroken;
use crate::print;

/// Options of `connection rotate`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    again: Again,
    /// Enter a new key or secret, where an access token would be renewed otherwise
    #[arg(long)]
    key: bool,
}

impl Options {
    pub(super) fn json(&self) -> bool {
        self.again.json()
    }
}

/// Makes an exchange now; where the key itself is sent, or a new one is given, takes that in place.
pub(super) async fn rotate(options: &Options) -> Result<(), Failure> {
    let again = &options.again;
    if options.key || again.gives_fields() {
        return connect::reconnect(again).await;
    }
    let place = Place::open()?;
    let record = place.record(&again.id).await?;
    let source = main_source(&place, &record, again.source.as_deref())?;
    if source.auth.exchange.is_none() {
        return connect::reconnect_at(place, again).await;
    }
    let connector = connector(&place, &record, &source)?;
    let user = again.act_for();
    unbroken(async {
        let renewed = async {
            let living = connector.obtain(user).await?;
            connector.renewed(user, &living).await
        }
        .await;
        saved(&connector).await;
        renewed
    })
    .await?;
    let refreshes = source
        .auth
        .exchange
        .as_ref()
        .is_some_and(|e| e.grant.refreshes());
    if again.json() {
        print::line(&json!({"id": record.id, "rotated": true}).to_string());
        return Ok(());
    }
    print::line(&format!("`{}` has a new access token", record.id));
    if !refreshes {
        print::line(&format!(
            "its own key or secret stays; `hushgate connection rotate {} --key` replaces it",
            record.id
        ));
    }
    Ok(())
}
