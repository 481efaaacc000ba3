//! `hushgate vault`: the encrypted store of this machine.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use hushgate_gateway::connect::source::Kept;
use hushgate_gateway::ports::{Secret, SecretStore as _};
use hushgate_host::config::{Config, DocumentAt, SecretsAt};
use hushgate_host::store::vault::{
    DEPLOYMENT, Key, Lock, ROUNDS, Vault, VaultError, compartment_of, is_connection_id,
};
use hushgate_rules::language::closest;
use hushgate_rules::pseudonym::names;
use zeroize::Zeroizing;

use crate::connection::code::Code;
use crate::connection::failure::Failure;
use crate::connection::{config, environment, keyring, report, unlock};
use crate::sources::Declared;
use crate::{print, prompt};

/// Fewest characters of a new pass phrase.
const SHORTEST_PHRASE: usize = 12;
/// Largest secret, in bytes.
const LARGEST: u64 = 64 << 10;

/// `hushgate vault …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a vault in a new folder; it is opened by a pass phrase, or by the system's keyring
    Create {
        /// The folder
        folder: PathBuf,
        /// Keep the vault's key in the system's keyring instead of a pass phrase
        #[arg(long)]
        keyring: bool,
    },
    /// Store a secret of the deployment, such as the key of pseudonyms; asked for, or read from standard input
    Put {
        /// Its name
        name: String,
    },
    /// Print the keys that let a function open the compartments of these connections and no other
    Keys {
        /// Ids of connections
        connections: Vec<String>,
        /// Leave the deployment's own secrets out
        #[arg(long)]
        without_deployment: bool,
    },
    /// Give the vault another pass phrase, or move its key into the keyring; data stays as it is
    Relock {
        /// Keep the vault's key in the system's keyring instead of a pass phrase
        #[arg(long)]
        keyring: bool,
    },
}

/// Runs a `vault` command.
///
/// # Errors
/// When no threads can be started.
pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Create { folder, keyring } => create(folder, *keyring),
        Command::Put { name } => {
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            runtime.block_on(put(name))
        }
        Command::Keys {
            connections,
            without_deployment,
        } => keys(connections, !without_deployment),
        Command::Relock { keyring } => relock(*keyring),
    };
    prompt::show_again();
    Ok(report(done, false))
}

fn create(folder: &std::path::Path, in_keyring: bool) -> Result<(), Failure> {
    let (lock, key) = new_lock(in_keyring)?;
    Vault::create(folder, lock, &key)?;
    print::line(&format!(
        "made the vault {0}; use it with HUSHGATE_SECRETS=vault:{0}",
        folder.display()
    ));
    Ok(())
}

async fn put(name: &str) -> Result<(), Failure> {
    let (config, folder) = configured().map_err(|failure| elsewhere(failure, name))?;
    let vault = unlock::open_whole(&folder, &config)?;
    if let Some(warning) = unread(name, &config) {
        print::note(&format!("warning: {warning}"));
    }
    let value = if std::io::stdin().is_terminal() {
        prompt::secret(&format!("{name}: "))?
    } else {
        read_stdin()?
    };
    if value.reveal().is_empty() {
        return Err(Failure::usage(
            Code::SecretEmpty,
            format!("`{name}` is empty"),
        ));
    }
    vault.write(name, value).await?;
    print::line(&format!("stored `{name}`"));
    Ok(())
}

/// What stores a secret where `HUSHGATE_SECRETS` names another store than a vault.
fn elsewhere(failure: Failure, name: &str) -> Failure {
    let Ok(config) = environment().and_then(|environment| config(&environment)) else {
        return failure;
    };
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let name = if name.bytes().all(fits) { name } else { "NAME" };
    match &config.secrets {
        SecretsAt::Cloud(at) => Failure {
            message: format!("HUSHGATE_SECRETS names no vault but {at}"),
            ..failure
        }
        .next(format!(
            "the cloud's own command stores it there: `{}`",
            at.command(name)
        )),
        SecretsAt::File(path) => Failure {
            message: format!(
                "HUSHGATE_SECRETS names no vault but the secrets file {}",
                path.display()
            ),
            ..failure
        }
        .next(format!(
            "write it into that file, as a member `{name}` of its JSON object or a line `{name}=…`"
        )),
        SecretsAt::Environment => {
            let next = failure.next.clone().unwrap_or_default();
            failure.next(format!(
                "{next}; without a store, secrets are variables: set {name} itself"
            ))
        }
        SecretsAt::Vault(_) => failure,
    }
}

/// What is odd about a name: functions read the keys of pseudonyms, the fields of their source, and
/// what a variable names.
fn unread(name: &str, config: &Config) -> Option<String> {
    if compartment_of(name).ok()? != DEPLOYMENT {
        return None;
    }
    let named = [&config.access, &config.rules]
        .into_iter()
        .any(|at| matches!(at, Some(DocumentAt::Store(entry)) if entry == name));
    let sources: Vec<_> = Declared::all()
        .iter()
        .filter_map(|d| d.load().ok())
        .collect();
    let fields = sources
        .iter()
        .flat_map(|source| &source.auth.fields)
        .filter(|field| field.kept == Kept::Store);
    let known: Vec<&str> = names::ALL
        .iter()
        .copied()
        .chain(fields.map(|field| field.name.as_str()))
        .collect();
    if named || known.contains(&name) {
        return None;
    }
    let meant = closest(name, &known)
        .map_or_else(String::new, |known| format!("; did you mean `{known}`?"));
    Some(format!(
        "no function of a built-in source reads `{name}`, unless HUSHGATE_ACCESS or HUSHGATE_RULES is `store:{name}`{meant}"
    ))
}

fn keys(connections: &[String], with_deployment: bool) -> Result<(), Failure> {
    for id in connections {
        if !is_connection_id(id) {
            return Err(Failure::usage(
                Code::ConnectionIdInvalid,
                "an argument is no id of a connection",
            ));
        }
    }
    let mut compartments: Vec<String> = connections
        .iter()
        .map(|id| format!("connections/{id}"))
        .collect();
    if with_deployment {
        compartments.push(DEPLOYMENT.to_owned());
    }
    let (_, vault) = open()?;
    let keys = vault.keys_of(&compartments)?;
    print::line(&keys.text());
    if std::io::stdout().is_terminal() {
        print::note(
            "these keys are secret; set them as HUSHGATE_VAULT_KEYS of the one function they are for",
        );
    }
    Ok(())
}

fn relock(in_keyring: bool) -> Result<(), Failure> {
    let (config, folder) = configured()?;
    let vault = unlock::open_whole(&folder, &config)?;
    let (lock, key) = new_lock(in_keyring)?;
    vault.lock_anew(lock, &key)?;
    print::line("the vault has a new lock; the old one does not open it any more");
    Ok(())
}

fn new_lock(in_keyring: bool) -> Result<(Lock, Key), Failure> {
    if in_keyring {
        let (lock, key) = (Lock::keyring()?, Key::random()?);
        if let Lock::Keyring { id } = &lock {
            keyring::store(id, &key)?;
        }
        return Ok((lock, key));
    }
    let phrase = new_phrase()?;
    let lock = Lock::pass_phrase(ROUNDS)?;
    let key = unlock::stretch(&lock, &phrase)?;
    Ok((lock, key))
}

fn new_phrase() -> Result<Secret, Failure> {
    let file = std::env::var_os("HUSHGATE_VAULT_PASSPHRASE_FILE").filter(|p| !p.is_empty());
    let phrase = if let Some(path) = file {
        unlock::phrase_of(&PathBuf::from(path))?
    } else {
        let first = unlock::ask_phrase("New pass phrase: ")?;
        let second = unlock::ask_phrase("Once more: ")?;
        if first.reveal() != second.reveal() {
            return Err(Failure::new(Code::PassPhraseDiffers, "the two differ").next("try again"));
        }
        first
    };
    if phrase.reveal().chars().count() < SHORTEST_PHRASE {
        return Err(Failure::new(
            Code::PassPhraseShort,
            format!("a pass phrase has at least {SHORTEST_PHRASE} characters"),
        )
        .next("several random words are long and can be remembered"));
    }
    Ok(phrase)
}

fn open() -> Result<(Config, Vault), Failure> {
    let (config, folder) = configured()?;
    let vault = unlock::open_whole(&folder, &config)?;
    Ok((config, vault))
}

fn configured() -> Result<(Config, PathBuf), Failure> {
    let config = config(&environment()?)?;
    match config.secrets.clone() {
        SecretsAt::Vault(folder) => Ok((config, folder)),
        _ => Err(Failure::usage(
            VaultError::NoVault.known(),
            "HUSHGATE_SECRETS names no vault",
        )
        .next("set it to vault:FOLDER; `hushgate vault create FOLDER` makes one")),
    }
}

fn read_stdin() -> Result<Secret, Failure> {
    let failed = |reason: &str| Failure::new(Code::InputEnded, format!("standard input {reason}"));
    let mut text = Zeroizing::new(String::with_capacity(8 << 10));
    let read = std::io::stdin()
        .lock()
        .take(LARGEST + 1)
        .read_to_string(&mut text);
    read.map_err(|_| failed("is not UTF-8 text"))?;
    if text.len() as u64 > LARGEST {
        return Err(failed("has more than 64 KiB"));
    }
    Ok(Secret::new(text.trim_end_matches(['\n', '\r'])))
}
