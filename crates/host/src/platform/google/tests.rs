use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::metadata::LARGEST_HEAD;
use super::*;

/// `{"alg":"RS256"}`, `{}` and a signature.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.e30.bWFyay1vZi10aGUtdG9rZW4";

/// Answers one request with these bytes, and gives what was asked and what came of it.
async fn asked(answer: Vec<u8>, linger: Duration) -> (String, Result<Secret, PlatformError>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let byte = stream.read_u8().await.unwrap();
            request.push(byte);
        }
        // The client may hang up in the middle of what it does not want.
        let _ = stream.write_all(&answer).await;
        tokio::time::sleep(linger).await;
        drop(stream);
        let more = tokio::time::timeout(Duration::from_millis(20), listener.accept()).await;
        assert!(more.is_err(), "a second connection was made");
        String::from_utf8(request).unwrap()
    });
    let environment = [("GCE_METADATA_HOST".to_owned(), host)];
    let mut google = Google::new(&environment.into());
    google.server.timeout = Duration::from_millis(300);
    let request = IdentityRequest {
        audience: "api://Azure AD?&token",
        client_id: "app-1",
    };
    let result = google.assertion(&request).await;
    (serving.await.unwrap(), result)
}

fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const GOOGLE: &str = "Metadata-Flavor: Google\r\n";

#[tokio::test]
async fn asks_for_the_audience_exactly_so_and_takes_the_body() {
    let (asked, token) = asked(reply("200 OK", GOOGLE, TOKEN), Duration::ZERO).await;
    assert_eq!(token.unwrap().reveal(), TOKEN);
    let mut lines = asked.trim_end().split("\r\n");
    assert_eq!(
        lines.next().unwrap(),
        "GET /computeMetadata/v1/instance/service-accounts/default/identity?audience=api%3A%2F%2FAzure%20AD%3F%26token HTTP/1.1"
    );
    let mut headers: Vec<&str> = lines.collect();
    headers.sort_unstable();
    assert_eq!(headers.len(), 2, "{headers:?}");
    assert!(headers[0].starts_with("host: 127.0.0.1:"), "{headers:?}");
    assert_eq!(headers[1], "metadata-flavor: Google");
}

#[tokio::test]
async fn refuses_every_answer_that_is_not_a_token_of_the_metadata_server() {
    let redirect = format!("{GOOGLE}location: http://127.0.0.1:1/\r\n");
    let long = format!("{TOKEN}{}", "a".repeat(LARGEST_TOKEN));
    let html = "<html>mark-of-the-page</html>";
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(4 * LARGEST_HEAD));
    let short = format!("HTTP/1.1 200 OK\r\n{GOOGLE}content-length: 900\r\n\r\n{TOKEN}");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "html",
            reply("200 OK", GOOGLE, html),
            "no signed JSON Web Token",
        ),
        (
            "empty",
            reply("200 OK", GOOGLE, ""),
            "no signed JSON Web Token",
        ),
        (
            "two parts",
            reply("200 OK", GOOGLE, "a.b"),
            "no signed JSON Web Token",
        ),
        (
            "redirect",
            reply("302 Found", &redirect, TOKEN),
            "it redirects",
        ),
        (
            "oversize",
            reply("200 OK", GOOGLE, &long),
            "longer than what was asked for",
        ),
        (
            "no flavor",
            reply("200 OK", "", TOKEN),
            "Metadata-Flavor: Google",
        ),
        (
            "other flavor",
            reply("200 OK", "Metadata-Flavor: x\r\n", TOKEN),
            "Metadata-Flavor: Google",
        ),
        (
            "forbidden",
            reply("403 Forbidden", GOOGLE, TOKEN),
            "denied the identity token",
        ),
        (
            "no account",
            reply("404 Not Found", GOOGLE, html),
            "no service account is attached",
        ),
        (
            "bad audience",
            reply("400 Bad Request", GOOGLE, html),
            "AUDIENCE",
        ),
        (
            "down",
            reply("503 Service Unavailable", GOOGLE, html),
            "answered 503",
        ),
        ("head without end", endless.into_bytes(), "no HTTP answer"),
        ("not HTTP", b"SSH-2.0-x\r\n".to_vec(), "no HTTP answer"),
        ("broken off", short.into_bytes(), "broken off"),
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
}

#[tokio::test]
async fn does_not_wait_for_a_slow_server() {
    let part = format!("HTTP/1.1 200 OK\r\n{GOOGLE}content-length: 100\r\n\r\nab");
    for answer in [Vec::new(), part.into_bytes()] {
        let (_, result) = asked(answer, Duration::from_millis(600)).await;
        let told = result.unwrap_err().to_string();
        assert!(told.contains("within 300ms"), "{told}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_with_the_variable() {
    let environment = [("GCE_METADATA_HOST".to_owned(), "127.0.0.1:1".to_owned())];
    let google = Google::new(&environment.into());
    let request = IdentityRequest {
        audience: "x",
        client_id: "",
    };
    let told = google.assertion(&request).await.unwrap_err().to_string();
    assert!(
        told.contains("no connection") && told.contains("GCE_METADATA_HOST"),
        "{told}"
    );
}

#[test]
fn port_80_of_the_metadata_server_is_called_unless_another_is_named() {
    let address = |host: &str| {
        let environment = [("GCE_METADATA_HOST".to_owned(), host.to_owned())];
        Google::new(&environment.into()).server.address()
    };
    assert_eq!(address(" "), "metadata.google.internal:80");
    assert_eq!(address("169.254.169.254"), "169.254.169.254:80");
    assert_eq!(address("[fd20:ce::254]"), "[fd20:ce::254]:80");
    assert_eq!(address("127.0.0.1:8080"), "127.0.0.1:8080");
}

#[test]
fn where_it_is_not_the_variable_is_told_that_has_it_asked() {
    let google = Google::new(&Environment::new());
    let told = google.server.not_there("no connection");
    let words = "metadata server metadata.google.internal: no connection; it is there on Google Cloud only, see HUSHGATE_PLATFORM";
    assert_eq!(told, MetadataFault::NotThere(words.to_owned()));
}
