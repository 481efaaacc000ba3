use super::*;

fn load(text: &str) -> Result<Source, Vec<Diagnostic>> {
    Source::load("source.yaml", text, SourceOptions::default())
}

#[test]
fn tells_every_problem_at_once_with_its_place() {
    let text = include_str!("broken.yaml");
    let wanted = include_str!("broken.txt");
    let told: Vec<String> = load(text)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    let told = told.join("\n\n") + "\n";
    if std::env::var_os("BLESS").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/connect/source/broken.txt");
        std::fs::write(file, &told).unwrap();
        return;
    }
    assert_eq!(told, wanted);
}

#[test]
fn refuses_token_addresses_that_could_send_a_secret_elsewhere() {
    let file = |url: &str| {
        format!(
            "id: x\nname: X\ndocs: https://x.example\nhost: api.x.example\nauth:\n  type: oauth2\n  grant: client_credentials\n  client_auth: body\n  token_url: \"{url}\"\n  fields: [{{name: CLIENT_ID, label: I}}, {{name: CLIENT_SECRET, label: S}}, {{name: T, label: T}}]\n  params: {{t: \"{{{{T}}}}\"}}\n"
        )
    };
    assert!(load(&file("https://x.example/{{T}}/token?a={{T}}")).is_ok());
    assert!(load(&file("https://{{host}}/token")).is_ok());
    for url in [
        "http://x.example/token",
        "http://127.0.0.1:1/token",
        "https://{{T}}/token",
        "https://{{T}}.x.example/",
        "https://{{host}}.x.example/",
        "https://u:p@x.example/",
        "https://{{host}}@x.example/",
        "https://x.example/#f",
        "ftp://x.example/",
        "x.example/token",
        "https:///token",
        "{{T}}",
        "https://x.example:{{T}}/",
    ] {
        assert!(load(&file(url)).is_err(), "{url}");
    }
    let local = SourceOptions { dev_loopback: true };
    assert!(Source::load("f", &file("http://127.0.0.1:1/token"), local).is_ok());
    assert!(Source::load("f", &file("http://10.0.0.1/token"), local).is_err());
}

#[test]
fn holds_an_account_host_to_its_pattern() {
    let source = load(include_str!("../../../../../rules/salesforce/source.yaml")).unwrap();
    let origin = |host| source.origin(Some(host), false).map(|u| u.to_string());
    assert_eq!(
        origin("Acme.my.salesforce.com").unwrap(),
        "https://acme.my.salesforce.com/"
    );
    assert_eq!(
        origin("https://acme--dev.sandbox.my.salesforce.com/").unwrap(),
        "https://acme--dev.sandbox.my.salesforce.com/"
    );
    for host in [
        "my.salesforce.com",
        ".my.salesforce.com",
        "evil.example",
        "acme.my.salesforce.com.evil.example",
        "evil.example/.my.salesforce.com",
        "evil.example#.my.salesforce.com",
        "u@acme.my.salesforce.com",
        "acme.my.salesforce.com:8443",
        "http://acme.my.salesforce.com",
        "acme.my.salesforce.com/x",
        "a..my.salesforce.com",
        "-a.my.salesforce.com",
        "127.0.0.1",
        "http://127.0.0.1:80",
        "a\n.my.salesforce.com",
        "ä.my.salesforce.com",
    ] {
        assert!(origin(host).is_err(), "{host}");
    }
    assert_eq!(
        source.origin(None, false).unwrap_err().code(),
        "source-host-missing"
    );
    assert_eq!(
        source.origin(Some(" "), false).unwrap_err().code(),
        "source-host-missing"
    );
    assert_eq!(
        source
            .origin(Some("http://127.0.0.1:80"), true)
            .unwrap()
            .as_str(),
        "http://127.0.0.1/"
    );
    assert!(
        source
            .origin(Some("http://127.0.0.1.evil.example"), true)
            .is_err()
    );
    assert!(source.origin(Some("http://10.0.0.1"), true).is_err());
}

#[test]
fn a_fixed_host_can_not_be_replaced() {
    let source = load(include_str!("../../../../../rules/zoom/source.yaml")).unwrap();
    assert_eq!(
        source.origin(None, false).unwrap().as_str(),
        "https://api.zoom.us/"
    );
    assert!(source.origin(Some("api.zoom.us"), false).is_ok());
    assert!(source.origin(Some("evil.example"), false).is_err());
    assert!(source.origin(Some("127.0.0.1:1"), false).is_err());
    assert!(source.origin(Some("127.0.0.1:1"), true).is_ok());
}

#[test]
fn every_shipped_source_loads_and_is_in_the_folder_of_its_id() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules");
    let mut seen = 0;
    for folder in std::fs::read_dir(rules).unwrap() {
        let file = folder.unwrap().path().join("source.yaml");
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let source = Source::load(&file.display().to_string(), &text, SourceOptions::default());
        let source = source.unwrap_or_else(|problems| {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}", told.join("\n"))
        });
        assert!(
            file.parent().unwrap().ends_with(&source.id),
            "{}",
            source.id
        );
        seen += 1;
    }
    assert!(seen >= 7);
}

proptest::proptest! {
    #[test]
    fn never_panics_on_a_damaged_file(at in 0_usize..2000, length in 0_usize..40, put in ".{0,6}") {
        for text in [
            include_str!("../../../../../rules/outlook-cal/source.yaml"),
            include_str!("../../../../../rules/salesforce/source.yaml"),
            include_str!("../../../../../rules/gcal/source.yaml"),
        ] {
            let characters: Vec<char> = text.chars().collect();
            let start = at % characters.len();
            let end = (start + length).min(characters.len());
            let damaged: String = characters[..start].iter().copied().chain(put.chars()).chain(characters[end..].iter().copied()).collect();
            if let Err(problems) = load(&damaged) {
                proptest::prop_assert!(problems.iter().any(|p| p.span.line > 0), "no place is told");
            }
        }
    }
}
