use super::*;

fn context(arn: &str, account: &str) -> AwsIam {
    AwsIam {
        arn: arn.to_owned(),
        account: account.to_owned(),
        ..AwsIam::default()
    }
}

#[test]
fn takes_users_and_assumed_roles_apart_and_nothing_else() {
    let mut rows = 0;
    for line in include_str!("principals.txt").lines() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [arn, account, expected] = parts[..] else {
            panic!("{line}");
        };
        let context = context(arn, account);
        let found = match Principal::of(&context) {
            Ok(principal) => {
                assert!(arn.contains(&format!(":{}:", principal.account)), "{line}");
                assert!(
                    arn.starts_with(&format!("arn:{}:", principal.partition)),
                    "{line}"
                );
                match principal.named {
                    Named::Role(name) => format!("role {name}"),
                    Named::User(name) => format!("user {name}"),
                }
            }
            Err(fault) => {
                assert_eq!(fault, TokenFault::PrincipalNotTaken);
                "refused".to_owned()
            }
        };
        assert_eq!(found, expected, "{line}");
        rows += 1;
    }
    assert!(rows > 70, "{rows} rows");
}

#[test]
fn a_visitor_of_a_cognito_pool_is_nobody() {
    let mut context = context(
        "arn:aws:sts::111122223333:assumed-role/visitors/CognitoIdentityCredentials",
        "111122223333",
    );
    assert!(Principal::of(&context).is_ok());
    context.cognito = true;
    assert!(Principal::of(&context).is_err());
}

#[test]
fn an_arn_is_taken_up_to_the_limit_and_no_further() {
    let of = |length: usize| {
        let (start, end) = ("arn:aws:iam::111122223333:user/", "/loader");
        let path = "p".repeat(length - start.len() - end.len());
        context(&format!("{start}{path}{end}"), "111122223333")
    };
    assert_eq!(of(2048).arn.len(), 2048);
    assert!(Principal::of(&of(2048)).is_ok());
    assert!(Principal::of(&of(2049)).is_err());
    assert!(Principal::of(&of(100_000)).is_err());
}

#[test]
fn the_path_of_a_role_is_left_out_and_that_of_a_user_kept() {
    let role = "arn:aws:iam::111122223333:role/team/batch/reporting";
    assert_eq!(role_arn(role), Some(("aws", "111122223333", "reporting")));
    let user = "arn:aws:iam::111122223333:user/team/loader";
    assert_eq!(user_arn(user), Some(("aws", "111122223333", "team/loader")));
    for other in [
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
        "arn:aws:sts::111122223333:role/reporting",
        "arn:aws:sts::111122223333:user/loader",
        "arn:aws:lambda::111122223333:user/loader",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::111122223333:role/report*",
        "arn:aws:iam::*:role/reporting",
        "arn:aws:iam::111122223333:root",
        "reporting",
    ] {
        assert_eq!(role_arn(other), None, "{other}");
        assert_eq!(user_arn(other), None, "{other}");
    }
    assert_eq!(role_arn(user), None);
    assert_eq!(user_arn(role), None);
}

#[test]
fn ids_of_accounts_organizations_and_partitions_have_their_shape() {
    for good in ["111122223333", "000000000000", "012345678901"] {
        assert!(is_account(good), "{good}");
    }
    for bad in [
        "",
        "1",
        "11112222333",
        "1111222233334",
        "11112222333a",
        " 11122223333",
        "١١١١٢٢٢٢٣٣٣٣",
    ] {
        assert!(!is_account(bad), "{bad}");
    }
    for good in ["o-a1b2c3d4e5", "o-abcdefghijklmnopqrstuvwxyz012345"] {
        assert!(is_organization(good), "{good}");
    }
    for bad in [
        "",
        "o-",
        "o-short",
        "a1b2c3d4e5",
        "o-A1B2C3D4E5",
        "o-a1b2c3d4e5*",
        "r-a1b2c3d4e5",
        "o-a1b2c3d4e5/r-x",
    ] {
        assert!(!is_organization(bad), "{bad}");
    }
    for good in ["aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-eusc"] {
        assert!(is_partition(good), "{good}");
    }
    for bad in [
        "", "AWS", "awscn", "aws-", "aws--cn", "aws-*", "*", "gcp", "aws-cn ",
    ] {
        assert!(!is_partition(bad), "{bad}");
    }
}
