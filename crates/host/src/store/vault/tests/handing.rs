//! Keys of single compartments, as functions are handed them.

use super::*;

#[tokio::test]
async fn a_handed_key_opens_its_own_compartment_and_no_other() {
    let scratch = Scratch::new("handed");
    let vault = create(&scratch.0);
    for id in ["one", "other"] {
        vault
            .write(&entry(id, "TOKEN"), Secret::new(format!("geheim of {id}")))
            .await
            .unwrap();
    }
    vault
        .write("PSEUDONYM_KEY", Secret::new("geheim key"))
        .await
        .unwrap();
    let keys = handed(&vault, &["connections/one"]);
    let function = Vault::open_handed(&scratch.0, keys).unwrap();
    let own = read(&function, "connections/one/TOKEN").await.unwrap();
    assert_eq!(own.as_deref(), Some("geheim of one"));
    function
        .write("connections/one/TOKEN", Secret::new("rotated"))
        .await
        .unwrap();
    let seen = read(&vault, "connections/one/TOKEN").await.unwrap();
    assert_eq!(seen.as_deref(), Some("rotated"));
    for name in [
        "connections/other/TOKEN",
        "PSEUDONYM_KEY",
        "connections/new/TOKEN",
    ] {
        let error = function.read(name).await.unwrap_err();
        assert!(matches!(error, StoreError::Denied { .. }), "{error}");
        assert!(
            error.to_string().contains("vault-key-not-handed"),
            "{error}"
        );
        let written = function.write(name, Secret::new("x")).await;
        assert!(matches!(written, Err(StoreError::Denied { .. })));
    }
    assert_eq!(
        function
            .keys_of(&["connections/other".to_owned()])
            .unwrap_err()
            .code(),
        "vault-key-not-handed"
    );
    // The same key for the other file: the function sees the folder, so it may try.
    let own_key = handed(&vault, &["connections/one"])
        .text()
        .replace("/one=", "/other=");
    let forged = HandedKeys::parse(&own_key).unwrap();
    assert_eq!(
        Vault::open_handed(&scratch.0, forged).unwrap_err().code(),
        "vault-damaged"
    );
    // A revoked connection does not come back by a function that still writes.
    vault.forget("one", &[]).await.unwrap();
    let late = function
        .write("connections/one/TOKEN", Secret::new("x"))
        .await;
    assert!(
        late.unwrap_err()
            .to_string()
            .contains("vault-compartment-missing")
    );
    assert_eq!(
        read(&function, "connections/one/TOKEN").await.unwrap(),
        None
    );
}

#[test]
fn handed_keys_are_read_strictly_and_never_shown() {
    let good = HandedKeys::new([("deployment".to_owned(), Key::random().unwrap())]);
    let text = good.text().to_string();
    assert!(HandedKeys::parse(&text).is_ok());
    assert!(!format!("{good:?}").contains(text.rsplit('=').next().unwrap()));
    for (bad, error) in [
        (String::new(), HandedError::Empty),
        (" , ".to_owned(), HandedError::Empty),
        ("deployment".to_owned(), HandedError::Entry(1)),
        (
            text.replace("deployment", "Deployment"),
            HandedError::Compartment(1),
        ),
        (
            text.replace("deployment", "connections/../x"),
            HandedError::Compartment(1),
        ),
        (format!("{text},{text}"), HandedError::Repeated(2)),
        (text[..text.len() - 1].to_owned(), HandedError::Entry(1)),
        (format!("{text}A"), HandedError::Entry(1)),
    ] {
        assert_eq!(HandedKeys::parse(&bad).unwrap_err(), error, "{bad}");
    }
}
