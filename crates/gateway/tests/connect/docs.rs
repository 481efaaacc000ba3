//! The reference of `source.yaml` stays true.

use hushgate_gateway::connect::{ConnectFault, Source, SourceOptions};

const PAGE: &str = include_str!("../../../../docs/connections.md");

#[test]
fn every_example_of_the_reference_loads() {
    let mut seen = 0;
    for block in PAGE.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        if text.starts_with("id:") {
            let loaded = Source::load("docs/connections.md", text, SourceOptions::default());
            assert!(loaded.is_ok(), "{}", loaded.unwrap_err()[0]);
            seen += 1;
        }
    }
    assert!(seen >= 4);
}

#[test]
fn the_reference_names_every_key_and_the_page_every_fault() {
    // The help of an unknown key lists all keys that are known there.
    let text = "id: x\nzzz: 1\ntarget_host: {zzz: 1}\nauth:\n  type: oauth2\n  zzz: 1\n  send: {zzz: 1}\n  assertion: {zzz: 1}\n  answer: {zzz: 1}\n  renew_before: {zzz: 1}\n  client_auth: {zzz: 1}\n  fields: [{zzz: 1}]\n";
    let problems = Source::load("x", text, SourceOptions::default()).unwrap_err();
    let mut keys = 0;
    for problem in problems.iter().filter(|p| p.code == "unknown-key") {
        for key in problem.help.split("allowed: ").nth(1).unwrap().split(", ") {
            assert!(
                PAGE.contains(&format!("`{key}`")),
                "docs/connections.md does not explain `{key}`"
            );
            keys += 1;
        }
    }
    assert!(keys > 50, "{keys}");
    let faults = [
        ConnectFault::PlatformMissing,
        ConnectFault::UserInvalid,
        ConnectFault::RefusedWhenFresh,
        ConnectFault::TooLarge,
        ConnectFault::Internal,
    ];
    for fault in faults {
        assert!(
            PAGE.contains(&format!("`{}`", fault.code())),
            "{}",
            fault.code()
        );
    }
}
