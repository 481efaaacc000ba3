//! The vectors of the compatible scheme.

use serde_json::Value;

use super::*;

/// Vectors that show a defect of the reference, and why we refuse them.
const REFUSED: [(&str, &str); 10] = [
    (
        "REV-3",
        "a percent-encoded domain behind a token would be left as debris",
    ),
    (
        "REV-4",
        "the encrypted domain was made with other secrets and would be left as debris",
    ),
    (
        "REV-6",
        "a hash without ciphertext is not reversible; the empty string is not its original",
    ),
    ("REV-8", "another password"),
    ("REV-9", "the second half of the hash is altered"),
    (
        "REV-10",
        "the first half of the hash, which is the IV, is altered to edit the original",
    ),
    ("REV-11", "characters are appended to the token"),
    ("IP-4", "a short form is not an IP literal"),
    ("IP-6", "256 is not a byte"),
    ("HDR-4", "an empty member makes the list invalid"),
];

/// Vectors of things we deliberately don't have.
const ABSENT: [(&str, &str); 1] = [(
    "GCM-1",
    "the second cipher suite is not used by any deployment of the reference",
)];

#[test]
fn all_vectors_hold_or_are_refused_for_a_reason() {
    let Some(file) = suite("spec/pseudonym-vectors.json") else {
        return;
    };
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 60, "only {} vectors", vectors.len());
    let mut refused = Vec::new();
    for vector in vectors {
        let id = vector["id"].as_str().unwrap();
        if ABSENT.iter().any(|(absent, _)| *absent == id) {
            continue;
        }
        match vector["op"].as_str().unwrap() {
            "deriveKey" => check_derived_key(vector),
            "pseudonymize" => check_pseudonyms(vector),
            "pseudonymizeEmailHeader" => refused.extend(check_header(vector).then_some(id)),
            "ip" => refused.extend(check_ip(vector).then_some(id)),
            "tokenize" => check_tokenize(vector),
            "reverseAll" => refused.extend(check_reverse(vector).then_some(id)),
            "saltFingerprint" => check_fingerprint(vector),
            other => panic!("{id}: unknown operation {other}"),
        }
    }
    let mut listed: Vec<&str> = REFUSED.iter().map(|(id, _)| *id).collect();
    refused.sort_unstable();
    listed.sort_unstable();
    assert_eq!(refused, listed);
}

#[test]
fn turns_back_a_token_with_an_encrypted_domain() {
    let Some(file) = suite("spec/pseudonym-vectors.json") else {
        return;
    };
    let find = |id: &str| {
        file["vectors"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == id)
            .unwrap()
            .clone()
    };
    let reversed = from_vector(&find("DOM-3"))
        .reverse_all(find("REV-4")["input"].as_str().unwrap())
        .unwrap()
        .into_owned();
    assert_eq!(reversed, "/v1/users/alice@acme.com/x");
}

fn from_vector(vector: &Value) -> Pseudonymizer {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let options = &vector["options"];
    let secrets = |name: &str| match name {
        "PSOXY_SALT" => text(&vector["salt"])
            .or_else(|| text(&vector["saltIp"]))
            .or_else(|| text(&vector["input"])),
        "PSOXY_ENCRYPTION_KEY" => text(&vector["encryptionKey"]),
        "SALT_EMAIL_DOMAINS" => text(&options["saltEmailDomains"]),
        "ENCRYPTION_KEY_EMAIL_DOMAINS" => text(&options["encryptionKeyEmailDomains"]),
        "SALT_IP" => text(&vector["saltIp"]),
        "ENCRYPTION_KEY_IP" => text(&vector["encryptionKeyIp"]),
        _ => None,
    };
    let keys = Keys::from_lookup(secrets, true).unwrap();
    let options = Options {
        canonicalization: options["emailCanonicalization"]
            .as_str()
            .map_or(EmailCanonicalization::Strict, |name| {
                EmailCanonicalization::from_name(name).unwrap()
            }),
        domain_handling: options["emailDomainHandling"]
            .as_str()
            .map_or(DomainHandling::Preserve, |name| {
                DomainHandling::from_name(name).unwrap()
            }),
    };
    Pseudonymizer::new(keys, options).unwrap()
}

fn input_text(vector: &Value) -> String {
    match &vector["input"] {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            crate::java_number::java_double_text(number.as_f64().unwrap())
        }
        other => other.to_string(),
    }
}

fn check_derived_key(vector: &Value) {
    let input = &vector["input"];
    let key = compat::derive_key(
        input["password"].as_str().unwrap(),
        input["salt"].as_str().unwrap(),
    );
    assert_eq!(
        primitives::hex(key.as_slice()),
        vector["expected"]["keyHex"].as_str().unwrap()
    );
}

fn check_pseudonyms(vector: &Value) {
    let (id, expected) = (&vector["id"], &vector["expected"]);
    let (pseudonymizer, text) = (from_vector(vector), input_text(vector));
    let mailbox = Mailbox::parse(&text);
    assert_eq!(
        mailbox.is_some(),
        expected["recognisedAsEmail"].as_bool().unwrap(),
        "{id}"
    );
    let canonicalization = pseudonymizer.options().canonicalization;
    let canonical = mailbox.map_or_else(
        || text.clone(),
        |mailbox| mailbox.canonical(canonicalization),
    );
    assert_eq!(canonical, expected["canonical"].as_str().unwrap(), "{id}");
    let forms = [
        (
            "URL_SAFE_HASH_ONLY",
            PseudonymEncoding::UrlSafeHashOnly,
            Include::NOTHING,
        ),
        (
            "URL_SAFE_TOKEN",
            PseudonymEncoding::UrlSafeToken,
            Include::NOTHING,
        ),
        (
            "URL_SAFE_TOKEN_reversible",
            PseudonymEncoding::UrlSafeToken,
            Include::REVERSIBLE,
        ),
        ("JSON", PseudonymEncoding::Json, Include::NOTHING),
        (
            "JSON_reversible",
            PseudonymEncoding::Json,
            Include::REVERSIBLE,
        ),
    ];
    for (name, encoding, include) in forms {
        let made = pseudonymizer
            .pseudonymize(&text, encoding, include)
            .unwrap();
        assert_eq!(made, expected[name].as_str().unwrap(), "{id}, {name}");
    }
    let reversible = expected["URL_SAFE_TOKEN_reversible"].as_str().unwrap();
    assert!(is_reversible_token(reversible), "{id}");
    assert_eq!(
        pseudonymizer.reverse(reversible).as_deref(),
        Ok(text.as_str()),
        "{id}"
    );
}

fn check_header(vector: &Value) -> bool {
    let (pseudonymizer, text) = (from_vector(vector), input_text(vector));
    let made = pseudonymizer.email_header(&text, PseudonymEncoding::UrlSafeToken);
    let expected = &vector["expected"];
    assert_eq!(
        made.as_deref(),
        expected["URL_SAFE_TOKEN"].as_str(),
        "{}",
        vector["id"]
    );
    if let Some(json) = expected["JSON"].as_str() {
        let made = pseudonymizer.email_header(&text, PseudonymEncoding::Json);
        assert_eq!(made.as_deref(), Some(json), "{}", vector["id"]);
    }
    made.is_none()
}

fn check_ip(vector: &Value) -> bool {
    let (pseudonymizer, text) = (from_vector(vector), input_text(vector));
    let (hashed, encrypted) = (
        pseudonymizer.hash_ip(&text),
        pseudonymizer.encrypt_ip(&text).unwrap(),
    );
    if hashed.is_none() && encrypted.is_none() {
        return true;
    }
    let expected = &vector["expected"];
    assert_eq!(
        canonical_ip(&text).as_deref(),
        expected["canonical"].as_str(),
        "{}",
        vector["id"]
    );
    assert_eq!(
        hashed.as_deref(),
        expected["hashIp"].as_str(),
        "{}",
        vector["id"]
    );
    assert_eq!(
        encrypted.as_deref(),
        expected["encryptIp"].as_str(),
        "{}",
        vector["id"]
    );
    let back = pseudonymizer.reverse_as(Purpose::IpAddress, &encrypted.unwrap());
    assert_eq!(
        back.as_deref().ok(),
        expected["canonical"].as_str(),
        "{}",
        vector["id"]
    );
    false
}

fn check_tokenize(vector: &Value) {
    let (pseudonymizer, text) = (from_vector(vector), input_text(vector));
    let expected = vector["expected"]["token"].as_str().unwrap();
    let made = match vector["regex"].as_str() {
        None => pseudonymizer.tokenize(&text).unwrap(),
        Some(regex) => {
            let group = regex::Regex::new(regex).unwrap().captures(&text).unwrap()[1].to_owned();
            text.replace(&group, &pseudonymizer.tokenize(&group).unwrap())
        }
    };
    assert_eq!(made, expected, "{}", vector["id"]);
    assert_eq!(
        pseudonymizer.reverse_all(expected).unwrap(),
        text,
        "{}",
        vector["id"]
    );
}

fn check_reverse(vector: &Value) -> bool {
    let (pseudonymizer, text) = (from_vector(vector), input_text(vector));
    let Ok(output) = pseudonymizer.reverse_all(&text) else {
        return true;
    };
    assert_eq!(
        Some(output.as_ref()),
        vector["expected"]["output"].as_str(),
        "{}",
        vector["id"]
    );
    false
}

fn check_fingerprint(vector: &Value) {
    let expected = vector["expected"]["fingerprint"].as_str().unwrap();
    assert_eq!(
        from_vector(vector).fingerprint(),
        expected,
        "{}",
        vector["id"]
    );
}
