use super::*;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect()
}

fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    match Config::read(&environment(pairs)) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_default_passes_its_own_check() {
    assert_eq!(problems(&[]), Vec::<String>::new());
    let config = Config::read(&Environment::new()).unwrap();
    assert_eq!(config.port, 8080);
    assert_eq!(config.request_timeout, Duration::from_mins(3));
    assert_eq!(config.max_response_bytes, 64 << 20);
    assert!(config.access.is_none() && !config.compat && !config.dev_loopback);
}

#[test]
fn tells_every_problem_at_once_and_no_value() {
    let found = problems(&[
        ("PORT", "70000"),
        ("HUSHGATE_COMPAT", "geheim"),
        ("HUSHGATE_TLS_VERSION", "1.1"),
        ("HUSHGATE_SECRETS", "vault:geheim"),
        ("HUSHGATE_MAX_IN_FLIGHT", "0"),
        ("HUSHGATE_RULE", "x"),
        ("HUSHGATE_OF_ANOTHER_PROGRAM", "x"),
    ]);
    assert_eq!(found.len(), 6, "{found:#?}");
    assert!(found.iter().all(|f| !f.contains("geheim")));
    assert!(
        found
            .iter()
            .any(|f| f.contains("did you mean `HUSHGATE_RULES`")),
        "{found:#?}"
    );
}

#[test]
fn a_document_s_place_that_is_taken_for_a_path_is_told_how_it_is_written() {
    for (value, says) in [
        (
            "arn:aws:secretsmanager:eu-central-1:111122223333:secret:geheim",
            "an ARN is no path: write `store:NAME`",
        ),
        ("S3://geheim/policy.yaml", "small letters"),
        ("Store:geheim", "small letters"),
        ("https://geheim.example/policy.yaml", "no other addresses"),
        ("projects/acme-data-1/secrets/geheim", "write `store:NAME`"),
        (
            "geheim.yaml",
            "the file can't be read: entity not found; allowed",
        ),
    ] {
        for name in ["HUSHGATE_ACCESS", "HUSHGATE_RULES"] {
            let found = problems(&[(name, value)]).join("\n");
            assert!(
                found.contains(says) && !found.contains("geheim"),
                "{value}: {found}"
            );
        }
    }
}

#[test]
fn refuses_loopback_on_a_cloud_host() {
    for mark in ["K_SERVICE", "AWS_LAMBDA_RUNTIME_API"] {
        assert_eq!(
            problems(&[("HUSHGATE_DEV_LOOPBACK", "1"), (mark, "x")]).len(),
            1
        );
        assert!(problems(&[("HUSHGATE_DEV_LOOPBACK", "0"), (mark, "x")]).is_empty());
    }
    let config = Config::read(&environment(&[("HUSHGATE_DEV_LOOPBACK", "1")])).unwrap();
    assert!(config.listen.is_loopback());
}

#[test]
fn allows_loopback_before_an_emulator_of_the_lambda_runtime_only() {
    let found = |api: &str, others: &[&str]| {
        let mut pairs = vec![
            ("HUSHGATE_DEV_LOOPBACK", "1"),
            ("AWS_LAMBDA_RUNTIME_API", api),
            ("AWS_LAMBDA_FUNCTION_NAME", "zoom"),
        ];
        pairs.extend(others.iter().map(|name| (*name, "x")));
        let found = problems(&pairs);
        let about = |problem: &&String| problem.starts_with("HUSHGATE_DEV_LOOPBACK");
        found.iter().filter(about).count()
    };
    for emulator in [
        "127.0.0.1:40123",
        "localhost:9000/.rt",
        "[::1]:9002",
        "http://127.0.0.1:9000/.rt/zoom",
    ] {
        assert_eq!(found(emulator, &[]), 0, "{emulator}");
        for real in [
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_XRAY_DAEMON_ADDRESS",
            "LAMBDA_TASK_ROOT",
            "LAMBDA_RUNTIME_DIR",
            "_HANDLER",
            "K_SERVICE",
            "FUNCTION_TARGET",
        ] {
            assert_eq!(found(emulator, &[real]), 1, "{emulator} {real}");
        }
    }
    for platform in [
        "127.0.0.1:9001",
        "localhost:9001",
        "169.254.100.1:9001",
        "169.254.100.1:40123",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1.example.com:40123",
        "10.0.0.7:40123",
        "http://127.0.0.1:9001",
        "http://127.0.0.1:9000@example.com:9000/",
        "http://http://127.0.0.1:9000/",
        "http://example.com:9000/127.0.0.1:9000",
        "https://127.0.0.1:9000/",
        "",
    ] {
        assert_eq!(found(platform, &[]), 1, "{platform}");
    }
}

#[test]
fn takes_a_token_origin_on_this_machine_only() {
    let found = |origin: &str| {
        problems(&[
            ("HUSHGATE_DEV_LOOPBACK", "1"),
            ("HUSHGATE_TOKEN_ORIGIN", origin),
        ])
        .len()
    };
    for good in [
        "http://127.0.0.1:9000",
        "http://127.3.2.1",
        "https://[::1]:9000",
        "http://localhost:9000",
    ] {
        assert_eq!(found(good), 0, "{good}");
    }
    for bad in [
        "127.0.0.1:9000",
        "http://10.0.0.7:9000",
        "http://169.254.169.254",
        "https://[::ffff:169.254.169.254]",
        "https://login.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1:9000/token",
    ] {
        assert_eq!(found(bad), 1, "{bad}");
    }
}

#[test]
fn takes_plain_hosts_only() {
    for good in [
        "acme.my.salesforce.com",
        "10.0.0.7",
        "[fd00::1]",
        "127.0.0.1:8080",
        "[::1]:9000",
        "gitlab",
    ] {
        assert!(
            problems(&[("HUSHGATE_TARGET_HOST", good)]).is_empty(),
            "{good}"
        );
    }
    for bad in [
        "https://example.com",
        "example.com/",
        "example.com/x",
        "user@example.com",
        "exa mple.com",
        "0x7f.1",
        "2130706433",
        "127.1",
        "example..com",
        ".example.com",
        "example.com.",
        "-a.com",
        "example.com:0",
        "example.com:70000",
        "example.com:",
        "[::1",
        "[zz]",
        "ex\u{e4}mple.com",
        "a#b",
        "a?b",
        "0177.0.0.1",
    ] {
        assert_eq!(problems(&[("HUSHGATE_TARGET_HOST", bad)]).len(), 1, "{bad}");
    }
}

#[test]
fn reads_rules_by_path_inline_and_packed_and_never_falls_back() {
    use base64::Engine as _;
    use std::io::Write as _;
    let yaml = "endpoints:\n  - pathTemplate: /v1/users # a comment long enough to be packed into more than sixty-four bytes\n";
    let pack = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(yaml.as_bytes()).unwrap();
    let gzipped = gzip.finish().unwrap();
    let path = std::env::temp_dir().join(format!("hushgate-rules-{}.yaml", std::process::id()));
    std::fs::write(&path, yaml).unwrap();
    for value in [
        yaml.to_owned(),
        pack(yaml.as_bytes()),
        pack(&gzipped),
        path.display().to_string(),
    ] {
        assert_eq!(Text::new(value).read_packed().unwrap(), yaml);
    }
    let mut broken = gzipped.clone();
    broken.truncate(gzipped.len() - 9);
    assert!(Text::new(pack(&broken)).read_packed().is_err());
    assert!(Text::new("/no/such/rules.yaml").read_packed().is_err());
    assert!(
        Text::new(format!("{}A", pack(yaml.as_bytes())))
            .read_packed()
            .is_err()
    );
    assert_eq!(
        problems(&[("HUSHGATE_RULES", "/no/such/rules.yaml")]).len(),
        1
    );
    assert_eq!(
        problems(&[("HUSHGATE_ACCESS", "/no/such/policy.yaml")]).len(),
        1
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_gzip_bomb_in_the_rules_is_refused() {
    use base64::Engine as _;
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        gzip.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = base64::engine::general_purpose::STANDARD.encode(gzip.finish().unwrap());
    assert_eq!(Text::new(bomb).read_packed(), Err(TextError::TooLarge));
}

#[test]
fn the_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        page(),
        "run BLESS=1 cargo test -p hushgate-host"
    );
}
