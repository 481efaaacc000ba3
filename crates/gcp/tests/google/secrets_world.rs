//! What every store must do while its service fails, over Secret Manager.

use std::sync::Arc;

use hushgate_gateway::ports::PortFuture;
use hushgate_gcp::secrets::SecretManager;
use hushgate_host::store::remote::{Ages, RemoteStore};
use hushgate_host::store::testing::faults::{
    Faults, Gate, Hits, Instance, Kind, Met, Tells, World, check_faults,
};

use crate::emulator;
use crate::mishap::Mishap;
use crate::secrets::Project;

/// A project, and a gate before its service.
struct Service {
    project: Project,
    gate: Gate,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Refused,
    Meets(Mishap),
    /// Changes are made, and the connection ends before the answer.
    Lost,
    Late,
}

impl World for Service {
    type Fault = Fault;

    fn open(&self, ages: Ages) -> Instance {
        let address = format!("127.0.0.1:{}", self.gate.port());
        let environment = emulator::environment("SECRET_MANAGER_EMULATOR_HOST", &address);
        let manager = SecretManager::of(&self.project.id, "acme", &environment);
        Arc::new(RemoteStore::with_ages(manager.unwrap(), ages))
    }

    fn faults(&self) -> Faults<Fault> {
        let met = |fault, tells, says| Met {
            fault,
            hits: Hits::All,
            tells,
            says,
        };
        let passes = |mishap, says| met(Fault::Meets(mishap), Tells::Unavailable, says);
        Faults {
            outage: Kind::Met(vec![
                met(Fault::Refused, Tells::Unavailable, "no connection"),
                passes(Mishap::Cut, "the connection broke"),
                passes(Mishap::Status(500, "INTERNAL"), "it answered 500"),
                passes(Mishap::Status(503, "UNAVAILABLE"), "it answered 503"),
            ]),
            throttling: Kind::Met(vec![passes(
                Mishap::Status(429, "RESOURCE_EXHAUSTED"),
                "it answered 429",
            )]),
            denial: Kind::Met(vec![met(
                Fault::Meets(Mishap::Status(403, "PERMISSION_DENIED")),
                Tells::Denied,
                "grant `secretmanager.versions.",
            )]),
            damage: Kind::Met(vec![passes(
                Mishap::Answer(200, "<html>do-not-show-old</html>"),
                "its answer is not one of Secret Manager",
            )]),
            lost_answers: Kind::Met(vec![Fault::Lost]),
            late_reads: Kind::Met(vec![Fault::Late]),
        }
    }

    fn begin(&self, fault: Fault) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let front = &self.project.front;
            match fault {
                Fault::Refused => self.gate.shut().await,
                Fault::Meets(mishap) => front.mishap("/secrets", usize::MAX, mishap),
                Fault::Lost => {
                    for method in ["POST ", "PATCH ", "DELETE "] {
                        front.mishap(method, usize::MAX, Mishap::Lost);
                    }
                }
                Fault::Late => front.be_late(&self.project.id).await,
            }
        })
    }

    fn end(&self) -> PortFuture<'_, ()> {
        Box::pin(async {
            self.project.front.calm();
            self.project.front.be_prompt();
            self.gate.open();
        })
    }

    fn names(&self, entry: &str) -> Vec<String> {
        let id = entry.replace('/', "--");
        vec![format!("`projects/{}/secrets/acme--{id}", self.project.id)]
    }

    fn remembers(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn does_under_faults_what_every_store_does() {
    let Some(project) = Project::new().await else {
        return;
    };
    let port = project.front.address.rsplit(':').next().unwrap();
    let gate = Gate::before(port.parse().unwrap());
    check_faults(&Service { project, gate }).await;
}
