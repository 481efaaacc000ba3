//! Which fields of a source a call would lack, for the health check.

use futures_util::future::join_all;

use super::reach::Ground;
use super::source::{Field, Kept};
use super::{ConnectFault, Connector, chosen_client_auth, values};
use crate::lacking::{Lack, Lacking};

impl Connector {
    /// The secrets that a call needs and could not use, in the order of the declaration: required ones that
    /// are not in the store, and all that can't be read. Empty when a credential can be asked for.
    pub async fn lacking_secrets(&self) -> Vec<Lacking> {
        let Ground { source, parts, .. } = self.inner.ground.as_ref();
        let exchange = source.auth.exchange.as_ref();
        let chosen = exchange.map(|exchange| chosen_client_auth(exchange, &parts.settings));
        let chosen = match chosen.transpose() {
            Ok(chosen) => chosen,
            Err(fault) => return vec![Lacking::field("", Lack::Invalid, fault)],
        };
        let fields = source.auth.fields.iter();
        let fields: Vec<&Field> = fields
            .filter(|f| f.needed && f.kept == Kept::Store && values::applies(f, chosen))
            .collect();
        let reads = fields.iter().map(|field| parts.store.read(&field.name));
        let mut lacking = Vec::new();
        for (field, read) in fields.iter().zip(join_all(reads).await) {
            match read {
                Err(error) => {
                    let why = Lack::from(&error);
                    lacking.push(Lacking::field(&field.name, why, ConnectFault::from(error)));
                }
                Ok(found) => {
                    let usable = found.and_then(|s| values::usable(s.reveal()));
                    if usable.is_none() && field.required {
                        let fault = values::missing(field, parts.store.as_ref());
                        lacking.push(Lacking::field(&field.name, Lack::Missing, fault));
                    }
                }
            }
        }
        lacking
    }
}
