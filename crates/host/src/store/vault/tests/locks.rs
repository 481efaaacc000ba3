//! Pass phrases and keys of a keyring, which open the whole vault.

use super::*;

#[tokio::test]
async fn opens_with_the_pass_phrase_only() {
    let scratch = Scratch::new("phrase");
    create(&scratch.0)
        .write("A", Secret::new("geheim"))
        .await
        .unwrap();
    let again = open(&scratch.0, PHRASE).unwrap();
    assert_eq!(read(&again, "A").await.unwrap().as_deref(), Some("geheim"));
    for wrong in ["", "correct horse battery", "Correct horse battery staple"] {
        let error = open(&scratch.0, wrong).unwrap_err();
        assert_eq!(error.code(), "vault-pass-phrase-wrong");
    }
    let lock = Lock::pass_phrase(FEW).unwrap();
    let key = lock.stretch(&Secret::new(PHRASE)).unwrap();
    let twice = Vault::create(&scratch.0, lock, &key).unwrap_err();
    assert_eq!(twice.code(), "vault-exists");
    let other = Lock::pass_phrase(FEW).unwrap();
    let key = other.stretch(&Secret::new("new phrase")).unwrap();
    again.lock_anew(other, &key).unwrap();
    assert_eq!(
        open(&scratch.0, PHRASE).unwrap_err().code(),
        "vault-pass-phrase-wrong"
    );
    let anew = open(&scratch.0, "new phrase").unwrap();
    assert_eq!(read(&anew, "A").await.unwrap().as_deref(), Some("geheim"));
}

#[tokio::test]
async fn opens_with_a_key_from_a_keyring() {
    let scratch = Scratch::new("keyring");
    let key = Key::random().unwrap();
    let vault = Vault::create(&scratch.0, Lock::keyring().unwrap(), &key).unwrap();
    vault.write("A", Secret::new("1")).await.unwrap();
    let again = Vault::open(&scratch.0, &key).unwrap();
    assert_eq!(read(&again, "A").await.unwrap().as_deref(), Some("1"));
    let other = Vault::open(&scratch.0, &Key::random().unwrap()).unwrap_err();
    assert_eq!(other.code(), "vault-keyring-key-wrong");
    assert!(
        Vault::lock_of(&scratch.0)
            .unwrap()
            .stretch(&Secret::new("x"))
            .is_none()
    );
}

#[test]
fn the_key_of_a_pass_phrase_is_the_standard_one() {
    // PBKDF2-HMAC-SHA-256, computed with Python's hashlib.pbkdf2_hmac.
    let lock = Lock::PassPhrase {
        rounds: 10_000,
        salt: b"0123456789abcdef".to_vec(),
    };
    let key = lock.stretch(&Secret::new("password")).unwrap();
    assert_eq!(hex(key.bytes()), PBKDF2_EXPECTED);
}

const PBKDF2_EXPECTED: &str = "d18753e9c0dc5f9aa20da832d227be16b33644df15f0c0b46ee2ab0eb8fe6805";

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
