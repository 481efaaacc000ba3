use super::*;

fn egress(dev_loopback: bool, named: &[&str]) -> Egress {
    Egress::new(EgressConfig {
        named_hosts: named.iter().map(|h| (*h).to_owned()).collect(),
        dev_loopback,
        ..EgressConfig::default()
    })
}

#[test]
fn classes_addresses_and_looks_through_ipv6_disguises() {
    let rows = include_str!("addresses.txt");
    let mut seen = 0;
    for row in rows
        .lines()
        .filter(|l| !l.starts_with('#') && !l.is_empty())
    {
        let (ip, class) = row.split_once(' ').unwrap();
        assert_eq!(
            classify(ip.parse().unwrap()).to_string(),
            class.trim(),
            "{ip}"
        );
        seen += 1;
    }
    assert!(seen > 60);
}

#[test]
fn refuses_every_unlisted_kind_of_address_even_when_the_host_is_named() {
    for host in [
        "169.254.169.254",
        "127.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "[::]",
        "[::ffff:10.0.0.1]",
        "[fe80::1]",
    ] {
        let url = Url::parse(&format!("https://{host}/x")).unwrap();
        assert!(
            matches!(
                egress(false, &[host]).check(&url),
                Err(EgressError::Address { .. })
            ),
            "{host}"
        );
    }
}

#[test]
fn allows_a_private_address_only_when_the_configuration_names_the_host() {
    let url = Url::parse("https://10.1.2.3/x").unwrap();
    assert!(egress(false, &[]).check(&url).is_err());
    assert!(egress(false, &["10.1.2.4"]).check(&url).is_err());
    assert!(egress(false, &["10.1.2.3"]).check(&url).is_ok());
}

#[test]
fn allows_plain_http_to_loopback_only_in_development() {
    for text in [
        "http://127.0.0.1:8080/x",
        "http://127.9.9.9/x",
        "http://[::1]:1/x",
        "http://localhost:3000/",
    ] {
        assert!(egress(true, &[]).parse(text).is_ok(), "{text}");
        assert_eq!(
            egress(false, &[]).parse(text),
            Err(EgressError::Scheme),
            "{text}"
        );
    }
    for text in [
        "http://example.com/",
        "http://10.0.0.1/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
    ] {
        assert_eq!(
            egress(true, &["10.0.0.1"]).parse(text),
            Err(EgressError::Scheme),
            "{text}"
        );
    }
}

#[test]
fn refuses_spellings_that_only_a_lenient_parser_reads() {
    for text in [
        "https://0x7f.1/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https:example.com/",
        "https:/example.com/",
        "https:\\\\example.com\\",
        "https://example.com\\@127.0.0.1/",
        "https://exa\tmple.com/",
        " https://example.com/",
        "https://ex\u{e4}mple.com/",
        "https://example.com:443 /",
        "https://\u{ff11}27.0.0.1/",
        "https://%31%32%37.0.0.1/",
        "https:///example.com/",
        "https://[::ffff:127.0.0.1]/",
        "//example.com/",
        "example.com",
        "",
        "https://",
        "https://.../",
        "file:///etc/passwd",
        "data:text/plain,x",
        "gopher://example.com/",
        "ftp://example.com/",
        "https://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
    ] {
        assert!(egress(false, &[]).parse(text).is_err(), "{text}");
        if !text.contains("::1]") {
            assert!(
                egress(true, &[]).parse(text).is_err(),
                "{text} in development"
            );
        }
    }
}

#[test]
fn refuses_user_info() {
    for text in [
        "https://user@example.com/",
        "https://user:word@example.com/",
        "https://example.com@127.0.0.1/",
        "https://:@example.com/",
    ] {
        assert_eq!(
            egress(true, &[]).parse(text),
            Err(EgressError::Credentials),
            "{text}"
        );
    }
    assert!(
        egress(false, &[])
            .parse("https://example.com/a@b?c=d@e")
            .is_ok()
    );
}

#[test]
fn accepts_plain_public_urls() {
    for text in [
        "https://api.example.com/v2/users?x=1",
        "https://api.example.com:8443/",
        "https://[2606:4700::1111]/",
        "https://8.8.8.8/",
        "HTTPS://API.example.com/",
    ] {
        assert!(egress(false, &[]).parse(text).is_ok(), "{text}");
    }
}

#[tokio::test]
async fn refuses_a_name_that_resolves_to_loopback() {
    // `localhost` is the one name that resolves without a network.
    let url = Url::parse("https://localhost:9/").unwrap();
    let error = egress(false, &["localhost"])
        .request(Method::GET, url)
        .unwrap()
        .send()
        .await
        .unwrap_err();
    assert_eq!(cause_of(&error), Cause::EgressRefused);
    assert!(
        root_cause(&error).contains("class loopback"),
        "{}",
        root_cause(&error)
    );
}

#[tokio::test]
async fn says_unreachable_when_nothing_listens() {
    let url = Url::parse("http://127.0.0.1:9/secret-path").unwrap();
    let error = egress(true, &[])
        .request(Method::GET, url)
        .unwrap()
        .send()
        .await
        .unwrap_err();
    assert_eq!(cause_of(&error), Cause::SourceUnreachable);
    assert!(!root_cause(&error).contains("secret-path"));
}
