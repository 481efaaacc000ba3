//! What a tester sees of a function's answers.

use std::time::Duration;

use serde_json::Value;

use super::{Pairs, USERS, call, kept, token_file};
use crate::support::World;
use crate::support::world::{AUDIENCE, SUBJECT};

#[tokio::test]
async fn a_call_shows_what_the_function_answers_whatever_its_identity_comes_from() {
    let world = World::start().await;
    let expected = world.get(USERS).await.bytes().await.expect("a body");
    let url = world.function.url();
    let file = token_file(&world);
    let command = format!("cat '{file}'");
    let token = world.token();
    let ways: [(&[&str], Pairs<'_>); 3] = [
        (&["--token-file", &file], &[]),
        (&["--token-command", &command], &[]),
        (&[], &[("HUSHGATE_CALL_TOKEN", &token)]),
    ];
    for (options, environment) in ways {
        let mut arguments = vec![url.as_str(), USERS, "--raw"];
        arguments.extend_from_slice(options);
        let ran = call(&arguments, environment, "").await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.out.as_bytes(), expected, "{options:?}");
        assert!(ran.error.contains("→ 200 OK") && ran.error.contains("x-hushgate-rules: "));
    }
    let whole = format!("{url}{USERS}");
    let pretty = call(&[&whole, "--token-file", &file], &[], "").await;
    let document: Value = serde_json::from_slice(&expected).expect("JSON");
    assert_eq!(pretty.json(), document);
    assert!(
        pretty.out.contains("\n  ") && !pretty.out.contains('\x1b'),
        "no terminal, no colours"
    );
    let object = call(&[&url, USERS, "--token-file", &file, "--json"], &[], "").await;
    assert_eq!(object.out.lines().count(), 1);
    let object = object.json();
    assert_eq!(object["body"], document);
    assert_eq!(
        (&object["status"], &object["fine"]),
        (&200.into(), &true.into())
    );
    assert!(object["request_id"].is_string() && object["timing"]["connect"].is_number());
}

#[tokio::test]
async fn refusals_tell_code_next_step_and_what_the_token_says() {
    let world = World::start().await;
    let url = world.function.url();
    let good = token_file(&world);
    let strange = world
        .issuer
        .token(SUBJECT, "https://other.example", Duration::from_mins(5));
    let strange = kept(&strange.expect("a token"));
    let late = world
        .issuer
        .token(SUBJECT, AUDIENCE, Duration::ZERO)
        .expect("a token");
    let late = kept(&late);
    let garbage = kept("opaque-secret");
    for (arguments, code, says) in [
        (
            vec!["/not/listed", "--token-file", &good],
            3,
            vec![
                "403 Forbidden",
                "endpoint-not-listed: ",
                "next: Call an endpoint the rules list",
            ],
        ),
        (
            vec!["/v2/users", "-X", "DELETE", "--token-file", &good],
            3,
            vec!["method-not-listed"],
        ),
        (
            vec!["/v2/a/../users", "--token-file", &good],
            3,
            vec!["path-not-normal"],
        ),
        (
            vec!["/v2/%2e%2e/users", "--token-file", &good],
            3,
            vec!["path-not-normal"],
        ),
        (
            vec!["/v2//users", "--token-file", &good],
            3,
            vec!["path-not-normal"],
        ),
        (
            vec!["/v2/users?q=1", "--token-file", &good],
            3,
            vec!["parameter-not-listed"],
        ),
        (
            vec![
                "/v2/users",
                "-H",
                "X-Hushgate-Nonsense: 1",
                "--token-file",
                &good,
            ],
            1,
            vec!["request-invalid"],
        ),
        (
            vec![USERS, "--anonymous"],
            1,
            vec!["token-missing", "401 Unauthorized"],
        ),
        (
            vec![USERS, "--token-file", &strange],
            1,
            vec![
                "token-invalid",
                "audience is `https://other.example`: the access policy must name exactly the same",
                "subject is `112233`",
            ],
        ),
        (
            vec![USERS, "--token-file", &garbage],
            1,
            vec!["token-invalid", "no JSON Web Token"],
        ),
    ] {
        let mut all = vec![url.as_str()];
        all.extend(&arguments);
        let ran = call(&all, &[], "").await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        for says in says {
            assert!(ran.error.contains(says), "{arguments:?}: {}", ran.error);
        }
        assert!(ran.out.is_empty(), "the refusal is told once: {}", ran.out);
        all.push("--json");
        let object = call(&all, &[], "").await;
        assert_eq!(object.code, Some(code));
        assert!(object.json()["next"].is_string() && object.json()["code"].is_string());
    }
    let ran = call(&[&url, USERS, "--token-file", &late], &[], "").await;
    assert!(
        ran.error.contains("note: the token expired"),
        "{}",
        ran.error
    );
}
