use super::*;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn full() -> Journal {
    Journal {
        seq: 7,
        token: Some(Stored {
            value: Secret::new("a\"b\\c"),
            from: at(1_000),
            until: at(4_600),
        }),
        refresh: Some(Print::of("r1")),
        used: vec![Print::of("r0")],
        intent: Some(Intent {
            owner: "5f.3".to_owned(),
            at: at(1_000),
            refresh: Print::of("r1"),
            lost: true,
            unsure: true,
        }),
        refused: Some(Refused {
            refresh: Print::of("r1"),
            until: at(2_000),
            strikes: 3,
            reason: "status 400, invalid_grant".to_owned(),
            interrupted: Some(at(900)),
        }),
        wait: Some(Wait {
            until: at(1_100),
            status: 429,
        }),
    }
}

#[test]
fn is_read_as_it_is_written() {
    for journal in [full(), Journal::default()] {
        let text = journal.write();
        let read = Journal::read(text.reveal()).unwrap();
        assert_eq!(read.write().reveal(), text.reveal());
        assert_eq!(read.intent, journal.intent);
        assert_eq!(read.refused, journal.refused);
        assert_eq!(read.used, journal.used);
    }
}

#[test]
fn holds_no_refresh_token() {
    let text = full().write();
    assert!(!text.reveal().contains("r1"), "{}", text.reveal());
}

#[test]
fn whatever_is_wrong_with_it_makes_it_foreign() {
    let good: serde_json::Value = serde_json::from_str(full().write().reveal()).unwrap();
    let number = serde_json::json!(1);
    let mut tried = 0;
    for (path, value) in [
        ("/v", serde_json::json!("1")),
        ("/v", serde_json::json!(0)),
        ("/seq", serde_json::json!(-1)),
        ("/seq", serde_json::json!(1.5)),
        ("/token", number.clone()),
        ("/token/value", serde_json::json!("")),
        ("/token/value", serde_json::json!("a\nb")),
        ("/token/until", serde_json::json!(1)),
        ("/token/until", serde_json::json!(u64::MAX)),
        ("/refresh", serde_json::json!("r1")),
        ("/used/0", serde_json::json!("zz")),
        (
            "/used",
            serde_json::json!(vec![Print::of("x").to_string(); 17]),
        ),
        ("/intent/refresh", number.clone()),
        ("/intent/owner", number.clone()),
        ("/intent/lost", number.clone()),
        ("/refused/reason", serde_json::json!("line\nbreak")),
        ("/refused/strikes", serde_json::json!(-1)),
        ("/wait/status", serde_json::json!(70_000)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        let read = Journal::read(&bad.to_string());
        assert_eq!(read.unwrap_err(), JournalError::Foreign, "{path}");
        tried += 1;
    }
    assert_eq!(tried, 18);
    for text in [
        "",
        "{}",
        "plain-token",
        "[1]",
        r#"{"v":1}"#,
        r#"{"token":"x","expirationDate":1}"#,
    ] {
        assert_eq!(
            Journal::read(text).unwrap_err(),
            JournalError::Foreign,
            "{text}"
        );
    }
    let mut more = good;
    more["extra"] = number;
    assert!(Journal::read(&more.to_string()).is_err());
}

#[test]
fn a_newer_version_is_never_guessed_at() {
    let newer = Journal::read(r#"{"v":2,"anything":true}"#);
    assert_eq!(newer.unwrap_err(), JournalError::Newer);
}

#[test]
fn remembers_the_newest_used_tokens() {
    let mut journal = Journal::default();
    for n in 0..40 {
        journal.note_used(Print::of(&n.to_string()));
        journal.note_used(Print::of(&n.to_string()));
    }
    assert_eq!(journal.used.len(), MOST_USED);
    assert!(journal.used.contains(&Print::of("39")));
    assert!(!journal.used.contains(&Print::of("23")));
}
