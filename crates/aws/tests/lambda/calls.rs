//! Calls through every way to a function.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::events::{Call, get};
use crate::runtime_api::Answer;
use crate::world::World;

/// The targets that the source was asked for.
fn targets(world: &World) -> Vec<String> {
    let seen = world.seen().into_iter();
    seen.map(|(method, target, _)| format!("{method} {target}"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_hidden_through_every_way() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    for (way, event) in world.get("/v2/people").query("page=2").every_way() {
        let answer = world.invoke(&event).await;
        assert_eq!(answer.status(), 200, "{way}: {answer:?}");
        let body = String::from_utf8(answer.body()).unwrap();
        assert!(body.contains("grüße"), "{way}: {body}");
        for person in ["ada@acme.example", "Ada Quill"] {
            assert!(!body.contains(person), "{way}: {body}");
        }
        assert!(matches!(&answer, Answer::Whole { json, .. } if json["isBase64Encoded"] == false));
        assert_eq!(
            answer.header("content-type").as_deref(),
            Some("application/json"),
            "{way}"
        );
        assert!(answer.header("x-hushgate-request-id").is_some(), "{way}");
        assert_eq!(targets(&world), ["GET /v2/people?page=2"], "{way}");
    }
    assert_eq!(world.tokens(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn streamed_answers_have_their_head_and_body() {
    let Some(world) = World::start(&[("HUSHGATE_LAMBDA_RESPONSE", "streamed")]).await else {
        return;
    };
    for (way, event) in world.get("/v2/people").every_way() {
        let answer = world.invoke(&event).await;
        assert_eq!(answer.status(), 200, "{way}");
        let streamed = matches!(answer, Answer::Streamed { .. });
        assert_eq!(
            streamed,
            ["Function URL", "REST API"].contains(&way),
            "{way}"
        );
        assert_eq!(answer.json()["people"][0]["note"], "grüße", "{way}");
    }
    // A refusal is streamed as well.
    let refused = world.invoke(&world.get("/v2/nothing").function_url()).await;
    assert!(matches!(refused, Answer::Streamed { .. }));
    assert_eq!(
        (refused.status(), refused.code().as_str()),
        (403, "endpoint-not-listed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_is_asked_for_what_the_caller_wrote() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let query = "q=b&page=2&page=1&status=a%20b&empty=";
    let call = world.get("/v2/people").query(query);
    let in_groups = "q=b&page=2&page=1&status=a%20b&empty=";
    let last_only = "q=b&page=1&status=a%20b&empty=";
    for (way, event) in call.every_way() {
        let answer = world.invoke(&event).await;
        assert_eq!(answer.status(), 200, "{way}: {answer:?}");
        let expected = match way {
            "load balancer" => last_only,
            _ => in_groups,
        };
        assert_eq!(
            targets(&world),
            [format!("GET /v2/people?{expected}")],
            "{way}"
        );
    }
    let mixed = "page=2&q=b&page=1";
    let answer = world
        .invoke(&world.get("/v2/people").query(mixed).function_url())
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(targets(&world), [format!("GET /v2/people?{mixed}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn encoded_slashes_reach_the_source_as_they_are() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    for path in [
        "/v2/meetings/%2FabcDEF%3D%3D",
        "/v2/meetings/%252FabcDEF%253D%253D",
    ] {
        let call = world.get(path);
        let mut events = vec![
            call.function_url(),
            call.rest_api(),
            call.load_balancer(),
            call.load_balancer_multi(),
        ];
        // An HTTP API has decoded the path before; this is what is still encoded in it.
        if path.contains("%25") {
            let decoded = world.get("/v2/meetings/%2FabcDEF%3D%3D");
            events.extend([decoded.http_api(), decoded.http_api_v1()]);
        }
        for event in events {
            let answer = world.invoke(&event).await;
            assert_eq!(answer.status(), 200, "{path}: {answer:?}");
            assert_eq!(targets(&world), [format!("GET {path}")]);
        }
    }
    // What was decoded into a slash is one.
    let decoded = world.get("/v2/meetings//abcDEF==").http_api();
    assert_eq!(world.invoke(&decoded).await.code(), "path-not-normal");
    assert_eq!(targets(&world), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_could_be_read_in_two_ways_are_refused_through_every_way() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    for path in [
        "/v2/../v1/people",
        "/v2/%2e%2e/people",
        "/v2//people",
        "/v2/people%00",
    ] {
        for (way, event) in world.get(path).every_way() {
            let answer = world.invoke(&event).await;
            assert_eq!(answer.status(), 400, "{way} {path}");
            assert_eq!(answer.code(), "path-not-normal", "{way} {path}");
        }
    }
    assert_eq!(targets(&world), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_go_through_as_text_and_as_base64() {
    use base64::Engine as _;
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let sent = "{\"text\":\"grüße\"}";
    let call = world.get("/v2/search").post("application/json", sent);
    for (way, event) in call.every_way() {
        let mut encoded = event.clone();
        encoded["body"] = json!(base64::engine::general_purpose::STANDARD.encode(sent));
        encoded["isBase64Encoded"] = json!(true);
        for event in [event, encoded] {
            let answer = world.invoke(&event).await;
            assert_eq!(answer.status(), 200, "{way}: {answer:?}");
            let seen = world.seen();
            assert_eq!(seen.len(), 1, "{way}");
            assert_eq!(
                (seen[0].0.as_str(), &seen[0].2[..]),
                ("POST", sent.as_bytes())
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_compressed_where_the_way_undoes_base64() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let call = world
        .get("/v2/sized/100000")
        .header("accept-encoding", "gzip");
    for (way, event) in call.every_way() {
        let answer = world.invoke(&event).await;
        assert_eq!(answer.status(), 200, "{way}");
        let compressed = answer.header("content-encoding").as_deref() == Some("gzip");
        assert_eq!(compressed, way != "REST API", "{way}");
        let body = if compressed {
            let mut plain = String::new();
            let sent = answer.body();
            let mut decoder = flate2::read::GzDecoder::new(&sent[..]);
            decoder.read_to_string(&mut plain).unwrap();
            plain
        } else {
            String::from_utf8(answer.body()).unwrap()
        };
        assert_eq!(body.len(), 100_000, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_nobody_is_served_whatever_the_event_says() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let iam = json!({"accessKey": "ASIAEXAMPLE", "accountId": "111122223333", "callerId": "AROAEXAMPLE:s",
        "principalOrgId": "o-exampleorg1", "userArn": "arn:aws:sts::111122223333:assumed-role/vendor/s", "userId": "AROAEXAMPLE:s"});
    let no_token = |call: Call| call.without("authorization");
    let forged = no_token(get("/v2/people", ""))
        .header("x-amzn-user-arn", "arn:aws:iam::111122223333:user/ada")
        .header("x-amzn-oidc-identity", "112233")
        .header("x-apigateway-api-userinfo", "e30=");
    let bad = get("/v2/people", "a.b.c");
    for (call, code) in [
        (no_token(get("/v2/people", "")), "token-missing"),
        (forged, "token-missing"),
        (bad, "token-invalid"),
    ] {
        for (way, mut event) in call.every_way() {
            for vouched in [false, true] {
                if vouched {
                    event["requestContext"]["authorizer"] = json!({"iam": iam});
                    event["requestContext"]["identity"]["userArn"] = iam["userArn"].clone();
                }
                let answer = world.invoke(&event).await;
                assert_eq!(
                    (answer.status(), answer.code().as_str()),
                    (401, code),
                    "{way} {vouched}"
                );
                assert_eq!(answer.header("x-hushgate-rules"), None, "{way}");
            }
        }
    }
    assert!(world.seen().is_empty());
    assert_eq!(world.tokens(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_without_tls_is_refused() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let call = world
        .get("/v2/people")
        .without("x-forwarded-proto")
        .header("x-forwarded-proto", "http");
    for event in [call.load_balancer(), call.load_balancer_multi()] {
        assert_eq!(world.invoke(&event).await.code(), "https-required");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancers_health_check_learns_that_it_runs_and_no_more() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let check = get("/healthz", "")
        .without("authorization")
        .without("x-forwarded-proto");
    for (way, event) in check.every_way() {
        let answer = world.invoke(&event).await;
        assert_eq!(answer.status(), 200, "{way}");
        assert_eq!(answer.body(), b"ok\n", "{way}");
        let Answer::Whole { json, .. } = answer else {
            panic!("{way}: streamed");
        };
        let headers = if json.get("headers").is_some() {
            "headers"
        } else {
            "multiValueHeaders"
        };
        assert_eq!(
            json[headers],
            Value::Object(serde_json::Map::new()),
            "{way}"
        );
    }
    let other = get("/", "")
        .without("authorization")
        .without("x-forwarded-proto");
    assert_eq!(
        world.invoke(&other.load_balancer()).await.code(),
        "token-missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_is_below_the_stage_where_the_platform_puts_one_before_the_path() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let at = |path: &str| {
        let check = get(path, "").without("authorization");
        check.every_way().map(|(way, mut event)| {
            event["requestContext"]["stage"] = json!("prod");
            (way, event)
        })
    };
    for (path, of_an_http_api, of_others) in [
        ("/prod/healthz", 200, 401),
        // Behind a domain of one's own there is no stage in it.
        ("/healthz", 200, 200),
        ("/prod/prod/healthz", 401, 401),
        ("/production/healthz", 401, 401),
        ("/prodhealthz", 401, 401),
        ("/prod", 401, 401),
    ] {
        for (way, event) in at(path) {
            let answer = world.invoke(&event).await;
            let expected = match way {
                "HTTP API" | "HTTP API, format 1.0" => of_an_http_api,
                _ => of_others,
            };
            assert_eq!(answer.status(), expected, "{way}: {path}");
            assert_eq!(answer.body() == b"ok\n", expected == 200, "{way}: {path}");
        }
    }
    // A stage of that name is none of the path.
    let mut event = get("/healthz", "").without("authorization").http_api();
    event["requestContext"]["stage"] = json!("healthz");
    assert_eq!(world.invoke(&event).await.code(), "token-missing");
}
