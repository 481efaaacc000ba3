use std::str::FromStr as _;

use hushgate_gateway::inbound::{Inbound, Vouched};
use lambda_http::lambda_runtime::Diagnostic;
use serde_json::{Map, Value, json};

use super::*;

const LARGEST: usize = 1 << 20;

/// The folder's tables: an event, and cases of changes to it (RFC 7396).
const TABLES: &[(&str, &str)] = &[
    ("function-url", include_str!("cases/function-url.json")),
    ("http-api", include_str!("cases/http-api.json")),
    ("http-api-v1", include_str!("cases/http-api-v1.json")),
    ("rest-api", include_str!("cases/rest-api.json")),
    ("load-balancer", include_str!("cases/load-balancer.json")),
    ("no-requests", include_str!("cases/no-requests.json")),
];

fn table(name: &str) -> Value {
    let (_, text) = TABLES.iter().find(|(n, _)| *n == name).unwrap();
    serde_json::from_str(text).unwrap()
}

fn event_of(name: &str) -> Value {
    table(name)["event"].clone()
}

fn patch(target: &mut Value, change: &Value) {
    let Value::Object(members) = change else {
        *target = change.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in members {
        if value.is_null() {
            target.as_object_mut().unwrap().shift_remove(name);
        } else {
            patch(
                target
                    .as_object_mut()
                    .unwrap()
                    .entry(name)
                    .or_insert(Value::Null),
                value,
            );
        }
    }
}

enum Read {
    Request(Way, Box<Inbound>),
    Refused(&'static str),
    Fault(&'static str),
}

fn read(event: &[u8]) -> Read {
    let begun = Instant::now();
    let times = Times {
        received: begun,
        deadline: begun,
    };
    let raw: RawEvent = serde_json::from_slice(event)
        .unwrap_or_else(|_| serde_json::from_slice(b"{").expect("reading an event never fails"));
    let event = match raw.read() {
        Ok(event) => event,
        Err(fault) => return Read::Fault(fault.code()),
    };
    let way = match event.way() {
        Ok(way) => way,
        Err(fault) => return Read::Fault(fault.code()),
    };
    let compressible = answer::is_compressible(way, LambdaResponse::Buffered);
    match inbound::inbound(event, way, times, LARGEST, compressible) {
        Ok(inbound) => Read::Request(way, Box::new(inbound)),
        Err(refusal) => Read::Refused(refusal.cause().code()),
    }
}

fn shown(read: Read) -> Value {
    let (way, inbound) = match read {
        Read::Request(way, inbound) => (way, inbound),
        Read::Refused(code) => return json!({"refused": code}),
        Read::Fault(code) => return json!({"fault": code}),
    };
    let headers: Vec<_> = inbound
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), value.to_str().unwrap()]))
        .collect();
    let body = match std::str::from_utf8(&inbound.body) {
        Ok(text) if !text.contains('\0') => json!(text),
        _ => json!(inbound.body.to_vec()),
    };
    let vouched = inbound.vouched.map(|vouched| {
        let Vouched::AwsIam(iam) = vouched;
        json!({"arn": iam.arn, "account": iam.account, "organization": iam.organization, "cognito": iam.cognito})
    });
    json!({
        "way": format!("{way:?}"), "method": inbound.method.as_str(), "path": inbound.raw_path,
        "query": inbound.raw_query, "headers": headers, "body": body,
        "peer": inbound.peer.map(|ip| ip.to_string()), "vouched": vouched,
    })
}

#[test]
fn events_are_read_as_the_tables_say() {
    let mut count = 0;
    for (file, text) in TABLES {
        let table: Value = serde_json::from_str(text).unwrap();
        for case in table["cases"].as_array().unwrap() {
            let mut event = table["event"].clone();
            if let Some(change) = case.get("change") {
                patch(&mut event, change);
            }
            let found = shown(read(event.to_string().as_bytes()));
            for (name, expected) in case["expect"].as_object().unwrap() {
                let place = format!("{file}: {}: {name}", case["name"]);
                assert_eq!(found.get(name), Some(expected), "{place} in {found}");
            }
            count += 1;
        }
    }
    assert!(count > 90, "{count}");
}

fn read_event(event: &Value) -> Value {
    shown(read(event.to_string().as_bytes()))
}

#[test]
fn what_is_not_json_is_malformed() {
    let deep = "[".repeat(100_000);
    let cut = event_of("function-url").to_string();
    for event in [
        "",
        "{",
        "nul",
        "{\"a\":}",
        "\"\\ud8",
        &deep,
        &cut[..cut.len() / 2],
    ] {
        assert_eq!(
            shown(read(event.as_bytes())),
            json!({"fault": "event-malformed"}),
            "{}",
            event.len()
        );
    }
    let not_utf8 = b"{\"rawPath\":\"/\xff\"}";
    assert_eq!(shown(read(not_utf8)), json!({"fault": "event-malformed"}));
}

#[test]
fn json_that_is_no_object_is_no_request() {
    for event in ["null", "true", "5", "\"ping\"", "[]", "{}"] {
        assert_eq!(
            shown(read(event.as_bytes())),
            json!({"fault": "event-not-http"}),
            "{event}"
        );
    }
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let event = event_of("function-url").to_string();
    let twice = event.replacen('{', "{\"rawPath\":\"/v2/users\",", 1);
    assert_eq!(
        shown(read(twice.as_bytes())),
        json!({"fault": "event-not-http"})
    );
}

#[test]
fn bodies_are_taken_up_to_the_limit_and_no_further() {
    use base64::Engine as _;
    for (length, taken) in [(LARGEST - 1, true), (LARGEST, true), (LARGEST + 1, false)] {
        let mut event = event_of("function-url");
        event["body"] = json!("x".repeat(length));
        let found = read_event(&event);
        assert_eq!(found.get("refused").is_none(), taken, "{length}");
        let encoded = base64::engine::general_purpose::STANDARD.encode(vec![0xff; length]);
        event["body"] = json!(encoded);
        event["isBase64Encoded"] = json!(true);
        let found = read_event(&event);
        assert_eq!(found.get("refused").is_none(), taken, "{length}");
        if !taken {
            assert_eq!(found["refused"], "request-too-large");
        }
    }
}

#[test]
fn more_headers_than_the_http_host_takes_are_refused() {
    let event_with = |count: usize, length: usize| {
        let mut event = event_of("function-url");
        event["headers"] = (0..count)
            .map(|i| (format!("x-{i}"), json!("v".repeat(length))))
            .collect::<Map<_, _>>()
            .into();
        read_event(&event)
    };
    assert!(event_with(100, 1).get("refused").is_none());
    assert_eq!(event_with(101, 1)["refused"], "request-too-large");
    // More than a header map can hold.
    assert_eq!(event_with(40_000, 0)["refused"], "request-too-large");
    assert_eq!(event_with(2, 40_000)["refused"], "request-too-large");
    let mut event = event_of("rest-api");
    event["multiValueHeaders"] = json!({"x-many": vec![""; 101]});
    assert_eq!(read_event(&event)["refused"], "request-too-large");
}

#[test]
fn every_cut_and_every_change_of_an_event_is_answered() {
    let replacements = [
        Value::Null,
        json!(""),
        json!(-1),
        json!(true),
        json!([]),
        json!({}),
        json!("\u{0}\r\n"),
        json!(["\u{fffd}"]),
        json!({"": null}),
    ];
    let mut count = 0;
    for (_, text) in TABLES {
        let table: Value = serde_json::from_str(text).unwrap();
        let whole = table["event"].to_string();
        for end in (0..whole.len()).step_by(7) {
            shown(read(&whole.as_bytes()[..end]));
        }
        let mut places = Vec::new();
        pointers(&table["event"], String::new(), &mut places);
        for place in places {
            for replacement in &replacements {
                let mut event = table["event"].clone();
                *event.pointer_mut(&place).unwrap() = replacement.clone();
                read(event.to_string().as_bytes());
                count += 1;
            }
        }
    }
    assert!(count > 1000, "{count}");
}

fn pointers(value: &Value, at: String, all: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(n, v)| (n.replace('~', "~0").replace('/', "~1"), v))
            .collect(),
        Value::Array(items) => (0..).map(|i: usize| i.to_string()).zip(items).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        pointers(child, format!("{at}/{name}"), all);
    }
    all.push(at);
}

#[test]
fn faults_are_told_by_code_and_hold_nothing_of_the_event() {
    for fault in Fault::ALL {
        let diagnostic = Diagnostic::from(fault);
        assert_eq!(diagnostic.error_type, fault.code());
        assert_eq!(diagnostic.error_message, fault.to_string());
    }
}

#[test]
fn every_code_and_limit_is_documented() {
    let page = include_str!("../../../../docs/lambda.md");
    for fault in Fault::ALL {
        assert!(page.contains(&format!("`{}`", fault.code())), "{fault:?}");
    }
    for limit in [answer::WHOLE, answer::TO_LOAD_BALANCER, answer::STREAMED] {
        let digits = limit.to_string();
        let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
        let written = String::from_utf8(groups.join(&b',')).unwrap();
        assert!(page.contains(&written), "{written}");
    }
}

#[test]
fn time_is_kept_back_for_what_follows_the_reply() {
    let (now, begun) = (SystemTime::UNIX_EPOCH, Instant::now());
    let budget = |left: u64| {
        let budget = Budget::until(now + Duration::from_millis(left), now, begun);
        assert_eq!(budget.begun, begun);
        let after = |time: Instant| u64::try_from((time - begun).as_millis()).unwrap();
        (after(budget.reply), after(budget.quiet))
    };
    assert_eq!(budget(0), (0, 0));
    assert_eq!(budget(100), (90, 95));
    assert_eq!(budget(3000), (2700, 2850));
    assert_eq!(budget(30_000), (29_000, 29_500));
    assert_eq!(budget(900_000), (899_000, 899_500));
    assert_eq!(budget(u64::from(u32::MAX)), (899_000, 899_500));
    for late in [Duration::from_secs(5), Duration::from_mins(15)] {
        let over = Budget::until(now, now + late, begun);
        assert_eq!((over.reply, over.quiet), (begun, begun));
    }
}

#[test]
fn an_end_of_long_ago_is_no_end() {
    let (now, begun) = (SystemTime::now(), Instant::now());
    let start = SystemTime::UNIX_EPOCH;
    for deadline in [start, start + Duration::from_mins(10)] {
        let budget = Budget::until(deadline, now, begun);
        assert_eq!(budget.reply, begun + Duration::from_secs(899));
    }
}

#[test]
fn what_lambdas_environment_lacks_is_told_before_anything_starts() {
    let all = [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_FUNCTION_NAME", "zoom"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ];
    let environment = |change: (&str, Option<&str>)| -> Environment {
        let mut environment: Environment = all
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        match change.1 {
            Some(value) => environment.insert(change.0.to_owned(), value.to_owned()),
            None => environment.remove(change.0),
        };
        environment
    };
    assert!(problems(&environment(("X", None))).is_empty());
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", None),
        ("AWS_LAMBDA_FUNCTION_VERSION", None),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", None),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", Some("much")),
        ("AWS_LAMBDA_RUNTIME_API", Some("")),
        ("AWS_LAMBDA_RUNTIME_API", Some("/x")),
        ("AWS_LAMBDA_RUNTIME_API", Some("a b")),
    ] {
        let found = problems(&environment((name, value)));
        assert_eq!(found.len(), 1, "{name} {value:?} {found:?}");
        assert!(found[0].starts_with(name), "{found:?}");
    }
    assert!(service(&Environment::new()).is_none());
    assert!(
        Uri::from_str("http://127.0.0.1:9000/.rt")
            .unwrap()
            .authority()
            .is_some()
    );
}
