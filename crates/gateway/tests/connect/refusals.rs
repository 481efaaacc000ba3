//! What a refusal says, so that an operator knows what to do.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use hushgate_gateway::connect::forecast::Ending;

use crate::bench::{Bench, numbered};
use crate::server::reply;
use crate::setup::{MARK, START, Setup};
use crate::ward::{Fails, Ward};

#[tokio::test]
async fn a_known_error_is_named_with_its_next_step() {
    let refusal = reply(
        "400 Bad Request",
        "application/json",
        r#"{"error":"unauthorized_client","error_description":"do-not-show","error_codes":[700016]}"#,
    );
    let bench = Bench::zoom(move |_| refusal.clone()).await;
    assert_eq!(
        bench.refused().await.detail(),
        "connect-rejected: the token endpoint refused the credential: status 400, unauthorized_client, number 700016; wrong-id: an id is not of the wanted kind, such as an object id in place of the application id, or an installation that is not there; check client id, account id and installation id against the app's page"
    );
}

/// The source, its secrets beside good ones, and what the refusal begins with or holds.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn unusable_secrets_are_named_and_not_shown() {
    let pem =
        |content| format!("-----BEGIN PRIVATE KEY-----\n{content}\n-----END PRIVATE KEY-----");
    let (words, short) = (pem("do-not-show"), pem("AAAA"));
    let key = "connect-field-invalid: `PRIVATE_KEY`";
    let account = "connect-field-invalid: `SERVICE_ACCOUNT_KEY`";
    let rows: [Row<'_>; 8] = [
        (
            "zoom",
            &[("CLIENT_SECRET", " \n")],
            "connect-secret-missing: secret `CLIENT_SECRET`",
        ),
        (
            "zoom",
            &[("CLIENT_ID", "a:do-not-show"), ("CLIENT_SECRET", "b")],
            "connect-field-invalid: `CLIENT_ID`, `CLIENT_SECRET`",
        ),
        (
            "slack-discovery-api",
            &[("ACCESS_TOKEN", "do-not\n-show")],
            "connect-field-invalid: `ACCESS_TOKEN`",
        ),
        ("github", &[("PRIVATE_KEY", "do-not-show")], key),
        ("github", &[("PRIVATE_KEY", &words)], key),
        ("github", &[("PRIVATE_KEY", &short)], key),
        ("gcal", &[("SERVICE_ACCOUNT_KEY", "do-not-show")], account),
        (
            "gcal",
            &[("SERVICE_ACCOUNT_KEY", r#"{"client_email":"do-not-show"}"#)],
            account,
        ),
    ];
    for (id, secrets, start) in rows {
        let secrets = [&[("CLIENT_ID", "a"), ("ACCOUNT_ID", "c")], secrets].concat();
        let mut setup = Setup::shipped(id, "http://127.0.0.1:9", &secrets);
        setup.settings = &[("INSTALLATION_ID", "1")];
        let refused = setup.connector().credential(None).await.unwrap_err();
        let detail = refused.detail();
        assert!(detail.starts_with(start), "{detail}");
        assert!(!detail.contains(MARK), "{detail}");
    }
}

#[tokio::test]
async fn the_age_of_the_connection_settles_why_it_was_refused() {
    const DAY: u64 = 86_400;
    let google =
        r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;
    let atlassian =
        r#"{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#;
    // Days since the consent, days without use, the vendor's words, the cause.
    let cases = [
        (10, 1, atlassian, "rotated-elsewhere"),
        (200, 91, atlassian, "idle-too-long"),
        (365, 1, atlassian, "lifetime-ended"),
        (7, 1, google, "test-mode-expired"),
        (9, 1, google, "revoked-or-expired"),
    ];
    for (age, unused, words, wanted) in cases {
        let refusal = reply("400 Bad Request", "application/json", words);
        let script = move |number| {
            if number == 0 {
                numbered(0)
            } else {
                refusal.clone()
            }
        };
        let record = format!(
            r#"{{"authorized":{},"id":"x"}}"#,
            START - (age - unused) * DAY
        );
        let secrets = [
            ("CLIENT_ID", "i"),
            ("CLIENT_SECRET", "s"),
            ("REFRESH_TOKEN", "r"),
            ("connection", record.as_str()),
        ];
        let bench = Bench::shipped("jira-cloud", &secrets, script, |_| {}).await;
        bench.token().await;
        bench.later(unused * DAY);
        let refused = bench.refused().await;
        assert!(
            refused.detail().contains(&format!("; {wanted}: ")),
            "{}",
            refused.detail()
        );
        // Somebody who looked at it long ago knows less than the journal.
        for seen in [None, Some(UNIX_EPOCH + Duration::from_secs(START - DAY))] {
            let ends = bench.connector.forecast(None, seen).await.unwrap();
            let end = ends[0].when.unwrap();
            assert_eq!((ends.len(), ends[0].what), (1, Ending::Unused));
            assert_eq!(end, UNIX_EPOCH + Duration::from_secs(START + 90 * DAY));
        }
        let again = bench.refused().await;
        let cooling = format!("invalid_grant; {wanted}");
        assert!(again.detail().ends_with(&cooling), "{}", again.detail());
    }
}

#[tokio::test]
async fn a_secret_that_is_missing_or_wrong_is_told_by_its_whole_name() {
    let client = [("CLIENT_ID", "a"), ("CLIENT_SECRET", "b")];
    let rows: [Row<'_>; 4] = [
        (
            "zoom",
            &client,
            "secret `/acme/zom/ACCOUNT_ID` in a service (reading it takes `service:Read` on `/acme/zom/ACCOUNT_ID`) is missing",
        ),
        // The life cycle finds this one missing, not the exchange.
        (
            "jira-cloud",
            &client,
            "secret `/acme/zom/REFRESH_TOKEN` in a service (reading it takes `service:Read` on `/acme/zom/REFRESH_TOKEN`) is missing",
        ),
        (
            "github",
            &[("CLIENT_ID", "a"), ("PRIVATE_KEY", "do-not-show")],
            "it is `/acme/zom/PRIVATE_KEY` in a service",
        ),
        (
            "slack-discovery-api",
            &[("ACCESS_TOKEN", "do-not\n-show")],
            "it is `/acme/zom/ACCESS_TOKEN` in a service",
        ),
    ];
    for (id, secrets, told) in rows {
        let mut setup = Setup::shipped(id, "http://127.0.0.1:9", &[]);
        setup.settings = &[("INSTALLATION_ID", "1"), ("CLIENT_ID", "a")];
        setup.store = Arc::new(Ward::new(secrets, &[]));
        let refused = setup.connector().credential(None).await.unwrap_err();
        let detail = refused.detail();
        assert!(detail.contains(told), "{id}: {detail}");
        assert!(!detail.contains(MARK), "{detail}");
    }
}

#[tokio::test]
async fn what_the_store_refuses_is_no_outage() {
    for (fails, code, cause) in [
        (
            Fails::Denied,
            "connect-store-refused: ",
            "configuration-invalid",
        ),
        (
            Fails::Unfit,
            "connect-store-refused: ",
            "configuration-invalid",
        ),
        (Fails::Unavailable, "connect-store: ", "store-unavailable"),
    ] {
        for (id, entry) in [("zoom", "CLIENT_SECRET"), ("jira-cloud", "REFRESH_TOKEN")] {
            let secrets = [
                ("CLIENT_ID", "a"),
                ("CLIENT_SECRET", "b"),
                ("ACCOUNT_ID", "c"),
            ];
            let mut setup = Setup::shipped(id, "http://127.0.0.1:9", &[]);
            setup.store = Arc::new(Ward::new(&secrets, &[(entry, fails)]));
            let refused = setup.connector().credential(None).await.unwrap_err();
            assert_eq!(refused.cause().code(), cause, "{id} {fails:?}: {refused}");
            let detail = refused.detail();
            assert!(detail.starts_with(code), "{detail}");
            assert!(detail.contains(&format!("`/acme/zom/{entry}`")), "{detail}");
        }
    }
}
