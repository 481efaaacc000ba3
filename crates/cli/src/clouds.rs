//! The clouds that the command is built for.

use hushgate_host::cloud::{CloudSecrets, Clouds};
use hushgate_host::config::{Config, DocumentAt, SecretsAt};

use crate::connection::code::Code;
use crate::connection::failure::Failure;

/// The clouds that the features name.
pub(crate) const CLOUDS: Clouds = Clouds(&[
    #[cfg(feature = "aws")]
    &hushgate_aws::CLOUD,
    #[cfg(feature = "gcp")]
    &hushgate_gcp::CLOUD,
]);

/// Checks that the cloud of this store is built in.
///
/// # Errors
/// How to get the command with it.
pub(crate) fn check_secrets(at: &CloudSecrets) -> Result<(), Failure> {
    check("HUSHGATE_SECRETS", at.cloud(), at.word())
}

/// Checks that every cloud that the configuration names is built in.
///
/// # Errors
/// How to get the command with the first that is not.
pub(crate) fn check_all(config: &Config) -> Result<(), Failure> {
    if let SecretsAt::Cloud(at) = &config.secrets {
        check_secrets(at)?;
    }
    let documents = [
        ("HUSHGATE_ACCESS", &config.access),
        ("HUSHGATE_RULES", &config.rules),
    ];
    for (variable, document) in documents {
        if let Some(DocumentAt::Object(at)) = document {
            check(variable, at.bucket.cloud(), at.bucket.word())?;
        }
    }
    Ok(())
}

fn check(variable: &str, cloud: &str, word: &str) -> Result<(), Failure> {
    if CLOUDS.0.iter().any(|built_in| built_in.name() == cloud) {
        return Ok(());
    }
    let message =
        format!("{variable}: this `hushgate` was built without `{cloud}`, which `{word}` needs");
    Err(Failure::new(Code::StoreCloud, message).next(format!(
        "take the `hushgate` of a release, which has every cloud, or build it: \
         `cargo install --locked --path crates/cli --features {cloud}`"
    )))
}
