//! The AWS access key to sign with, and what the signature is for.

use std::path::PathBuf;

use hushgate_host::sigv4::{AccessKey, Scope};
use zeroize::Zeroizing;

use super::code::Code;
use super::target::Target;
use crate::connection::failure::Failure;

/// Looks a variable up; empty ones count as not set.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The access key: of the named profile, else of the environment, else of the profile `default`.
///
/// # Errors
/// When there is none; says where it was looked for.
pub(super) fn access_key(
    profile: Option<&str>,
    variable: Variables<'_>,
) -> Result<AccessKey, Failure> {
    if profile.is_none()
        && let (Some(id), Some(secret)) = (
            variable("AWS_ACCESS_KEY_ID"),
            variable("AWS_SECRET_ACCESS_KEY"),
        )
    {
        return Ok(AccessKey {
            id,
            secret: Zeroizing::new(secret),
            session: variable("AWS_SESSION_TOKEN").map(Zeroizing::new),
        });
    }
    let named = profile
        .map(str::to_owned)
        .or_else(|| variable("AWS_PROFILE"));
    let name = named.as_deref().unwrap_or("default");
    let path = variable("AWS_SHARED_CREDENTIALS_FILE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".aws/credentials")));
    let text = path
        .as_ref()
        .and_then(|path| std::fs::read_to_string(path).ok());
    let text = text.map(Zeroizing::new);
    text.and_then(|text| of_profile(&text, name)).ok_or_else(|| {
        let file = path.map_or_else(|| "~/.aws/credentials".to_owned(), |p| p.display().to_string());
        Failure::new(
            Code::AwsKeyMissing,
            format!("no AWS access key: not in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and {file} has no keys in profile `{name}`"),
        )
        .next(format!(
            "for a profile with single sign-on or a role: eval \"$(aws configure export-credentials --profile {name} --format env)\""
        ))
    })
}

/// The keys of a section `[name]` of a credentials file.
fn of_profile(text: &str, name: &str) -> Option<AccessKey> {
    let mut inside = false;
    let (mut id, mut secret, mut session) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            inside = section.trim() == name;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside) {
            let value = || Some(Zeroizing::new(value.trim().to_owned())).filter(|v| !v.is_empty());
            match key.trim() {
                "aws_access_key_id" => id = value(),
                "aws_secret_access_key" => secret = value(),
                "aws_session_token" => session = value(),
                _ => {}
            }
        }
    }
    Some(AccessKey {
        id: id?.to_string(),
        secret: secret?,
        session,
    })
}

/// Region and service: from the options, the address, or the environment.
///
/// # Errors
/// When the region is not known or is not the form of one.
pub(super) fn scope(
    target: &Target,
    region: Option<&str>,
    variable: Variables<'_>,
) -> Result<Scope, Failure> {
    let parts: Vec<&str> = target.host.split('.').collect();
    let (service, told) = match parts.as_slice() {
        [_, "lambda-url", region, "on", "aws"] => ("lambda", Some((*region).to_owned())),
        [_, "execute-api", region, "amazonaws", "com", ..] => {
            ("execute-api", Some((*region).to_owned()))
        }
        _ => ("lambda", None),
    };
    let region = region.map(str::to_owned).or(told);
    let region = region
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = region.ok_or_else(|| {
        Failure::usage(
            Code::RegionMissing,
            "the address does not tell the region to sign for",
        )
        .next("give --region, or set AWS_REGION")
    })?;
    let form = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !region.chars().all(form) {
        return Err(Failure::usage(
            Code::RegionInvalid,
            "a region has lower-case letters, digits and hyphens, such as eu-central-1",
        ));
    }
    Ok(Scope {
        region,
        service: service.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key=secret-1\n\n# staging\n[ staging ]\naws_access_key_id=AKIDSTAGING\naws_secret_access_key = a=b/c\naws_session_token = tok==\n[sso]\nsso_session = x\n";

    #[test]
    fn reads_the_profile_that_is_named_and_no_other() {
        let staging = of_profile(FILE, "staging").unwrap();
        assert_eq!(
            (staging.id.as_str(), staging.secret.as_str()),
            ("AKIDSTAGING", "a=b/c")
        );
        assert_eq!(staging.session.unwrap().as_str(), "tok==");
        let default = of_profile(FILE, "default").unwrap();
        assert!(default.id == "AKIDDEFAULT" && default.session.is_none());
        assert!(of_profile(FILE, "sso").is_none() && of_profile(FILE, "none").is_none());
    }

    #[test]
    fn a_named_profile_comes_before_the_environment() {
        let folder = std::env::temp_dir().join(format!("hushgate-aws-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("credentials");
        std::fs::write(&file, FILE).unwrap();
        let variable = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("AKIDENV".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some("secret-env".to_owned()),
            "AWS_SHARED_CREDENTIALS_FILE" => Some(file.display().to_string()),
            _ => None,
        };
        assert_eq!(access_key(None, &variable).ok().unwrap().id, "AKIDENV");
        let named = access_key(Some("staging"), &variable);
        assert_eq!(named.ok().unwrap().id, "AKIDSTAGING");
        let failure = access_key(Some("sso"), &variable).err().unwrap();
        assert!(
            failure
                .next
                .unwrap()
                .contains("export-credentials --profile sso")
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_region_comes_from_option_address_or_environment_in_this_order() {
        let of = |url: &str, region: Option<&str>, variable: Option<&str>| {
            let target = Target::parse(url).unwrap();
            let variable = variable.map(str::to_owned);
            scope(&target, region, &|name| {
                (name == "AWS_REGION").then(|| variable.clone()).flatten()
            })
            .map(|scope| format!("{} {}", scope.region, scope.service))
        };
        let url = "https://abc.lambda-url.eu-west-1.on.aws";
        assert_eq!(
            of(url, None, Some("us-east-1")).unwrap(),
            "eu-west-1 lambda"
        );
        assert_eq!(
            of(url, Some("us-east-2"), None).unwrap(),
            "us-east-2 lambda"
        );
        let api = "https://abc.execute-api.us-west-2.amazonaws.com/prod";
        assert_eq!(of(api, None, None).unwrap(), "us-west-2 execute-api");
        assert_eq!(
            of("http://127.0.0.1:1", None, Some("us-east-1")).unwrap(),
            "us-east-1 lambda"
        );
        assert_eq!(
            of("https://x.example", None, None).unwrap_err().code(),
            "region-missing"
        );
        assert_eq!(
            of(url, Some("a/b"), None).unwrap_err().code(),
            "region-invalid"
        );
    }
}
