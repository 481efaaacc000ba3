use std::time::Duration;

use futures_util::StreamExt as _;
use http::StatusCode;
use serde_json::{Value, json};

use super::*;

/// As much time as Lambda gives.
const PLENTY: Duration = Duration::from_mins(15);

const WAYS: [Way; 6] = [
    Way::FunctionUrl,
    Way::HttpApi,
    Way::HttpApiV1,
    Way::RestApi,
    Way::LoadBalancer { multi: false },
    Way::LoadBalancer { multi: true },
];

fn way(name: &str) -> Way {
    match name {
        "FunctionUrl" => Way::FunctionUrl,
        "HttpApi" => Way::HttpApi,
        "HttpApiV1" => Way::HttpApiV1,
        "RestApi" => Way::RestApi,
        "LoadBalancer" => Way::LoadBalancer { multi: false },
        "LoadBalancerMulti" => Way::LoadBalancer { multi: true },
        other => panic!("{other}"),
    }
}

fn response_of(given: &Value) -> Response<Bytes> {
    let body = match given["text"].as_str() {
        Some(text) => Bytes::copy_from_slice(text.as_bytes()),
        None => serde_json::from_value::<Vec<u8>>(given["bytes"].clone())
            .unwrap()
            .into(),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(u16::try_from(given["status"].as_u64().unwrap()).unwrap()).unwrap();
    for header in given["headers"].as_array().unwrap() {
        let name: HeaderName = header[0].as_str().unwrap().parse().unwrap();
        let value = HeaderValue::from_bytes(header[1].as_str().unwrap().as_bytes()).unwrap();
        response.headers_mut().append(name, value);
    }
    response
}

/// What Lambda gets, as JSON: the whole answer, or head and body of a streamed one.
async fn shown(outcome: Outcome) -> Value {
    match outcome {
        FunctionResponse::BufferedResponse(text) => serde_json::from_str(text.get()).unwrap(),
        FunctionResponse::StreamingResponse(answer) => {
            let pieces: Vec<_> = answer.stream.map(Result::unwrap).collect().await;
            json!({
                "prelude": serde_json::to_value(&answer.metadata_prelude).unwrap(),
                "pieces": String::from_utf8(pieces.concat()).unwrap(),
            })
        }
    }
}

fn configured(streamed: bool) -> LambdaResponse {
    if streamed {
        LambdaResponse::Streamed
    } else {
        LambdaResponse::Buffered
    }
}

#[tokio::test]
async fn answers_have_the_form_of_their_way() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../cases/answers.json")).unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let streamed = configured(case["streamed"] == true);
        let way = way(case["way"].as_str().unwrap());
        let outcome = outcome(response_of(&case["response"]), way, streamed, PLENTY);
        let found = shown(outcome.ok().unwrap()).await;
        assert_eq!(found, case["expect"], "{}", case["name"]);
    }
}

/// The size of the whole answer, or the code of the refusal.
fn sized(response: Response<Bytes>, way: Way) -> Result<usize, &'static str> {
    match outcome(response, way, LambdaResponse::Buffered, Duration::ZERO) {
        Ok(FunctionResponse::BufferedResponse(text)) => {
            // The runtime serializes it once more.
            assert_eq!(serde_json::to_vec(&text).unwrap().len(), text.get().len());
            Ok(text.get().len())
        }
        Ok(FunctionResponse::StreamingResponse(_)) => panic!("streamed"),
        Err(refusal) => Err(refusal.cause().code()),
    }
}

fn limit(way: Way) -> usize {
    match way {
        Way::LoadBalancer { .. } => 1_048_576,
        _ => 6_291_556,
    }
}

#[test]
fn a_whole_answer_is_carried_up_to_the_limit_and_no_further() {
    for way in WAYS {
        let limit = limit(way);
        let of = |length| Response::new(Bytes::from(vec![b'x'; length]));
        let rest = sized(of(0), way).unwrap();
        assert_eq!(sized(of(limit - rest - 1), way), Ok(limit - 1), "{way:?}");
        assert_eq!(sized(of(limit - rest), way), Ok(limit), "{way:?}");
        for more in [1, 2, rest, rest + 1, limit] {
            let found = sized(of(limit - rest + more), way);
            assert_eq!(found, Err("response-too-large"), "{way:?} {more}");
        }
    }
}

#[test]
fn the_limit_counts_escapes() {
    let way = Way::FunctionUrl;
    let of = |quotes: usize, plain: usize| {
        let text = "\"".repeat(quotes) + &"x".repeat(plain);
        Response::new(Bytes::from(text))
    };
    let rest = sized(of(0, 0), way).unwrap();
    let quotes = (limit(way) - rest) / 2 - 3;
    let plain = limit(way) - rest - 2 * quotes;
    assert_eq!(sized(of(quotes, plain), way), Ok(limit(way)));
    assert_eq!(sized(of(quotes, plain - 1), way), Ok(limit(way) - 1));
    for (quotes, plain) in [(quotes, plain + 1), (quotes + 1, plain - 1)] {
        let found = sized(of(quotes, plain), way);
        assert_eq!(found, Err("response-too-large"));
    }
}

#[test]
fn the_limit_counts_base64_and_headers() {
    let way = Way::HttpApi;
    let of = |length: usize, header: usize| {
        let mut response = Response::new(Bytes::from(vec![0xff; length]));
        let value = HeaderValue::from_str(&"h".repeat(header)).unwrap();
        response.headers_mut().insert("x-long", value);
        response
    };
    let rest = sized(of(0, 0), way).unwrap();
    // `true` is a letter shorter than `false`.
    let room = limit(way) - (rest - 1);
    let (length, header) = (room / 4 * 3 - 300, room % 4 + 400);
    assert_eq!(sized(of(length, header), way), Ok(limit(way)));
    assert_eq!(sized(of(length, header - 1), way), Ok(limit(way) - 1));
    for (length, header) in [(length, header + 1), (length + 3, header - 3)] {
        let found = sized(of(length, header), way);
        assert_eq!(found, Err("response-too-large"));
    }
}

#[tokio::test]
async fn a_streamed_answer_is_carried_up_to_the_limit_and_no_further() {
    const LIMIT: usize = 209_715_200;
    let body = Bytes::from(vec![b'x'; LIMIT]);
    for way in [Way::FunctionUrl, Way::RestApi] {
        let stream = |length| {
            let response = Response::new(body.slice(..length));
            outcome(response, way, LambdaResponse::Streamed, PLENTY)
        };
        let Ok(FunctionResponse::StreamingResponse(empty)) = stream(0) else {
            panic!("{way:?} is not streamed");
        };
        let prelude = serde_json::to_string(&empty.metadata_prelude).unwrap();
        let rest = prelude.len() + 8;
        for length in [LIMIT - rest - 1, LIMIT - rest] {
            let Ok(FunctionResponse::StreamingResponse(answer)) = stream(length) else {
                panic!("{way:?} is not streamed");
            };
            let sent = answer
                .stream
                .fold(0, |sum, piece| async move { sum + piece.unwrap().len() })
                .await;
            assert_eq!(sent, length, "{way:?}");
        }
        for length in [LIMIT - rest + 1, LIMIT] {
            let refusal = stream(length).err().unwrap();
            assert_eq!(refusal.cause().code(), "response-too-large", "{way:?}");
        }
    }
}

#[test]
fn a_streamed_answer_is_as_large_as_the_time_that_is_left_allows() {
    let body = Bytes::from(vec![b'x'; 40_000_000]);
    let code = |way: Way, length: usize, left: Duration| {
        let response = Response::new(body.slice(..length));
        let outcome = outcome(response, way, LambdaResponse::Streamed, left);
        outcome.err().map(|refusal| refusal.cause().code())
    };
    for way in [Way::FunctionUrl, Way::RestApi] {
        // Of the size, some hundred bytes are head.
        for (millis, most) in [
            (0, 6_000_000),
            (1, 6_002_000),
            (1500, 9_000_000),
            (15_000, 36_000_000),
        ] {
            let left = Duration::from_millis(millis);
            assert_eq!(code(way, most - 300, left), None, "{way:?} {millis}");
            let beyond = code(way, most + 1, left);
            assert_eq!(beyond, Some("response-too-large"), "{way:?} {millis}");
        }
    }
    // What is answered whole leaves at once.
    assert_eq!(code(Way::HttpApi, 6_200_000, Duration::ZERO), None);
}

#[test]
fn only_a_rest_apis_whole_answers_are_not_compressed() {
    for way in WAYS {
        assert!(is_compressible(way, LambdaResponse::Streamed) || way != Way::RestApi);
        let whole = is_compressible(way, LambdaResponse::Buffered);
        assert_eq!(whole, way != Way::RestApi, "{way:?}");
    }
    assert!(is_compressible(Way::RestApi, LambdaResponse::Streamed));
}
