//! Project Wycheproof's vectors, run on the primitives as the native scheme uses them.

use hkdf::Hkdf;
use serde_json::Value;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::suite;
use crate::pseudonym::native::{KeyedHash, SealKey};

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Runs `check` on each case of the groups with that key size and says how many there were.
fn run(file: &str, key_size: Option<u64>, mut check: impl FnMut(&Value, &Value)) -> Option<usize> {
    let file = suite(&format!("suites/wycheproof/{file}"))?;
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        if key_size.is_some_and(|size| group["keySize"] != size) {
            continue;
        }
        for case in group["tests"].as_array().unwrap() {
            check(group, case);
            count += 1;
        }
    }
    Some(count)
}

#[test]
fn aes_siv_agrees_with_wycheproof() {
    // Only 512-bit keys (AES-256-SIV) are used; the smaller ones of the file are other algorithms.
    let count = run("aes_siv_cmac_test.json", Some(512), |_, case| {
        let key = SealKey::new(&Zeroizing::new(bytes(&case["key"]).try_into().unwrap()));
        let (aad, plain, sealed) = (bytes(&case["aad"]), bytes(&case["msg"]), bytes(&case["ct"]));
        let valid = case["result"] == "valid";
        let opened = key.decrypt(&[&aad], &sealed);
        assert_eq!(
            opened,
            valid.then(|| plain.clone()),
            "case {}",
            case["tcId"]
        );
        if valid {
            let mut made = Vec::new();
            key.encrypt(&[&aad], plain, &mut made);
            assert_eq!(made, sealed, "case {}", case["tcId"]);
        }
    });
    assert!(count.is_none_or(|count| count == 147), "{count:?}");
}

#[test]
fn hmac_agrees_with_wycheproof() {
    let count = run("hmac_sha256_test.json", None, |group, case| {
        let made = KeyedHash::new(&bytes(&case["key"])).hash([bytes(&case["msg"]).as_slice()]);
        let size = usize::try_from(group["tagSize"].as_u64().unwrap() / 8).unwrap();
        let equal = made[..size] == bytes(&case["tag"])[..];
        assert_eq!(equal, case["result"] == "valid", "case {}", case["tcId"]);
    });
    assert!(count.is_none_or(|count| count == 174), "{count:?}");
}

#[test]
fn hkdf_agrees_with_wycheproof() {
    let count = run("hkdf_sha256_test.json", None, |_, case| {
        let size = usize::try_from(case["size"].as_u64().unwrap()).unwrap();
        let master = Hkdf::<Sha256>::new(Some(&bytes(&case["salt"])), &bytes(&case["ikm"]));
        let mut made = vec![0; size];
        let fits = master
            .expand_multi_info(&[&bytes(&case["info"])], &mut made)
            .is_ok();
        assert_eq!(fits, case["result"] == "valid", "case {}", case["tcId"]);
        assert!(
            !fits || made == bytes(&case["okm"]),
            "case {}",
            case["tcId"]
        );
    });
    assert!(count.is_none_or(|count| count == 86), "{count:?}");
}
