//! What every store must do while its service fails: over the wire, through a proxy that fails.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hushgate_gateway::ports::PortFuture;
use hushgate_host::store::remote::Ages;
use hushgate_host::store::testing::faults::{
    Faults, Gate, Hits, Instance, Kind as Known, Met, Tells, World, check_faults,
};

use crate::proxy::{Action, Call, Proxy};
use crate::support::{Kind, services, unique};

/// A service behind a proxy that does with calls what a fault says, and a gate before it.
struct Service {
    kind: Kind,
    prefix: String,
    state: Arc<Mutex<State>>,
    gate: Gate,
    _proxy: Proxy,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    /// Which call of an entry was the last that was answered with what is there.
    last: HashMap<String, usize>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Refused,
    Cut,
    Broken,
    Unavailable,
    Throttled,
    Denied,
    CutShort,
    Nonsense,
    Lost,
    Late,
}

impl Service {
    async fn start(kind: Kind, port: u16) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let proxy = Proxy::start(port, move |call| shared.lock().unwrap().meets(call)).await;
        Self {
            kind,
            prefix: unique("faults"),
            state,
            gate: Gate::before(proxy.port),
            _proxy: proxy,
        }
    }
}

impl State {
    fn meets(&mut self, call: &Call) -> Action {
        let reads = ["GetParameter", "GetSecretValue"].contains(&call.operation.as_str());
        // A version that is named is there or not, and never late.
        let may_be_late = reads && !call.name().contains(':');
        let looks = reads
            || ["GetParametersByPath", "ListSecrets", "DescribeSecret"]
                .contains(&call.operation.as_str());
        if self.fault != Some(Fault::Late) && may_be_late {
            self.last.insert(call.name().to_owned(), call.before);
        }
        let Some(fault) = self.fault else {
            return Action::Pass;
        };
        match fault {
            Fault::Cut => Action::Cut,
            Fault::Broken => Action::Fail(500, "InternalServerError", "do-not-show-old"),
            Fault::Unavailable => Action::Fail(503, "", ""),
            Fault::Throttled => Action::Fail(400, "ThrottlingException", "Rate exceeded"),
            Fault::Denied => Action::Fail(400, "AccessDeniedException", "do-not-show-old"),
            Fault::CutShort if looks => Action::CutShort(9),
            Fault::CutShort | Fault::Nonsense => {
                Action::Answer("<html>do-not-show-old</html>".to_owned())
            }
            Fault::Lost if looks => Action::Pass,
            Fault::Lost => Action::LoseAnswer,
            Fault::Late if may_be_late => match self.last.get(call.name()) {
                Some(number) => Action::Replay(*number),
                None if call.operation == "GetParameter" => {
                    Action::Fail(400, "ParameterNotFound", "")
                }
                None => Action::Fail(400, "ResourceNotFoundException", ""),
            },
            Fault::Refused | Fault::Late => Action::Pass,
        }
    }
}

impl World for Service {
    type Fault = Fault;

    fn open(&self, ages: Ages) -> Instance {
        Arc::new(self.kind.store_with(self.gate.port(), &self.prefix, ages))
    }

    fn faults(&self) -> Faults<Fault> {
        let met = |fault, tells, says| Met {
            fault,
            hits: Hits::All,
            tells,
            says,
        };
        let passes = |fault, says| met(fault, Tells::Unavailable, says);
        Faults {
            outage: Known::Met(vec![
                passes(Fault::Refused, "got no connection"),
                passes(Fault::Cut, "got no connection"),
                passes(Fault::Broken, "failed (InternalServerError)"),
                passes(Fault::Unavailable, "failed (status 503)"),
            ]),
            throttling: Known::Met(vec![passes(
                Fault::Throttled,
                "was called too often (ThrottlingException)",
            )]),
            denial: Known::Met(vec![met(Fault::Denied, Tells::Denied, "the role needs `")]),
            damage: Known::Met(vec![
                passes(Fault::CutShort, "failed"),
                passes(Fault::Nonsense, "failed"),
            ]),
            lost_answers: Known::Met(vec![Fault::Lost]),
            late_reads: Known::Met(vec![Fault::Late]),
        }
    }

    fn begin(&self, fault: Fault) -> PortFuture<'_, ()> {
        Box::pin(async move {
            self.state.lock().unwrap().fault = Some(fault);
            if fault == Fault::Refused {
                self.gate.shut().await;
            }
        })
    }

    fn end(&self) -> PortFuture<'_, ()> {
        Box::pin(async {
            self.state.lock().unwrap().fault = None;
            self.gate.open();
        })
    }

    fn names(&self, entry: &str) -> Vec<String> {
        vec![format!("`{}", self.kind.full(&self.prefix, entry))]
    }

    fn remembers(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_do_under_faults_what_every_store_does() {
    let Some(port) = services() else { return };
    check_faults(&Service::start(Kind::Parameters, port).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_do_under_faults_what_every_store_does() {
    let Some(port) = services() else { return };
    check_faults(&Service::start(Kind::Secrets, port).await).await;
}
