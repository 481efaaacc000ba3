//! Bad input to every command: a located error with a code, no secret in it, and nothing changed.

use serde_json::json;

use super::desk::Desk;
use super::keys::Vendor;

const SECRET: &str = "key-0009-geheim";

/// A command line, what it reads, its exit code, and the code of its error.
type Case<'c> = (Vec<&'c str>, String, i32, &'c str);

#[tokio::test(flavor = "multi_thread")]
async fn changes_nothing_and_tells_what_where_and_next() {
    for mut desk in [Desk::with_vault(), Desk::with_file()] {
        let vendor = Vendor::start().await;
        desk.set("HUSHGATE_TARGET_HOST", &vendor.host());
        let source = desk.write("source.yaml", &vendor.source("weather-notes", ""));
        let broken = desk.write("broken.yaml", "id: weather-notes\nauth:\n  type: apiKee\n");
        desk.connect(
            &[&source, "--id", "there"],
            &json!({"API_KEY": "key-0001-only-for-the-tests"}),
        )
        .fine();
        let secret_file = desk.write("secret", SECRET);
        let key_file = format!("API_KEY={secret_file}");
        let bad_field = format!("REGION={SECRET}");
        let key_field = format!("API_KEY={SECRET}");
        let host_field = format!("HUSHGATE_TARGET_HOST=user:{SECRET}@example.com/path");
        let no_file = format!("API_KEY={}/absent", desk.path("."));
        let connect = |more: &[&'static str]| [&["connection", "connect"][..], more].concat();
        let s = source.as_str();
        let fields = json!({"API_KEY": SECRET}).to_string();
        let with = |json: &serde_json::Value| json.to_string();
        let cases: Vec<Case<'_>> = vec![
            (
                connect(&["no-such-source"]),
                String::new(),
                2,
                "source-unknown",
            ),
            (
                connect(&["./absent.yaml"]),
                String::new(),
                2,
                "source-unreadable",
            ),
            (
                vec!["connection", "connect", &broken],
                String::new(),
                1,
                "source-invalid",
            ),
            (
                vec!["connection", "connect", s, "--no-input"],
                String::new(),
                1,
                "field-missing",
            ),
            (
                vec!["connection", "connect", s],
                String::new(),
                1,
                "field-missing",
            ),
            (
                vec!["connection", "connect", s, "--field", &key_field],
                String::new(),
                2,
                "secret-on-command-line",
            ),
            (
                vec!["connection", "connect", s, "--field", SECRET],
                String::new(),
                2,
                "field-form",
            ),
            (
                vec!["connection", "connect", s, "--field", &bad_field],
                String::new(),
                1,
                "field-invalid",
            ),
            (
                vec!["connection", "connect", s, "--field", &host_field],
                String::new(),
                1,
                "field-invalid",
            ),
            (
                vec!["connection", "connect", s, "--field", "OTHER=1"],
                String::new(),
                2,
                "field-unknown",
            ),
            (
                vec![
                    "connection",
                    "connect",
                    s,
                    "--field",
                    "REGION=eu",
                    "--field",
                    "REGION=us",
                ],
                String::new(),
                2,
                "field-repeated",
            ),
            (
                vec!["connection", "connect", s, "--field-file", &no_file],
                String::new(),
                1,
                "field-file",
            ),
            (
                vec!["connection", "connect", s, "--fields-stdin"],
                SECRET.to_owned(),
                2,
                "fields-stdin",
            ),
            (
                vec!["connection", "connect", s, "--fields-stdin"],
                format!("{{\"API_KEY\": [\"{SECRET}\"]}}"),
                2,
                "fields-stdin",
            ),
            (
                vec!["connection", "connect", s, "--fields-stdin"],
                format!("{{\"API_KEY\": \"{SECRET}\""),
                2,
                "fields-stdin",
            ),
            (
                vec!["connection", "connect", s, "--fields-stdin"],
                format!("{{\"{SECRET}\": \"x\"}}"),
                2,
                "field-unknown",
            ),
            (
                vec!["connection", "connect", s, "--fields-stdin"],
                with(&json!({"API_KEY": format!("x{SECRET}")})),
                1,
                "field-invalid",
            ),
            (
                vec!["connection", "connect", s, "--fields-stdin"],
                with(&json!({"API_KEY": format!("{SECRET}\nx")})),
                1,
                "field-invalid",
            ),
            (
                vec!["connection", "connect", s, "--fields-stdin"],
                with(&json!({"API_KEY": format!("{SECRET}{}", "x".repeat(70_000))})),
                1,
                "field-invalid",
            ),
            // All fits, but the vendor does not know the key.
            (
                vec!["connection", "connect", s, "--fields-stdin"],
                fields.clone(),
                1,
                "check-refused",
            ),
            (
                vec![
                    "connection",
                    "connect",
                    s,
                    "--field-file",
                    &key_file,
                    "--no-input",
                ],
                String::new(),
                1,
                "check-refused",
            ),
            (
                vec![
                    "connection",
                    "connect",
                    s,
                    "--id",
                    "there",
                    "--fields-stdin",
                ],
                fields.clone(),
                1,
                "connection-exists",
            ),
            (
                vec![
                    "connection",
                    "connect",
                    s,
                    "--id",
                    "../there",
                    "--fields-stdin",
                ],
                fields.clone(),
                2,
                "connection-id-invalid",
            ),
            (
                vec!["connection", "connect", s, "--id", "There"],
                String::new(),
                2,
                "connection-id-invalid",
            ),
            (
                vec!["connection", "connect", s, "--web", "--field", "REGION=eu"],
                String::new(),
                2,
                "web-and-fields",
            ),
            (
                vec!["connection", "connect", s, "--serves", "zoom"],
                String::new(),
                2,
                "connection-family",
            ),
            (
                vec!["connection", "reconnect", "absent"],
                String::new(),
                1,
                "connection-unknown",
            ),
            (
                vec!["connection", "reconnect", "../x"],
                String::new(),
                2,
                "connection-id-invalid",
            ),
            (
                vec!["connection", "reconnect", "there", "--source", "zoom"],
                String::new(),
                2,
                "connection-source",
            ),
            (
                vec!["connection", "reconnect", "there", "--no-input"],
                String::new(),
                1,
                "source-unknown",
            ),
            (
                vec!["connection", "test", "absent"],
                String::new(),
                1,
                "connection-unknown",
            ),
            (
                vec!["connection", "show", "absent"],
                String::new(),
                1,
                "connection-unknown",
            ),
            (
                vec!["connection", "rotate", "absent"],
                String::new(),
                1,
                "connection-unknown",
            ),
            (
                vec!["connection", "revoke", "absent", "--yes"],
                String::new(),
                1,
                "connection-unknown",
            ),
            (
                vec!["connection", "revoke", "there"],
                String::new(),
                2,
                "revoke-not-confirmed",
            ),
            (
                vec!["connection", "show", "Nobody/.."],
                String::new(),
                2,
                "connection-id-invalid",
            ),
        ];
        let before = desk.store();
        for (arguments, input, exit, code) in &cases {
            let said = desk.run(arguments, input);
            said.failed(*exit, code).hides(&["geheim"]);
            assert_eq!(desk.store(), before, "{arguments:?} changed the store");
            let error = said.err.lines().any(|line| line.starts_with("error: "));
            assert!(error, "{arguments:?}: {said:?}");
        }
        for wrong in [
            vec!["connection"],
            vec!["connection", "connect"],
            vec!["connection", "connect", s, "--wait", "0"],
            vec!["connection", "connect", s, "--port", "x"],
            vec!["connection", "conect", s],
        ] {
            assert_eq!(desk.run(&wrong, "").code, Some(2), "{wrong:?}");
        }
        // As JSON, the error is one object.
        let said = desk.run(
            &["connection", "connect", s, "--json", "--field", &key_field],
            "",
        );
        let error = &said.failed(2, "secret-on-command-line").json()["error"];
        assert!(
            error["next"]
                .as_str()
                .is_some_and(|next| next.contains("--field-file API_KEY=PATH")),
            "{error}"
        );
    }
}

#[test]
fn a_store_that_can_t_keep_connections_is_refused_before_anything_is_asked() {
    let mut desk = Desk::empty();
    let said = desk.connection(&["connect", "slack-discovery-api"]);
    said.failed(1, "store-read-only");
    assert!(said.err.contains("vault create"), "{said:?}");
    desk.set(
        "HUSHGATE_SECRETS",
        &format!("vault:{}", desk.path("absent")),
    );
    desk.connection(&["list"])
        .failed(1, "there is no vault in the folder");
    desk.set("HUSHGATE_SECRETS", "file:/no/such/file");
    desk.connection(&["list"])
        .failed(1, "configuration-invalid");
    let open = desk.write("open.json", "{}");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&open, mode).expect("its mode");
    desk.set("HUSHGATE_SECRETS", &format!("file:{open}"));
    desk.connection(&["list"]).failed(1, "chmod 600");
}
