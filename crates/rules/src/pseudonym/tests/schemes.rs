//! What both schemes promise, and rotation and recipients of the native one.

use proptest::prelude::*;

use super::*;

#[test]
fn the_hash_is_the_same_in_every_encoding() {
    for pseudonymizer in [native(KEY_1), compat()] {
        let make = |encoding| {
            pseudonymizer
                .pseudonymize("u-1", encoding, Include::NOTHING)
                .unwrap()
        };
        let hash = make(PseudonymEncoding::UrlSafeHashOnly);
        assert_eq!(make(PseudonymEncoding::UrlSafeToken), format!("t~{hash}"));
        assert_eq!(
            make(PseudonymEncoding::Json),
            format!("{{\"hash\":\"{hash}\"}}")
        );
    }
}

#[test]
fn native_tokens_start_with_the_hash_text() {
    for number in [1, 2, 63] {
        let pseudonymizer = native(&format!("hash={number}:{KEY_1}"));
        let plain = token(&pseudonymizer, "u-1", Include::NOTHING);
        let reversible = token(&pseudonymizer, "u-1", Include::REVERSIBLE);
        assert_eq!(plain[2..], reversible[2..45], "generation {number}");
    }
}

#[test]
fn rotation_keeps_hashes_and_reads_old_tokens() {
    let before = native(KEY_1);
    let after = native(&format!("2:{KEY_2}\n1:{KEY_1}\n"));
    let options = domains(DomainHandling::Encrypt);
    for (before, after) in [
        (before.clone(), after.clone()),
        (
            native_with(KEY_1, options),
            native_with(&format!("2:{KEY_2},hash=1:{KEY_1}"), options),
        ),
    ] {
        let text = "ada@example.com";
        let (old, new) = (
            token(&before, text, Include::REVERSIBLE),
            token(&after, text, Include::REVERSIBLE),
        );
        assert_ne!(old, new);
        assert_eq!(old[..45], new[..45]);
        assert_eq!(after.reverse(&old).unwrap(), text);
        assert_eq!(after.reverse(&new).unwrap(), text);
        assert_eq!(before.reverse(&new), Err(TokenInvalid));
        assert_eq!(before.hash_ip("192.0.2.1"), after.hash_ip("192.0.2.1"));
        assert_eq!(before.fingerprint(), after.fingerprint());
    }
}

#[test]
fn changing_the_hash_generation_changes_pseudonyms_but_loses_no_token() {
    let options = domains(DomainHandling::Tokenize);
    let before = native_with(KEY_1, options);
    let after = native_with(&format!("hash=2:{KEY_2},1:{KEY_1}"), options);
    let old = token(&before, "ada@example.com", Include::REVERSIBLE);
    assert_ne!(
        old[..45],
        token(&after, "ada@example.com", Include::REVERSIBLE)[..45]
    );
    assert_ne!(before.fingerprint(), after.fingerprint());
    assert_eq!(after.reverse(&old).unwrap(), "ada@example.com");
}

#[test]
fn recipients_can_not_link_pseudonyms() {
    let shared = native(KEY_1);
    let (one, two) = (
        shared.for_domain("one").unwrap(),
        shared.for_domain("two").unwrap(),
    );
    let all = [&shared, &one, &two];
    for make in [
        |who: &Pseudonymizer| token(who, "ada@example.com", Include::NOTHING),
        |who: &Pseudonymizer| who.hash_ip("192.0.2.1").unwrap(),
        |who: &Pseudonymizer| who.tokenize("u-1").unwrap()[45..].to_owned(),
        Pseudonymizer::fingerprint,
    ] {
        let made: std::collections::BTreeSet<String> = all.iter().map(|who| make(who)).collect();
        assert_eq!(made.len(), 3);
    }
    let mine = token(&one, "ada@example.com", Include::REVERSIBLE);
    assert_eq!(one.reverse(&mine).unwrap(), "ada@example.com");
    assert_eq!(two.reverse(&mine), Err(TokenInvalid));
    assert_eq!(
        shared
            .for_domain("two")
            .unwrap()
            .for_domain("one")
            .unwrap()
            .reverse(&mine)
            .unwrap(),
        "ada@example.com"
    );
}

#[test]
fn recipients_are_refused_where_they_mean_nothing() {
    assert_eq!(
        native(KEY_1).for_domain("").unwrap_err().code(),
        "recipient-label"
    );
    assert_eq!(
        native(KEY_1)
            .for_domain(&"x".repeat(256))
            .unwrap_err()
            .code(),
        "recipient-label"
    );
    assert_eq!(
        compat().for_domain("one").unwrap_err().code(),
        "recipients-need-native"
    );
}

#[test]
fn native_domains_are_lower_case_and_compatible_ones_as_given() {
    assert!(token(&native(KEY_1), "Ada@Example.COM", Include::NOTHING).ends_with("@example.com"));
    assert!(token(&compat(), "Ada@Example.COM", Include::NOTHING).ends_with("@Example.COM"));
    for handling in [DomainHandling::Tokenize, DomainHandling::Encrypt] {
        let native = native_with(KEY_1, domains(handling));
        assert_eq!(
            token(&native, "ada@Example.COM", Include::NOTHING),
            token(&native, "ada@example.com", Include::NOTHING)
        );
        let compat = compat_with(domains(handling));
        assert_ne!(
            token(&compat, "ada@Example.COM", Include::NOTHING),
            token(&compat, "ada@example.com", Include::NOTHING)
        );
    }
}

#[test]
fn json_has_members_in_order_and_escapes_the_original() {
    let include = Include {
        reversible: true,
        original: true,
    };
    let text = "\"\t\\\" \" <ada@example.com>";
    for pseudonymizer in [native(KEY_1), compat()] {
        let made = pseudonymizer
            .pseudonymize(text, PseudonymEncoding::Json, include)
            .unwrap();
        let read: serde_json::Value = serde_json::from_str(&made).unwrap();
        let names: Vec<&String> = read.as_object().unwrap().keys().collect();
        assert_eq!(names, ["domain", "hash", "original", "reversible"]);
        assert_eq!(read["original"], text);
        assert_eq!(
            pseudonymizer
                .reverse(read["reversible"].as_str().unwrap())
                .unwrap(),
            text
        );
    }
    let made = compat()
        .pseudonymize("a\u{1f}b\u{7f}/é", PseudonymEncoding::Json, include)
        .unwrap();
    assert!(
        made.contains("\"original\":\"a\\u001Fb\u{7f}/é\""),
        "{made}"
    );
}

#[test]
fn headers_give_every_address_its_own_pseudonym() {
    for pseudonymizer in [native(KEY_1), compat()] {
        let ada = token(&pseudonymizer, "ada@example.com", Include::NOTHING);
        let bob = token(&pseudonymizer, "bob@example.org", Include::NOTHING);
        let header = |text: &str| pseudonymizer.email_header(text, PseudonymEncoding::UrlSafeToken);
        assert_eq!(
            header("\"A \\\"x\\\" L\" <Ada+tag@example.com>, team: bob@example.org;").unwrap(),
            format!("{ada},{bob}")
        );
        assert_eq!(header("team:;").unwrap(), "");
        assert_eq!(header("not an address"), None);
        assert_eq!(header(""), None);
        let hash = |text: &str| {
            pseudonymizer
                .pseudonymize(text, PseudonymEncoding::Json, Include::NOTHING)
                .unwrap()
        };
        for encoding in [PseudonymEncoding::Json, PseudonymEncoding::UrlSafeHashOnly] {
            assert_eq!(
                pseudonymizer
                    .email_header("ada@example.com,bob@example.org", encoding)
                    .unwrap(),
                format!("[{},{}]", hash("ada@example.com"), hash("bob@example.org"))
            );
        }
    }
}

#[test]
fn a_compatible_token_outlives_a_change_of_canonicalization() {
    let dotless = compat_with(Options {
        canonicalization: EmailCanonicalization::IgnoreDots,
        ..Options::default()
    });
    let made = token(&dotless, "a.da@example.com", Include::REVERSIBLE);
    assert_ne!(
        made,
        token(&compat(), "a.da@example.com", Include::REVERSIBLE)
    );
    assert_eq!(compat().reverse(&made).unwrap(), "a.da@example.com");
}

#[test]
fn without_a_password_only_reversible_forms_fail() {
    let keys = || CompatKeys::new(CompatSecrets::new("pepper", None));
    let pseudonymizer = Pseudonymizer::compat(keys(), Options::default()).unwrap();
    assert!(token(&pseudonymizer, "u-1", Include::NOTHING).starts_with("t~"));
    let codes = [
        pseudonymizer.tokenize("u-1").unwrap_err().code(),
        pseudonymizer.encrypt_ip("192.0.2.1").unwrap_err().code(),
        pseudonymizer
            .pseudonymize("u-1", PseudonymEncoding::Json, Include::REVERSIBLE)
            .unwrap_err()
            .code(),
        Pseudonymizer::compat(keys(), domains(DomainHandling::Encrypt))
            .unwrap_err()
            .code(),
    ];
    assert_eq!(codes, ["encryption-key-missing"; 4]);
    assert_eq!(
        pseudonymizer.reverse(&token(&compat(), "u-1", Include::REVERSIBLE)),
        Err(TokenInvalid)
    );
}

#[test]
fn a_native_token_tells_the_length_of_its_original_only_roughly() {
    let length = |text: &str| native(KEY_1).tokenize(text).unwrap().len();
    assert_eq!(length(""), length("fifteen bytes.."));
    assert_eq!(
        length("sixteen bytes..."),
        length("sixteen bytes...fifteen bytes..")
    );
    assert_ne!(length("fifteen bytes.."), length("sixteen bytes..."));
}

proptest! {
    #[test]
    fn whatever_is_tokenized_comes_back(text: String, around in "[ /?=&,.]{0,4}") {
        for pseudonymizer in [native(KEY_1), compat()] {
            let made = pseudonymizer.tokenize(&text).unwrap();
            prop_assert!(is_reversible_token(&made));
            prop_assert_eq!(pseudonymizer.reverse(&made).unwrap(), text.as_str());
            let embedded = format!("{around}{made}{around}");
            prop_assert_eq!(pseudonymizer.reverse_all(&embedded).unwrap(), format!("{around}{text}{around}"));
        }
    }

    #[test]
    fn whatever_is_pseudonymized_comes_back(
        text in "(\"[a-z \\\\\"]{0,9}\" )?<?[A-Za-z.+]{1,20}@[a-z-]{1,9}\\.[A-Za-z]{1,9}>?|\\PC{0,40}",
        handling in proptest::sample::select(vec![
            DomainHandling::Preserve, DomainHandling::Redact, DomainHandling::Tokenize, DomainHandling::Encrypt,
        ]),
    ) {
        for pseudonymizer in [native_with(KEY_1, domains(handling)), compat_with(domains(handling))] {
            let made = token(&pseudonymizer, &text, Include::REVERSIBLE);
            prop_assert_eq!(pseudonymizer.reverse(&made).unwrap(), text.as_str());
        }
    }

    #[test]
    fn no_pseudonym_contains_its_original(text in "[a-z]{6,20}") {
        for pseudonymizer in [native(KEY_1), compat()] {
            prop_assert!(!token(&pseudonymizer, &text, Include::REVERSIBLE).contains(&text));
        }
    }
}
