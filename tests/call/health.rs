//! What a tester sees of a function's health.

use std::time::Duration;

use super::{call, kept, token_file};
use crate::support::World;
use crate::support::world::AUDIENCE;

#[tokio::test]
async fn the_health_check_is_shown_for_a_known_caller_a_stranger_and_without_identity() {
    let world = World::start().await;
    let url = world.function.url();
    let ran = call(
        &[&url, "--health", "--token-file", &token_file(&world)],
        &[],
        "",
    )
    .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for says in [
        "up: the function knows this caller",
        "client               vendor-test",
        "source               zoom",
        "missing secrets      none",
    ] {
        assert!(ran.out.contains(says), "{says}: {}", ran.out);
    }
    let bare = call(&[&url, "--health"], &[], "").await;
    assert_eq!(bare.code, Some(0), "{bare:?}");
    assert!(bare.out.starts_with("up: the function runs"), "{bare:?}");
    let strange = world
        .issuer
        .token("somebody", AUDIENCE, Duration::from_mins(5));
    let strange = kept(&strange.expect("a token"));
    let ran = call(&[&url, "--health", "--token-file", &strange], &[], "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.error.contains("did not accept this identity") && ran.error.contains("`somebody`"));
    // What is wrong is not known here: no advice about an audience that is right.
    assert!(!ran.error.contains("must name exactly the same"), "{ran:?}");
    let id = ran.error.split("log it is request ").nth(1);
    let id = id
        .and_then(|rest| rest.lines().next())
        .expect("a request id");
    let log = world.function.log();
    let line = log
        .lines()
        .find(|line| line.contains(id))
        .expect("its line");
    assert!(
        line.contains("token-invalid") && line.contains("subject"),
        "{line}"
    );
    let object = call(
        &[&url, "--health", "--json", "--token-file", &strange],
        &[],
        "",
    )
    .await;
    assert_eq!(object.json()["code"], "identity-not-accepted");

    let poor = World::with(&[("CLIENT_SECRET", "")]).await;
    let ran = call(
        &[
            &poor.function.url(),
            "--health",
            "--token-file",
            &token_file(&poor),
        ],
        &[],
        "",
    )
    .await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.out.contains("missing secrets      CLIENT_SECRET") && ran.error.contains("not-ready"),
        "{ran:?}"
    );
}
