//! The life of a connection at a server of another maker: tested, renewed, refused, made anew, revoked.

use serde_json::{Value, json};

use crate::connections_grants::{BROWSER, CONNECT, SECRET, connect, consent, oauth2};
use crate::support::desk::{Desk, Said};
use crate::support::peer::Peer;
use crate::support::person::Person;

const REVOKE: &str = "revoke: {url: 'https://login.peer.example/oauth/revoke'}";

/// A connection by a refresh token that the peer gave.
async fn connected(peer: &Peer) -> Desk {
    let desk = Desk::at(peer.issuer());
    let fields = json!({
        "CLIENT_ID": "app", "CLIENT_SECRET": SECRET, "REFRESH_TOKEN": peer.seed("app").await,
    });
    let auth = oauth2(&format!(
        "grant: authorization_code; client_auth: body; {BROWSER}; {REVOKE}"
    ));
    let ended = connect(&desk, &auth, &fields).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    desk
}

fn run(desk: &Desk, verb: &str, more: &[&str]) -> Said {
    let arguments = [
        "connection",
        verb,
        "peer",
        "--source",
        "source.yaml",
        "--json",
    ];
    desk.run(&[&arguments, more].concat(), "")
}

fn error(ended: &Said) -> Value {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    ended.json()["error"].clone()
}

fn refresh_token(desk: &Desk) -> String {
    desk.stored()["connections/peer/REFRESH_TOKEN"].clone()
}

#[tokio::test]
async fn renewals_by_hand_rotate_and_nothing_is_used_twice() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let desk = connected(&peer).await;
    let mut tokens = vec![refresh_token(&desk)];
    for _ in 0..3 {
        let tested = run(&desk, "test", &[]);
        assert_eq!(tested.code, Some(0), "{tested:?}");
        let rotated = run(&desk, "rotate", &[]);
        assert_eq!(rotated.code, Some(0), "{rotated:?}");
        tokens.push(refresh_token(&desk));
    }
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 4, "each renewal gives a new one");
    let events = peer.events().await;
    assert_eq!(
        (&events["revoked"], &events["refused"]),
        (&json!(0), &json!([]))
    );
}

#[tokio::test]
async fn a_revoked_connection_is_dead_at_the_vendor_and_gone_here() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let desk = connected(&peer).await;
    let token = refresh_token(&desk);
    let revoked = run(&desk, "revoke", &["--yes"]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    assert_eq!(desk.stored().len(), 0, "{:?}", desk.stored().keys());
    // Whoever still has the token can do nothing with it.
    let fields = json!({"CLIENT_ID": "app", "CLIENT_SECRET": SECRET, "REFRESH_TOKEN": token});
    let before = desk.store();
    let again = desk.run(CONNECT, &fields.to_string());
    assert_eq!(error(&again)["code"], "connect-rejected", "{again:?}");
    assert_eq!(desk.store(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_vendor_ended_says_so_and_is_made_anew_in_place() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let desk = connected(&peer).await;
    // Somebody else used a copy of the token twice: the family is dead.
    let stolen = refresh_token(&desk);
    let thief = Desk::at(peer.issuer());
    let fields = json!({"CLIENT_ID": "app", "CLIENT_SECRET": SECRET, "REFRESH_TOKEN": stolen});
    let auth = oauth2("grant: refresh_token; client_auth: body");
    assert_eq!(connect(&thief, &auth, &fields).end().code, Some(0));
    let dead = run(&desk, "rotate", &[]);
    let told = error(&dead);
    assert_eq!(told["code"], "connect-rejected", "{dead:?}");
    assert_eq!(told["cause"], "rotated-elsewhere", "{dead:?}");
    assert!(
        told["message"]
            .as_str()
            .is_some_and(|m| m.contains("invalid_grant")),
        "{told}"
    );
    assert!(!dead.text().contains(&stolen), "{dead:?}");
    assert_eq!(peer.events().await["revoked"], 1);
    // A new consent, under the same id; the client is not asked for again.
    let before = desk.stored();
    let again = [
        "connection",
        "reconnect",
        "peer",
        "--source",
        "source.yaml",
        "--no-input",
        "--json",
    ];
    let ended = consent(desk.start(&again, "")).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.json()["account"], "Account avery");
    let after = desk.stored();
    for name in ["CLIENT_ID", "CLIENT_SECRET"] {
        let name = format!("connections/peer/{name}");
        assert_eq!(after[&name], before[&name], "{name}");
    }
    assert_ne!(
        refresh_token(&desk),
        before["connections/peer/REFRESH_TOKEN"]
    );
    assert_eq!(run(&desk, "test", &[]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_consent_says_so_and_keeps_nothing() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let desk = Desk::at(peer.issuer());
    let fields = json!({"CLIENT_ID": "app", "CLIENT_SECRET": SECRET, "REFRESH_TOKEN": null});
    let auth = oauth2(&format!(
        "grant: authorization_code; client_auth: body; {BROWSER}"
    ));
    let mut running = connect(&desk, &auth, &fields);
    let before = desk.store();
    let address = running.address();
    let back = Person::new().refuse(&address).await;
    let (status, _) = Person::new().arrive(back).await;
    assert_eq!(status, 200);
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!(error(&ended)["code"], "consent-refused", "{ended:?}");
    assert_eq!(desk.store(), before);
}

#[tokio::test]
async fn an_answer_that_is_lost_while_connecting_keeps_nothing() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let desk = Desk::at(peer.issuer());
    let fields = json!({"CLIENT_ID": "machine-body", "CLIENT_SECRET": SECRET});
    let auth = oauth2("grant: client_credentials; client_auth: body");
    peer.ask("POST", "/control/lose?answers=1", "").await;
    let running = connect(&desk, &auth, &fields);
    let before = desk.store();
    let ended = running.end();
    assert_eq!(error(&ended)["code"], "connect-network", "{ended:?}");
    assert_eq!(desk.store(), before);
    let ended = connect(&desk, &auth, &fields).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
