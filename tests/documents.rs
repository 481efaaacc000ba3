//! What the documents and help texts promise: links lead somewhere, and every example command line works.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::function::{binary, root, scratch};
use crate::support::world::{KEY, policy};

#[test]
fn every_relative_link_leads_to_a_file() {
    let mut broken = Vec::new();
    let mut links = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a page");
        let folder = page.parent().expect("its folder");
        for target in targets(&text) {
            links += 1;
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let at = if file.is_empty() {
                page.clone()
            } else {
                folder.join(file)
            };
            let there = if fragment.is_empty() {
                at.exists()
            } else {
                std::fs::read_to_string(&at).is_ok_and(|text| anchors(&text).contains(fragment))
            };
            if !there {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(links > 10, "{links} links");
    assert!(broken.is_empty(), "{broken:#?}");
}

/// What a link may name after `#`: the headings of a page, as a forge writes them. A heading that comes again is
/// counted.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.trim_start().starts_with("```");
        let title = line.trim_start_matches('#');
        if in_code || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let words: String = title.trim().to_lowercase().chars().filter(kept).collect();
        let anchor = words.replace(' ', "-");
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone())
            .chain(again)
            .find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

#[test]
fn headings_are_linked_as_forges_link_them() {
    let text = "# A page\n## `aws_iam`: the *IAM* principal, here\n```sh\n# no heading\n```\n### Why?\n### Why?\n#no\n";
    let expected = ["a-page", "aws_iam-the-iam-principal-here", "why", "why-1"];
    assert_eq!(anchors(text), expected.map(str::to_owned).into());
}

/// The pages for people: at the root, in `docs/`, and of the sources.
fn pages() -> Vec<PathBuf> {
    let mut folders = vec![root(), root().join("docs")];
    let sources = std::fs::read_dir(root().join("rules")).expect("rules/");
    folders.extend(sources.map(|entry| entry.expect("an entry").path()));
    folders
        .iter()
        .filter(|folder| folder.is_dir())
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect()
}

/// What links name, with their fragments; links elsewhere are left out.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn every_example_of_the_help_works_as_written() {
    let folder = folder_of_the_reader();
    let mut seen = Vec::new();
    for subcommand in subcommands(&[]) {
        for line in examples(&help(&subcommand)) {
            run(&line, &folder);
            seen.push(line);
        }
    }
    assert!(seen.len() >= 8, "{seen:#?}");
}

/// Every path of subcommands, the command itself first.
fn subcommands(path: &[String]) -> Vec<Vec<String>> {
    let mut found = vec![path.to_vec()];
    let help = help(path);
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let names = listed
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help");
    for name in names {
        let mut longer = path.to_vec();
        longer.push(name.to_owned());
        found.extend(subcommands(&longer));
    }
    found
}

fn help(path: &[String]) -> String {
    let output = Command::new(binary("hushgate"))
        .args(path)
        .arg("--help")
        .env_clear()
        .output()
        .expect("the command starts");
    assert!(output.status.success(), "{path:?} --help");
    String::from_utf8(output.stdout).expect("text")
}

/// The command lines after `Example:`: indented by two, while further indentation explains.
fn examples(help: &str) -> Vec<String> {
    let after = help
        .split_once("\nExample:\n")
        .or_else(|| help.split_once("\nExamples:\n"));
    after
        .map_or("", |(_, rest)| rest)
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .map(|line| line.trim().to_owned())
        .collect()
}

/// A folder with the files that the examples name.
fn folder_of_the_reader() -> PathBuf {
    let folder = scratch("help");
    let rules = root().join("rules");
    copy(&rules, &folder.join("rules"));
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("its mode");
    };
    let original = rules.join("zoom/examples/original/users-list.json");
    write(
        "answer.json",
        &std::fs::read_to_string(original).expect("an original"),
    );
    write(
        "calls.ndjson",
        "{\"id\":1,\"rules\":\"rules/zoom/rules.yaml\",\"method\":\"GET\",\"url\":\"https://api.zoom.us/v2/users\",\"body\":{}}\n",
    );
    write("policy.yaml", &policy("https://issuer.example", "[zoom]"));
    let secrets = serde_json::json!({
        "PSEUDONYM_KEY": KEY, "CLIENT_ID": "e2e-client-id",
        "CLIENT_SECRET": "e2e-client-secret", "ACCOUNT_ID": "e2e-account",
    });
    write("secrets.json", &secrets.to_string());
    folder
}

/// Copies rather than links, since an example may rewrite files.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// What a command that serves on says once it does.
fn sign_of_service(line: &str) -> Option<&'static str> {
    if line.contains("hushgate serve") {
        return Some("\"ready\"");
    }
    (line.contains("hushgate demo") && !line.contains("--once")).then_some("Serving until")
}

fn run(line: &str, folder: &Path) {
    let path = binary("hushgate");
    let path = path.parent().expect("its folder").display().to_string();
    // The port of the example may be taken on this machine.
    let shown = line.replace("PORT=8080", "PORT=0");
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {}", with_exec(&shown))])
        .env_clear()
        .env("PATH", format!("{path}:/usr/bin:/bin"))
        .env("PSEUDONYM_KEY", KEY)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    let output = BufReader::new(child.stdout.take().expect("its output"));
    let sign = sign_of_service(line);
    let mut text = String::new();
    let mut serves = false;
    for piece in output.lines() {
        text += &(piece.expect("text") + "\n");
        if sign.is_some_and(|sign| text.contains(sign)) && !serves {
            serves = true;
            interrupt(&child);
        }
    }
    let status = end(&mut child);
    assert!(serves || sign.is_none(), "`{line}` does not serve:\n{text}");
    assert_eq!(status, Some(0), "`{line}`:\n{text}");
}

/// The line with the command in place of the shell, so that a signal meets the command.
fn with_exec(line: &str) -> String {
    let parts = line.split_once("hushgate ");
    let (variables, rest) = parts.unwrap_or_else(|| panic!("`{line}` runs something else"));
    if variables.is_empty() {
        return format!("exec hushgate {rest}");
    }
    format!("export {}; exec hushgate {rest}", variables.trim())
}

fn interrupt(child: &Child) {
    let _ = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
}

fn end(child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the process can be asked") {
            return status.code();
        }
        if start.elapsed() > Duration::from_secs(20) {
            let _ = child.kill();
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
