//! What Secret Manager's answers mean.

use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::{Code, StatusDetails};
use hushgate_gateway::ports::StoreError;

use crate::identity::NoToken;
use crate::reach::REFUSED;

/// What a call needs to be allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    permission: &'static str,
    /// Where and by which role it is given.
    given: &'static str,
}

impl Need {
    /// It in words, such as "`secretmanager.versions.access` on this secret, as with the role …".
    pub(super) fn text(self) -> String {
        format!("`{}` {}", self.permission, self.given)
    }
}

pub(super) const ACCESS: Need = Need {
    permission: "secretmanager.versions.access",
    given: "on this secret, as with the role Secret Manager Secret Accessor",
};
pub(super) const ADD: Need = Need {
    permission: "secretmanager.versions.add",
    given: "on this secret, as with the role Secret Manager Secret Version Manager",
};
pub(super) const VERSIONS: Need = Need {
    permission: "secretmanager.versions.list",
    given: "on this secret, as with the role Secret Manager Secret Version Manager",
};
pub(super) const DESTROY: Need = Need {
    permission: "secretmanager.versions.destroy",
    given: "on this secret, as with the role Secret Manager Secret Version Manager",
};
pub(super) const GET: Need = Need {
    permission: "secretmanager.secrets.get",
    given: "on this secret, as with a role of your own that has also secretmanager.secrets.update",
};
pub(super) const UPDATE: Need = Need {
    permission: "secretmanager.secrets.update",
    given: "on this secret, as with a role of your own that has also secretmanager.secrets.get",
};
pub(super) const CREATE: Need = Need {
    permission: "secretmanager.secrets.create",
    given: "on the project, as with the role Secret Manager Admin; or create this secret, empty, for the function",
};
pub(super) const DELETE: Need = Need {
    permission: "secretmanager.secrets.delete",
    given: "on this secret, as with the role Secret Manager Admin",
};
pub(super) const LIST: Need = Need {
    permission: "secretmanager.secrets.list",
    given: "on the project, as with the role Secret Manager Viewer",
};

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is no such secret or version.
    Missing,
    /// There is one already.
    Exists,
    /// The secret or version is not in the state that the call needs: another changed it, or it is
    /// disabled or destroyed.
    State,
    /// Anything that ends the work.
    Store(StoreError),
}

impl Fault {
    /// What the answer to a call about `name` means.
    pub(super) fn of(error: &Error, name: &str, need: Need) -> Self {
        let denied = |hint: String| {
            Self::Store(StoreError::Denied {
                name: name.to_owned(),
                hint,
            })
        };
        let passing = |what: String| {
            Self::Store(StoreError::Unavailable(format!(
                "Secret Manager, `{name}`: {what}"
            )))
        };
        if let Some(missing) = NoToken::within(error) {
            let words = missing.words.clone();
            return if missing.passes {
                passing(words)
            } else {
                denied(words)
            };
        }
        let code = error.status().map(|status| status.code);
        let status = error.http_status_code();
        match (code, status) {
            (Some(Code::NotFound), _) | (None, Some(404)) => Self::Missing,
            (Some(Code::AlreadyExists), _) => Self::Exists,
            (Some(Code::FailedPrecondition | Code::Aborted), _) | (None, Some(409)) => Self::State,
            (Some(Code::PermissionDenied), _) | (None, Some(403)) => {
                denied(why_denied(error, need))
            }
            (Some(Code::Unauthenticated), _) | (None, Some(401)) => denied(REFUSED.to_owned()),
            (Some(code), Some(status)) => {
                passing(format!("it answered {status} ({})", code.name()))
            }
            (Some(code), None) => passing(format!("it answered {}", code.name())),
            (None, Some(status)) => passing(format!("it answered {status}")),
            (None, None) if error.is_connect() => passing("no connection".to_owned()),
            (None, None) if error.is_timeout() => passing("no answer in time".to_owned()),
            (None, None) if error.is_deserialization() => {
                passing("its answer is not one of Secret Manager".to_owned())
            }
            (None, None) => passing("the connection broke".to_owned()),
        }
    }
}

fn why_denied(error: &Error, need: Need) -> String {
    let details = error.status().map(|status| status.details.as_slice());
    let disabled = details.unwrap_or_default().iter().any(
        |detail| matches!(detail, StatusDetails::ErrorInfo(info) if info.reason == "SERVICE_DISABLED"),
    );
    if disabled {
        return "the Secret Manager API is not enabled in this project; run `gcloud services enable secretmanager.googleapis.com`"
            .to_owned();
    }
    format!(
        "grant {}; a secret that does not exist is denied in the same way, so check HUSHGATE_SECRETS and HUSHGATE_CONNECTION too",
        need.text()
    )
}

impl From<Fault> for StoreError {
    /// For calls after which the state can't be other than expected, unless somebody else interferes.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Missing => Self::Unavailable("a secret was deleted meanwhile".to_owned()),
            Fault::Exists => Self::Unavailable("a secret was created meanwhile".to_owned()),
            Fault::State => Self::Unavailable("a secret was changed meanwhile".to_owned()),
        }
    }
}
