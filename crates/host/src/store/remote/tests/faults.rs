//! A store over a service that fails, as every store is checked.

use super::super::super::testing::faults::{
    Faults, Hits, Instance, Kind, Met, Tells, World, check_faults,
};
use super::*;

impl World for Service {
    type Fault = Fault;

    fn open(&self, ages: Ages) -> Instance {
        Arc::new(RemoteStore::with_ages(self.clone(), ages))
    }

    fn faults(&self) -> Faults<Fault> {
        let met = |fault, tells, says| Met {
            fault,
            hits: Hits::All,
            tells,
            says,
        };
        Faults {
            outage: Kind::Met(vec![met(Fault::Out, Tells::Unavailable, "out")]),
            throttling: Kind::Never("what a store sees of it is an outage"),
            denial: Kind::Met(vec![met(Fault::Denied, Tells::Denied, "needs more")]),
            damage: Kind::Never("what a service answers is read by its backend"),
            lost_answers: Kind::Met(vec![Fault::Losing]),
            late_reads: Kind::Met(vec![Fault::Late]),
        }
    }

    fn begin(&self, fault: Fault) -> PortFuture<'_, ()> {
        let mut state = self.state();
        match fault {
            Fault::Out => state.out = true,
            Fault::Denied => state.denied = true,
            Fault::Losing => state.losing = true,
            Fault::Late => state.shown = Some(state.entries.clone()),
        }
        Box::pin(async {})
    }

    fn end(&self) -> PortFuture<'_, ()> {
        let mut state = self.state();
        (state.out, state.denied, state.losing) = (false, false, false);
        state.shown = None;
        Box::pin(async {})
    }

    fn names(&self, entry: &str) -> Vec<String> {
        vec![format!("`{entry}")]
    }

    fn remembers(&self) -> bool {
        true
    }
}

/// What can be wrong with the service.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    Out,
    Denied,
    Losing,
    Late,
}

#[tokio::test(start_paused = true)]
async fn does_under_faults_what_every_store_does() {
    check_faults(&Service::default()).await;
}
