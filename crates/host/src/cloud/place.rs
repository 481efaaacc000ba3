//! The names of places in clouds, as variables give them.

use std::fmt;
use std::path::PathBuf;

use hushgate_gateway::ports::objects::check_key;

/// Where secrets are in a cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudSecrets {
    /// AWS Secrets Manager: secrets whose names begin with a prefix.
    AwsSecretsManager {
        /// The prefix, without a slash at its end.
        prefix: String,
    },
    /// AWS Systems Manager Parameter Store: parameters below a path.
    AwsSsm {
        /// The path, with a slash at its beginning and none at its end.
        prefix: String,
    },
    /// Google Secret Manager: secrets of a project whose ids begin with a prefix.
    GcpSecretManager {
        /// The project's id.
        project: String,
        /// The prefix.
        prefix: String,
    },
}

impl CloudSecrets {
    /// Reads `WORD:PLACE`; none when the word is not one of a cloud's store.
    ///
    /// # Errors
    /// What is wrong with the place, without its text.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let (word, place) = text.split_once(':')?;
        match word {
            "aws-secretsmanager" => Some(aws_prefix(place).map(|prefix| Self::AwsSecretsManager {
                prefix: prefix.to_owned(),
            })),
            "aws-ssm" => Some(aws_prefix(place).map(|prefix| Self::AwsSsm {
                prefix: format!("/{}", prefix.trim_start_matches('/')),
            })),
            "gcp-secretmanager" => Some(gcp_place(place)),
            _ => None,
        }
    }

    /// The word before the colon.
    pub fn word(&self) -> &'static str {
        match self {
            Self::AwsSecretsManager { .. } => "aws-secretsmanager",
            Self::AwsSsm { .. } => "aws-ssm",
            Self::GcpSecretManager { .. } => "gcp-secretmanager",
        }
    }

    /// The command of the cloud that stores an entry with the content of a file, for people to copy.
    /// Only for names of letters, digits and `_`; Google's ids write other characters in a way of
    /// their own.
    pub fn command(&self, name: &str) -> String {
        match self {
            Self::AwsSecretsManager { prefix } => format!(
                "aws secretsmanager create-secret --name {prefix}/{name} --secret-string file://PATH"
            ),
            Self::AwsSsm { prefix } => format!(
                "aws ssm put-parameter --name {prefix}/{name} --type SecureString --value file://PATH"
            ),
            Self::GcpSecretManager { project, prefix } => format!(
                "gcloud secrets create {prefix}--{name} --project {project} --data-file=PATH"
            ),
        }
    }

    /// The cloud's feature.
    pub fn cloud(&self) -> &'static str {
        match self {
            Self::AwsSecretsManager { .. } | Self::AwsSsm { .. } => "aws",
            Self::GcpSecretManager { .. } => "gcp",
        }
    }
}

impl fmt::Display for CloudSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwsSecretsManager { prefix } => {
                write!(f, "the secrets `{prefix}/…` of AWS Secrets Manager")
            }
            Self::AwsSsm { prefix } => {
                write!(f, "the parameters `{prefix}/…` of AWS Parameter Store")
            }
            Self::GcpSecretManager { project, prefix } => {
                write!(
                    f,
                    "the secrets `{prefix}…` of Google Cloud project {project}"
                )
            }
        }
    }
}

fn aws_prefix(place: &str) -> Result<&str, String> {
    let prefix = place.trim_end_matches('/');
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-/".contains(&b);
    let bare = prefix.trim_start_matches('/');
    if bare.is_empty() || prefix.len() > 200 {
        return Err("the prefix is empty or longer than 200 characters".to_owned());
    }
    if !prefix.bytes().all(fits) || prefix.contains("//") {
        return Err("the prefix is not of letters, digits and `_`, `.`, `-`, `/`".to_owned());
    }
    let first = bare.split('/').next().unwrap_or_default();
    let reserved = ["aws", "ssm"].iter().any(|w| {
        first
            .get(..w.len())
            .is_some_and(|f| f.eq_ignore_ascii_case(w))
    });
    if reserved {
        return Err("the prefix begins with `aws` or `ssm`, which AWS keeps for itself".to_owned());
    }
    Ok(prefix)
}

fn gcp_place(place: &str) -> Result<CloudSecrets, String> {
    let (project, prefix) = place
        .split_once('/')
        .ok_or("there is no `/` between project and prefix")?;
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let id_fits = (6..=30).contains(&project.len())
        && project.bytes().all(lower)
        && project.starts_with(|c: char| c.is_ascii_lowercase())
        && !project.ends_with('-');
    let number_fits =
        !project.is_empty() && project.len() <= 20 && project.bytes().all(|b| b.is_ascii_digit());
    if !id_fits && !number_fits {
        return Err("this is no id or number of a project".to_owned());
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if prefix.is_empty() || prefix.len() > 100 || !prefix.bytes().all(fits) {
        return Err("the prefix is not of 1 to 100 letters, digits, `_` and `-`".to_owned());
    }
    Ok(CloudSecrets::GcpSecretManager {
        project: project.to_owned(),
        prefix: prefix.to_owned(),
    })
}

/// Where objects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bucket {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A bucket of Amazon S3.
    S3(String),
    /// A bucket of Google Cloud Storage.
    Gcs(String),
}

impl Bucket {
    /// Reads `folder:PATH`, `s3://NAME` or `gs://NAME`.
    ///
    /// # Errors
    /// What is wrong, without the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("folder:") {
            return match path {
                "" => Err("the path is empty".to_owned()),
                path => Ok(Self::Folder(PathBuf::from(path))),
            };
        }
        let (scheme, name) = text.split_once("://").ok_or_else(unknown_bucket)?;
        match scheme {
            "s3" if is_bucket_name(name, 63, b".-") => Ok(Self::S3(name.to_owned())),
            "gs" if is_bucket_name(name, 222, b".-_") => Ok(Self::Gcs(name.to_owned())),
            "s3" | "gs" => Err("this is no name of a bucket".to_owned()),
            _ => Err(unknown_bucket()),
        }
    }

    /// The word before the place.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Folder(_) => "folder",
            Self::S3(_) => "s3",
            Self::Gcs(_) => "gs",
        }
    }

    /// The cloud's feature; empty for a folder.
    pub fn cloud(&self) -> &'static str {
        match self {
            Self::Folder(_) => "",
            Self::S3(_) => "aws",
            Self::Gcs(_) => "gcp",
        }
    }
}

fn unknown_bucket() -> String {
    "this is none of `folder:PATH`, `s3://BUCKET`, `gs://BUCKET`".to_owned()
}

fn is_bucket_name(name: &str, longest: usize, beside: &[u8]) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || beside.contains(&b);
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (3..=longest).contains(&name.len())
        && name.bytes().all(fits)
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && !name.contains("..")
}

/// One object in a cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectAt {
    /// Its bucket.
    pub bucket: Bucket,
    /// Its key.
    pub key: String,
}

impl ObjectAt {
    /// Reads `s3://BUCKET/KEY` or `gs://BUCKET/KEY`; none when it begins otherwise.
    ///
    /// # Errors
    /// What is wrong, without the text.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let scheme = ["s3://", "gs://"]
            .into_iter()
            .find(|s| text.starts_with(s))?;
        let rest = &text[scheme.len()..];
        let Some((name, key)) = rest.split_once('/') else {
            return Some(Err("there is no key after the bucket".to_owned()));
        };
        let read = || {
            let bucket = Bucket::parse(&format!("{scheme}{name}"))?;
            check_key(key).map_err(|e| e.to_string())?;
            let key = key.to_owned();
            Ok(Self { bucket, key })
        };
        Some(read())
    }
}

impl fmt::Display for ObjectAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bucket {
            Bucket::Folder(path) => write!(f, "folder:{}/{}", path.display(), self.key),
            Bucket::S3(name) => write!(f, "s3://{name}/{}", self.key),
            Bucket::Gcs(name) => write!(f, "gs://{name}/{}", self.key),
        }
    }
}

/// Where a queue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueAt {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A queue of Amazon SQS.
    Sqs {
        /// Its address, as SQS tells it.
        url: String,
    },
    /// A topic of Google Pub/Sub and a subscription to it.
    PubSub {
        /// The project's id.
        project: String,
        /// The topic's id.
        topic: String,
        /// The subscription's id.
        subscription: String,
    },
}

impl QueueAt {
    /// Reads `folder:PATH`, `sqs:URL` or `pubsub:PROJECT/TOPIC/SUBSCRIPTION`.
    ///
    /// # Errors
    /// What is wrong, without the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (word, place) = text.split_once(':').ok_or_else(unknown_queue)?;
        match word {
            "folder" if !place.is_empty() => Ok(Self::Folder(PathBuf::from(place))),
            "sqs" if is_web_address(place) => Ok(Self::Sqs {
                url: place.to_owned(),
            }),
            "sqs" => Err("this is no address of a queue".to_owned()),
            "pubsub" => {
                let parts: Vec<_> = place.split('/').collect();
                let [project, topic, subscription] = parts[..] else {
                    return Err("these are not project, topic and subscription".to_owned());
                };
                if !parts.iter().all(|part| is_pubsub_id(part)) {
                    return Err("an id has other than 3 to 255 letters, digits and `-._~+%`, or begins with another than a letter".to_owned());
                }
                Ok(Self::PubSub {
                    project: project.to_owned(),
                    topic: topic.to_owned(),
                    subscription: subscription.to_owned(),
                })
            }
            _ => Err(unknown_queue()),
        }
    }

    /// The word before the place.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Folder(_) => "folder",
            Self::Sqs { .. } => "sqs",
            Self::PubSub { .. } => "pubsub",
        }
    }

    /// The cloud's feature; empty for a folder.
    pub fn cloud(&self) -> &'static str {
        match self {
            Self::Folder(_) => "",
            Self::Sqs { .. } => "aws",
            Self::PubSub { .. } => "gcp",
        }
    }
}

fn unknown_queue() -> String {
    "this is none of `folder:PATH`, `sqs:URL`, `pubsub:PROJECT/TOPIC/SUBSCRIPTION`".to_owned()
}

fn is_web_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let fits = |c: char| c.is_ascii_graphic() && !"\"'<>\\^`{|}@#?".contains(c);
    rest.is_some_and(|rest| {
        rest.split_once('/')
            .is_some_and(|(host, path)| !host.is_empty() && !path.is_empty())
            && rest.chars().all(fits)
    })
}

/// Pub/Sub resource names: 3 to 255 characters, the first a letter.
fn is_pubsub_id(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~+%".contains(&b);
    (3..=255).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_alphabetic())
        && !id.starts_with("goog")
        && id.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_places_of_secrets() {
        let good = |text: &str| CloudSecrets::parse(text).unwrap().unwrap();
        let ssm = |prefix: &str| CloudSecrets::AwsSsm {
            prefix: prefix.to_owned(),
        };
        assert_eq!(good("aws-ssm:/hushgate/zoom"), ssm("/hushgate/zoom"));
        assert_eq!(good("aws-ssm:hushgate/zoom/"), ssm("/hushgate/zoom"));
        assert_eq!(
            good("aws-secretsmanager:hushgate/zoom"),
            CloudSecrets::AwsSecretsManager {
                prefix: "hushgate/zoom".to_owned()
            }
        );
        assert_eq!(
            good("gcp-secretmanager:acme-data-1/hushgate-zoom"),
            CloudSecrets::GcpSecretManager {
                project: "acme-data-1".to_owned(),
                prefix: "hushgate-zoom".to_owned()
            }
        );
        for other in ["env", "file:x", "vault:x", "aws:x", ""] {
            assert!(CloudSecrets::parse(other).is_none(), "{other}");
        }
        for bad in [
            "aws-ssm:",
            "aws-ssm:/",
            "aws-ssm:/a//b",
            "aws-ssm:/a b",
            "aws-ssm:/aws/x",
            "aws-ssm:SSM-x",
            "aws-secretsmanager:ä",
            "gcp-secretmanager:acme-data",
            "gcp-secretmanager:/p",
            "gcp-secretmanager:Acme-Data/p",
            "gcp-secretmanager:acme-data/",
            "gcp-secretmanager:acme-data/a/b",
        ] {
            assert!(CloudSecrets::parse(bad).unwrap().is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_buckets_and_objects() {
        assert_eq!(
            Bucket::parse("folder:/srv/in"),
            Ok(Bucket::Folder("/srv/in".into()))
        );
        assert_eq!(
            Bucket::parse("s3://acme-in"),
            Ok(Bucket::S3("acme-in".to_owned()))
        );
        assert_eq!(
            Bucket::parse("gs://acme_in"),
            Ok(Bucket::Gcs("acme_in".to_owned()))
        );
        for bad in [
            "",
            "acme",
            "folder:",
            "s3://",
            "s3://ab",
            "s3://Acme",
            "s3://acme_in",
            "s3://a..b",
            "s3://-ab",
            "gs://ab/c",
            "ftp://acme",
        ] {
            assert!(Bucket::parse(bad).is_err(), "{bad}");
        }
        let object = ObjectAt::parse("gs://acme-rules/zoom/rules.yaml")
            .unwrap()
            .unwrap();
        assert_eq!(object.bucket, Bucket::Gcs("acme-rules".to_owned()));
        assert_eq!(object.key, "zoom/rules.yaml");
        for bad in [
            "s3://acme-rules",
            "s3://acme-rules/",
            "s3://acme-rules//x",
            "s3://acme-rules/../x",
            "gs:///x",
        ] {
            assert!(ObjectAt::parse(bad).unwrap().is_err(), "{bad}");
        }
        assert!(ObjectAt::parse("/etc/rules.yaml").is_none());
    }

    #[test]
    fn reads_queues() {
        let url = "https://sqs.eu-central-1.amazonaws.com/111122223333/work";
        assert_eq!(
            QueueAt::parse(&format!("sqs:{url}")),
            Ok(QueueAt::Sqs {
                url: url.to_owned()
            })
        );
        assert!(QueueAt::parse("pubsub:acme-data/work/work-here").is_ok());
        for bad in [
            "",
            "work",
            "sqs:",
            "sqs:https://host",
            "sqs:https://u@host/q",
            "pubsub:a/b",
            "pubsub:acme-data/wo/work-here",
            "pubsub:acme-data/google/work-here",
            "kafka:x",
        ] {
            assert!(QueueAt::parse(bad).is_err(), "{bad}");
        }
    }
}
