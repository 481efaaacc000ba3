//! Reading a client's `identity`, in each of its forms.

use super::super::aws::{is_account, is_organization, is_partition, role_arn, user_arn};
use super::super::platform::PlatformCallers;
use super::document::{Node, Value};
use super::identity::{AccountName, AwsIdentity, AwsName, Identity};
use super::shape::{Fields, Reader};

const KEYS: &[&str] = &["issuer", "subject", "audience", "aws_iam", "cloud_run"];
const AWS_KEYS: &[&str] = &["role", "user", "account", "organization", "partition"];
const CLOUD_RUN_KEYS: &[&str] = &["email", "subject", "audience"];

/// The partition where an account is looked for when none is given.
const USUAL_PARTITION: &str = "aws";

impl Reader {
    pub(super) fn identity(&mut self, client: &Fields<'_>) -> Option<Identity> {
        let Some(node) = client.get("identity") else {
            self.missing(client, "identity");
            return None;
        };
        let path = client.path_of("identity");
        let fields = self.fields(node, &path, KEYS)?;
        let platforms = ["aws_iam", "cloud_run"].map(|key| fields.get(key).map(|node| (key, node)));
        match platforms {
            [None, None] => self.token(&fields),
            _ if fields.len() > 1 => {
                self.report(
                    node,
                    &path,
                    "mixes forms; write either `issuer`, `subject` and `audience`, or `aws_iam`, or `cloud_run`",
                );
                None
            }
            [Some((key, node)), _] => {
                self.needs_platform(PlatformCallers::AwsIam, node, &fields.path_of(key));
                self.aws_iam(node, &fields.path_of(key))
            }
            [None, Some((key, node))] => {
                self.needs_platform(PlatformCallers::CloudRun, node, &fields.path_of(key));
                self.cloud_run(node, &fields.path_of(key))
            }
        }
    }

    fn token(&mut self, fields: &Fields<'_>) -> Option<Identity> {
        let issuer = self.text(fields, "issuer", true);
        let subject = self.text(fields, "subject", true);
        let audiences = self.audiences(fields);
        Some(Identity::Token {
            issuer: issuer?,
            subject: subject?,
            audiences: audiences?,
        })
    }

    fn aws_iam(&mut self, node: &Node, path: &str) -> Option<Identity> {
        let fields = self.fields(node, path, AWS_KEYS)?;
        let given = |keys: &[&str]| keys.iter().filter(|key| fields.get(key).is_some()).count();
        if given(&["role", "user", "account"]) > 1 {
            let message = "names more than one of `role`, `user` and `account`; write one";
            self.report(node, path, message);
            return None;
        }
        if given(&["role", "user", "account", "organization"]) == 0 {
            let message = "admits everybody; write `role`, `user`, `account` or `organization`";
            self.report(node, path, message);
            return None;
        }
        let in_arn = given(&["role", "user"]) > 0;
        if in_arn && fields.get("partition").is_some() {
            let message = "stands in the ARN already; leave it out";
            self.report_at(&fields, "partition", message);
        }
        // All are read before any is missed, so that every problem is told.
        let organization = self.checked(&fields, "organization", is_organization, ORGANIZATION);
        let partition = self.checked(&fields, "partition", is_partition, PARTITION);
        let account = self.checked(&fields, "account", is_account, ACCOUNT);
        let identity = if in_arn {
            let (partition, account, named) = self.named(&fields)?;
            AwsIdentity {
                partition,
                account: Some(account),
                named: Some(named),
                organization: organization.ok()?,
            }
        } else {
            let partition = partition.ok()?;
            AwsIdentity {
                partition: partition.unwrap_or_else(|| USUAL_PARTITION.to_owned()),
                account: account.ok()?,
                named: None,
                organization: organization.ok()?,
            }
        };
        Some(Identity::AwsIam(identity))
    }

    /// The partition, account and name of `role` or `user`.
    fn named(&mut self, fields: &Fields<'_>) -> Option<(String, String, AwsName)> {
        let owned = |(partition, account, name): (&str, &str, &str)| {
            (partition.to_owned(), account.to_owned(), name.to_owned())
        };
        if let Some(text) = self.text(fields, "role", false) {
            let Some((partition, account, name)) = role_arn(&text).map(owned) else {
                self.report_at(fields, "role", ROLE);
                return None;
            };
            return Some((partition, account, AwsName::Role(name)));
        }
        let text = self.text(fields, "user", false)?;
        let Some((partition, account, name)) = user_arn(&text).map(owned) else {
            self.report_at(fields, "user", USER);
            return None;
        };
        Some((partition, account, AwsName::User(name)))
    }

    fn cloud_run(&mut self, node: &Node, path: &str) -> Option<Identity> {
        let fields = self.fields(node, path, CLOUD_RUN_KEYS)?;
        let audiences = self.audiences(&fields);
        let account = match (fields.get("email"), fields.get("subject")) {
            (Some(_), None) => self
                .checked(&fields, "email", is_email, EMAIL)
                .ok()
                .flatten()
                .map(AccountName::Email),
            (None, Some(_)) => self
                .text(&fields, "subject", true)
                .map(AccountName::Subject),
            _ => {
                self.report(node, path, "needs one of `email` and `subject`");
                None
            }
        };
        Some(Identity::CloudRun {
            account: account?,
            audiences: audiences?,
        })
    }

    /// `audience`: one text, or a list for a client that calls several functions.
    fn audiences(&mut self, fields: &Fields<'_>) -> Option<Vec<String>> {
        match fields.get("audience").map(|node| &node.value) {
            Some(Value::List(items)) if !items.is_empty() => {
                let path = fields.path_of("audience");
                let texts: Vec<String> = items
                    .iter()
                    .enumerate()
                    .filter_map(|(i, item)| self.text_of(item, &format!("{path}[{i}]")))
                    .collect();
                Some(texts)
            }
            Some(Value::List(_)) => {
                self.report_at(fields, "audience", "is empty; name at least one audience");
                None
            }
            _ => self.text(fields, "audience", true).map(|one| vec![one]),
        }
    }

    /// A text that must pass a check, if it is there.
    fn checked(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        fits: fn(&str) -> bool,
        shape: &str,
    ) -> Result<Option<String>, Reported> {
        if fields.get(key).is_none() {
            return Ok(None);
        }
        let text = self.text(fields, key, false).ok_or(Reported)?;
        if fits(&text) {
            return Ok(Some(text));
        }
        self.report_at(fields, key, shape);
        Err(Reported)
    }
}

/// A value is wrong, and a problem says so: what stands in it counts for nothing, not for "any".
struct Reported;

/// An e-mail address as Google writes it; only the rough shape, to find slips.
fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.contains('@')
    }) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'*')
}

const ROLE: &str = "is not the ARN of a role; write it like `arn:aws:iam::111122223333:role/name`; there are no wildcards";
const USER: &str = "is not the ARN of a user; write it like `arn:aws:iam::111122223333:user/name`; there are no wildcards";
const ACCOUNT: &str = "is not an account id; write its 12 digits in quotes";
const ORGANIZATION: &str = "is not the id of an organization; write it like `o-a1b2c3d4e5`";
const PARTITION: &str = "is not a partition; write `aws`, `aws-cn` or `aws-us-gov`, for example";
const EMAIL: &str = "is not an e-mail address; there are no wildcards";
