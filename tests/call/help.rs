//! The help of `hushgate call`.

use super::call;

#[tokio::test]
async fn the_help_has_each_option_under_its_own_heading() {
    let ran = call(&["--help"], &[], "").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (first, rest) = ran.out.split_once("\nIdentity:\n").expect("a heading");
    let (identity, rest) = rest.split_once("\nAnswer:\n").expect("a heading");
    let (answer, load) = rest.split_once("\nLoad and limits:\n").expect("a heading");
    for (part, options) in [
        (
            first,
            &[
                "--health",
                "--all <",
                "--refused",
                "--method",
                "--header",
                "--body",
                "--as-user",
            ][..],
        ),
        (
            identity,
            &[
                "--token-file",
                "--token-command",
                "--google ",
                "--google-key",
                "--audience",
                "--aws-iam",
                "--anonymous",
            ],
        ),
        (answer, &["--raw", "--json", "--include"]),
        (
            load,
            &[
                "--repeat",
                "--concurrency",
                "--timeout",
                "--max-bytes",
                "Exit codes: 0 answered",
            ],
        ),
    ] {
        for option in options {
            assert!(part.contains(option), "{option} not in:\n{part}");
        }
    }
    assert!(
        !ran.out.contains("--token <"),
        "a token never stands in an argument"
    );
}
