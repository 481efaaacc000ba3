//! What the guides for deploying tell to type: it parses, names what exists, and fits together.
//!
//! No cloud is asked here. `packages::deployed` runs the commands for AWS Lambda.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::World;
use crate::support::function::{binary, root, scratch};

/// The guides, with the cloud and the kind of package that each deploys.
const GUIDES: [(&str, &str, &str); 2] = [
    ("lambda.md", "aws", "zip"),
    ("cloud-run.md", "gcp", "oci.tar"),
];

/// A page of `docs/`.
pub(crate) fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).expect("a page")
}

/// The part of a guide that is followed step by step.
pub(crate) fn steps(name: &str) -> String {
    let text = page(name);
    let (_, rest) = text
        .split_once("\n## Deploying one by hand\n")
        .expect("its steps");
    rest.split("\n## ").next().unwrap_or(rest).to_owned()
}

/// The code blocks of a language, without the indentation that a list gives them.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() != format!("```{language}") {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let body = lines.by_ref().take_while(|line| line.trim() != "```");
        let body = body.map(|line| line.get(indent..).unwrap_or_default());
        found.push(body.collect::<Vec<_>>().join("\n") + "\n");
    }
    found
}

/// The commands of a guide, one a line.
fn commands(name: &str) -> String {
    blocks(&steps(name), "sh").concat().replace("\\\n", " ")
}

/// The values that a guide gives an option.
fn given(name: &str, option: &str) -> Vec<String> {
    let commands = commands(name);
    let words: Vec<_> = commands.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| pair[0] == option);
    pairs
        .map(|pair| pair[1].trim_matches('"').to_owned())
        .collect()
}

#[test]
fn every_shell_block_parses() {
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("docs")).expect("docs/") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a page");
        for block in blocks(&text, "sh") {
            count += 1;
            let error = of_bash(&block);
            assert!(error.is_empty(), "{}: {error}\n{block}", path.display());
        }
    }
    assert!(count > 20, "{count} blocks");
}

/// What `bash -n` says of a script; nothing when it is fine.
fn of_bash(script: &str) -> String {
    let mut child = Command::new("bash")
        .arg("-n")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash starts");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(script.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_broken_shell_block_would_be_found() {
    assert!(!of_bash("echo 'open\n").is_empty());
    assert!(!of_bash("cat <<END\n{}\n").is_empty());
}

/// The documents that a script writes with `<<END`, up to the line `END`.
fn here_documents(script: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        if line.ends_with("<<END") || line.ends_with("<<'END'") {
            found.push(lines.by_ref().take_while(|line| *line != "END").collect());
        }
    }
    found
}

#[test]
fn every_policy_in_json_parses() {
    let mut policies = Vec::new();
    for name in [
        "lambda.md",
        "cloud-run.md",
        "cloud-stores.md",
        "access-policy.md",
    ] {
        let text = page(name);
        policies.extend(blocks(&text, "json"));
        policies.extend(blocks(&text, "sh").iter().flat_map(|b| here_documents(b)));
    }
    assert!(policies.len() >= 6, "{}", policies.len());
    for policy in policies {
        let parsed: Value =
            serde_json::from_str(&policy).unwrap_or_else(|e| panic!("{e}: {policy}"));
        assert_eq!(parsed["Version"], "2012-10-17");
        for statement in parsed["Statement"].as_array().expect("statements") {
            assert_eq!(statement["Effect"], "Allow");
        }
    }
}

/// What a policy permits: actions with the ends of the resources' names, after `mark`.
fn permitted(policy: &str, mark: &str) -> BTreeSet<(String, String)> {
    let policy: Value = serde_json::from_str(policy).expect("a policy");
    let all = |value: &Value| match value {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    let mut permitted = BTreeSet::new();
    for statement in policy["Statement"].as_array().expect("statements") {
        for action in all(&statement["Action"]) {
            for resource in all(&statement["Resource"]) {
                let resource = resource.as_str().expect("a resource");
                if let Some((_, name)) = resource.split_once(mark) {
                    let action = action.as_str().expect("an action");
                    permitted.insert((action.to_owned(), name.to_owned()));
                }
            }
        }
    }
    permitted
}

#[test]
fn the_role_on_lambda_may_do_what_the_page_of_stores_says_and_read_the_policy() {
    let script = blocks(&steps("lambda.md"), "sh").concat();
    let documents = here_documents(&script);
    let [trust, policy] = documents.as_slice() else {
        panic!("{documents:#?}");
    };
    assert!(trust.contains("lambda.amazonaws.com") && trust.contains("sts:AssumeRole"));
    let mut guide = permitted(policy, "$ENTRIES/");
    assert!(guide.remove(&("ssm:GetParameter".to_owned(), "ACCESS".to_owned())));
    let stores = blocks(&page("cloud-stores.md"), "json");
    let tested = permitted(&stores[0], ":parameter/hushgate/zoom/");
    assert!(!tested.is_empty());
    assert_eq!(guide, tested);
    let logs: Vec<_> = permitted(policy, ":log-group:").into_iter().collect();
    let group = "/aws/lambda/hushgate-zoom:*".to_owned();
    let needed =
        ["logs:CreateLogStream", "logs:PutLogEvents"].map(|a| (a.to_owned(), group.clone()));
    assert_eq!(logs, needed);
}

#[test]
fn every_function_url_is_opened_by_both_permissions() {
    let commands = commands("lambda.md");
    let mut urls = 0;
    for after in commands
        .split("aws lambda create-function-url-config")
        .skip(1)
    {
        urls += 1;
        let kind = after.split("--auth-type ").nth(1).expect("its kind");
        let kind = kind.split_whitespace().next().expect("its kind");
        let grants: Vec<_> = after
            .lines()
            .filter(|line| line.starts_with("aws lambda add-permission"))
            .collect();
        let [url, invoke] = grants.as_slice() else {
            panic!("{grants:#?}");
        };
        let url_kind = format!("--function-url-auth-type {kind}");
        assert!(
            url.contains("--action lambda:InvokeFunctionUrl ") && url.contains(&url_kind),
            "{url}"
        );
        // Without the flag, everybody named may write whole events.
        assert!(
            invoke.contains("--action lambda:InvokeFunction ")
                && invoke.contains("--invoked-via-function-url"),
            "{invoke}"
        );
    }
    assert_eq!(urls, 2);
}

#[test]
fn the_package_that_is_made_is_the_one_that_is_deployed() {
    let version = env!("CARGO_PKG_VERSION");
    for (name, cloud, extension) in GUIDES {
        let commands = commands(name);
        let start = format!("cargo xtask package zoom --cloud {cloud} --arch ");
        let arch = commands.split(&start).nth(1).expect("how it is packaged");
        let arch = arch.split_whitespace().next().expect("its processor");
        let file = format!("target/packages/hushgate-zoom-{version}-{cloud}-{arch}.{extension}");
        let named = words_with(&commands, "target/packages/");
        assert!(!named.is_empty());
        for word in named {
            assert!(word.ends_with(&file), "{name}: {word}, not {file}");
        }
    }
    assert_eq!(given("lambda.md", "--architectures"), ["x86_64"]);
    let command = words_with(&page("packages.md"), ".tar.gz").join(" ");
    assert_eq!(command, format!("hushgate-{version}-linux-x86_64.tar.gz"));
    for word in words_with(&page("packages.md"), "hushgate-zoom-") {
        assert!(
            word.starts_with(&format!("hushgate-zoom-{version}-")),
            "{word}"
        );
    }
}

#[test]
fn a_release_holds_every_function_and_the_command() {
    let workflow = root().join(".github/workflows/release.yml");
    let workflow = std::fs::read_to_string(workflow).expect("the workflow");
    let (jobs, release) = workflow.split_once("\n  release:\n").expect("its last job");
    for (job, chore, kept) in [
        (
            "package",
            "cargo xtask package --all ",
            &["zip", "oci.tar", "cdx.json"][..],
        ),
        (
            "command",
            "cargo xtask package-command ",
            &["tar.gz", "cdx.json"],
        ),
    ] {
        let (_, job_text) = jobs.split_once(&format!("\n  {job}:\n")).expect("the job");
        let job_text = job_text.split("\n\n").next().unwrap_or(job_text);
        assert!(job_text.contains(chore), "{job}");
        for arch in ["x86_64", "arm64"] {
            assert!(
                job_text.contains(&format!("arch: {arch},")),
                "{job}: {arch}"
            );
        }
        for kind in kept {
            assert!(
                job_text.contains(&format!("target/packages/*.{kind}\n")),
                "{job}: {kind}"
            );
        }
        let needs = release
            .lines()
            .find(|line| line.contains("needs:"))
            .expect("what it needs");
        assert!(needs.contains(job), "{needs}");
    }
    assert!(release.contains("sha256sum * > SHA256SUMS"));
}

fn words_with<'a>(text: &'a str, part: &str) -> Vec<&'a str> {
    text.split_whitespace()
        .filter(|word| word.contains(part))
        .collect()
}

/// The default of a variable, as `docs/configuration.md` has it.
fn default_of(variable: &str) -> u64 {
    let text = page("configuration.md");
    let row = text
        .lines()
        .find(|line| line.starts_with(&format!("| `{variable}` |")));
    let cell = row
        .expect("its row")
        .rsplit('|')
        .nth(1)
        .expect("its default");
    cell.trim().trim_matches('`').parse().expect("a number")
}

#[test]
fn the_platforms_wait_as_long_as_a_request_may_take() {
    let longest = default_of("HUSHGATE_REQUEST_TIMEOUT_SECONDS");
    for (name, ..) in GUIDES {
        let [timeout] = given(name, "--timeout").try_into().expect("one timeout");
        let timeout: u64 = timeout.parse().expect("seconds");
        assert!(timeout >= longest, "{name}: {timeout} < {longest}");
        let row =
            format!("| `--timeout` | At least `HUSHGATE_REQUEST_TIMEOUT_SECONDS` ({longest})");
        assert!(steps(name).contains(&row), "{name}: {row}");
    }
}

#[test]
fn memory_is_enough_for_as_many_requests_as_an_instance_gets() {
    let [memory] = given("cloud-run.md", "--memory").try_into().expect("one");
    let [at_once] = given("cloud-run.md", "--concurrency")
        .try_into()
        .expect("one");
    let memory: u64 = memory.trim_end_matches("Mi").parse().expect("MiB");
    let at_once: u64 = at_once.parse().expect("a number");
    // The page: a request takes eight times its answer, and answers are of 5 MB.
    assert!(
        at_once * 8 * 5 <= memory,
        "{at_once} requests in {memory} MiB"
    );
    let [memory] = given("lambda.md", "--memory-size").try_into().expect("one");
    let memory: u64 = memory.parse().expect("MB");
    assert!(8 * 50 <= memory, "an answer of 50 MB in {memory} MB");
}

#[test]
fn a_function_starts_with_the_variables_and_the_policy_of_the_guides() {
    for (name, ..) in GUIDES {
        let commands = commands(name).replace("$PROJECT", "a-project");
        let start = commands.find("HUSHGATE_SECRETS=").map(|at| &commands[at..]);
        assert!(start.is_some(), "{name}");
        let lists: Vec<_> = commands
            .split('"')
            .filter(|text| text.starts_with("HUSHGATE_") && text.contains(','))
            .collect();
        let [list] = lists.as_slice() else {
            panic!("{name}: {lists:#?}");
        };
        let variables = variables_of(list);
        assert_eq!(
            variables.get("HUSHGATE_CONNECTION"),
            Some(&"work"),
            "{name}"
        );
        assert!(check(name, &variables).contains("the configuration is valid"));

        let [policy] = blocks(&steps(name), "yaml").try_into().expect("one policy");
        let variables = BTreeMap::from([("HUSHGATE_ACCESS", policy.as_str())]);
        assert!(check(name, &variables).contains("the configuration is valid"));
    }
}

fn variables_of(list: &str) -> BTreeMap<&str, &str> {
    let pairs = list.split(',').map(|pair| pair.split_once('='));
    pairs.map(|pair| pair.expect("NAME=value")).collect()
}

/// What `hushgate config --check` says, after it found nothing wrong.
fn check(name: &str, variables: &BTreeMap<&str, &str>) -> String {
    let output = Command::new(binary("hushgate"))
        .args(["config", "--check"])
        .env_clear()
        .envs(variables)
        .current_dir(scratch("guides"))
        .output()
        .expect("the command starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name}: {said}");
    said
}

#[test]
fn every_variable_that_is_named_exists() {
    // A function's; or what the command or the chores read.
    let sources = ["crates/cli/src", "xtask/src"].map(|folder| rust(&root().join(folder)));
    let read = |variable: &str| {
        sources
            .iter()
            .any(|s| s.contains(&format!("\"{variable}\"")))
    };
    let table = page("configuration.md");
    let mut named = BTreeSet::new();
    for name in [
        "lambda.md",
        "cloud-run.md",
        "packages.md",
        "logs.md",
        "cloud-stores.md",
        "call.md",
    ] {
        let text = page(name);
        for rest in text.split("HUSHGATE_").skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_');
            let variable = format!("HUSHGATE_{}", &rest[..end.unwrap_or(rest.len())]);
            let known = table.contains(&format!("\n| `{variable}` |"));
            assert!(known || read(&variable), "{name}: {variable}");
            named.insert(variable);
        }
    }
    assert!(named.len() > 10, "{named:?}");
}

/// All Rust below a folder.
fn rust(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text += &rust(&path);
        } else if path.extension().is_some_and(|e| e == "rs") {
            text += &std::fs::read_to_string(&path).expect("a source");
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_logs_names_the_fields_of_the_audit_line_and_no_others() {
    let world = World::start().await;
    let answer = world.get("/v2/users?status=active&page_size=30").await;
    assert_eq!(answer.status(), 200);
    let log = world.function.log();
    let line = log.lines().find(|line| line.contains("hushgate::audit"));
    let line: Value = serde_json::from_str(line.expect("an audit line")).expect("JSON");
    let line = line.as_object().expect("an object");
    let text = page("logs.md");
    let (before, audit) = text.split_once("\n## The audit line\n").expect("its part");
    let rows = audit.lines().filter(|row| row.starts_with("| `"));
    let mut documented: BTreeSet<_> = rows
        .flat_map(|row| code(row.split('|').nth(1).unwrap_or_default()))
        .collect();
    let of_every_line = before
        .lines()
        .find(|text| text.starts_with("Every line has"));
    documented.extend(
        code(of_every_line.expect("what every line has"))
            .into_iter()
            .take(4),
    );
    let written: BTreeSet<_> = line.keys().map(String::as_str).collect();
    assert_eq!(documented, written);
}

/// The words between backquotes.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
