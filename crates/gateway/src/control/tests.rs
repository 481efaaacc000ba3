use http::HeaderValue;

use super::*;

fn read(compat: bool, pairs: &[(&str, &str)]) -> Result<Control, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    Control::read(&headers, compat).map_err(|r| {
        assert_eq!(r.cause(), Cause::RequestInvalid);
        r.detail().to_owned()
    })
}

#[test]
fn reads_our_names_always_and_the_reference_names_in_compatibility_mode() {
    let ours = [
        ("X-Hushgate-Target-Path", "/a/b"),
        ("X-Hushgate-Target-Query", "?x=1&y=?"),
        ("X-Hushgate-User-To-Impersonate", "ada@example.com"),
    ];
    let theirs = [
        ("X-Psoxy-TargetPath", "/a/b"),
        ("X-Psoxy-TargetQuery", "x=1&y=?"),
        ("X-Psoxy-User-To-Impersonate", "ada@example.com"),
    ];
    let expected = Control {
        user_to_impersonate: Some("ada@example.com".into()),
        target_path: Some("/a/b".into()),
        target_query: Some("x=1&y=?".into()),
    };
    assert_eq!(read(false, &ours).unwrap(), expected);
    assert_eq!(read(true, &ours).unwrap(), expected);
    assert_eq!(read(true, &theirs).unwrap(), expected);
    for one in theirs {
        assert!(read(false, &[one]).unwrap_err().contains("HUSHGATE_COMPAT"));
    }
}

#[test]
fn an_empty_target_query_removes_the_query() {
    for value in ["", "?", "  "] {
        let control = read(false, &[("x-hushgate-target-query", value)]).unwrap();
        assert_eq!(control.target_query.as_deref(), Some(""));
    }
    assert_eq!(read(false, &[]).unwrap().target_query, None);
}

#[test]
fn refuses_hostile_targets() {
    let long = format!("/{}", "a".repeat(4096));
    for value in [
        "",
        "a",
        "a/b",
        "/a b",
        "/a\tb",
        "/a?b",
        "/a#b",
        "/\u{e9}",
        "http://x/",
        long.as_str(),
    ] {
        assert!(
            read(false, &[("x-hushgate-target-path", value)]).is_err(),
            "{value}"
        );
    }
    for value in ["a b", "a#b", "\u{e9}", "a\tb", long.as_str()] {
        assert!(
            read(false, &[("x-hushgate-target-query", value)]).is_err(),
            "{value}"
        );
    }
    for value in ["", "a b", "a\tb", "\u{e9}"] {
        assert!(
            read(false, &[("x-hushgate-user-to-impersonate", value)]).is_err(),
            "{value}"
        );
    }
}

#[test]
fn refuses_repeats_and_two_names_for_one_thing() {
    assert!(
        read(
            false,
            &[
                ("x-hushgate-target-path", "/a"),
                ("x-hushgate-target-path", "/a")
            ]
        )
        .is_err()
    );
    assert!(
        read(
            true,
            &[
                ("x-hushgate-target-path", "/a"),
                ("x-psoxy-targetpath", "/a")
            ]
        )
        .is_err()
    );
}

#[test]
fn never_skips_the_sanitizer() {
    for value in ["true", "TRUE", "1", "", "yes"] {
        assert!(read(true, &[("x-psoxy-skip-sanitizer", value)]).is_err());
        assert!(read(false, &[("x-hushgate-skip-sanitizer", value)]).is_err());
    }
    assert!(read(true, &[("x-psoxy-skip-sanitizer", "false")]).is_ok());
}

#[test]
fn refuses_unknown_control_headers_without_repeating_their_name() {
    let detail = read(false, &[("x-hushgate-ada-lovelace", "1")]).unwrap_err();
    assert!(!detail.contains("lovelace"), "{detail}");
    assert!(read(true, &[("x-hushgate-pseudonym-implementation", "v0.4")]).is_err());
    assert!(read(true, &[("x-psoxy-pseudonym-implementation", "v0.3")]).is_err());
    assert!(read(false, &[("x-psoxy-pseudonym-implementation", "v0.4")]).is_err());
    assert!(read(true, &[("x-psoxy-pseudonym-implementation", "v0.4")]).is_ok());
}
