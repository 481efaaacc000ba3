//! Which platforms may vouch for callers.

/// A platform whose word about a caller is taken, where its host and the access policy say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatformCallers {
    /// AWS Lambda: the IAM principal of the request context ([`crate::inbound::Vouched::AwsIam`]).
    AwsIam,
    /// Google Cloud Run: an identity token that the platform checked, and whose signature it removed.
    CloudRun,
}

impl PlatformCallers {
    /// The words of `HUSHGATE_PLATFORM_CALLERS`.
    pub const WORDS: [&'static str; 2] = ["aws-iam", "cloud-run"];

    /// Reads one of [`PlatformCallers::WORDS`].
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "aws-iam" => Some(Self::AwsIam),
            "cloud-run" => Some(Self::CloudRun),
            _ => None,
        }
    }

    /// Its word in `HUSHGATE_PLATFORM_CALLERS`.
    pub fn word(self) -> &'static str {
        match self {
            Self::AwsIam => "aws-iam",
            Self::CloudRun => "cloud-run",
        }
    }
}
