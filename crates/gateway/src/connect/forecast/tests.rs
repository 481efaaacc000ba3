use super::*;
use crate::connect::source::{Source, SourceOptions};

const DAY: u64 = 86_400;
/// 2026-11-21T10:00:00Z.
const NOW: u64 = 1_795_255_200;
const UTC_TIME: &str = include_str!("utc-time.pem");
const GENERALIZED_TIME: &str = include_str!("generalized-time.pem");

fn auth(text: &str) -> Auth {
    let head = "id: a\nname: A\ndocs: https://a.example\nhost: api.a.example\nauth:\n";
    let source = Source::load("f", &format!("{head}{text}"), SourceOptions::default());
    source.unwrap_or_else(|p| panic!("{}", p[0])).auth
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn facts(fields: &[(&str, &str)]) -> Facts {
    Facts {
        now: at(NOW),
        authorized: None,
        used: None,
        client_auth: None,
        fields: fields
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
    }
}

/// Code, days from now, urgency.
fn told(auth: &Auth, facts: &Facts) -> Vec<(&'static str, Option<i64>, &'static str)> {
    let days = |when: SystemTime| {
        let seconds = when.duration_since(UNIX_EPOCH).unwrap().as_secs();
        (seconds.cast_signed() - NOW.cast_signed()).div_euclid(DAY.cast_signed())
    };
    foresee(auth, facts)
        .iter()
        .map(|f| (f.what.code(), f.when.map(days), f.urgency.word()))
        .collect()
}

const CONSENT: &str = "  type: oauth2\n  grant: refresh_token\n  token_url: https://a.example/token\n  client_auth: none\n  forecast: {refresh_token_life: 365d, refresh_token_idle: 90d}\n  fields: [{name: CLIENT_ID, label: C, secret: false}, {name: REFRESH_TOKEN, label: R}]\n";

#[test]
fn a_consent_ends_by_age_and_by_lying_unused() {
    let auth = auth(CONSENT);
    let since = |authorized: u64, used: Option<u64>| Facts {
        authorized: Some(at(NOW - authorized * DAY)),
        used: used.map(|days| at(NOW - days * DAY)),
        ..facts(&[])
    };
    let cases: [(u64, Option<u64>, [_; 2]); 5] = [
        (
            10,
            Some(0),
            [
                ("unused-ends", Some(90), "fine"),
                ("consent-ends", Some(355), "fine"),
            ],
        ),
        (
            10,
            None,
            [
                ("unused-ends", Some(80), "fine"),
                ("consent-ends", Some(355), "fine"),
            ],
        ),
        (
            340,
            Some(0),
            [
                ("consent-ends", Some(25), "soon"),
                ("unused-ends", Some(90), "fine"),
            ],
        ),
        (
            100,
            Some(61),
            [
                ("unused-ends", Some(29), "soon"),
                ("consent-ends", Some(265), "fine"),
            ],
        ),
        (
            365,
            Some(90),
            [
                ("consent-ends", Some(0), "over"),
                ("unused-ends", Some(0), "over"),
            ],
        ),
    ];
    for (authorized, used, wanted) in cases {
        let found = told(&auth, &since(authorized, used));
        assert_eq!(found, wanted, "{authorized} {used:?}");
    }
    assert!(told(&auth, &facts(&[])).is_empty(), "nothing is known");
}

#[test]
fn a_short_life_is_not_always_near_its_end() {
    let auth = auth(&CONSENT.replace("365d, refresh_token_idle: 90d", "6d"));
    let since = |days| Facts {
        authorized: Some(at(NOW - days * DAY)),
        ..facts(&[])
    };
    assert_eq!(told(&auth, &since(1)), [("consent-ends", Some(5), "fine")]);
    assert_eq!(told(&auth, &since(4)), [("consent-ends", Some(2), "soon")]);
}

const CHOICE: &str = "  type: oauth2\n  grant: client_credentials\n  token_url: https://a.example/token\n  client_auth: {setting: WAY, options: [certificate, federated], default: federated}\n  platform_audience: x\n  assertion: {key: KEY, fingerprint: PRINT}\n  forecast: {certificate: CERTIFICATE, ends: [ENDS]}\n  fields:\n    - {name: WAY, label: W, in: settings, default: federated}\n    - {name: CLIENT_ID, label: C, secret: false}\n    - {name: KEY, label: K, when: [certificate]}\n    - {name: PRINT, label: P, when: [certificate]}\n    - {name: CERTIFICATE, label: C, required: false, when: [certificate]}\n    - {name: ENDS, label: E, in: settings, required: false}\n";

#[test]
fn a_key_grows_old_only_where_one_is_kept() {
    let auth = auth(CHOICE);
    let with = |kind, days| Facts {
        authorized: Some(at(NOW - days * DAY)),
        client_auth: Some(kind),
        ..facts(&[("CERTIFICATE", UTC_TIME)])
    };
    let certificate = with(ClientAuthKind::Certificate, 179);
    let end = ("certificate-ends", Some(364), "fine");
    assert_eq!(
        told(&auth, &certificate),
        [("key-old", Some(1), "fine"), end]
    );
    let certificate = with(ClientAuthKind::Certificate, 181);
    assert_eq!(
        told(&auth, &certificate),
        [("key-old", Some(-1), "soon"), end]
    );
    assert!(told(&auth, &with(ClientAuthKind::Federated, 400)).is_empty());
}

#[test]
fn every_connection_with_a_stored_key_has_a_forecast() {
    let key = "  type: apiKey\n  send: {in: header, name: x-k, value: \"{{K}}\"}\n  fields: [{name: K, label: K}]\n";
    let old = Facts {
        authorized: Some(at(NOW - 200 * DAY)),
        ..facts(&[])
    };
    assert_eq!(told(&auth(key), &old), [("key-old", Some(-20), "soon")]);
    let ends = key.replace(
        "  fields",
        "  forecast: {key_life: 365d, key_age: 300d}\n  fields",
    );
    let wanted = [
        ("key-old", Some(100), "fine"),
        ("key-ends", Some(165), "fine"),
    ];
    assert_eq!(told(&auth(&ends), &old), wanted);
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules");
    for folder in std::fs::read_dir(rules).unwrap() {
        let file = folder.unwrap().path().join("source.yaml");
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let source = Source::load("f", &text, SourceOptions::default()).unwrap();
        for kind in [
            ClientAuthKind::Body,
            ClientAuthKind::Basic,
            ClientAuthKind::Certificate,
        ] {
            let choice = source
                .auth
                .exchange
                .as_ref()
                .map(|e| &e.client_auth.options);
            if choice.is_none_or(|options| options.len() == 1 || options.contains(&kind)) {
                let facts = Facts {
                    client_auth: Some(kind),
                    ..old.clone()
                };
                assert!(
                    !foresee(&source.auth, &facts).is_empty(),
                    "{} {kind:?}",
                    source.id
                );
            }
        }
    }
}

#[test]
fn certificates_and_dates_are_read() {
    let auth = auth(CHOICE);
    let when = |certificate: &str, ends: &str| {
        let facts = Facts {
            client_auth: Some(ClientAuthKind::Certificate),
            ..facts(&[("CERTIFICATE", certificate), ("ENDS", ends)])
        };
        foresee(&auth, &facts)
    };
    let found = when(GENERALIZED_TIME, "2026-12-01");
    assert_eq!(found[0].what, Ending::Declared);
    assert_eq!(found[0].field.as_deref(), Some("ENDS"));
    assert_eq!(
        (found[0].when, found[0].urgency),
        (Some(at(1_796_083_200)), Urgency::Soon)
    );
    // As `openssl x509 -enddate` prints them.
    assert_eq!(found[1].when, Some(at(3_091_252_727)));
    assert_eq!(when(UTC_TIME, " ")[0].when, Some(at(1_826_788_727)));
    let one_line = UTC_TIME.replace('\n', "\\n");
    assert_eq!(when(&one_line, "")[0].when, Some(at(1_826_788_727)));
    assert_eq!(when("", "2026-11-21T09:59:59Z")[0].urgency, Urgency::Over);
    for unreadable in [
        "soon",
        "2026-13-01",
        "01.12.2026",
        "-----BEGIN CERTIFICATE-----",
    ] {
        let found = &when("", unreadable)[0];
        assert_eq!(
            (found.when, found.urgency),
            (None, Urgency::Soon),
            "{unreadable}"
        );
    }
}

#[test]
fn a_damaged_certificate_has_no_end_and_does_no_harm() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let body: String = UTC_TIME.lines().filter(|l| !l.starts_with('-')).collect();
    let der = STANDARD.decode(body).unwrap();
    let pem = |der: &[u8]| {
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",
            STANDARD.encode(der)
        )
    };
    assert!(certificate::end(&pem(&der)).is_some());
    for length in 0..der.len() {
        assert_eq!(certificate::end(&pem(&der[..length])), None, "{length}");
    }
    for at in 0..der.len().min(300) {
        for byte in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
            let mut damaged = der.clone();
            damaged[at] = byte;
            let _ = certificate::end(&pem(&damaged));
        }
    }
    let nested = [0x30_u8, 0x80].repeat(30_000);
    assert_eq!(certificate::end(&pem(&nested)), None);
    assert_eq!(
        certificate::end("-----BEGIN CERTIFICATE-----é-----END CERTIFICATE-----"),
        None
    );
}
