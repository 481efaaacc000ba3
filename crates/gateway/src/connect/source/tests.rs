use super::*;

fn load(text: &str) -> Result<Source, Vec<Diagnostic>> {
    Source::load("source.yaml", text, SourceOptions::default())
}

#[test]
fn tells_every_problem_at_once_with_its_place() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/connect/source/broken");
    for case in [
        "general", "exchange", "consent", "account", "login", "static", "oauth1",
    ] {
        let text = std::fs::read_to_string(format!("{folder}/{case}.yaml")).unwrap();
        let told: Vec<String> = load(&text)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect();
        let told = told.join("\n\n") + "\n";
        let file = format!("{folder}/{case}.txt");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(file, &told).unwrap();
        } else {
            assert_eq!(told, std::fs::read_to_string(file).unwrap(), "{case}");
        }
    }
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

#[test]
fn a_text_that_is_no_declaration_is_told_so() {
    let code = |text: &str| load(text).unwrap_err()[0].code;
    for text in ["", "\n", "# only a comment\n", "---\n", "...\n"] {
        let found = &load(text).unwrap_err()[0];
        let told = found.to_string();
        assert!(!told.contains("rule"), "{text:?}: {told}");
    }
    assert_eq!(code(""), "empty-declaration");
    assert_eq!(code("id: a\n---\nid: b\n"), "several-documents");
    assert_eq!(code("[1, 2]"), "wrong-type");
    assert_eq!(code("\0"), "yaml-syntax");
    let bomb = (1..9).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        text + &format!("a{n}: &a{n} [{}]\n", format!("*a{}, ", n - 1).repeat(9))
    });
    assert_eq!(load(&bomb).unwrap_err().len(), 1);
    assert!(load(&"[".repeat(100_000)).is_err());
}

/// A source with this `auth:`, as flow mappings.
fn auth(text: &str) -> Auth {
    let head = "id: a\nname: A\ndocs: https://a.example\nhost: api.a.example\nauth:\n";
    let file = head.to_owned() + text;
    load(&file)
        .unwrap_or_else(|problems| panic!("{}", problems[0]))
        .auth
}

fn field(text: &str) -> Field {
    let module = format!(
        "  type: apiKey\n  send: {{in: header, name: x-k, value: \"{{{{K}}}}\"}}\n  fields: [{text}]\n"
    );
    auth(&module).fields.remove(0)
}

#[test]
fn an_entered_value_is_held_to_its_declaration() {
    let plain = field("{name: K, label: K}");
    assert_eq!(plain.kind, FieldKind::Password);
    assert_eq!(plain.accept("\u{feff} a b\r\n").unwrap().unwrap(), "a b");
    let code = |field: &Field, value: &str| field.accept(value).map_err(|p| p.code());
    assert_eq!(code(&plain, " \n"), Err("field-missing"));
    for value in ["a\nb", "a\0b", "a\u{85}b", "a\tb"] {
        assert_eq!(
            code(&plain, value),
            Err("field-control-character"),
            "{value:?}"
        );
    }
    assert_eq!(code(&plain, &"a".repeat(65_537)), Err("field-too-long"));

    let key = field("{name: K, label: K, type: textarea}");
    assert_eq!(
        key.accept("-----BEGIN\nab\n").unwrap().unwrap(),
        "-----BEGIN\nab"
    );
    assert_eq!(code(&key, "a\0b"), Err("field-control-character"));

    let form = field("{name: K, label: K, pattern: \"xoxp-[0-9a-f]+\", required: false}");
    assert_eq!(form.accept(""), Ok(None));
    assert!(form.accept("xoxp-0f").is_ok());
    for value in ["axoxp-0f", "xoxp-0f!", "XOXP-0f", "xoxp-", "hunter2"] {
        let problem = form.accept(value).unwrap_err();
        assert_eq!(problem.code(), "field-pattern", "{value}");
        assert!(!problem.to_string().contains("hunter2"));
    }

    let choice =
        field("{name: K, label: K, in: settings, options: [a, {value: b, label: B}], default: b}");
    assert_eq!(choice.kind, FieldKind::Select);
    assert_eq!(choice.accept("a").unwrap().unwrap(), "a");
    assert_eq!(code(&choice, "B"), Err("field-not-an-option"));
    assert_eq!(choice.accept(""), Ok(None));
}

#[test]
fn only_this_machine_is_a_redirect() {
    let fixed = Redirect::parse("http://localhost:8917/back").unwrap();
    assert_eq!(
        (fixed.port, fixed.with_port(8917)),
        (Some(8917), "http://localhost:8917/back".to_owned())
    );
    assert_eq!(Redirect::parse("http://127.0.0.1").unwrap().port, None);
    for text in [
        "https://localhost/",
        "http://127.0.0.2/",
        "http://localhost.evil.example/",
        "http://localhost@evil.example/",
        "http://u:p@localhost/",
        "http://localhost/?a=1",
        "http://localhost/#f",
        "http://localhost:0/",
        "http:\\\\localhost\\x",
        "urn:ietf:wg:oauth:2.0:oob",
    ] {
        assert!(Redirect::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_value_in_json_stays_one_text() {
    let module = "  type: pwd\n  token_url: https://a.example/login\n  body: {json: {u: \"{{USER_NAME}}\", n: [1, null, \"2\", true], p: {q: \"a{{PASSWORD}}b\"}}}\n  fields: [{name: USER_NAME, label: U}, {name: PASSWORD, label: P}]\n";
    let exchange = auth(module).exchange.unwrap();
    let Some(Body::Json(body)) = exchange.body else {
        panic!("no JSON body")
    };
    let hostile = "\",\"admin\":true,\"x\":\"\r\n\0\u{202e}{{PASSWORD}}\\";
    let filled = body.fill(&mut |_| Some(hostile)).unwrap();
    let written = serde_json::to_string(&filled).unwrap();
    let read: serde_json::Value = serde_json::from_str(&written).unwrap();
    let quoted = format!("a{hostile}b");
    let wanted = serde_json::json!({"u": hostile, "n": [1, null, "2", true], "p": {"q": quoted}});
    assert_eq!(read, wanted);
    assert_eq!(exchange.grant, Grant::Login);
    assert!(body.fill(&mut |_| None).is_err());
}

#[test]
fn places_in_answers_are_names_or_pointers() {
    let answer = serde_json::json!({"a/b": 1, "m~n": 2, "user": {"mails": ["x", "y"]}, "a.b": 3});
    let get = |path: &str| MemberPath::parse(path).unwrap().get(&answer).cloned();
    assert_eq!(get("a/b"), Some(1.into()));
    assert_eq!(get("m~n"), Some(2.into()));
    assert_eq!(get("a.b"), Some(3.into()));
    assert_eq!(get("/user/mails/1"), Some("y".into()));
    assert_eq!(get("/a~1b"), Some(1.into()));
    assert_eq!(get("user/mails"), None);
    assert!(MemberPath::parse("/a~2").is_err());
    assert!(MemberPath::parse("").is_err());
}

#[test]
fn what_is_cheap_or_personal_is_not_shared() {
    let shared = |id: &str| {
        let file = format!(
            "{}/../../rules/{id}/source.yaml",
            env!("CARGO_MANIFEST_DIR")
        );
        load(&std::fs::read_to_string(file).unwrap())
            .unwrap()
            .auth
            .shared
    };
    assert!(shared("zoom"));
    assert!(shared("jira-cloud"));
    assert!(shared("github"));
    assert!(!shared("gcal"));
    assert!(!shared("outlook-cal"));
    assert!(!shared("slack-discovery-api"));
}

#[test]
fn a_consent_obtains_its_fields() {
    let module = "  type: oauth2\n  grant: device_code\n  token_url: https://a.example/token\n  client_auth: none\n  device: {url: \"https://a.example/device\"}\n  scope: [a, b]\n  fields: [{name: CLIENT_ID, label: C}, {name: REFRESH_TOKEN, label: R}]\n";
    let module = auth(module);
    let obtained: Vec<_> = module.fields.iter().map(|f| f.obtained).collect();
    assert_eq!(obtained, [false, true]);
    assert!(module.asks_consent());
    assert_eq!(module.device.unwrap().scope.as_deref(), Some("a b"));
}

proptest::proptest! {
    #[test]
    fn never_panics_on_a_damaged_file(at in 0_usize..2000, length in 0_usize..40, put in ".{0,6}") {
        for text in [
            include_str!("../../../../../rules/outlook-cal/source.yaml"),
            include_str!("../../../../../rules/salesforce/source.yaml"),
            include_str!("../../../../../rules/gcal/source.yaml"),
            include_str!("broken/exchange.yaml"),
            include_str!("broken/consent.yaml"),
            include_str!("broken/account.yaml"),
            include_str!("broken/oauth1.yaml"),
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
