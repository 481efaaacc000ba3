//! The workflow that publishes packages.

use crate::support::function::root;

fn workflow() -> String {
    let file = root().join(".github/workflows/release.yml");
    std::fs::read_to_string(file).expect("the workflow")
}

#[test]
fn every_action_is_named_by_its_commit() {
    let workflow = workflow();
    let actions: Vec<_> = workflow
        .lines()
        .filter_map(|line| line.split_once("uses: "))
        .map(|(_, action)| action)
        .collect();
    assert!(actions.len() > 5, "{actions:?}");
    for action in actions {
        let (_, version) = action.split_once('@').expect("a version");
        let (commit, tag) = version.split_once(" # v").expect("its tag beside it");
        assert!(
            commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()),
            "{action}"
        );
        assert!(
            tag.starts_with(|first: char| first.is_ascii_digit()),
            "{action}"
        );
    }
}

#[test]
fn nothing_is_published_that_was_not_built_again_and_started() {
    let workflow = workflow();
    let (_, release) = workflow.split_once("\n  release:\n").expect("the job");
    let needs = release.lines().next().expect("what it waits for");
    for job in ["package", "command", "reproduce", "start"] {
        assert!(needs.contains(job), "{needs}");
        assert!(workflow.contains(&format!("\n  {job}:\n")), "no job {job}");
    }
    let (_, again) = workflow.split_once("\n  reproduce:\n").expect("the job");
    let (again, _) = again.split_once("\n  start:\n").expect("the job after it");
    for chore in [
        "package zoom --cloud aws",
        "package zoom --cloud gcp",
        "package zoom --cloud none",
        "package-command",
    ] {
        assert!(again.contains(&format!("chore: {chore},")), "{chore}");
    }
}
