//! What cargo would compile and link, before anything is built.

use std::process::Command;

use crate::support::function::root;

/// How the names of AWS's clients begin; `aws-lc-` is the cryptography that every function has.
const AWS: [&str; 5] = [
    "aws-config ",
    "aws-sdk-",
    "aws-smithy-",
    "lambda_",
    "hushgate-aws ",
];
/// How the names of Google's clients begin.
const GOOGLE: [&str; 2] = ["google-cloud-", "hushgate-gcp "];

/// The crates of a function with these features, a line each.
fn crates(features: &[&str]) -> Vec<String> {
    let of_function = ["--package", "hushgate-functions", "--edges", "normal"];
    tree(&[&of_function, features].concat())
}

/// The crates that cargo names for these arguments, a line each.
fn tree(arguments: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p}"])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let tree = String::from_utf8_lossy(&output.stdout);
    tree.lines().map(str::to_owned).collect()
}

fn begin<'a>(crates: &'a [String], names: &[&str]) -> Vec<&'a str> {
    let all = crates.iter().map(String::as_str);
    all.filter(|c| names.iter().any(|name| c.starts_with(name)))
        .collect()
}

#[test]
fn a_function_for_aws_has_no_crate_of_google_and_the_reverse() {
    let aws = crates(&["--features", "aws"]);
    assert!(!begin(&aws, &AWS).is_empty(), "{aws:?}");
    assert_eq!(begin(&aws, &GOOGLE), [""; 0]);
    let gcp = crates(&["--features", "gcp"]);
    assert!(!begin(&gcp, &GOOGLE).is_empty(), "{gcp:?}");
    assert_eq!(begin(&gcp, &AWS), [""; 0]);
}

#[test]
fn a_function_for_any_host_has_neither() {
    let none = crates(&[]);
    assert!(!begin(&none, &["hyper "]).is_empty(), "{none:?}");
    assert_eq!(begin(&none, &AWS), [""; 0]);
    assert_eq!(begin(&none, &GOOGLE), [""; 0]);
}

#[test]
fn the_default_build_and_the_usual_tests_compile_no_client_of_a_cloud() {
    let tests: &[&str] = &[
        "--workspace",
        "--exclude=hushgate-functions",
        "--exclude=hushgate-aws",
        "--exclude=hushgate-gcp",
    ];
    for what in [&[], tests] {
        let all = tree(&[what, &["--edges", "all"]].concat());
        assert!(!begin(&all, &["hushgate-cli "]).is_empty(), "{all:?}");
        assert_eq!(begin(&all, &AWS), [""; 0], "{what:?}");
        assert_eq!(begin(&all, &GOOGLE), [""; 0], "{what:?}");
    }
}
