//! Forged, damaged and misplaced tokens: none is accepted, and all are refused alike.

use proptest::prelude::*;

use super::*;

const ORIGINAL: &str = "Grace.Hopper+ships@Navy.example.org";

fn both() -> [Pseudonymizer; 2] {
    [native(KEY_1), compat()]
}

fn body_of(token: &str) -> Vec<u8> {
    decode_base64(token.strip_prefix("p~").unwrap().split('@').next().unwrap()).unwrap()
}

fn with_body(bytes: &[u8]) -> String {
    let mut text = String::from("p~");
    push_base64(&mut text, bytes);
    text
}

#[test]
fn refuses_every_flipped_bit() {
    for pseudonymizer in both() {
        for original in [
            "u-48213",
            ORIGINAL,
            "a text that fills more than two whole blocks of the cipher",
        ] {
            let genuine = body_of(&token(&pseudonymizer, original, Include::REVERSIBLE));
            assert_eq!(
                pseudonymizer.reverse(&with_body(&genuine)).unwrap(),
                original
            );
            for at in 0..genuine.len() {
                for bit in 0..8 {
                    let mut forged = genuine.clone();
                    forged[at] ^= 1 << bit;
                    assert_eq!(
                        pseudonymizer.reverse(&with_body(&forged)),
                        Err(TokenInvalid),
                        "byte {at} bit {bit}"
                    );
                }
            }
        }
    }
}

#[test]
fn refuses_truncated_and_extended_tokens() {
    for pseudonymizer in both() {
        let genuine = body_of(&token(&pseudonymizer, ORIGINAL, Include::REVERSIBLE));
        for length in 0..genuine.len() {
            assert_eq!(
                pseudonymizer.reverse(&with_body(&genuine[..length])),
                Err(TokenInvalid),
                "{length} bytes"
            );
        }
        for extra in 1..=33 {
            let mut longer = genuine.clone();
            longer.resize(genuine.len() + extra, 0);
            assert_eq!(
                pseudonymizer.reverse(&with_body(&longer)),
                Err(TokenInvalid),
                "{extra} bytes more"
            );
        }
    }
}

#[test]
fn refuses_other_spellings_of_the_same_bytes() {
    // These lengths leave unused bits in the last character: two in the native scheme, four in the other.
    for (pseudonymizer, original) in both().into_iter().zip(["u-48213", "a user id of 21 bytes"]) {
        let genuine = token(&pseudonymizer, original, Include::REVERSIBLE);
        assert_ne!((genuine.len() - 2) % 4, 0, "no bits are unused");
        for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
            let mut other = genuine.clone();
            other.pop();
            other.push(char);
            assert_eq!(
                pseudonymizer.reverse(&other).is_ok(),
                other == genuine,
                "last character {char}"
            );
        }
        for other in [
            format!("{genuine}="),
            format!("{genuine}=="),
            format!(" {genuine}"),
            format!("{genuine}\n"),
            genuine.replace("p~", "P~"),
            genuine.replace("p~", "p%7E"),
            genuine.replace("p~", "t~"),
            genuine.replace("p~", ""),
            genuine.replace('-', "+").replace('_', "/") + "/",
            String::new(),
            "p~".to_owned(),
        ] {
            assert_eq!(pseudonymizer.reverse(&other), Err(TokenInvalid));
        }
    }
}

#[test]
fn refuses_tokens_of_another_key_or_scheme() {
    let others = [
        native(KEY_2),
        compat(),
        native(KEY_1).for_domain("vendor").unwrap(),
    ];
    let genuine = token(&native(KEY_1), "u-48213", Include::REVERSIBLE);
    for other in others {
        assert_eq!(other.reverse(&genuine), Err(TokenInvalid));
        assert_eq!(
            native(KEY_1).reverse(&token(&other, "u-48213", Include::REVERSIBLE)),
            Err(TokenInvalid)
        );
    }
}

#[test]
fn refuses_a_token_whose_generation_is_renumbered() {
    let both = native(&format!("2:{KEY_2},1:{KEY_1}"));
    let mut bytes = body_of(&token(&both, "u-48213", Include::REVERSIBLE));
    assert_eq!(bytes[32], 2);
    for number in (0..=255).filter(|number| *number != 2) {
        bytes[32] = number;
        assert_eq!(both.reverse(&with_body(&bytes)), Err(TokenInvalid));
    }
}

#[test]
fn refuses_parts_of_two_tokens_put_together() {
    for pseudonymizer in both() {
        let one = body_of(&token(&pseudonymizer, "u-48213", Include::REVERSIBLE));
        let two = body_of(&token(&pseudonymizer, "u-99999", Include::REVERSIBLE));
        for at in 1..one.len() {
            let mixed = [&one[..at], &two[at..]].concat();
            assert_eq!(
                pseudonymizer.reverse(&with_body(&mixed)),
                Err(TokenInvalid),
                "cut at {at}"
            );
        }
    }
}

#[test]
fn refuses_a_native_token_in_the_place_of_another_purpose() {
    let pseudonymizer = native_with(KEY_1, domains(DomainHandling::Encrypt));
    let address = pseudonymizer.encrypt_ip("192.0.2.7").unwrap().unwrap();
    assert_eq!(
        pseudonymizer
            .reverse_as(Purpose::IpAddress, &address)
            .unwrap(),
        "192.0.2.7"
    );
    assert_eq!(pseudonymizer.reverse(&address), Err(TokenInvalid));
    assert_eq!(
        pseudonymizer.reverse_as(Purpose::EmailDomain, &address),
        Err(TokenInvalid)
    );
    let identifier = token(&pseudonymizer, "192.0.2.7", Include::REVERSIBLE);
    assert_eq!(
        pseudonymizer.reverse_as(Purpose::IpAddress, &identifier),
        Err(TokenInvalid)
    );
    let (_, domain) = token(&pseudonymizer, ORIGINAL, Include::NOTHING)
        .split_once("@e~")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    assert_eq!(
        pseudonymizer.reverse(&format!("p~{domain}")),
        Err(TokenInvalid)
    );
}

#[test]
fn a_domain_behind_a_token_must_be_its_own() {
    for handling in [
        DomainHandling::Preserve,
        DomainHandling::Tokenize,
        DomainHandling::Encrypt,
    ] {
        for pseudonymizer in [
            native_with(KEY_1, domains(handling)),
            compat_with(domains(handling)),
        ] {
            let mine = token(&pseudonymizer, "ada@one.example.com", Include::REVERSIBLE);
            let other = token(&pseudonymizer, "ada@two.example.com", Include::REVERSIBLE);
            let (body, _) = mine.split_once('@').unwrap();
            let (_, domain) = other.split_once('@').unwrap();
            assert_eq!(
                pseudonymizer.reverse(&mine).unwrap(),
                "ada@one.example.com",
                "{handling:?}"
            );
            assert_eq!(
                pseudonymizer.reverse(body).unwrap(),
                "ada@one.example.com",
                "{handling:?}"
            );
            assert_eq!(
                pseudonymizer.reverse(&format!("{body}@{domain}")),
                Err(TokenInvalid),
                "{handling:?}"
            );
            let id = token(&pseudonymizer, "u-48213", Include::REVERSIBLE);
            assert_eq!(
                pseudonymizer.reverse(&format!("{id}@{domain}")),
                Err(TokenInvalid),
                "{handling:?}"
            );
        }
    }
}

#[test]
fn a_hidden_domain_can_not_be_tried_out() {
    for handling in [
        DomainHandling::Redact,
        DomainHandling::Tokenize,
        DomainHandling::Encrypt,
    ] {
        for pseudonymizer in [
            native_with(KEY_1, domains(handling)),
            compat_with(domains(handling)),
        ] {
            let mine = token(&pseudonymizer, "ada@one.example.com", Include::REVERSIBLE);
            let body = mine.split('@').next().unwrap();
            for guess in ["one.example.com", "two.example.com"] {
                assert_eq!(
                    pseudonymizer.reverse(&format!("{body}@{guess}")),
                    Err(TokenInvalid)
                );
            }
        }
    }
}

#[test]
fn finds_tokens_as_long_as_they_are() {
    let body = "A".repeat(64);
    let cases = [
        (format!("p~{body}"), vec![format!("p~{body}")]),
        (
            format!("a/p~{body}/b?x=p~{body}&y"),
            vec![format!("p~{body}"); 2],
        ),
        (
            format!("idp~{body}@a.example.com/x"),
            vec![format!("p~{body}@a.example.com")],
        ),
        (
            format!("see p~{body}@a.example.com."),
            vec![format!("p~{body}@a.example.com")],
        ),
        (
            format!("p~{body}@h~{}, x", "B".repeat(43)),
            vec![format!("p~{body}@h~{}", "B".repeat(43))],
        ),
        (
            format!("p~{body}@e~{body}/x"),
            vec![format!("p~{body}@e~{body}")],
        ),
        (
            format!("p~{body}%40a.example.com/x"),
            vec![format!("p~{body}%40a.example.com")],
        ),
        (format!("p~{body}@ x"), vec![format!("p~{body}@")]),
        (format!("p~short p~{body}"), vec![format!("p~{body}")]),
        (format!("p~p~p~{body}"), vec![format!("p~{body}")]),
        (format!("p~{}", "A".repeat(42)), vec![]),
        (format!("t~{body} p%7E{body} P~{body}"), vec![]),
        (format!("ünï p~{body}ü"), vec![format!("p~{body}")]),
    ];
    for (text, expected) in cases {
        let found: Vec<&str> = find_tokens(&text).map(|found| found.text).collect();
        assert_eq!(found, expected, "in {text}");
        for found in find_tokens(&text) {
            assert_eq!(&text[found.start..found.end()], found.text);
        }
    }
}

#[test]
fn the_format_check_takes_what_is_written() {
    for handling in [
        DomainHandling::Preserve,
        DomainHandling::Redact,
        DomainHandling::Tokenize,
        DomainHandling::Encrypt,
    ] {
        for pseudonymizer in [
            native_with(KEY_1, domains(handling)),
            compat_with(domains(handling)),
        ] {
            for text in ["u-48213", "", ORIGINAL] {
                let made = token(&pseudonymizer, text, Include::REVERSIBLE);
                assert!(is_reversible_token(&made) && is_token(&made), "{made}");
                let plain = token(&pseudonymizer, text, Include::NOTHING);
                assert!(!is_reversible_token(&plain) && is_token(&plain), "{plain}");
                assert_eq!(
                    find_tokens(&made)
                        .map(|found| found.text)
                        .collect::<Vec<_>>(),
                    [made.as_str()]
                );
            }
        }
    }
    for text in [
        "",
        "p~",
        "u-1",
        "p~abc",
        "t~abc",
        "x p~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert!(!is_token(text), "{text}");
    }
}

proptest! {
    #[test]
    fn reversing_anything_never_panics(text in "(p~|@|h~|e~|%40|[A-Za-z0-9_-]{1,60}|\\PC){0,12}") {
        for pseudonymizer in both() {
            let _ = pseudonymizer.reverse(&text);
            let _ = pseudonymizer.reverse_all(&text);
            prop_assert_eq!(pseudonymizer.reverse(&text), Err(TokenInvalid));
        }
    }

    #[test]
    fn random_bytes_are_never_a_token(bytes in proptest::collection::vec(any::<u8>(), 32..200)) {
        for pseudonymizer in both() {
            prop_assert_eq!(pseudonymizer.reverse(&with_body(&bytes)), Err(TokenInvalid));
        }
    }
}
