//! What stops a function, or a command, before it begins.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Output};

use crate::support::function::{binary, scratch};
use crate::support::world::KEY;

/// Runs a program to its end, which comes at once; with `timeout` (1) in case it doesn't.
fn run(program: &str, arguments: &[&str], environment: &[(&OsStr, &OsStr)]) -> Output {
    Command::new("timeout")
        .arg("10")
        .arg(binary(program))
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PORT", "0")
        .env("PSEUDONYM_KEY", KEY)
        .envs(environment.iter().copied())
        .current_dir(scratch("starting"))
        .output()
        .expect("it ends")
}

/// The exit code, and all that was written.
fn told(output: &Output) -> (Option<i32>, String) {
    let text = [&*output.stdout, &*output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn bytes(text: &[u8]) -> &OsStr {
    OsStr::from_bytes(text)
}

#[test]
fn a_variable_that_is_no_text_stops_the_start_and_is_named() {
    for (name, value) in [
        ("HUSHGATE_RULES", &b"/geheim/\xff.yaml"[..]),
        ("HUSHGATE_EMAIL_DOMAINS", b"REDACT\xa0geheim"),
        ("HUSHGATE_LOG", b"\xffgeheim"),
        ("HUSHGATE_OF_ANOTHER_PROGRAM", b"\xffgeheim"),
        ("PORT", b"80\xffgeheim"),
        ("K_SERVICE", b"\xffgeheim"),
        ("AWS_LAMBDA_RUNTIME_API", b"\xffgeheim"),
        ("LAMBDA_TASK_ROOT", b"\xffgeheim"),
        ("PSEUDONYM_KEY", b"\xffgeheim"),
        ("CLIENT_SECRET", b"\xffgeheim"),
    ] {
        let environment = [(OsStr::new(name), bytes(value))];
        for (program, arguments) in [
            ("zoom", &[][..]),
            ("hushgate", &["serve", "zoom"]),
            ("hushgate", &["config", "--check"]),
            ("hushgate", &["connection", "list"]),
            ("hushgate", &["sanitize", "--batch"]),
        ] {
            let (code, text) = told(&run(program, arguments, &environment));
            assert_eq!(code, Some(1), "{program} {arguments:?} {name}: {text}");
            assert!(
                text.contains(&format!("{name}: the value is not UTF-8 text")),
                "{program} {arguments:?} {name}: {text}"
            );
            assert!(!text.contains("geheim"), "{text}");
        }
    }
    let mut name = OsString::from("HUSHGATE_RULES");
    name.push(bytes(b"\xff"));
    let (code, text) = told(&run("zoom", &[], &[(&name, OsStr::new("geheim"))]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("HUSHGATE_…: a name"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn a_call_takes_no_token_and_no_place_that_is_no_text() {
    for (name, arguments) in [
        ("HUSHGATE_CALL_TOKEN", &["call", "http://127.0.0.1:9/"][..]),
        (
            "GCE_METADATA_HOST",
            &["call", "http://127.0.0.1:9/", "--google"],
        ),
    ] {
        let value = bytes(b"127.0.0.1:9\xff");
        let (code, text) = told(&run("hushgate", arguments, &[(OsStr::new(name), value)]));
        assert_ne!(code, Some(0), "{text}");
        assert!(
            text.contains(&format!("{name}: the value is not UTF-8 text")),
            "{text}"
        );
    }
}

#[test]
fn paths_of_the_machine_need_not_be_text() {
    let paths = ["HOME", "PWD", "OLDPWD", "TMPDIR", "_"];
    let environment = paths.map(|name| (OsStr::new(name), bytes(b"/home/\xff")));
    let (code, text) = told(&run("hushgate", &["config", "--check"], &environment));
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn marks_of_two_clouds_are_told_as_such_whatever_a_program_was_built_for() {
    let marks = [
        (OsStr::new("K_SERVICE"), OsStr::new("x")),
        (
            OsStr::new("AWS_LAMBDA_RUNTIME_API"),
            OsStr::new("127.0.0.1:9001"),
        ),
    ];
    let (code, text) = told(&run("zoom", &[], &marks));
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("K_SERVICE: AWS_LAMBDA_RUNTIME_API is set too"),
        "{text}"
    );
    assert!(!text.contains("built for"), "{text}");
}
