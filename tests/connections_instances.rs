//! Several instances of a function that share one connection, at a provider whose refresh tokens are
//! for one use and which ends the whole connection when one is used twice.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::connections_grants::consent;
use crate::support::World;
use crate::support::desk::Desk;
use crate::support::function::{free_port, root, scratch};
use crate::support::peer::Peer;
use crate::support::world::KEY;

const CALL: &str =
    "/ex/jira/11111111-2222-3333-4444-555555555555/rest/api/3/group/bulk?maxResults=1";
/// The shortest that is served; a run sees several renewals, each two to four seconds after the last.
const LIFETIME: &[(&str, &str)] = &[("ACCESS_TOKEN_SECONDS", "5")];

/// A store with this refresh token, and all else that the function reads.
fn store(refresh_token: &str) -> PathBuf {
    let path = scratch("store").join("secrets.json");
    write(&path, refresh_token);
    path
}

/// Stores a refresh token as a person does who consented again.
fn write(path: &Path, refresh_token: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let secrets = json!({
        "CLIENT_ID": "app", "CLIENT_SECRET": "a secret of the tests only",
        "REFRESH_TOKEN": refresh_token, "PSEUDONYM_KEY": KEY,
    });
    let new = path.with_extension("new");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new);
    serde_json::to_writer(file.expect("a file"), &secrets).expect("it is written");
    std::fs::rename(new, path).expect("it takes its place");
}

fn read(path: &Path) -> Value {
    let text = std::fs::read(path).expect("the store");
    serde_json::from_slice(&text).expect("JSON")
}

/// One instance of jira-cloud, its source and its provider being the peer.
async fn instance(peer: &Peer, store: &Path) -> World {
    let address = peer.issuer().trim_start_matches("http://");
    let secrets = format!("file:{}", store.display());
    World::of_before("jira-cloud", address, &[("HUSHGATE_SECRETS", &secrets)]).await
}

/// Calls for some time; gives the causes of those that failed.
async fn calls(world: &World, count: usize) -> Vec<String> {
    let mut failed = Vec::new();
    for _ in 0..count {
        let response = world.get(CALL).await;
        if response.status() != 200 {
            let cause = response.headers().get("x-hushgate-error");
            failed.push(format!("{} {cause:?}", response.status()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_renew_in_turn_and_never_use_a_refresh_token_twice() {
    let Some(peer) = Peer::start("oauth2", LIFETIME) else {
        return;
    };
    let path = store(&peer.seed("app").await);
    let (a, b, c) = tokio::join!(
        instance(&peer, &path),
        instance(&peer, &path),
        instance(&peer, &path)
    );
    let failed = tokio::join!(calls(&a, 60), calls(&b, 60), calls(&c, 60));
    assert_eq!(failed, (vec![], vec![], vec![]));
    // One goes and another comes.
    let mut a = a;
    assert_eq!(
        tokio::task::block_in_place(|| a.function.terminate()),
        Some(0)
    );
    let d = instance(&peer, &path).await;
    let failed = tokio::join!(calls(&b, 50), calls(&c, 50), calls(&d, 50));
    assert_eq!(failed, (vec![], vec![], vec![]));
    let events = peer.events().await;
    assert_eq!(events["revoked"], 0, "{events}");
    assert_eq!(events["refused"], json!([]), "{events}");
    // Each renewal served all; every one was of the newest token, which stands in the store.
    let renewals = events["granted"]["refresh_token"]
        .as_u64()
        .expect("a number");
    assert!((3..=12).contains(&renewals), "{renewals}");
    let fresh = store(read(&path)["REFRESH_TOKEN"].as_str().expect("a token"));
    drop((b, c, d));
    let last = instance(&peer, &fresh).await;
    assert_eq!(calls(&last, 1).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_made_by_consent_serves_functions_while_it_is_renewed_by_hand() {
    let Some(peer) = Peer::start("oauth2", LIFETIME) else {
        return;
    };
    let desk = Desk::at(peer.issuer());
    let fields = json!({"CLIENT_ID": "app", "CLIENT_SECRET": "a secret of the tests only"});
    // The shipped source with a port that nothing else listens on, such as another run of this test.
    let shipped = std::fs::read_to_string(root().join("rules/jira-cloud/source.yaml"));
    let shipped = shipped.expect("the shipped source");
    let moved = shipped.replace("localhost:8917", &format!("localhost:{}", free_port()));
    assert_ne!(moved, shipped);
    let source = desk.write("source.yaml", &moved);
    let arguments = [
        "connection",
        "connect",
        &source,
        "--id",
        "work",
        "--fields-stdin",
        "--json",
    ];
    let ended = consent(desk.start(&arguments, &fields.to_string())).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.json()["account"], "Account avery", "{ended:?}");
    let address = peer.issuer().trim_start_matches("http://");
    let secrets = format!("file:{}", desk.folder.join("secrets.json").display());
    let environment = [
        ("HUSHGATE_SECRETS", secrets.as_str()),
        ("HUSHGATE_CONNECTION", "work"),
        ("PSEUDONYM_KEY", ""),
    ];
    // The keys of the deployment stand in the same store, under their own names.
    let mut stored = desk.stored();
    stored.insert("PSEUDONYM_KEY".to_owned(), KEY.to_owned());
    desk.write("secrets.json", &json!(stored).to_string());
    let (a, b) = tokio::join!(
        World::of_before("jira-cloud", address, &environment),
        World::of_before("jira-cloud", address, &environment)
    );
    let by_hand = async {
        let mut failed = Vec::new();
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            let arguments = ["connection", "rotate", "work", "--json"];
            let ended = tokio::task::block_in_place(|| desk.run(&arguments, ""));
            // An exchange that is under way elsewhere is not waited for.
            let busy = ended.text().contains("-busy\"");
            if ended.code != Some(0) && !busy {
                failed.push(ended.text());
            }
        }
        failed
    };
    let failed = tokio::join!(calls(&a, 60), calls(&b, 60), by_hand);
    assert_eq!(failed, (vec![], vec![], vec![]));
    let events = peer.events().await;
    assert_eq!(
        (&events["revoked"], &events["refused"]),
        (&json!(0), &json!([])),
        "{events}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reuse_of_a_refresh_token_is_found_by_the_provider() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    // What the test above says is worth something: two stores with one token are found out.
    let seed = peer.seed("app").await;
    let (one, other) = (store(&seed), store(&seed));
    let one = instance(&peer, &one).await;
    assert_eq!(calls(&one, 1).await, Vec::<String>::new());
    let other = instance(&peer, &other).await;
    assert_eq!(calls(&other, 1).await.len(), 1);
    assert_eq!(peer.events().await["revoked"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_whose_answer_is_lost_ends_in_a_cause_of_its_own_and_a_new_consent_repairs_it() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let path = store(&peer.seed("app").await);
    let world = instance(&peer, &path).await;
    peer.ask("POST", "/control/lose?answers=1", "").await;
    let response = world.get(CALL).await;
    assert_eq!(response.headers()["x-hushgate-error"], "source-interrupted");
    let mut causes = Vec::new();
    for _ in 0..100 {
        let response = world.get(CALL).await;
        causes.push(
            response.headers()["x-hushgate-error"]
                .to_str()
                .expect("text")
                .to_owned(),
        );
        if world
            .function
            .log()
            .contains("connect-rotation-interrupted")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let log = world.function.log();
    assert!(
        log.contains("connect-rotation-interrupted"),
        "{causes:?}\n{log}"
    );
    write(&path, &peer.seed("app").await);
    let mut status = world.get(CALL).await.status();
    for _ in 0..200 {
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        status = world.get(CALL).await.status();
    }
    assert_eq!(status, 200, "{}", world.function.log());
}
