//! Folders and files that others than the owner can open.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[tokio::test]
async fn refuses_folders_and_files_that_others_can_open() {
    let scratch = Scratch::new("mode");
    let vault = create(&scratch.0);
    vault.write("A", Secret::new("1")).await.unwrap();
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for file in ["vault", "deployment.sealed"] {
        let path = scratch.0.join(file);
        let given = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(given & 0o777, 0o600, "{file}");
    }
    let given = std::fs::metadata(&scratch.0).unwrap().permissions().mode();
    assert_eq!(given & 0o777, 0o700);
    for wide in [0o750, 0o701, 0o755, 0o770] {
        mode(&scratch.0, wide);
        let error = open(&scratch.0, PHRASE).unwrap_err();
        assert_eq!(error.code(), "store-open-to-others");
        assert!(error.to_string().contains("chmod 700"), "{error}");
        let open_vault = vault.read_newest("A").await;
        assert!(open_vault.is_err(), "{wide:o}");
        assert!(vault.write("A", Secret::new("2")).await.is_err());
    }
    mode(&scratch.0, 0o700);
    for wide in [0o640, 0o604, 0o644] {
        mode(&scratch.0.join("deployment.sealed"), wide);
        let error = open(&scratch.0, PHRASE)
            .unwrap()
            .read("A")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
        mode(&scratch.0.join("deployment.sealed"), 0o600);
        mode(&scratch.0.join("vault"), wide);
        assert_eq!(
            open(&scratch.0, PHRASE).unwrap_err().code(),
            "store-open-to-others"
        );
        mode(&scratch.0.join("vault"), 0o600);
    }
    assert_eq!(read(&vault, "A").await.unwrap().as_deref(), Some("1"));
}
