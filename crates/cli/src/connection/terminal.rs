//! A setup driven from the terminal: questions, the vendor's consent, waiting for a code.

use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::connect::consent::{Consent, ConsentFault};
use hushgate_gateway::ports::Secret;

use super::callback::Callback;
use super::code::Code;
use super::failure::Failure;
use super::setup::Setup;
use super::web::{Answers, Begun, Connected, Device, Flow, Input, InputKind};
use crate::{print, prompt};

/// How often a waiting command says so.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// How the terminal is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Whether questions are asked; otherwise all answers must be given beforehand.
    pub asks: bool,
    /// The port for the vendor's return, where the source leaves it open.
    pub port: u16,
    /// How long a consent is waited for.
    pub patience: Duration,
}

/// Drives a setup to its end.
///
/// # Errors
/// Why it did not come there; nothing was kept then.
pub(super) async fn run(
    setup: Arc<Setup>,
    mut answers: Answers,
    manner: Manner,
) -> Result<Connected, Failure> {
    if manner.asks {
        answers = ask(&setup, answers).await?;
    }
    setup.check_complete(&answers)?;
    let consent = setup.asks_consent(&answers);
    let callback = match Consent::redirect(setup.main()).filter(|_| consent) {
        Some(declared) => Some(Callback::listen(declared, manner.port).await?),
        None => None,
    };
    let redirect = callback.as_ref().map_or("", |c| c.redirect()).to_owned();
    if !consent {
        print::note(&format!(
            "Asking {} whether it works …",
            setup.face().source
        ));
    }
    match setup.begin(&answers, &redirect).await? {
        Begun::Connected(connected) => Ok(connected),
        Begun::Device(device) => enter_code(&setup, &device, manner.patience).await,
        Begun::Consent(url) => {
            print::note(&format!(
                "Open this address in a browser on this machine, sign in as an administrator and agree:\n\n  {url}\n"
            ));
            let Some(callback) = callback else {
                return Err(Failure::new(
                    Code::ConsentNotBegun,
                    "no address to return to",
                ));
            };
            let query = wait_for_return(&setup, callback, manner).await?;
            print::note("The consent arrived. Asking whether it works …");
            Ok(setup.returned(&query).await?)
        }
    }
}

async fn wait_for_return(
    setup: &Arc<Setup>,
    callback: Callback,
    manner: Manner,
) -> Result<String, Failure> {
    let flow: Arc<dyn Flow> = Arc::clone(setup) as Arc<dyn Flow>;
    let pasted = async {
        if !manner.asks {
            return std::future::pending().await;
        }
        print::note(
            "Or, if the browser is on another machine: paste the address it ends at here, and press Enter.",
        );
        loop {
            match blocking(|| prompt::secret("")).await {
                Ok(line) if setup.recognizes(line.reveal()) => return line.reveal().to_owned(),
                Ok(_) => print::note("This is no answer to the consent that was begun; try again."),
                Err(_) => return std::future::pending().await,
            }
        }
    };
    tokio::select! {
        query = callback.answer(flow) => Ok(query),
        address = pasted => Ok(address),
        () = tokio::time::sleep(manner.patience) => Err(Failure::new(
            &ConsentFault::Expired,
            "nobody agreed in time",
        ).next("start again; `--wait` gives more time")),
    }
}

async fn enter_code(
    setup: &Setup,
    device: &Device,
    patience: Duration,
) -> Result<Connected, Failure> {
    let place = device.complete.as_ref().unwrap_or(&device.url);
    print::note(&format!(
        "Open this address on any device, sign in as an administrator and enter the code:\n\n  {place}\n  code: {}\n\nWaiting …",
        device.code
    ));
    let entered = tokio::time::timeout(patience, with_signs_of_life(setup.entered())).await;
    match entered {
        Ok(result) => result?,
        Err(_) => {
            return Err(
                Failure::new(&ConsentFault::Expired, "nobody entered the code in time")
                    .next("start again; `--wait` gives more time"),
            );
        }
    }
    print::note("The code was entered. Asking whether it works …");
    setup.granted().await
}

/// Says now and then that the command still waits.
async fn with_signs_of_life<T>(waited_for: impl Future<Output = T>) -> T {
    let start = tokio::time::Instant::now();
    let mut signs = tokio::time::interval_at(start + SIGN_OF_LIFE, SIGN_OF_LIFE);
    let mut waited_for = std::pin::pin!(waited_for);
    loop {
        tokio::select! {
            result = &mut waited_for => return result,
            _ = signs.tick() => {
                print::note(&format!("… still waiting, for {} s now", start.elapsed().as_secs()));
            }
        }
    }
}

/// Asks for everything that was not given.
async fn ask(setup: &Arc<Setup>, mut answers: Answers) -> Result<Answers, Failure> {
    let face = setup.face();
    let inputs = setup.inputs();
    if !inputs.is_empty() {
        print::note(&format!(
            "Connecting {} as `{}`. What you enter is kept in {}.",
            face.source, face.connection, face.store
        ));
        if let Some(docs) = &face.docs {
            print::note(&format!("The vendor's documentation: {docs}"));
        }
    }
    if !face.permissions.is_empty() && !setup.is_renewal() {
        print::note(&format!(
            "The account must have granted: {}",
            face.permissions.join(", ")
        ));
    }
    for input in inputs {
        if answers.contains_key(&input.name) || !is_asked(setup, &input, &answers) {
            continue;
        }
        let setup = Arc::clone(setup);
        let (name, answer) = blocking(move || answer(&setup, &input)).await?;
        answers.insert(name, answer);
    }
    Ok(answers)
}

/// Whether a question is to be asked with the answers so far: some belong to one way of
/// authenticating only.
fn is_asked(setup: &Setup, input: &Input, answers: &Answers) -> bool {
    if input.when.is_empty() {
        return true;
    }
    let chosen = setup.client_auth(answers);
    chosen.is_some_and(|chosen| input.when.iter().any(|when| when == chosen))
}

/// Asks until the answer fits.
fn answer(setup: &Setup, input: &Input) -> Result<(String, Secret), Failure> {
    print::note(&format!("\n{}", input.label));
    if !input.tooltip.is_empty() {
        print::note(&format!("  {}", input.tooltip));
    }
    if let InputKind::Select(choices) = &input.kind {
        for choice in choices {
            print::note(&format!("    {}: {}", choice.value, choice.label));
        }
    }
    let hint = match (&input.default, input.required) {
        (Some(default), _) => format!(" [{default}]"),
        (None, true) => String::new(),
        (None, false) if setup.is_renewal() => " (Enter keeps what there is)".to_owned(),
        (None, false) => " (optional)".to_owned(),
    };
    let question = format!("{}{hint}: ", input.name);
    loop {
        let typed = match input.kind {
            InputKind::TextArea => {
                print::note("  Several lines; an empty line ends them.");
                prompt::lines(&question, input.secret)
            }
            _ if input.secret => prompt::secret(&question),
            _ => prompt::line(&question).map(Secret::new),
        };
        let typed = typed.map_err(|e| Failure::new(Code::InputEnded, e.to_string()))?;
        let typed = match &input.default {
            Some(default) if typed.reveal().trim().is_empty() => Secret::new(default.as_str()),
            _ => typed,
        };
        match setup.accept(&input.name, typed.reveal()) {
            Ok(accepted) => return Ok((input.name.clone(), accepted)),
            Err(problem) => print::note(&format!("  {problem}")),
        }
    }
}

/// Runs a question where it keeps nothing else from going on.
async fn blocking<T, E>(
    question: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    E: Into<Failure> + Send + 'static,
{
    let asked = tokio::task::spawn_blocking(question).await;
    match asked {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Failure::new(
            Code::InputEnded,
            "the question was interrupted",
        )),
    }
}

impl From<prompt::PromptError> for Failure {
    fn from(error: prompt::PromptError) -> Self {
        Self::new(Code::InputEnded, error.to_string())
    }
}
