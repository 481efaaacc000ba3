//! Wrong use: told with what to do, and nothing is sent.

use super::servers::recording;
use super::{call, kept};
use crate::support::function::scratch;

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn wrong_use_is_told_with_what_to_do_and_nothing_is_sent() {
    let (server, seen) = recording().await;
    let url = server.url();
    let u = url.as_str();
    let with_query = format!("{url}/?x=1");
    let empty = kept("");
    let words = kept("Bearer opaque-secret");
    let missing = "/nonexistent/token";
    for (arguments, code, says) in [
        (vec![], 2, "<URL>"),
        (vec![u], 2, "identity-missing"),
        (vec![u, "--anonymous"], 2, "path-missing"),
        (vec![u, "/x"], 2, "--anonymous"),
        (vec![u, "x", "--anonymous"], 2, "start with `/`"),
        (vec![u, "/x y", "--anonymous"], 2, "percent-encoded"),
        (vec![u, "/x#y", "--anonymous"], 2, "%23"),
        (
            vec!["http://fn.example", "/x", "--anonymous"],
            2,
            "this machine only",
        ),
        (
            vec!["https://u:opaque-secret@fn.example", "/x", "--anonymous"],
            2,
            "name or password",
        ),
        (vec!["fn.example", "/x", "--anonymous"], 2, "no scheme"),
        (
            vec![u, "/x", "--token", "opaque-secret"],
            2,
            "token-in-argument",
        ),
        (
            vec![
                u,
                "/x",
                "-H",
                "Authorization: Bearer opaque-secret",
                "--anonymous",
            ],
            2,
            "consider the token you typed known",
        ),
        (
            vec![u, "/x", "-H", "nonsense", "--anonymous"],
            2,
            "'Name: value'",
        ),
        (
            vec![u, "/x", "-X", "GE T", "--anonymous"],
            2,
            "method-invalid",
        ),
        (
            vec![u, "/x", "-X", "CONNECT", "--anonymous"],
            2,
            "method-invalid",
        ),
        (
            vec![u, "/x", "--as-user", "a\nb", "--anonymous"],
            2,
            "user-invalid",
        ),
        (
            vec![u, "/x", "--token-file", "a", "--token-command", "b"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "/x", "--google", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "/x", "--aws-iam", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "/x", "--aws-iam", "--google"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "/x", "--aws-iam", "--google-key", missing],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "/x", "--profile", "p", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "/x", "--region", "r", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (vec![u, "/x", "--profile", "p"], 2, "--aws-iam"),
        (
            vec![u, "/x", "--region", "r", "--token-file", &empty],
            2,
            "--aws-iam",
        ),
        (
            vec![u, "/x", "--audience", "a", "--anonymous"],
            2,
            "required",
        ),
        (vec![u, "/x", "--health"], 2, "cannot be used with"),
        (
            vec![u, "--all", "zoom", "/x", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "--health", "opaque-secret-of-a-tester"],
            2,
            "token-in-argument",
        ),
        (
            vec![u, "eyJhbGciOiJub25lIn0.e30.opaque-secret", "--anonymous"],
            2,
            "token-in-argument",
        ),
        (
            vec![u, "Bearer opaque-secret", "--health"],
            2,
            "token-in-argument",
        ),
        (
            vec![u, "--all", "zoom", "--refused", "opaque-secret-of-a-tester"],
            2,
            "token-in-argument",
        ),
        (vec![u, "/x", "--refused", "--anonymous"], 2, "--all"),
        (vec![u, "/x", "--repeat", "0", "--anonymous"], 2, "not in"),
        (
            vec![u, "/x", "--concurrency", "2", "--anonymous"],
            2,
            "--repeat",
        ),
        (
            vec![u, "/x", "--compat", "other", "--anonymous"],
            2,
            "psoxy",
        ),
        (vec![u, "/x", "--timeout", "0", "--anonymous"], 2, "not in"),
        (
            vec![&with_query, "--health"],
            2,
            "the URL has a query: leave it out here",
        ),
        (
            vec![&with_query, "--all", "zoom", "--anonymous"],
            2,
            "the URL has a query: leave it out here",
        ),
        (
            vec![u, "--all", "zoom", "--raw", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "--all", "zoom", "-i", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "/x", "--repeat", "2", "--raw", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "/x", "--repeat", "2", "-i", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "--all", "no-such", "--anonymous"],
            2,
            "no source `no-such`",
        ),
        (
            vec![u, "--all", "asana", "--anonymous"],
            2,
            "has no rules yet",
        ),
        (
            vec![u, "/x", "--token-file", missing],
            1,
            "can't read the token file",
        ),
        (vec![u, "/x", "--token-file", &empty], 1, "no token in it"),
        (
            vec![u, "/x", "--token-file", &words],
            1,
            "leave the word out",
        ),
        (
            vec![u, "/x", "--token-command", "echo oh >&2; exit 7"],
            1,
            "exit status: 7",
        ),
        (vec![u, "/x", "--token-command", "yes"], 1, "token-"),
        (
            vec![u, "/x", "--token-command", "true"],
            1,
            "no token in it",
        ),
        (
            vec![u, "/x", "--body", missing, "--anonymous"],
            1,
            "can't read the body",
        ),
        (
            vec![u, "/x", "--google-key", missing],
            1,
            "google-key-unreadable",
        ),
        (vec![u, "/x", "--google-key", &words], 1, "not the key file"),
        (vec![u, "/x", "--aws-iam"], 1, "AWS_ACCESS_KEY_ID"),
        (
            vec![u, "/x", "--aws-iam", "--region", "x"],
            1,
            "aws configure export-credentials",
        ),
    ] {
        let ran = call(&arguments, &[("HOME", "/nonexistent")], "").await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        assert!(ran.error.contains(says), "{arguments:?}: {}", ran.error);
        assert!(!ran.error.contains("opaque-secret"), "{}", ran.error);
    }
    assert_eq!(seen.lock().expect("the record").len(), 0);
}

/// A token as a shell puts it there for `"$TOKEN"`.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvcGFxdWUtc2VjcmV0In0.b3BhcXVlLXNlY3JldA";

#[tokio::test]
async fn a_token_or_key_in_an_argument_is_not_shown_again() {
    let (server, seen) = recording().await;
    let url = server.url();
    let u = url.as_str();
    let key = "{\"type\":\"service_account\",\"private_key\":\"opaque-secret\"}";
    let long = format!("opaque-secret-{}", "x".repeat(300));
    let bearer = format!("Bearer {TOKEN}");
    let equals = format!("--timeout={TOKEN}");
    let unknown = format!("--bearer={TOKEN}");
    for arguments in [
        vec![u, "/x", "--token-file", TOKEN],
        vec![u, "/x", "--token-file", &long],
        vec![u, "/x", "--google-key", key],
        vec![u, "/x", "--google-key", TOKEN],
        vec![u, "/x", "--token-command", TOKEN],
        vec![u, "/x", "--token", TOKEN],
        vec![u, "/x", TOKEN],
        vec![u, "/x", &bearer],
        vec![u, "/x", key],
        vec![u, "/x", &long],
        vec![u, TOKEN],
        vec![u, "--health", TOKEN],
        vec![TOKEN, "--health"],
        vec![u, "--all", TOKEN],
        vec![u, "/x", "--body", TOKEN],
        vec![u, "/x", "--timeout", TOKEN],
        vec![u, "/x", &equals],
        vec![u, "/x", &unknown],
        vec![u, "/x", "--compat", key],
        vec![u, "/x", "-H", "X-Serverless-Authorization: opaque-secret"],
        vec![u, "/x", "-H", "X-Amz-Security-Token: opaque-secret"],
    ] {
        let ran = call(&arguments, &[], "").await;
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(
            ran.error.contains("token-in-argument") && ran.error.contains("next: "),
            "{arguments:?}: {}",
            ran.error
        );
        let as_json = [&arguments[..], &["--json"]].concat();
        let object = call(&as_json, &[], "").await.json();
        assert_eq!(object["error"]["code"], "token-in-argument");
    }
    // Nothing is said of these but that they are wrong.
    for (arguments, code, says) in [
        (vec![u, "/x", "opaque-secret"], 2, "behind URL and PATH"),
        (
            vec![u, "/x", "--anonymous", "--body", key],
            1,
            "body-unreadable",
        ),
        (vec![u, "--anonymous", "--all", key], 2, "source-unknown"),
    ] {
        let ran = call(&arguments, &[], "").await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        assert!(ran.error.contains(says), "{arguments:?}: {}", ran.error);
    }
    assert_eq!(seen.lock().expect("the record").len(), 0);
}

#[tokio::test]
async fn a_file_may_be_named_as_no_token_is() {
    let (server, seen) = recording().await;
    let odd = scratch("call-{odd}").join("token.jwt");
    std::fs::write(&odd, "opaque-secret").expect("a file");
    let odd = odd.display().to_string();
    let ran = call(&[&server.url(), "/x", "--token-file", &odd], &[], "").await;
    assert!(!ran.error.contains("token-in-argument"), "{ran:?}");
    assert_eq!(seen.lock().expect("the record").len(), 1);
    let ran = call(&[&server.url(), "/x", "--no-such-option"], &[], "").await;
    assert!(
        ran.code == Some(2) && ran.error.contains("'--no-such-option'"),
        "{ran:?}"
    );
}
