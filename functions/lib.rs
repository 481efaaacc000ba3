//! What all functions share: the clouds they are built for.

use hushgate_host::cloud::Clouds;

/// The clouds that the features name.
pub const CLOUDS: Clouds = Clouds(&[
    #[cfg(feature = "aws")]
    &hushgate_aws::CLOUD,
    #[cfg(feature = "gcp")]
    &hushgate_gcp::CLOUD,
]);
