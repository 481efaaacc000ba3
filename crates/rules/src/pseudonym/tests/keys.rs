//! Reading key material: everything wrong is said at once, and nothing of a key is ever shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn codes(text: &str) -> Vec<&'static str> {
    match NativeKeys::parse(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(KeyError::code).collect(),
    }
}

#[test]
fn says_what_is_wrong_with_each_generation() {
    let short = STANDARD.encode("thirty-one bytes are not enough");
    let long = STANDARD.encode((0..=250).cycle().take(1025).collect::<Vec<u8>>());
    let dull = STANDARD.encode([7; 32]);
    let cases = [
        (String::new(), vec!["key-blank"]),
        (" ,\n".to_owned(), vec!["key-blank"]),
        ("hunter2!".to_owned(), vec!["key-not-base64"]),
        (format!("0:{KEY_1}"), vec!["key-number"]),
        (format!("64:{KEY_1}"), vec!["key-number"]),
        (format!("01:{KEY_1}"), vec!["key-number"]),
        (format!("+1:{KEY_1}"), vec!["key-number"]),
        (format!(":{KEY_1}"), vec!["key-number"]),
        (format!("one:{KEY_1}"), vec!["key-number"]),
        ("1:".to_owned(), vec!["key-too-short"]),
        (short, vec!["key-too-short"]),
        (long, vec!["key-too-long"]),
        (dull, vec!["key-not-random"]),
        (format!("{KEY_2},1:{KEY_1}"), vec!["key-unnumbered"]),
        (format!("1:{KEY_2},1:{KEY_1}"), vec!["key-number-twice"]),
        (format!("2:{KEY_1},1:{KEY_1}"), vec!["key-twice"]),
        (
            format!("hash=2:{KEY_2},hash=1:{KEY_1}"),
            vec!["key-several-hash-generations"],
        ),
        (format!("2:{KEY_2}"), vec!["key-no-hash-generation"]),
        (
            format!("3:{KEY_2},2:{KEY_1}"),
            vec!["key-no-hash-generation"],
        ),
        (
            format!("x:{KEY_2},2:a?c,{KEY_1}"),
            vec!["key-number", "key-not-base64", "key-unnumbered"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(codes(&text), expected, "of {text:?}");
    }
}

#[test]
fn reads_a_key_however_it_is_written_down() {
    let fingerprint = native(KEY_1).fingerprint();
    let bare = KEY_1.trim_end_matches('=');
    for text in [
        bare.to_owned(),
        format!("{KEY_1}\n"),
        format!("1:{KEY_1}"),
        format!("hash=1:{KEY_1}"),
        format!("hash={KEY_1}"),
        format!(" 2:{KEY_2} ,\r\n 1:{KEY_1} "),
        bare.replace('+', "-").replace('/', "_"),
    ] {
        assert_eq!(native(&text).fingerprint(), fingerprint, "of {text:?}");
    }
    let raw = NativeKeys::from_master(&STANDARD.decode(KEY_1).unwrap()).unwrap();
    assert_eq!(
        Pseudonymizer::native(raw, Options::default()).fingerprint(),
        fingerprint
    );
    assert_eq!(
        NativeKeys::from_master(b"short").unwrap_err().code(),
        "key-too-short"
    );
}

#[test]
fn reports_all_missing_and_blank_secrets_at_once() {
    let codes = |lookup: fn(&str) -> Option<String>, compat| {
        let problems = Keys::from_lookup(lookup, compat).unwrap_err();
        problems
            .iter()
            .map(|one| (one.code(), one.to_string()))
            .collect::<Vec<_>>()
    };
    let native = codes(|_| None, false);
    assert_eq!(native[0].0, "key-missing");
    assert!(native[0].1.contains("PSEUDONYM_KEY") && native[0].1.contains("openssl rand"));
    assert_eq!(codes(|_| None, true)[0].0, "key-missing");
    let blank = codes(|_| Some(" \n".to_owned()), true);
    assert_eq!(blank.len(), 6);
    for name in [
        names::PSOXY_SALT,
        names::PSOXY_ENCRYPTION_KEY,
        names::SALT_EMAIL_DOMAINS,
        names::ENCRYPTION_KEY_EMAIL_DOMAINS,
        names::SALT_IP,
        names::ENCRYPTION_KEY_IP,
    ] {
        assert!(
            blank
                .iter()
                .any(|(code, text)| *code == "key-blank" && text.contains(name)),
            "{name}"
        );
    }
}

#[test]
fn dedicated_secrets_fall_back_one_by_one() {
    let make = |own: &'static [(&'static str, &'static str)]| {
        let lookup = move |name: &str| {
            let all = [
                (names::PSOXY_SALT, "pepper"),
                (names::PSOXY_ENCRYPTION_KEY, "open sesame"),
            ];
            let found = own.iter().chain(&all).find(|(one, _)| *one == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let keys = Keys::from_lookup(lookup, true).unwrap();
        Pseudonymizer::new(keys, domains(DomainHandling::Encrypt)).unwrap()
    };
    let (plain, salted) = (make(&[]), make(&[(names::SALT_IP, "sea salt")]));
    let (worded, domain) = (
        make(&[(names::ENCRYPTION_KEY_IP, "abracadabra")]),
        make(&[(names::SALT_EMAIL_DOMAINS, "x")]),
    );
    let ip = |who: &Pseudonymizer| {
        (
            who.hash_ip("192.0.2.1").unwrap(),
            who.encrypt_ip("192.0.2.1").unwrap().unwrap(),
        )
    };
    assert_ne!(ip(&plain).0, ip(&salted).0);
    assert_eq!(ip(&plain).0, ip(&worded).0);
    assert_ne!(ip(&plain).1, ip(&worded).1);
    assert_eq!(ip(&plain), ip(&domain));
    let email = |who: &Pseudonymizer| token(who, "ada@example.com", Include::REVERSIBLE);
    assert_eq!(email(&plain), email(&salted));
    assert_eq!(
        email(&plain).split('@').next(),
        email(&domain).split('@').next()
    );
    assert_ne!(email(&plain), email(&domain));
    for who in [plain, salted, worded, domain] {
        assert_eq!(who.reverse(&email(&who)).unwrap(), "ada@example.com");
    }
}

#[test]
fn shows_nothing_of_a_key() {
    let lookup = |name: &str| {
        Some(match name {
            "PSEUDONYM_KEY" => format!("2:{KEY_2},1:{KEY_1}"),
            other => format!("value-of-{}", other.to_lowercase()),
        })
    };
    let (native, compat) = (
        Keys::from_lookup(lookup, false).unwrap(),
        Keys::from_lookup(lookup, true).unwrap(),
    );
    let mut shown = vec![
        format!("{native:?} {native:#?}"),
        format!("{compat:?} {compat:#?}"),
    ];
    for keys in [native, compat] {
        let pseudonymizer = Pseudonymizer::new(keys, Options::default()).unwrap();
        let _ = pseudonymizer.tokenize("warm up the derived keys");
        shown.push(format!("{pseudonymizer:?} {pseudonymizer:#?}"));
    }
    shown.push(format!(
        "{:?}",
        CompatSecrets::new("value-of-salt", Some("value-of-password"))
    ));
    for text in [
        "1:Zm9yIGV4YW1wbGVz!",
        "64:Zm9yIGV4YW1wbGVz",
        "Zm9yIGV4YW1wbGVz",
        "Zm9yIGV4YW1wbGVz,Zm9yIGV4YW1wbGVz",
    ] {
        for problem in NativeKeys::parse(text).unwrap_err() {
            shown.push(format!("{problem} {problem:?}"));
        }
    }
    for text in shown {
        assert!(!text.contains("value-of"), "{text}");
        assert!(!text.contains("Zm9y") && !text.contains("dGhl"), "{text}");
        assert!(!text.contains("[1") || text.contains("[2, 1]"), "{text}");
    }
}

#[test]
fn shared_between_threads_derives_once_and_agrees() {
    let keys = CompatKeys::new(CompatSecrets::new("pepper", Some("another")));
    let pseudonymizer = Pseudonymizer::compat(keys, Options::default()).unwrap();
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| pseudonymizer.tokenize("u-1").unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(tokens.iter().all(|one| *one == tokens[0]));
}
