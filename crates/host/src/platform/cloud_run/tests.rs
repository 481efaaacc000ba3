use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const HERE: &str = "projects/104857600000/regions/europe-west6";

fn reply(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

const GOOGLE: &str = "Metadata-Flavor: Google\r\n";

/// Confirms against a server that gives these answers, one per connection: what it was asked, and the
/// verdict.
async fn asked(answers: &[String]) -> (Vec<String>, Result<(), String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let environment = [("GCE_METADATA_HOST".to_owned(), host)].into();
    let mut seen = Vec::new();
    let serve = async {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            seen.push(String::from_utf8(request).unwrap());
            // The client may hang up in the middle of what it does not want.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        std::future::pending::<()>().await;
    };
    let verdict = tokio::select! {
        verdict = confirm(&environment) => verdict,
        () = serve => unreachable!(),
    };
    (seen, verdict)
}

#[tokio::test]
async fn a_region_of_the_metadata_server_is_the_word_of_cloud_run() {
    for region in [HERE, "projects/1/regions/us-central1\n"] {
        let (seen, verdict) = asked(&[reply("200 OK", GOOGLE, region)]).await;
        assert_eq!(verdict, Ok(()), "{region}");
        assert_eq!(seen.len(), 1);
        let (line, headers) = seen[0].split_once("\r\n").unwrap();
        assert_eq!(line, "GET /computeMetadata/v1/instance/region HTTP/1.1");
        assert!(headers.contains("metadata-flavor: Google"), "{headers}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_cloud_run_s_is_believed_at_once_and_told() {
    for (answer, wanted) in [
        // Compute Engine, Kubernetes Engine, and servers that imitate either.
        (
            reply("404 Not Found", GOOGLE, "mark-of-the-page"),
            "it has no region for this instance",
        ),
        (reply("200 OK", GOOGLE, ""), "names no region"),
        (
            reply("200 OK", GOOGLE, "projects/1/zones/us-central1-1"),
            "names no region",
        ),
        (reply("200 OK", GOOGLE, "europe-west6"), "names no region"),
        (
            reply("200 OK", GOOGLE, "projects/my-project/regions/europe-west6"),
            "names no region",
        ),
        (
            reply("200 OK", GOOGLE, "projects/1/regions/"),
            "names no region",
        ),
        (
            reply("200 OK", GOOGLE, "projects/1/regions/a/zones/b"),
            "names no region",
        ),
        (
            reply("200 OK", GOOGLE, "<html>mark-of-the-page</html>"),
            "names no region",
        ),
    ] {
        let (seen, verdict) = asked(std::slice::from_ref(&answer)).await;
        let told = verdict.unwrap_err();
        assert!(told.contains(wanted), "{answer}: {told}");
        assert!(!told.contains("mark-of"), "{told}");
        assert_eq!(seen.len(), 1, "{answer}");
    }
}

#[tokio::test]
async fn another_server_at_that_place_is_asked_again_before_it_is_refused() {
    let long = format!("projects/1/regions/{}", "a".repeat(300));
    let cases = [
        (reply("200 OK", "", HERE), "Metadata-Flavor: Google"),
        (
            reply("200 OK", "Metadata-Flavor: Amazon\r\n", HERE),
            "Metadata-Flavor: Google",
        ),
        (
            reply("401 Unauthorized", "", "mark-of-the-page"),
            "Metadata-Flavor: Google",
        ),
        (
            reply(
                "302 Found",
                "Metadata-Flavor: Google\r\nlocation: http://127.0.0.1:1/\r\n",
                HERE,
            ),
            "it redirects",
        ),
        (reply("200 OK", GOOGLE, &long), "longer than"),
        (
            reply("503 Service Unavailable", GOOGLE, HERE),
            "answered 503",
        ),
        ("SSH-2.0-x\r\n".to_owned(), "no HTTP answer"),
        (String::new(), "no HTTP answer"),
    ];
    let cases = cases.map(|(answer, wanted)| async move {
        let answers = vec![answer.clone(); PAUSES.len() + 2];
        let (seen, verdict) = asked(&answers).await;
        let told = verdict.unwrap_err();
        assert!(told.contains(wanted), "{answer}: {told}");
        assert!(!told.contains("mark-of"), "{told}");
        assert_eq!(seen.len(), PAUSES.len() + 1, "{answer}");
    });
    futures_util::future::join_all(cases).await;
}

#[tokio::test]
async fn a_server_that_starts_with_the_container_is_waited_for() {
    for first in [
        String::new(),
        reply("503 Service Unavailable", GOOGLE, "starting"),
    ] {
        let (seen, verdict) = asked(&[first.clone(), first, reply("200 OK", GOOGLE, HERE)]).await;
        assert_eq!(verdict, Ok(()));
        assert_eq!(seen.len(), 3);
    }
}

#[tokio::test]
async fn nobody_there_is_told_with_what_to_do() {
    let named = [("GCE_METADATA_HOST".to_owned(), "127.0.0.1:1".to_owned())].into();
    let told = confirm(&named).await.unwrap_err();
    assert!(told.contains("127.0.0.1:1: no connection"), "{told}");
    assert!(told.ends_with("check GCE_METADATA_HOST"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let environment = [("GCE_METADATA_HOST".to_owned(), host)].into();
    let start = tokio::time::Instant::now();
    let told = confirm(&environment).await.unwrap_err();
    assert!(told.contains("no complete answer within 2s"), "{told}");
    assert_eq!(start.elapsed().as_millis(), 4 * 2000 + 1500);
}

#[test]
fn no_name_is_looked_up_unless_one_is_given() {
    let server = server(&Environment::new());
    assert_eq!(server.address(), "169.254.169.254:80");
}

#[test]
fn where_it_is_not_the_variable_is_told_that_has_it_asked() {
    let told = server(&Environment::new()).not_there("no connection");
    let words = "metadata server 169.254.169.254: no connection; it is there on Google Cloud only, see HUSHGATE_PLATFORM_CALLERS";
    assert_eq!(told, MetadataFault::NotThere(words.to_owned()));
}
