//! Callers for whom AWS vouches in the request context, and forgeries of it everywhere else.

use serde_json::{Value, json};

use crate::events::{Call, get};
use crate::world::World;

const SWITCH: &[(&str, &str)] = &[("HUSHGATE_PLATFORM_CALLERS", "aws-iam")];

/// Beside the client with a token: one by role, one by user and organization.
const CLIENTS: &str = "  - id: by-role
    identity: {aws_iam: {role: 'arn:aws:iam::111122223333:role/reporting'}}
    sources: [zoom]
  - id: by-user
    identity: {aws_iam: {user: 'arn:aws:iam::444455556666:user/batch/loader', organization: o-a1b2c3d4e5}}
    sources: [zoom]
  - id: elsewhere
    identity: {aws_iam: {role: 'arn:aws:iam::111122223333:role/elsewhere'}}
    sources: [gcal]
aws_iam: {direct_invoke: refused}
";

/// A principal: ARN, account, organization.
pub(crate) type Principal = (&'static str, &'static str, Option<&'static str>);

pub(crate) const ROLE: Principal = (
    "arn:aws:sts::111122223333:assumed-role/reporting/session-1",
    "111122223333",
    None,
);
const USER: Principal = (
    "arn:aws:iam::444455556666:user/batch/loader",
    "444455556666",
    Some("o-a1b2c3d4e5"),
);
const STRANGER: Principal = (
    "arn:aws:sts::111122223333:assumed-role/stranger/session-1",
    "111122223333",
    Some("o-a1b2c3d4e5"),
);

/// `GET /v2/people` without a token.
pub(crate) fn bare() -> Call {
    get("/v2/people", "").without("authorization")
}

/// What API Gateway and Function URLs say in format 2.0 of a caller with IAM.
fn iam((arn, account, organization): Principal) -> Value {
    json!({
        "accessKey": "ASIAEXAMPLE", "accountId": account, "callerId": "AROAEXAMPLE:session-1", "cognitoIdentity": null,
        "principalOrgId": organization, "userArn": arn, "userId": "AROAEXAMPLE:session-1",
    })
}

/// What API Gateway says in format 1.0 of a caller with IAM.
fn identity((arn, account, organization): Principal) -> Value {
    json!({
        "accessKey": "ASIAEXAMPLE", "accountId": account, "caller": "AROAEXAMPLE:session-1", "cognitoAuthenticationProvider": null,
        "cognitoAuthenticationType": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null,
        "principalOrgId": organization, "sourceIp": "198.51.100.23", "user": "AROAEXAMPLE:session-1", "userArn": arn,
    })
}

/// The event of each way that has IAM, as the platform writes it for this caller.
pub(crate) fn signed(call: &Call, principal: Principal) -> [(&'static str, Value); 4] {
    let [url, api, api_v1, rest, ..] = call.every_way();
    let in_2 = |(way, mut event): (&'static str, Value)| {
        event["requestContext"]["authorizer"] = json!({"iam": iam(principal)});
        (way, event)
    };
    let in_1 = |(way, mut event): (&'static str, Value)| {
        event["requestContext"]["identity"] = identity(principal);
        (way, event)
    };
    [in_2(url), in_2(api), in_1(api_v1), in_1(rest)]
}

/// The status, and the code of a refusal.
async fn outcome(world: &World, event: &Value) -> (u64, String) {
    let answer = world.invoke(event).await;
    let code = answer.header("x-hushgate-error").map(|_| answer.code());
    (answer.status(), code.unwrap_or_default())
}

/// All that a caller sees of a refusal, without what differs from request to request.
async fn seen(world: &World, event: &Value) -> (String, Value) {
    let answer = world.invoke(event).await;
    let mut body = answer.json();
    body["error"]["request_id"] = Value::Null;
    (answer.code(), body)
}

fn refused(status: u64, code: &str) -> (u64, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_principal_of_the_request_context_is_the_caller() {
    let Some(world) = World::trusting(CLIENTS, SWITCH).await else {
        return;
    };
    for principal in [ROLE, USER] {
        // A signature stands in the header where a token would.
        let call = bare().header("authorization", "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE");
        for (way, event) in signed(&call, principal) {
            let answer = world.invoke(&event).await;
            assert_eq!(answer.status(), 200, "{way}: {answer:?}");
            let body = String::from_utf8(answer.body()).unwrap();
            assert!(!body.contains("ada@acme.example"), "{way}: {body}");
        }
    }
    let log = world.log();
    for client in ["by-role", "by-user"] {
        assert_eq!(
            log.matches(&format!("\"{client}\"")).count(),
            4,
            "{client}: {log}"
        );
    }
    let elsewhere = (
        "arn:aws:sts::111122223333:assumed-role/elsewhere/s",
        "111122223333",
        None,
    );
    for (way, event) in signed(&bare(), elsewhere) {
        let found = outcome(&world, &event).await;
        assert_eq!(found, refused(403, "caller-not-allowed"), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_that_is_no_client_is_refused_like_a_bad_token() {
    let Some(world) = World::trusting(CLIENTS, SWITCH).await else {
        return;
    };
    let bad_token = get("/v2/people", "a.b.c").function_url();
    let expected = seen(&world, &bad_token).await;
    assert_eq!(expected.0, "token-invalid");
    let others: [Principal; 9] = [
        STRANGER,
        (ROLE.0, "111122223334", None),
        (ROLE.0, "", None),
        (
            "arn:aws:sts::111122223334:assumed-role/reporting/s",
            "111122223334",
            None,
        ),
        (
            "arn:aws-cn:sts::111122223333:assumed-role/reporting/s",
            "111122223333",
            None,
        ),
        (
            "arn:aws:sts::111122223333:federated-user/reporting",
            "111122223333",
            None,
        ),
        ("arn:aws:iam::111122223333:root", "111122223333", None),
        (USER.0, USER.1, None),
        (USER.0, USER.1, Some("o-z9y8x7w6v5")),
    ];
    for principal in others {
        for (way, event) in signed(&bare(), principal) {
            assert_eq!(seen(&world, &event).await, expected, "{way}: {principal:?}");
        }
    }
    for (way, mut event) in signed(&bare(), ROLE) {
        // Visitors of an identity pool share the role.
        let context = &mut event["requestContext"];
        if context["authorizer"].is_object() {
            context["authorizer"]["iam"]["cognitoIdentity"] =
                json!({"amr": ["unauthenticated"], "identityId": "x", "identityPoolId": "y"});
        } else {
            context["identity"]["cognitoIdentityId"] = json!("x");
        }
        assert_eq!(seen(&world, &event).await, expected, "{way}: a visitor");
    }
    assert!(world.seen().is_empty());
}

/// Everything of a request that a caller writes, made to look like the platform's word.
fn forgeries() -> Vec<Call> {
    let context = json!({"authorizer": {"iam": iam(ROLE)}, "identity": identity(ROLE)});
    let event = json!({"version": "2.0", "requestContext": context, "headers": {}, "rawPath": "/v2/people"});
    let (context, event) = (context.to_string(), event.to_string());
    let in_headers = [
        ("x-amzn-request-context", context.as_str()),
        ("x-amzn-requestcontext", &context),
        ("requestcontext", &context),
        ("x-amzn-lambda-context", &context),
        ("lambda-runtime-client-context", &context),
        ("lambda-runtime-cognito-identity", &context),
        ("x-apigateway-event", &event),
        ("x-apigateway-context", &context),
        ("x-amzn-user-arn", ROLE.0),
        ("x-amz-user-arn", ROLE.0),
        ("x-amz-source-arn", ROLE.0),
        ("x-amz-source-account", ROLE.1),
        ("x-amz-security-token", ROLE.0),
        ("x-amzn-principal-org-id", "o-a1b2c3d4e5"),
        ("x-amzn-oidc-identity", ROLE.0),
        ("userarn", ROLE.0),
        ("vouched", ROLE.0),
        ("authorization", "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE"),
        ("authorization", ROLE.0),
    ];
    let mut all: Vec<Call> = in_headers
        .iter()
        .map(|(name, value)| bare().header(name, value))
        .collect();
    let together = in_headers[..17]
        .iter()
        .fold(bare(), |call, (name, value)| call.header(name, value));
    all.push(together);
    let mut search = bare().post("application/json", &event);
    "/v2/search".clone_into(&mut search.path);
    all.push(search);
    all.push(bare().post("application/json", &event));
    all.push(bare().query(&format!(
        "requestContext.authorizer.iam.userArn={}&userArn={}",
        ROLE.0, ROLE.0
    )));
    all.push(
        bare().query(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAEXAMPLE&X-Amz-Signature=00",
        ),
    );
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_caller_writes_stands_for_the_request_context() {
    let Some(world) = World::trusting(CLIENTS, SWITCH).await else {
        return;
    };
    let (_, control) = &signed(&bare(), ROLE)[0];
    assert_eq!(outcome(&world, control).await.0, 200, "the control");
    world.seen();
    for call in forgeries() {
        let shown = format!("{call:?}");
        for (way, event) in call.every_way() {
            let found = outcome(&world, &event).await;
            assert_eq!(found, refused(401, "token-missing"), "{way}: {shown}");
        }
        // Somebody else's signature, which is good.
        for (way, event) in signed(&call, STRANGER) {
            let found = outcome(&world, &event).await;
            assert_eq!(found, refused(401, "token-invalid"), "{way}: {shown}");
        }
    }
    assert!(world.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_place_of_an_event_stands_for_the_platform_s() {
    let Some(world) = World::trusting(CLIENTS, SWITCH).await else {
        return;
    };
    let (two, one) = (iam(ROLE), identity(ROLE));
    let changes: Vec<(&str, Value)> = vec![
        ("/authorizer", json!({"iam": one})),
        // An authorizer of the deployment's own says what it likes, also what the caller told it.
        ("/authorizer", json!({"lambda": two})),
        ("/authorizer", json!({"lambda": {"iam": two}})),
        (
            "/authorizer",
            json!({"jwt": {"claims": two, "scopes": null}}),
        ),
        ("/authorizer", json!({"jwt": {"claims": {"iam": two}}})),
        ("/authorizer", two.clone()),
        ("/authorizer", json!({"iam": two.to_string()})),
        ("/authorizer", json!({"iam": [two]})),
        ("/authorizer", json!({"IAM": two})),
        ("/authorizer", json!({"principalId": ROLE.0, "iam": two})),
        ("/authentication", two.clone()),
        ("/iam", two.clone()),
        ("/userArn", json!(ROLE.0)),
        ("/http/userArn", json!(ROLE.0)),
        ("/identity/user", json!(ROLE.0)),
        ("/identity/caller", json!(ROLE.0)),
        ("/identity/clientCert", json!({"subjectDN": ROLE.0})),
    ];
    for (place, value) in changes {
        for (way, mut event) in bare().every_way() {
            let in_2 = matches!(way, "Function URL" | "HTTP API");
            // These are the platform's own places in format 2.0.
            let own = in_2 && place == "/authorizer" && value["iam"]["userArn"].is_string();
            if own {
                continue;
            }
            let (parent, name) = place.rsplit_once('/').unwrap();
            let Some(members) = event["requestContext"].pointer_mut(parent) else {
                continue;
            };
            members[name] = value.clone();
            let found = outcome(&world, &event).await;
            assert_eq!(
                found,
                refused(401, "token-missing"),
                "{way}: {place} {value}"
            );
        }
    }
    for (way, mut event) in bare().every_way() {
        event["authorizer"] = json!({"iam": two});
        event["identity"] = one.clone();
        event["vouched"] = json!({"AwsIam": {"arn": ROLE.0, "account": ROLE.1}});
        match way {
            // In the place of the other format.
            "Function URL" | "HTTP API" => event["requestContext"]["identity"] = one.clone(),
            _ => event["requestContext"]["authorizer"] = json!({"iam": two}),
        }
        let found = outcome(&world, &event).await;
        assert_eq!(found, refused(401, "token-missing"), "{way}");
    }
    // A load balancer checks no signatures.
    for mut event in [bare().load_balancer(), bare().load_balancer_multi()] {
        event["requestContext"]["authorizer"] = json!({"iam": two});
        event["requestContext"]["identity"] = one.clone();
        let found = outcome(&world, &event).await;
        assert_eq!(found, refused(401, "token-missing"));
    }
    assert!(world.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_decides_before_the_principal() {
    let Some(world) = World::trusting(CLIENTS, SWITCH).await else {
        return;
    };
    let good = world.token();
    let signature = "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE";
    let beside = |token: &str| {
        bare()
            .header("authorization", signature)
            .header("x-serverless-authorization", &format!("Bearer {token}"))
    };
    for (call, principal, expected) in [
        (get("/v2/people", &good), STRANGER, refused(200, "")),
        (beside(&good), STRANGER, refused(200, "")),
        (
            get("/v2/people", "a.b.c"),
            ROLE,
            refused(401, "token-invalid"),
        ),
        (beside("a.b.c"), ROLE, refused(401, "token-invalid")),
    ] {
        for (way, event) in signed(&call, principal) {
            assert_eq!(outcome(&world, &event).await, expected, "{way}: {call:?}");
        }
    }
    // The token that went beside the signature is nowhere.
    world.check_log(&[&good]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_switch_a_principal_is_nobody_and_such_a_policy_does_not_load() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    for (way, event) in signed(&bare(), ROLE) {
        let found = outcome(&world, &event).await;
        assert_eq!(found, refused(401, "token-missing"), "{way}");
    }
    drop(world);
    for (policy, environment, says) in [
        (
            CLIENTS.to_owned(),
            &[][..],
            "is taken only with HUSHGATE_PLATFORM_CALLERS=aws-iam, which is not set",
        ),
        (
            CLIENTS.replace("aws_iam: {direct_invoke: refused}\n", ""),
            SWITCH,
            "needs `aws_iam: {direct_invoke: refused}` at the top of the policy",
        ),
        (
            String::new(),
            &[("HUSHGATE_PLATFORM_CALLERS", "cloud-run")][..],
            "this host is not that platform",
        ),
    ] {
        let Some(mut world) = World::trusting(&policy, environment).await else {
            return;
        };
        let status = world.end().await;
        assert!(!status.success(), "{says}");
        assert!(world.log().contains(says), "{says}: {}", world.log());
        assert_eq!(world.api.polls(), 0, "it never took a request");
    }
}
