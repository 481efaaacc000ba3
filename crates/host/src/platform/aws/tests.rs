use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hushgate_gateway::egress::EgressConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// `{"alg":"RS512"}`, `{}` and a signature.
const TOKEN: &str = "eyJhbGciOiJSUzUxMiJ9.e30.bWFyay1vZi10aGUtdG9rZW4";
const POOL: &str = "eu-central-1:11111111-2222-3333-4444-555555555555";
const IDENTITY: &str = "eu-central-1:66666666-7777-8888-9999-000000000000";
const NOW: u64 = 1_440_938_160;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW)
    }
}

fn environment(without: &str) -> Environment {
    let all = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "mark-of-the-key"),
        ("AWS_SESSION_TOKEN", "mark-of-the-session"),
        ("IDENTITY_POOL_ID", POOL),
        ("IDENTITY_ID", IDENTITY),
        ("DEVELOPER_NAME_ID", "login.hushgate.example"),
    ];
    let kept = all.iter().filter(|(name, _)| *name != without);
    kept.map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect()
}

fn aws(without: &str, origin: &str) -> Aws {
    let egress = Egress::new(EgressConfig {
        dev_loopback: true,
        read_timeout: Duration::from_millis(300),
        ..EgressConfig::default()
    });
    let mut aws = Aws::new(&environment(without), egress, Arc::new(Fixed));
    aws.origin = Some(origin.to_owned());
    aws
}

const REQUEST: IdentityRequest<'static> = IdentityRequest {
    audience: "api://AzureADTokenExchange",
    client_id: "app-1",
};

/// Answers one request with these bytes, and gives what was asked and what came of it.
async fn asked(answer: Vec<u8>, linger: Duration) -> (String, Result<Secret, PlatformError>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"}}") {
            request.push(stream.read_u8().await.unwrap());
        }
        let _ = stream.write_all(&answer).await;
        tokio::time::sleep(linger).await;
        String::from_utf8(request).unwrap()
    });
    let result = aws("", &origin).assertion(&REQUEST).await;
    (serving.await.unwrap(), result)
}

fn reply(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn good(identity: &str, token: &str) -> String {
    serde_json::json!({"IdentityId": identity, "Token": token}).to_string()
}

#[tokio::test]
async fn sends_exactly_this_with_a_signature_that_fits_it() {
    let (asked, token) = asked(reply("200 OK", &good(IDENTITY, TOKEN)), Duration::ZERO).await;
    assert_eq!(token.unwrap().reveal(), TOKEN);
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    assert_eq!(lines.next().unwrap(), "POST / HTTP/1.1");
    let headers: Vec<(&str, &str)> = lines.map(|l| l.split_once(": ").unwrap()).collect();
    let header = |name: &str| {
        let found: Vec<_> = headers.iter().filter(|(n, _)| *n == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0].1
    };
    assert_eq!(
        header("x-amz-target"),
        "AWSCognitoIdentityService.GetOpenIdTokenForDeveloperIdentity"
    );
    assert_eq!(header("content-type"), "application/x-amz-json-1.1");
    let body_is: serde_json::Value = serde_json::from_str(body).unwrap();
    let body_should = serde_json::json!({
        "IdentityPoolId": POOL, "IdentityId": IDENTITY, "Logins": {"login.hushgate.example": "app-1"},
    });
    assert_eq!(body_is, body_should);
    // What arrived is signed again, from the wire and the key alone.
    let mut again = Request::post("/")
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    for name in ["host", "content-type", "x-amz-target"] {
        let value = header(name).parse().unwrap();
        again.headers_mut().insert(name, value);
    }
    let key = AccessKey {
        id: "AKIDEXAMPLE".to_owned(),
        secret: Zeroizing::new("mark-of-the-key".to_owned()),
        session: Some(Zeroizing::new("mark-of-the-session".to_owned())),
    };
    let scope = Scope {
        region: "eu-central-1".to_owned(),
        service: "cognito-identity".to_owned(),
    };
    sigv4::sign(&mut again, &key, &scope, NOW).unwrap();
    for name in ["authorization", "x-amz-date", "x-amz-security-token"] {
        assert_eq!(header(name), again.headers()[name].to_str().unwrap());
    }
    let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/cognito-identity/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target, Signature=";
    assert!(header("authorization").starts_with(start));
}

#[tokio::test]
async fn refuses_every_answer_that_is_not_a_token_of_this_identity() {
    let kind = |name: &str| {
        serde_json::json!({"__type": format!("com.amazonaws#{name}"), "message": "mark-of-the-message"}).to_string()
    };
    let other = "eu-central-1:00000000-0000-0000-0000-000000000000";
    let redirect = b"HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "html",
            reply("200 OK", "<html>mark-of-the-page</html>"),
            "gave no token",
        ),
        ("no token", reply("200 OK", "{}"), "gave no token"),
        (
            "not a token",
            reply("200 OK", &good(IDENTITY, "mark-of-x")),
            "no signed JSON Web Token",
        ),
        (
            "other identity",
            reply("200 OK", &good(other, TOKEN)),
            "IDENTITY_ID",
        ),
        ("redirect", redirect.to_vec(), "answered 307"),
        (
            "oversize",
            reply("200 OK", &good(IDENTITY, &"a".repeat(70_000))),
            "Amazon Cognito: ",
        ),
        (
            "no permission",
            reply("400 Bad Request", &kind("NotAuthorizedException")),
            ACTION,
        ),
        (
            "denied",
            reply("403 Forbidden", &kind("AccessDeniedException")),
            ACTION,
        ),
        ("forbidden page", reply("403 Forbidden", "<html>"), ACTION),
        (
            "no pool",
            reply("400 Bad Request", &kind("ResourceNotFoundException")),
            "IDENTITY_POOL_ID",
        ),
        (
            "other login",
            reply("400 Bad Request", &kind("ResourceConflictException")),
            "CLIENT_ID",
        ),
        (
            "wrong name",
            reply("400 Bad Request", &kind("InvalidParameterException")),
            "DEVELOPER_NAME_ID",
        ),
        (
            "old key",
            reply("400 Bad Request", &kind("ExpiredTokenException")),
            "AWS_SESSION_TOKEN",
        ),
        (
            "too many",
            reply("400 Bad Request", &kind("TooManyRequestsException")),
            "unavailable",
        ),
        ("down", reply("500 x", "mark-of-the-page"), "answered 500"),
    ];
    for (name, answer, wanted) in cases {
        let (_, result) = asked(answer, Duration::ZERO).await;
        let told = result.unwrap_err().to_string();
        assert!(told.contains(wanted), "{name}: {told}");
        assert!(
            !told.contains("mark-of") && !told.contains(TOKEN),
            "{name}: {told}"
        );
    }
    let (_, slow) = asked(Vec::new(), Duration::from_millis(600)).await;
    assert!(matches!(slow, Err(PlatformError::Unavailable(_))));
}

#[tokio::test]
async fn a_missing_setting_is_named_before_anything_is_sent() {
    for name in [
        "IDENTITY_POOL_ID",
        "IDENTITY_ID",
        "DEVELOPER_NAME_ID",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        let error = aws(name, "http://127.0.0.1:1").assertion(&REQUEST).await;
        let PlatformError::SettingMissing(told) = error.unwrap_err() else {
            panic!("{name}");
        };
        assert!(told.contains(name), "{told}");
    }
}

#[test]
fn a_pool_is_called_in_its_own_region_and_nowhere_else() {
    assert_eq!(region_of(POOL), Some("eu-central-1"));
    for bad in [
        "",
        ":",
        "eu-central-1",
        "eu:",
        "evil.example/:1",
        "a@b:1",
        "EU:1",
        "a:b:c",
    ] {
        assert_eq!(region_of(bad), None, "{bad}");
    }
    assert_eq!(
        host_in("eu-west-1"),
        "cognito-identity.eu-west-1.amazonaws.com"
    );
    assert_eq!(
        host_in("cn-north-1"),
        "cognito-identity.cn-north-1.amazonaws.com.cn"
    );
}
