//! `hushgate config`: the list of variables, and the check of their values before a start.

use super::{RULES, hushgate, texts};
use crate::support::function::scratch;

#[test]
fn the_configuration_is_listed_and_checked() {
    let folder = scratch("config");
    let output = hushgate(&["config"], &[], "", &folder);
    assert!(texts(&output).0.contains("HUSHGATE_ACCESS"));
    let output = hushgate(
        &["config", "--check"],
        &[("PORT", "x"), ("HUSHGATE_ACESS", "1")],
        "",
        &folder,
    );
    let (out, _) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out.contains("PORT") && out.contains("HUSHGATE_ACESS"),
        "{out}"
    );
}

/// What `config --check` says about the words of an operator: exit code and problems.
fn checked(environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = hushgate(&["config", "--check"], environment, "", &scratch("config"));
    (output.status.code(), texts(&output).0)
}

#[test]
fn callers_of_a_platform_are_checked_before_a_function_starts() {
    const AWS: &str = "clients:\n  - id: reports\n    identity: {aws_iam: {role: 'arn:aws:iam::111122223333:role/reporting'}}\n    sources: [zoom]\n";
    const GOOGLE: &str = "clients:\n  - id: reports\n    identity: {cloud_run: {subject: '1048576', audience: https://zoom.run.example}}\n    sources: [zoom]\n";
    let aws_said = format!("{AWS}aws_iam: {{direct_invoke: refused}}\n");
    let google_said = format!("{GOOGLE}cloud_run: {{unauthenticated: refused}}\n");
    let lambda = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
    let run = ("K_SERVICE", "zoom");
    let on = |word| ("HUSHGATE_PLATFORM_CALLERS", word);
    let access = |policy| ("HUSHGATE_ACCESS", policy);
    for environment in [
        vec![access(aws_said.as_str()), lambda, on("aws-iam")],
        vec![access(&google_said), run, on("cloud-run")],
    ] {
        let (code, out) = checked(&environment);
        assert_eq!(code, Some(0), "{environment:?}: {out}");
    }
    // The switch, where that platform is not; the policy, without the switch or with that of another
    // platform; the policy, without the operator's word.
    for (environment, says) in [
        (
            vec![on("aws-iam")],
            "HUSHGATE_PLATFORM_CALLERS: this host is not that platform (AWS_LAMBDA_RUNTIME_API is not set)",
        ),
        (vec![on("cloud-run"), lambda], "K_SERVICE is not set"),
        (vec![on("google"), run], "allowed: `aws-iam`"),
        (
            vec![access(&aws_said), lambda],
            "HUSHGATE_ACCESS: inline:3:25: clients[0].identity.aws_iam: is taken only with HUSHGATE_PLATFORM_CALLERS=aws-iam, which is not set",
        ),
        (
            vec![access(&google_said), lambda, on("aws-iam")],
            "clients[0].identity.cloud_run: is taken only with HUSHGATE_PLATFORM_CALLERS=cloud-run, which is `aws-iam`",
        ),
        (
            vec![access(AWS), lambda, on("aws-iam")],
            "aws_iam: {direct_invoke: refused}",
        ),
        (
            vec![access(GOOGLE), run, on("cloud-run")],
            "cloud_run: {unauthenticated: refused}",
        ),
    ] {
        let (code, out) = checked(&environment);
        assert_eq!(code, Some(1), "{environment:?}: {out}");
        assert!(out.contains(says), "{environment:?}: {out}");
    }
    let folder = scratch("config");
    std::fs::write(
        folder.join("policy.yaml"),
        "clients: [{id: a, identity: {}}]\n",
    )
    .expect("a file");
    let in_file = [("HUSHGATE_ACCESS", "policy.yaml")];
    let output = hushgate(&["config", "--check"], &in_file, "", &folder);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        texts(&output).0.contains("HUSHGATE_ACCESS: policy.yaml:1:"),
        "{output:?}"
    );
    let (code, out) = checked(&[access("no-such.yaml")]);
    assert!(
        code == Some(1) && out.contains("HUSHGATE_ACCESS: the file can't be read"),
        "{out}"
    );
}

#[test]
fn the_check_compiles_rules_and_says_what_it_did_not_look_at() {
    let (code, out) = checked(&[("HUSHGATE_RULES", RULES)]);
    assert_eq!(code, Some(0), "{out}");
    // Without its methods the endpoint gives a warning too.
    let wrong = RULES.replace("allowedMethods", "allowedMethds");
    let folder = scratch("config");
    std::fs::write(folder.join("bad.yaml"), &wrong).expect("a file");
    for given in ["bad.yaml", &wrong] {
        let environment = [
            ("HUSHGATE_RULES", given),
            ("HUSHGATE_ACCESS", "clients: 1\n"),
        ];
        let output = hushgate(&["config", "--check"], &environment, "", &folder);
        let (out, _) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{out}");
        assert!(
            out.contains("error[unknown-key]") && out.contains("HUSHGATE_ACCESS: inline:1:"),
            "all problems at once: {out}"
        );
        assert!(
            !out.contains("is valid") && !out.contains("warning["),
            "only what stops the start: {out}"
        );
    }
    // As a start does: options of psoxy without effect are wrong unless it is asked for.
    let psoxy = "defaultScopeIdForSource: zoom\n".to_owned() + RULES;
    let (strict, out) = checked(&[("HUSHGATE_RULES", &psoxy)]);
    let (compatible, _) = checked(&[("HUSHGATE_RULES", &psoxy), ("HUSHGATE_COMPAT", "psoxy")]);
    assert_eq!((strict, compatible), (Some(1), Some(0)), "{out}");
    for elsewhere in ["store:RULES", "s3://acme-rules/zoom.yaml"] {
        for name in ["HUSHGATE_RULES", "HUSHGATE_ACCESS"] {
            let output = hushgate(&["config", "--check"], &[(name, elsewhere)], "", &folder);
            let (_, told) = texts(&output);
            assert!(output.status.success(), "{output:?}");
            for says in [
                &format!("not looked at: {name} lies in a store or bucket"),
                "not looked at: secrets",
                "hushgate call URL --health",
            ] {
                assert!(told.contains(says), "{says}: {told}");
            }
        }
    }
}

#[test]
fn the_check_warns_of_a_policy_that_lets_nobody_in() {
    let policy = |rest: &str| {
        format!(
            "issuers: [{{issuer: 'https://issuer.example', algorithms: [RS256]}}]\nclients:\n  - id: reports\n    identity: {{issuer: 'https://issuer.example', subject: '1048576', audience: 'https://zoom.gw.example'}}\n    {rest}\n"
        )
    };
    for (rest, warnings) in [
        ("sources: [zoom, asana]\n    expires: 2199-12-31", &[][..]),
        (
            "sources: [zooom]\n    expires: 2025-01-01",
            &[
                "warning: HUSHGATE_ACCESS: client `reports`: there is no built-in source `zooom`; did you mean `zoom`?",
                "warning: HUSHGATE_ACCESS: client `reports`: its access has ended",
            ],
        ),
        ("sources: []", &["it may use no source"]),
    ] {
        let (code, out) = checked(&[("HUSHGATE_ACCESS", &policy(rest))]);
        assert_eq!(code, Some(0), "{out}");
        assert_eq!(out.matches("warning: ").count(), warnings.len(), "{out}");
        assert!(
            warnings.iter().all(|warning| out.contains(warning)),
            "{out}"
        );
    }
    let (code, out) = checked(&[]);
    assert!(
        code == Some(0) && out.contains("warning: HUSHGATE_ACCESS is not set"),
        "{out}"
    );
}
