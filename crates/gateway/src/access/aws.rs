//! IAM principals of AWS, taken apart strictly.
//!
//! An assumed role shows itself as `arn:P:sts::ACCOUNT:assumed-role/NAME/SESSION`: without the path of
//! the role, whose name is unique in its account whatever its path (IAM user guide, "IAM identifiers").

use crate::inbound::AwsIam;

use super::fault::TokenFault;

/// The longest ARN that is looked at, in bytes.
const LONGEST: usize = 2048;

/// A principal that a caller may be: an IAM user or an IAM role, in one account of one partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Principal<'t> {
    /// `aws`, `aws-cn`, `aws-us-gov`, …: the same account number in another one is another account.
    pub(super) partition: &'t str,
    /// Twelve digits.
    pub(super) account: &'t str,
    pub(super) named: Named<'t>,
    pub(super) organization: Option<&'t str>,
}

/// Which user or role of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named<'t> {
    /// The name of a role, without path.
    Role(&'t str),
    /// The path and name of a user.
    User(&'t str),
}

/// An ARN in its six parts.
struct Arn<'t> {
    partition: &'t str,
    service: &'t str,
    account: &'t str,
    resource: &'t str,
}

impl<'t> Principal<'t> {
    /// The principal of a request context.
    ///
    /// # Errors
    /// For the account's root, federated users, services, visitors of a Cognito pool, and everything
    /// whose ARN and account don't fit together.
    pub(super) fn of(context: &'t AwsIam) -> Result<Self, TokenFault> {
        if context.cognito {
            return Err(TokenFault::PrincipalNotTaken);
        }
        let arn = Arn::parse(&context.arn).ok_or(TokenFault::PrincipalNotTaken)?;
        let named = match arn.service {
            "sts" => assumed_role(arn.resource),
            "iam" => user(arn.resource),
            _ => None,
        };
        if arn.account != context.account {
            return Err(TokenFault::PrincipalNotTaken);
        }
        Ok(Self {
            partition: arn.partition,
            account: arn.account,
            named: named.ok_or(TokenFault::PrincipalNotTaken)?,
            organization: context.organization.as_deref(),
        })
    }
}

/// The partition, account and name in the ARN of a role, as IAM shows it; its path is left out.
pub(super) fn role_arn(text: &str) -> Option<(&str, &str, &str)> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "iam")?;
    let name = arn.resource.strip_prefix("role/")?;
    let name = split_path(name)?;
    Some((arn.partition, arn.account, name))
}

/// The partition, account, and path with name in the ARN of a user.
pub(super) fn user_arn(text: &str) -> Option<(&str, &str, &str)> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "iam")?;
    match user(arn.resource)? {
        Named::User(name) => Some((arn.partition, arn.account, name)),
        Named::Role(_) => None,
    }
}

/// Whether a text is an account id: twelve ASCII digits, leading zeros included.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a text is the id of an organization (AWS Organizations, `Organization.Id`).
pub(super) fn is_organization(text: &str) -> bool {
    text.strip_prefix("o-").is_some_and(|id| {
        (10..=32).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// Whether a text is the name of a partition.
pub(super) fn is_partition(text: &str) -> bool {
    let rest = text.strip_prefix("aws");
    rest.is_some_and(|rest| {
        rest.is_empty()
            || rest.starts_with('-')
                && rest
                    .split('-')
                    .skip(1)
                    .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
    })
}

impl<'t> Arn<'t> {
    /// An ARN of a global service: without region.
    fn parse(text: &'t str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let mut parts = text.split(':');
        let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let fits = scheme == "arn" && is_partition(partition) && region.is_empty();
        (fits && is_account(account) && parts.next().is_none()).then_some(Self {
            partition,
            service,
            account,
            resource,
        })
    }
}

/// `assumed-role/NAME/SESSION`.
fn assumed_role(resource: &str) -> Option<Named<'_>> {
    let (name, session) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
    (is_name(name) && is_name(session)).then_some(Named::Role(name))
}

/// `user/NAME`, or `user/PATH/NAME`.
fn user(resource: &str) -> Option<Named<'_>> {
    let name = resource.strip_prefix("user/")?;
    split_path(name).map(|_| Named::User(name))
}

/// The name behind a path, if both are well-formed.
fn split_path(text: &str) -> Option<&str> {
    let mut parts = text.rsplit('/');
    let name = parts.next().filter(|name| is_name(name))?;
    let plain = |b: u8| b.is_ascii_graphic() && b != b'*' && b != b'?';
    let path_fits = parts.all(|part| !part.is_empty() && part.bytes().all(plain));
    path_fits.then_some(name)
}

/// A name of a user, a role or a session: no `/`, no wildcard.
fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests;
