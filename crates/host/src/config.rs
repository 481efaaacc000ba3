//! The configuration of a function: one table of variables, read once, checked as a whole.
//!
//! [`VARIABLES`] is the only list: reading, checking, `hushgate config` and the page
//! `docs/configuration.md` all come from it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use hushgate_gateway::access::PlatformCallers;
use hushgate_gateway::egress::TlsFloor;
use hushgate_gateway::ports::Secret;
use hushgate_rules::pseudonym::{DomainHandling, EmailCanonicalization, Options};

use crate::cloud::{CloudSecrets, ObjectAt};
use crate::platform::PlatformKind;

mod check;
mod page;
mod platform_callers;
#[cfg(test)]
mod tests;
mod text;
mod variables;

pub use check::check_host;
pub(crate) use check::check_one_cloud;
pub use page::{page, table};
pub use text::{LARGEST, Text, TextError, unpack};
pub use variables::{VARIABLES, Variable};

/// The variables a function was started with.
pub type Environment = BTreeMap<String, String>;

/// The checked configuration of a function.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to serve HTTP.
    pub listen: IpAddr,
    /// The port to serve HTTP on; 0 lets the system choose.
    pub port: u16,
    /// The access policy; none: every call is refused.
    pub access: Option<DocumentAt>,
    /// Where secrets are.
    pub secrets: SecretsAt,
    /// Keys of single compartments of a vault, inline or the path of a file of them.
    pub vault_keys: Option<Secret>,
    /// The file with a vault's pass phrase.
    pub vault_pass_phrase_file: Option<PathBuf>,
    /// The connection whose fields the source uses; none: fields under their bare names.
    pub connection: Option<String>,
    /// Rules that replace the built-in ones.
    pub rules: Option<DocumentAt>,
    /// The cloud whose identity sources may take in place of a secret.
    pub platform: Option<PlatformKind>,
    /// The platform whose word about a caller is taken.
    pub platform_callers: Option<PlatformCallers>,
    /// The source's host, where the account decides it.
    pub target_host: Option<String>,
    /// Where token endpoints are on a developer's machine.
    pub token_origin: Option<String>,
    /// How e-mail addresses are treated.
    pub pseudonyms: Options,
    /// Whether the reference's pseudonyms and header names are used.
    pub compat: bool,
    /// Whether plain http to this machine is allowed.
    pub dev_loopback: bool,
    /// The lowest TLS version of every call; none: the standard one, from which a source may declare an exception.
    pub tls_floor: Option<TlsFloor>,
    /// The time for one request, all included.
    pub request_timeout: Duration,
    /// Most bytes of a request body.
    pub max_request_bytes: usize,
    /// Most bytes of a source's answer, after decoding.
    pub max_response_bytes: usize,
    /// Most levels of arrays and objects in a source's answer.
    pub max_response_depth: usize,
    /// Most requests at once.
    pub max_in_flight: usize,
    /// How long a caller may take nothing of an answer.
    pub caller_idle: Duration,
    /// How long running requests may take to end after a signal to stop.
    pub drain: Duration,
    /// How answers leave a Lambda function.
    pub lambda_response: LambdaResponse,
    /// Which log lines are written.
    pub log: String,
}

/// How answers leave a Lambda function, where the way to it can do both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LambdaResponse {
    /// Whole, as one JSON text.
    #[default]
    Buffered,
    /// In pieces.
    Streamed,
}

/// Which store holds the secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretsAt {
    /// The environment itself.
    Environment,
    /// A file on this machine.
    File(PathBuf),
    /// A folder of encrypted files on this machine.
    Vault(PathBuf),
    /// A store in a cloud.
    Cloud(CloudSecrets),
}

/// Where a document is: the access policy, or rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentAt {
    /// In a file, or inline.
    Text(Text),
    /// In the secret store, under this name; read at start.
    Store(String),
    /// In a bucket; read at start.
    Object(ObjectAt),
}

/// One wrong variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    /// The variable's name.
    pub variable: String,
    /// What is wrong, and what is allowed. Holds no value, since a value may be a secret put in the
    /// wrong place.
    pub problem: String,
}

impl Config {
    /// Reads and checks all variables.
    ///
    /// # Errors
    /// Every problem there is, not only the first.
    pub fn read(environment: &Environment) -> Result<Self, Vec<ConfigError>> {
        let problems = check::problems(environment);
        if !problems.is_empty() {
            return Err(problems);
        }
        // Every parse below repeats a check that just passed, so the fallback is never taken.
        let value = |name: &str| variables::value(environment, name);
        let number = |name: &str, fallback: u64| {
            value(name).and_then(|v| v.parse().ok()).unwrap_or(fallback)
        };
        let size = |name: &str| usize::try_from(number(name, 0)).unwrap_or(usize::MAX);
        let dev_loopback = value("HUSHGATE_DEV_LOOPBACK").is_some_and(|v| v == "1");
        let listen = value("HUSHGATE_LISTEN")
            .and_then(|v| v.parse().ok())
            .unwrap_or(if dev_loopback {
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            } else {
                IpAddr::V4(Ipv4Addr::UNSPECIFIED)
            });
        Ok(Self {
            listen,
            port: value("PORT").and_then(|v| v.parse().ok()).unwrap_or(8080),
            access: value("HUSHGATE_ACCESS").map(document_at),
            secrets: secrets_at(value("HUSHGATE_SECRETS").unwrap_or("env")),
            vault_keys: value("HUSHGATE_VAULT_KEYS").map(Secret::new),
            vault_pass_phrase_file: value("HUSHGATE_VAULT_PASSPHRASE_FILE").map(PathBuf::from),
            connection: value("HUSHGATE_CONNECTION").map(str::to_owned),
            rules: value("HUSHGATE_RULES").map(document_at),
            platform: PlatformKind::of(environment),
            platform_callers: value("HUSHGATE_PLATFORM_CALLERS")
                .and_then(PlatformCallers::from_word),
            target_host: value("HUSHGATE_TARGET_HOST").map(str::to_owned),
            token_origin: value("HUSHGATE_TOKEN_ORIGIN").map(str::to_owned),
            pseudonyms: Options {
                canonicalization: value("HUSHGATE_EMAIL_CANONICALIZATION")
                    .and_then(EmailCanonicalization::from_name)
                    .unwrap_or_default(),
                domain_handling: value("HUSHGATE_EMAIL_DOMAINS")
                    .and_then(DomainHandling::from_name)
                    .unwrap_or_default(),
            },
            compat: value("HUSHGATE_COMPAT").is_some_and(|v| v == "psoxy"),
            dev_loopback,
            tls_floor: value("HUSHGATE_TLS_VERSION").map(|version| match version {
                "1.2" => TlsFloor::V1_2,
                _ => TlsFloor::V1_3,
            }),
            request_timeout: Duration::from_secs(number("HUSHGATE_REQUEST_TIMEOUT_SECONDS", 180)),
            max_request_bytes: size("HUSHGATE_MAX_REQUEST_BYTES"),
            max_response_bytes: size("HUSHGATE_MAX_RESPONSE_BYTES"),
            max_response_depth: size("HUSHGATE_MAX_RESPONSE_DEPTH"),
            max_in_flight: size("HUSHGATE_MAX_IN_FLIGHT"),
            caller_idle: Duration::from_secs(number("HUSHGATE_CALLER_IDLE_SECONDS", 60)),
            drain: Duration::from_secs(number("HUSHGATE_DRAIN_SECONDS", 9)),
            lambda_response: match value("HUSHGATE_LAMBDA_RESPONSE") {
                Some("streamed") => LambdaResponse::Streamed,
                _ => LambdaResponse::Buffered,
            },
            log: value("HUSHGATE_LOG").unwrap_or("info").to_owned(),
        })
    }
}

/// Variables that programs and shells of this machine fill with its paths, which may be no text; nothing
/// here takes them for settings.
const PATHS: &[&str] = &[
    "_",
    "HOME",
    "OLDPWD",
    "PATH",
    "PWD",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
];

/// The variables of this process.
///
/// # Errors
/// Every variable whose value is not UTF-8, but those of the machine's own paths: any other may be a
/// setting or a secret, and one that is left out would silently mean its default.
pub fn process_environment() -> Result<Environment, Vec<ConfigError>> {
    read_all(std::env::vars_os())
}

fn read_all(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Environment, Vec<ConfigError>> {
    let mut environment = Environment::new();
    let mut problems = Vec::new();
    let mut wrong = |variable: String, problem: &str| {
        problems.push(ConfigError {
            variable,
            problem: problem.to_owned(),
        });
    };
    for (name, value) in variables {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => {
                environment.insert(name, value);
            }
            (Ok(name), Err(_)) if PATHS.contains(&name.as_str()) => {}
            (Ok(name), Err(_)) => wrong(
                name,
                "the value is not UTF-8 text; write it in UTF-8, or unset the variable",
            ),
            (Err(name), _) if name.as_encoded_bytes().starts_with(b"HUSHGATE_") => wrong(
                "HUSHGATE_…".to_owned(),
                "a name that begins so is not UTF-8 text; unset the variable",
            ),
            // No setting or secret has such a name.
            (Err(_), _) => {}
        }
    }
    if problems.is_empty() {
        Ok(environment)
    } else {
        Err(problems)
    }
}

fn secrets_at(value: &str) -> SecretsAt {
    if let Some(Ok(cloud)) = CloudSecrets::parse(value) {
        return SecretsAt::Cloud(cloud);
    }
    match value.split_once(':') {
        Some(("file", path)) => SecretsAt::File(PathBuf::from(path)),
        Some(("vault", path)) => SecretsAt::Vault(PathBuf::from(path)),
        _ => SecretsAt::Environment,
    }
}

fn document_at(value: &str) -> DocumentAt {
    if let Some(name) = check::store_name(value) {
        return DocumentAt::Store(name.to_owned());
    }
    match ObjectAt::parse(value) {
        Some(Ok(object)) => DocumentAt::Object(object),
        _ => DocumentAt::Text(Text::new(value)),
    }
}
