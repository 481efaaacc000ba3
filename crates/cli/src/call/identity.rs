//! As whom a function is called.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};
use hushgate_host::sigv4::{self, AccessKey, KeyUnusable, Scope};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::code::Code;
use super::google::Google;
use super::target::Target;
use super::token::{Token, now};
use super::{aws, command, exposed};
use crate::connection::environment;
use crate::connection::failure::Failure;
use crate::print;

/// The variable a token is taken from when no option says otherwise.
pub(super) const VARIABLE: &str = "HUSHGATE_CALL_TOKEN";
/// Where Cloud Run looks for its own token when `Authorization` carries another one.
const SERVERLESS: HeaderName = HeaderName::from_static("x-serverless-authorization");
/// A token that ends sooner, in seconds, is replaced before it is sent; one that has ended is asked for
/// again after as long.
const MARGIN: u64 = 30;

/// The codes with which a function refuses an identity.
const ABOUT_IDENTITY: &[&str] = &[
    "token-invalid",
    "caller-not-allowed",
    "identity-not-accepted",
];

/// Options that say as whom a function is called.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Identity")]
pub(super) struct IdentityOptions {
    /// Send the workload token in this file; `HUSHGATE_CALL_TOKEN` is used when no option is given
    #[arg(long, value_name = "FILE", group = "workload")]
    token_file: Option<PathBuf>,
    /// Send the workload token that this command prints, such as 'gcloud auth print-identity-token'
    #[arg(long, value_name = "COMMAND", group = "workload")]
    token_command: Option<String>,
    /// Refused: a token never stands in an argument
    #[arg(long, value_name = "TOKEN", hide = true)]
    token: Option<String>,
    /// Send a Google identity token of this machine's service account; beside a workload token as
    /// X-Serverless-Authorization
    #[arg(long, group = "platform", conflicts_with_all = ["anonymous", "aws_iam"])]
    google: bool,
    /// Send a Google identity token for this service account's key file
    #[arg(long, value_name = "FILE", group = "platform", conflicts_with_all = ["anonymous", "aws_iam"])]
    google_key: Option<PathBuf>,
    /// Whom the Google identity token is for [default: the function's origin]
    #[arg(long, value_name = "AUDIENCE", requires = "platform")]
    audience: Option<String>,
    /// Sign with the AWS access key of the environment or profile (Function URL with IAM); a workload
    /// token goes beside it as X-Serverless-Authorization
    #[arg(long, conflicts_with = "anonymous")]
    aws_iam: bool,
    /// The profile in ~/.aws/credentials
    #[arg(
        long,
        value_name = "NAME",
        requires = "aws_iam",
        conflicts_with = "anonymous"
    )]
    profile: Option<String>,
    /// The AWS region to sign for [default: from the URL, or `AWS_REGION`]
    #[arg(
        long,
        value_name = "REGION",
        requires = "aws_iam",
        conflicts_with = "anonymous"
    )]
    region: Option<String>,
    /// Send no identity
    #[arg(long, group = "workload")]
    anonymous: bool,
}

/// Where a workload token comes from.
enum Workload {
    File(PathBuf),
    Command(String),
    Variable,
}

enum Plan {
    Anonymous,
    /// A signature, and a token beside it.
    Aws(AccessKey, Scope, Option<Workload>),
    /// At least one of the two.
    Tokens(Option<Workload>, Option<(Google, String)>),
}

/// As whom a function is called, with the tokens at hand.
pub(super) struct Identity {
    plan: Plan,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    workload: Option<Held>,
    google: Option<Held>,
    told: bool,
}

/// A token, and when a new one is asked for (seconds since 1970).
struct Held {
    token: Token,
    until: u64,
}

impl Held {
    fn new(token: Token) -> Self {
        let expires = token.claims().and_then(|claims| claims.expires);
        Self {
            until: expires.map_or(u64::MAX, |expires| replaced(expires, now())),
            token,
        }
    }
}

/// When a token that was had at `now` and ends at `expires` is replaced. What gives tokens that have
/// ended is not asked for each call, and one with a short life is sent for half of it at least.
fn replaced(expires: u64, now: u64) -> u64 {
    match expires.saturating_sub(now) {
        0 => now + MARGIN,
        left => expires - MARGIN.min(left / 2),
    }
}

/// The refusal of a token in an argument.
pub(super) fn in_argument() -> Failure {
    Failure::usage(
        Code::TokenInArgument,
        "a token in an argument can be read by everybody on this machine and stays in the shell's history",
    )
    .next(format!("use --token-file FILE, --token-command COMMAND or the variable {VARIABLE}; consider the token you typed known"))
}

impl Identity {
    /// What the options and the environment say; `needed` when a call without identity makes no sense.
    ///
    /// # Errors
    /// When they say nothing and one is needed, or there is no access key.
    pub(super) fn of(
        options: &IdentityOptions,
        target: &Target,
        needed: bool,
    ) -> Result<Self, Failure> {
        if options.token.is_some() {
            return Err(in_argument());
        }
        let plan = Self::plan(options, target, needed)?;
        Ok(Self {
            plan,
            kept: Mutex::default(),
        })
    }

    fn plan(options: &IdentityOptions, target: &Target, needed: bool) -> Result<Plan, Failure> {
        if options.anonymous {
            return Ok(Plan::Anonymous);
        }
        let environment = environment()?;
        let variable = |name: &str| environment.get(name).filter(|v| !v.is_empty()).cloned();
        let workload = match (&options.token_file, &options.token_command) {
            (Some(file), _) => Some(Workload::File(file.clone())),
            (_, Some(command)) => Some(Workload::Command(command.clone())),
            _ => None,
        };
        if options.aws_iam {
            let key = aws::access_key(options.profile.as_deref(), &variable)?;
            let scope = aws::scope(target, options.region.as_deref(), &variable)?;
            return Ok(Plan::Aws(key, scope, workload));
        }
        let google = match &options.google_key {
            Some(file) => Some(Google::Key(file.clone())),
            None => options.google.then_some(Google::Metadata),
        };
        let audience = || options.audience.clone().unwrap_or_else(|| target.origin());
        let google = google.map(|google| (google, audience()));
        if workload.is_some() || google.is_some() {
            return Ok(Plan::Tokens(workload, google));
        }
        if variable(VARIABLE).is_some() {
            return Ok(Plan::Tokens(Some(Workload::Variable), None));
        }
        if !needed {
            return Ok(Plan::Anonymous);
        }
        Err(Failure::usage(Code::IdentityMissing, "nothing says as whom to call").next(format!(
            "give --token-file, --token-command, --google, --google-key or --aws-iam, set {VARIABLE}, or say --anonymous"
        )))
    }

    /// Whether calls carry no identity.
    pub(super) fn is_anonymous(&self) -> bool {
        matches!(self.plan, Plan::Anonymous)
    }

    /// Whether calls are signed for AWS.
    pub(super) fn is_aws(&self) -> bool {
        matches!(self.plan, Plan::Aws(..))
    }

    /// Whether a token for the function itself is sent.
    pub(super) fn has_workload(&self) -> bool {
        matches!(
            self.plan,
            Plan::Tokens(Some(_), _) | Plan::Aws(_, _, Some(_))
        )
    }

    /// Whether a Google identity token is sent.
    pub(super) fn has_google(&self) -> bool {
        matches!(self.plan, Plan::Tokens(_, Some(_)))
    }

    /// Puts the identity into a request, with a token that does not end at once where one can be had.
    ///
    /// # Errors
    /// When no token can be had.
    pub(super) async fn apply(&self, request: &mut Request<Bytes>) -> Result<(), Failure> {
        match &self.plan {
            Plan::Anonymous => {}
            Plan::Aws(key, scope, workload) => {
                if let Some(workload) = workload {
                    let token = self.workload(workload).await?;
                    request.headers_mut().insert(SERVERLESS, token);
                }
                sigv4::sign(request, key, scope, now()).map_err(unusable)?;
            }
            Plan::Tokens(workload, google) => {
                if let Some(workload) = workload {
                    let token = self.workload(workload).await?;
                    request.headers_mut().insert(AUTHORIZATION, token);
                }
                if let Some((google, audience)) = google {
                    let name = match workload {
                        Some(_) => SERVERLESS,
                        None => AUTHORIZATION,
                    };
                    let token = self.google(google, audience).await?;
                    request.headers_mut().insert(name, token);
                }
            }
        }
        Ok(())
    }

    /// The workload token, a new one if the last one ends soon; says once that it is out of time.
    async fn workload(&self, from: &Workload) -> Result<HeaderValue, Failure> {
        let mut kept = self.kept.lock().await;
        let held = match kept.workload.take().filter(|held| now() < held.until) {
            Some(held) => held,
            None => Held::new(from.token().await?),
        };
        let late = held
            .token
            .claims()
            .and_then(|claims| claims.out_of_time(now()));
        if let Some(late) = late.filter(|_| !kept.told) {
            kept.told = true;
            print::note(&format!("note: {late}"));
        }
        kept.workload.insert(held).token.header()
    }

    async fn google(&self, from: &Google, audience: &str) -> Result<HeaderValue, Failure> {
        let mut kept = self.kept.lock().await;
        let held = match kept.google.take().filter(|held| now() < held.until) {
            Some(held) => held,
            None => Held::new(from.token(audience).await?),
        };
        kept.google.insert(held).token.header()
    }

    /// What was sent as an identity, for a call that was refused with `code`: how it was signed, and, where
    /// it was the function that refused it, what the token says of itself. Empty for other codes.
    pub(super) fn facts(&self, code: Option<&str>) -> Vec<String> {
        let by_platform = code == Some(Code::NotAFunction.known().code);
        let mut facts = Vec::new();
        if !by_platform && !code.is_some_and(|code| ABOUT_IDENTITY.contains(&code)) {
            return facts;
        }
        if let Plan::Aws(key, scope, _) = &self.plan {
            facts.push(format!(
                "signed with access key {} for {} in {}",
                super::clean::line(&key.id),
                scope.service,
                scope.region
            ));
        }
        // Whoever holds it is asking for a token: none was sent then, or one that is over.
        let Ok(kept) = self.kept.try_lock() else {
            return facts;
        };
        let held = kept.workload.as_ref().or(kept.google.as_ref());
        let Some(held) = held.filter(|_| !by_platform) else {
            return facts;
        };
        let Some(claims) = held.token.claims() else {
            facts
                .push("the token is no JSON Web Token (three parts with a dot between)".to_owned());
            return facts;
        };
        facts.extend(claims.out_of_time(now()));
        facts.extend(claims.lines(code == Some("token-invalid")));
        facts
    }
}

impl Workload {
    async fn token(&self) -> Result<Token, Failure> {
        match self {
            Self::File(path) => from_file(path),
            Self::Variable => {
                let text = std::env::var(VARIABLE).unwrap_or_default();
                Token::read(&Zeroizing::new(text.into_bytes()), VARIABLE)
            }
            Self::Command(text) => {
                let text = text.clone();
                let ran = tokio::task::spawn_blocking(move || command::token(&text)).await;
                ran.unwrap_or_else(|_| {
                    Err(Failure::new(
                        Code::TokenCommandFailed,
                        "the token command is lost",
                    ))
                })
            }
        }
    }
}

fn from_file(path: &Path) -> Result<Token, Failure> {
    use std::io::Read as _;
    let shown = path.display();
    let mut bytes = Zeroizing::new(Vec::with_capacity(super::token::MOST_BYTES + 1));
    std::fs::File::open(path)
        .and_then(|file| {
            file.take(super::token::MOST_BYTES as u64 + 1)
                .read_to_end(&mut bytes)
        })
        .map_err(|error| {
            if exposed::is_secret(&path.to_string_lossy()) {
                return in_argument();
            }
            Failure::new(
                Code::TokenUnreadable,
                format!("can't read the token file {shown} ({})", error.kind()),
            )
        })?;
    Token::read(&bytes, &format!("the token file {shown}"))
}

fn unusable(error: KeyUnusable) -> Failure {
    Failure::new(Code::AwsKeyUnreadable, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_replaced_before_it_ends_and_not_for_every_call() {
        for (expires, until) in [
            (4600, 4570),
            (1060, 1030),
            (1020, 1010),
            (1001, 1001),
            (1000, 1030),
            (5, 1030),
            (u64::MAX, u64::MAX - 30),
        ] {
            assert_eq!(replaced(expires, 1000), until, "{expires}");
        }
    }
}
