//! The examples of docs/call.md.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::run;
use super::servers::metadata_server;
use crate::support::World;
use crate::support::function::{binary, root, scratch};

#[tokio::test]
async fn the_examples_of_the_page_work_as_written() {
    let world = World::start().await;
    let metadata = metadata_server(&world.token()).await;
    let place = metadata.url().replace("http://", "");
    let folder = reader(&world);
    let page = std::fs::read_to_string(root().join("docs/call.md")).expect("the page");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let hushgate = binary("hushgate").display().to_string();
    let mut ran_lines = 0;
    for line in examples(&page) {
        let real = line
            .replace("hushgate call", &format!("{hushgate} call"))
            .replace(
                "https://zoom.gw.example/",
                &format!("{}/", world.function.url()),
            )
            .replace(
                "https://zoom.gw.example ",
                &format!("{} ", world.function.url()),
            );
        let mut command = Command::new("sh");
        command.args(["-c", &real]).current_dir(&folder);
        let ran = run(
            command,
            &[("PATH", &path), ("GCE_METADATA_HOST", &place)],
            "",
        )
        .await;
        assert_eq!(ran.code, Some(0), "`{line}`: {ran:?}");
        ran_lines += 1;
    }
    assert!(ran_lines >= 8, "{ran_lines} examples");
}

/// The commands in the page's shell blocks, one per line.
fn examples(page: &str) -> Vec<String> {
    let blocks = page
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(|block| block.lines().filter(|line| line.contains("hushgate call")))
        .map(|line| line.split("   #").next().unwrap_or(line).trim().to_owned())
        .collect()
}

/// A folder with what the examples name, and a `gcloud` that gives the world's token.
fn reader(world: &World) -> PathBuf {
    let folder = scratch("call-docs");
    std::fs::write(folder.join("token.jwt"), world.token()).expect("a file");
    let gcloud = folder.join("gcloud");
    std::fs::write(&gcloud, "#!/bin/sh\ncat token.jwt\n").expect("a file");
    executable(&gcloud);
    folder
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("its mode");
}
