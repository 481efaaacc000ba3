//! The worked examples of `docs/pseudonyms.md` hold.

use super::*;

const PAGE: &str = include_str!("../../../../../docs/pseudonyms.md");

#[test]
fn examples_of_the_page_hold() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for block in PAGE.split("```text\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        if block.lines().any(|line| line.contains(" => ")) {
            checked += check_block(block, &mut wrong);
        }
    }
    assert!(
        wrong.is_empty(),
        "these lines should read\n{}",
        wrong.join("\n")
    );
    assert!(checked >= 15, "only {checked} examples");
}

/// Checks each example, notes how wrong ones should read, and says how many there were.
fn check_block(block: &str, wrong: &mut Vec<String>) -> usize {
    let settings: Vec<(&str, &str)> = block
        .lines()
        .filter(|line| !line.contains(" => "))
        .filter_map(|line| line.split_once('='))
        .collect();
    let find = |name: &str| {
        settings
            .iter()
            .find(|(one, _)| *one == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let keys = Keys::from_lookup(find, find("PSOXY_SALT").is_some()).unwrap();
    let options = Options {
        canonicalization: find("EMAIL_CANONICALIZATION").map_or_else(Default::default, |name| {
            EmailCanonicalization::from_name(&name).unwrap()
        }),
        domain_handling: find("EMAIL_DOMAIN_HANDLING").map_or_else(Default::default, |name| {
            DomainHandling::from_name(&name).unwrap()
        }),
    };
    let mut pseudonymizer = Pseudonymizer::new(keys, options).unwrap();
    if let Some(recipient) = find("RECIPIENT") {
        pseudonymizer = pseudonymizer.for_domain(&recipient).unwrap();
    }
    let mut checked = 0;
    for line in block.lines().filter(|line| line.contains(" => ")) {
        let (call, expected) = line.split_once(" => ").unwrap();
        let (operation, input) = call.trim().split_once(' ').unwrap_or((call.trim(), ""));
        let made = run(&pseudonymizer, operation, input.trim());
        if made != expected.trim() {
            wrong.push(format!("{call} => {made}"));
        }
        checked += 1;
    }
    checked
}

fn run(pseudonymizer: &Pseudonymizer, operation: &str, input: &str) -> String {
    let make = |encoding, include| {
        pseudonymizer
            .pseudonymize(input, encoding, include)
            .unwrap()
    };
    let nothing = || "nothing".to_owned();
    match operation {
        "token" => make(PseudonymEncoding::UrlSafeToken, Include::NOTHING),
        "reversible" => make(PseudonymEncoding::UrlSafeToken, Include::REVERSIBLE),
        "hash" => make(PseudonymEncoding::UrlSafeHashOnly, Include::NOTHING),
        "json" => make(PseudonymEncoding::Json, Include::NOTHING),
        "header" => pseudonymizer
            .email_header(input, PseudonymEncoding::UrlSafeToken)
            .unwrap_or_else(nothing),
        "tokenize" => pseudonymizer.tokenize(input).unwrap(),
        "hash-ip" => pseudonymizer.hash_ip(input).unwrap_or_else(nothing),
        "encrypt-ip" => pseudonymizer
            .encrypt_ip(input)
            .unwrap()
            .unwrap_or_else(nothing),
        "reverse" => pseudonymizer
            .reverse(input)
            .unwrap_or_else(|problem| problem.code().to_owned()),
        "fingerprint" => pseudonymizer.fingerprint(),
        other => panic!("unknown operation {other}"),
    }
}
