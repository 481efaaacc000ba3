use super::*;

const MINIMAL: &str = r#"
issuers:
  - issuer: https://issuer.example
    algorithms: [RS256]
clients:
  - id: vendor
    identity: {issuer: https://issuer.example, subject: "112233", audience: https://zoom.gw.example}
"#;

fn problems(text: &str) -> Vec<String> {
    match Policy::parse(text, "access.yaml", false) {
        Ok(_) => Vec::new(),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn reads_the_smallest_policy_with_nothing_allowed_by_default() {
    let policy = Policy::parse(MINIMAL, "access.yaml", false).unwrap();
    let client = policy.clients().next().unwrap();
    assert_eq!(client.name, "vendor");
    assert!(client.sources.is_empty());
    assert_eq!(client.ends, None);
    assert_eq!(policy.proxies(), &TrustedProxies::None);
    assert_eq!(policy.clients_of("zoom", 0).count(), 0);
    let issuer = policy.issuers().next().unwrap();
    assert_eq!((issuer.max_lifetime, issuer.stale_keys), (86_400, 86_400));
}

#[test]
fn the_default_policy_has_nobody_in_it() {
    assert_eq!(Policy::default().client_ids().count(), 0);
}

#[test]
fn access_ends_with_the_last_second_of_the_day() {
    let text = MINIMAL.replace(
        "  - id: vendor",
        "  - id: vendor\n    sources: [zoom]\n    expires: 2027-06-30",
    );
    let policy = Policy::parse(&text, "access.yaml", false).unwrap();
    let now = 1_814_400_000;
    assert_eq!(policy.clients_of("zoom", now - 1).count(), 1);
    assert_eq!(policy.clients_of("zoom", now).count(), 0);
    assert_eq!(policy.clients_of("slack", now - 1).count(), 0);
}

#[test]
fn reports_every_problem_at_once_with_line_and_column() {
    let found = problems(include_str!("broken.yaml"));
    let expected: Vec<&str> = include_str!("broken.txt").lines().collect();
    assert_eq!(found, expected, "found:\n{}", found.join("\n"));
}

#[test]
fn refuses_what_is_not_one_plain_yaml_mapping() {
    for text in [
        "",
        "[]",
        "text",
        "issuers: [",
        "issuers: []\nissuers: []",
        "a: &a {x: 1}\nissuers: []\n<<: *a",
        "issuers: []\n---\nclients: []",
        "1: 2",
        "issuers: {}",
        "clients: 5",
    ] {
        assert_eq!(problems(text).len(), 1, "{text:?}: {:?}", problems(text));
    }
}

#[test]
fn admits_plain_http_issuers_on_loopback_only_in_development() {
    let text = MINIMAL.replace("https://issuer.example", "http://127.0.0.1:9100");
    assert!(Policy::parse(&text, "access.yaml", false).is_err());
    assert!(Policy::parse(&text, "access.yaml", true).is_ok());
    let text = MINIMAL.replace("https://issuer.example", "http://issuer.example");
    assert!(Policy::parse(&text, "access.yaml", true).is_err());
}

#[test]
fn an_issuer_keeps_its_spelling_to_the_letter() {
    for url in [
        "https://issuer.example/",
        "https://Issuer.example",
        "https://issuer.example:443",
    ] {
        let text = MINIMAL.replace("https://issuer.example", url);
        let policy = Policy::parse(&text, "access.yaml", false).unwrap();
        assert_eq!(policy.issuers().next().unwrap().url, url);
    }
    let text = MINIMAL.replacen("https://issuer.example", "https://issuer.example/", 1);
    assert_eq!(problems(&text).len(), 1);
}

/// The problems of a policy, on a platform.
fn problems_on(platform: Option<PlatformCallers>, text: &str) -> Vec<String> {
    let options = PolicyOptions {
        platform,
        ..PolicyOptions::default()
    };
    match Policy::read(text, "access.yaml", options) {
        Ok(_) => Vec::new(),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn reports_every_problem_of_a_platform_s_identities_with_line_and_column() {
    let found = problems_on(Some(PlatformCallers::AwsIam), include_str!("platform.yaml"));
    let expected: Vec<&str> = include_str!("platform.txt").lines().collect();
    assert_eq!(found, expected, "found:\n{}", found.join("\n"));
}

const AWS_CLIENT: &str = "aws_iam: {direct_invoke: refused}\nclients: [{id: a, identity: {aws_iam: {account: \"111122223333\"}}, sources: [zoom]}]\n";
const GOOGLE_CLIENT: &str = "cloud_run: {unauthenticated: refused}\nclients: [{id: g, identity: {cloud_run: {subject: \"1\", audience: x}}, sources: [zoom]}]\n";

#[test]
fn an_identity_of_a_platform_needs_that_platform() {
    let table = [
        (
            AWS_CLIENT,
            None,
            Some("HUSHGATE_PLATFORM_CALLERS=aws-iam, which is not set"),
        ),
        (
            AWS_CLIENT,
            Some(PlatformCallers::CloudRun),
            Some("HUSHGATE_PLATFORM_CALLERS=aws-iam, which is `cloud-run`"),
        ),
        (AWS_CLIENT, Some(PlatformCallers::AwsIam), None),
        (
            GOOGLE_CLIENT,
            None,
            Some("HUSHGATE_PLATFORM_CALLERS=cloud-run, which is not set"),
        ),
        (
            GOOGLE_CLIENT,
            Some(PlatformCallers::AwsIam),
            Some("HUSHGATE_PLATFORM_CALLERS=cloud-run, which is `aws-iam`"),
        ),
        (GOOGLE_CLIENT, Some(PlatformCallers::CloudRun), None),
    ];
    for (text, platform, problem) in table {
        let found = problems_on(platform, text);
        match problem {
            None => assert_eq!(found, Vec::<String>::new(), "{text}"),
            Some(problem) => {
                assert_eq!(found.len(), 1, "{found:?}");
                assert!(found[0].contains(problem), "{found:?}");
                assert!(found[0].contains("identity."), "{found:?}");
            }
        }
    }
    assert_eq!(
        problems(AWS_CLIENT).len(),
        1,
        "the plain reading knows no platform"
    );
}

#[test]
fn clients_of_a_platform_need_the_word_that_nobody_comes_past_its_check() {
    let table = [
        (
            PlatformCallers::CloudRun,
            GOOGLE_CLIENT,
            "cloud_run",
            "unauthenticated",
        ),
        (
            PlatformCallers::AwsIam,
            AWS_CLIENT,
            "aws_iam",
            "direct_invoke",
        ),
    ];
    for (platform, good, key, door) in table {
        let platform = Some(platform);
        let said = format!("{key}: {{{door}: refused}}");
        assert_eq!(problems_on(platform, good), Vec::<String>::new());
        let found = problems_on(platform, &good.replace(&format!("{said}\n"), ""));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!("needs `{said}`")), "{found:?}");
        for word in ["allowed", "Refused", "\"\"", "false", "[refused]", "null"] {
            let text = good.replace("refused", word);
            assert_eq!(problems_on(platform, &text).len(), 1, "{word}");
        }
        for other in [
            format!("{key}: {{}}"),
            format!("{key}: refused"),
            format!("{key}: null"),
            format!("{key}: {{{door}s: refused}}"),
        ] {
            let found = problems_on(platform, &good.replace(&said, &other));
            assert!(!found.is_empty(), "{other}");
        }
        let other = if key == "aws_iam" {
            "cloud_run: {unauthenticated: refused}"
        } else {
            "aws_iam: {direct_invoke: refused}"
        };
        assert_eq!(
            problems_on(platform, &good.replace(&said, other)).len(),
            1,
            "{other}"
        );
    }
}

#[test]
fn two_clients_can_t_be_one_principal() {
    let role = "role: \"arn:aws:iam::111122223333:role/a\"";
    let table = [
        (role, role, true),
        (
            role,
            "role: \"arn:aws:iam::111122223333:role/team/a\"",
            true,
        ),
        (role, "role: \"arn:aws:iam::111122223333:role/b\"", false),
        (role, "role: \"arn:aws:iam::111122223333:role/A\"", false),
        (role, "role: \"arn:aws:iam::111122223334:role/a\"", false),
        (role, "role: \"arn:aws-cn:iam::111122223333:role/a\"", false),
        (role, "user: \"arn:aws:iam::111122223333:user/a\"", false),
        (role, "account: \"111122223333\"", true),
        (role, "account: \"111122223334\"", false),
        (
            role,
            "{account: \"111122223333\", partition: aws-cn}",
            false,
        ),
        (role, "organization: o-a1b2c3d4e5", true),
        (
            "account: \"111122223333\"",
            "organization: o-a1b2c3d4e5",
            true,
        ),
        (
            "organization: o-a1b2c3d4e5",
            "organization: o-f1b2c3d4e5",
            false,
        ),
        (
            "{account: \"111122223333\", organization: o-a1b2c3d4e5}",
            "{account: \"111122223333\", organization: o-f1b2c3d4e5}",
            false,
        ),
    ];
    for (one, other, overlap) in table {
        let braced = |form: &str| {
            if form.starts_with('{') {
                form.to_owned()
            } else {
                format!("{{{form}}}")
            }
        };
        for (first, second) in [(one, other), (other, one)] {
            let text = format!(
                "aws_iam: {{direct_invoke: refused}}\nclients:\n  - {{id: a, identity: {{aws_iam: {}}}}}\n  - {{id: b, identity: {{aws_iam: {}}}}}\n",
                braced(first),
                braced(second)
            );
            let found = problems_on(Some(PlatformCallers::AwsIam), &text);
            assert_eq!(
                found.len(),
                usize::from(overlap),
                "{first} {second}: {found:?}"
            );
        }
    }
}

#[test]
fn two_clients_can_t_be_one_google_account() {
    let table = [
        (
            "{subject: \"1\", audience: x}",
            "{subject: \"1\", audience: [z, x]}",
            true,
        ),
        (
            "{subject: \"1\", audience: x}",
            "{subject: \"1\", audience: z}",
            false,
        ),
        (
            "{subject: \"1\", audience: x}",
            "{subject: \"2\", audience: x}",
            false,
        ),
        (
            "{email: a@p.example, audience: x}",
            "{email: a@p.example, audience: x}",
            true,
        ),
        (
            "{email: a@p.example, audience: x}",
            "{email: b@p.example, audience: x}",
            false,
        ),
    ];
    for (one, other, overlap) in table {
        for (first, second) in [(one, other), (other, one)] {
            let text = format!(
                "cloud_run: {{unauthenticated: refused}}\nclients:\n  - {{id: a, identity: {{cloud_run: {first}}}}}\n  - {{id: b, identity: {{cloud_run: {second}}}}}\n"
            );
            let found = problems_on(Some(PlatformCallers::CloudRun), &text);
            let expected = usize::from(overlap);
            assert_eq!(found.len(), expected, "{first} {second}: {found:?}");
        }
    }
}

#[test]
fn two_clients_can_t_be_one_token_s() {
    let of = |issuer: &str, subject: &str, audience: &str| {
        format!("{{issuer: https://{issuer}.example, subject: {subject}, audience: {audience}}}")
    };
    for (one, other, overlap) in [
        (of("one", "s", "a"), of("one", "s", "a"), true),
        (of("one", "s", "a"), of("one", "s", "[b, a]"), true),
        (of("one", "s", "a"), of("one", "s", "b"), false),
        (of("one", "s", "a"), of("one", "t", "a"), false),
        (of("one", "s", "a"), of("two", "s", "a"), false),
    ] {
        for (first, second) in [(&one, &other), (&other, &one)] {
            let text = format!(
                "issuers:\n  - {{issuer: https://one.example, algorithms: [ES256]}}\n  - {{issuer: https://two.example, algorithms: [ES256]}}\nclients:\n  - {{id: a, identity: {first}}}\n  - {{id: b, identity: {second}}}\n"
            );
            let found = problems(&text);
            assert_eq!(found.len(), usize::from(overlap), "{text}: {found:?}");
            assert!(!overlap || found[0].contains("clients[1].identity: fits a caller"));
        }
    }
}
