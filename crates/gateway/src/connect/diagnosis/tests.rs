use super::*;

#[test]
fn known_refusals_of_vendors_have_their_cause() {
    let mut seen = std::collections::HashSet::new();
    for line in include_str!("refusals.tsv")
        .lines()
        .filter(|l| !l.starts_with('#'))
    {
        let cells: Vec<&str> = line.split('\t').collect();
        let [vendor, status, answer, wanted] = cells.as_slice() else {
            panic!("not four cells: {line}")
        };
        let answer: Value = serde_json::from_str(answer).unwrap();
        let finding = read(status.parse().unwrap(), Some(&answer));
        assert_eq!(finding.cause.code(), *wanted, "{vendor}: {line}");
        seen.insert(finding.cause);
    }
    for cause in Diagnosis::ALL {
        let settled = table::SETTLED_ONLY.contains(cause);
        assert!(settled || seen.contains(cause), "no refusal is {cause:?}");
    }
}

#[test]
fn every_cause_has_a_code_of_its_own_and_a_next_step() {
    let mut codes: Vec<_> = Diagnosis::ALL.iter().map(|c| c.code()).collect();
    assert_eq!(codes.len(), table::CAUSES.len());
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Diagnosis::ALL.len());
    for cause in Diagnosis::ALL {
        assert!(!cause.meaning().is_empty() && !cause.next_step().is_empty());
    }
}

#[test]
fn the_table_holds_each_entry_once_and_every_row_can_be_reached() {
    for (at, (number, _)) in NUMBERS.iter().enumerate() {
        assert!(NUMBERS[..at].iter().all(|(n, _)| n != number), "{number}");
    }
    for (at, (name, _)) in ERRORS.iter().enumerate() {
        assert!(ERRORS[..at].iter().all(|(n, _)| n != name), "{name}");
    }
    for row in SENTENCES {
        let error = row.error.unwrap_or("something_else");
        let answer =
            serde_json::json!({"error": error, "error_description": row.text.to_uppercase()});
        let found = read(400, Some(&answer)).cause;
        assert_eq!(found, row.cause, "{}: {}", row.vendor, row.text);
        assert_eq!(row.text, row.text.to_lowercase(), "{}", row.vendor);
    }
}

#[test]
fn what_a_vendor_writes_is_not_carried_on() {
    let secret = "s3cr3t-value";
    let answer = serde_json::json!({
        "error": secret, "error_description": format!("{secret} \r\n AADSTS50173{secret}"),
        "message": secret, "error_codes": [secret, 1],
    });
    let finding = read(400, Some(&answer));
    assert_eq!(finding.error, None);
    assert!(!format!("{finding:?}").contains(secret));
    assert_eq!(finding.cause, Diagnosis::Revoked);
    let long = serde_json::json!({"message": "x".repeat(1 << 20) + "integration not found"});
    assert_eq!(read(400, Some(&long)).cause, Diagnosis::Unknown);
}

#[test]
fn a_grant_without_a_refresh_token_is_not_told_to_have_one() {
    let unknown = Diagnosis::RefreshTokenUnknown;
    assert_eq!(unknown.of_grant(Grant::DeviceCode, 400), unknown);
    assert_eq!(
        unknown.of_grant(Grant::JwtBearer, 400),
        Diagnosis::KeyUnknown
    );
    assert_eq!(
        unknown.of_grant(Grant::Login, 400),
        Diagnosis::WrongPassword
    );
    assert_eq!(
        unknown.of_grant(Grant::ClientCredentials, 400),
        Diagnosis::RequestWrong
    );
    assert_eq!(
        Diagnosis::WrongId.of_grant(Grant::Login, 401),
        Diagnosis::WrongId
    );
    let silent = Diagnosis::Unknown;
    assert_eq!(silent.of_grant(Grant::Login, 401), Diagnosis::WrongPassword);
    assert_eq!(silent.of_grant(Grant::Login, 400), silent);
    assert_eq!(silent.of_grant(Grant::JwtBearer, 401), silent);
}

#[test]
fn facts_settle_what_a_refusal_leaves_open() {
    use Diagnosis::{
        ClientChanged, IdleTooLong, LifetimeEnded, RefreshTokenUnknown, Revoked, RevokedOrExpired,
        RotatedElsewhere, TestModeExpired,
    };
    let days = |n: u32| Some(n * DAY);
    let google = |age, unused| Evidence {
        age,
        unused,
        longest_idle: days(180),
        ..Evidence::default()
    };
    let atlassian = |age, unused| Evidence {
        age,
        unused,
        longest_life: days(365),
        longest_idle: days(90),
        rotates: true,
    };
    let cases = [
        (RevokedOrExpired, Evidence::default(), RevokedOrExpired),
        (RevokedOrExpired, google(days(7), days(0)), TestModeExpired),
        (RevokedOrExpired, google(days(6), days(0)), Revoked),
        (RevokedOrExpired, google(days(8), days(0)), Revoked),
        (RevokedOrExpired, google(days(200), days(181)), IdleTooLong),
        (RevokedOrExpired, google(days(30), None), RevokedOrExpired),
        (
            RefreshTokenUnknown,
            Evidence::default(),
            RefreshTokenUnknown,
        ),
        (
            RefreshTokenUnknown,
            atlassian(None, None),
            RefreshTokenUnknown,
        ),
        (
            RefreshTokenUnknown,
            atlassian(days(30), days(0)),
            RotatedElsewhere,
        ),
        (
            RefreshTokenUnknown,
            atlassian(days(7), days(1)),
            RotatedElsewhere,
        ),
        (
            RefreshTokenUnknown,
            atlassian(days(100), days(91)),
            IdleTooLong,
        ),
        (
            RefreshTokenUnknown,
            atlassian(days(365), days(0)),
            LifetimeEnded,
        ),
        (ClientChanged, atlassian(days(365), days(91)), ClientChanged),
    ];
    for (told, facts, wanted) in cases {
        assert_eq!(told.settled(&facts), wanted, "{told:?} {facts:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_panics_or_is_repeated(
        words in proptest::collection::vec("[ -~]{8,40}", 5),
        status in 200_u16..600,
        at in 0_usize..5,
        number in proptest::num::u64::ANY,
    ) {
        let odd = [
            Value::Null,
            serde_json::json!([words[0], {"message": words[1]}]),
            serde_json::json!({"message": words[0], "code": words[1], "status": words[2]}),
            serde_json::json!(number),
            serde_json::json!(words[0]),
        ];
        let mut answer = serde_json::json!({
            "error": words[0], "error_description": words[1], "error_subtype": words[2],
            "message": words[3], "reason": words[4], "error_codes": [number],
        });
        for name in ["error", "error_description", "error_codes", "message"] {
            answer[name] = odd[at].clone();
            let shown = format!("{:?}", read(status, Some(&answer)));
            for word in &words {
                proptest::prop_assert!(!shown.contains(word.as_str()), "{}", shown);
            }
        }
        read(status, Some(&odd[at]));
    }
}
