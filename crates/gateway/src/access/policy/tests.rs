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
