//! What of its surroundings a build of packages sees: enough to find compilers and to download.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::places::cargo_home;
use crate::chore::root;

/// The variables that a build is given; compilers read many others that change what they write.
const GIVEN: [&str; 25] = [
    // Where programs, caches and scratch folders are.
    "PATH",
    "HOME",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_UPDATE_ROOT",
    // How much at once, and how it is shown.
    "CARGO_BUILD_JOBS",
    "TERM",
    "NO_COLOR",
    // How sources are downloaded.
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NETRC",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
];

/// The same by the beginnings of their names: cargo's downloads, registries and output.
const FAMILIES: [&str; 5] = [
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_TERM_",
];

/// The tables and keys of cargo's settings that change a build and that no variable overrides.
const CHANGING: [&str; 7] = [
    "env", "host", "include", "patch", "paths", "profile", "unstable",
];

/// The profiles that no package is built with.
const OTHERS: [&str; 3] = ["bench", "dev", "test"];

/// Lets `command` see nothing of this process's variables but what is listed here.
pub(crate) fn confine(command: &mut Command) {
    command.env_clear().envs(given(std::env::vars_os()));
}

fn given(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    variables.filter(|(name, _)| {
        let name = name.to_string_lossy();
        GIVEN.contains(&&*name) || FAMILIES.iter().any(|family| name.starts_with(family))
    })
}

/// Checks that the person who builds has no settings of cargo that change packages.
///
/// # Errors
/// With the file that has them, and what they are.
pub(crate) fn check_settings() -> anyhow::Result<()> {
    for file in settings(&root(), &cargo_home()?) {
        if !file.is_file() {
            continue;
        }
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let found = changing(&text);
        if !found.is_empty() {
            bail!(
                "{} sets {}, which would change the packages: take it out, or build where cargo does not read that \
                 file: with another CARGO_HOME, in a folder that is not below it",
                file.display(),
                found.join(", ")
            );
        }
    }
    Ok(())
}

/// The files in which cargo looks for settings beside the repository's own.
fn settings(repository: &Path, home: &Path) -> Vec<PathBuf> {
    let above = repository.ancestors().skip(1);
    let mut folders: Vec<_> = above.map(|folder| folder.join(".cargo")).collect();
    folders.push(home.to_path_buf());
    folders.retain(|folder| *folder != repository.join(".cargo"));
    let names = ["config", "config.toml"];
    let files = folders
        .iter()
        .flat_map(|folder| names.map(|name| folder.join(name)));
    files.collect()
}

/// Which of the tables and keys a file in TOML has.
fn changing(text: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut below = false;
    for line in text.lines().map(str::trim_start) {
        let name = if let Some(header) = line.strip_prefix('[') {
            below = true;
            header.trim_start_matches('[')
        } else if below {
            continue;
        } else {
            line
        };
        let mut names = name
            .split(['.', '=', ']'])
            .map(|name| name.trim().trim_matches(['"', '\'']));
        let first = names.next().unwrap_or_default();
        let other = names.next().is_some_and(|second| OTHERS.contains(&second));
        if first != "profile" || !other {
            found.extend(CHANGING.iter().find(|changing| **changing == first));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_gets_no_variable_that_is_not_listed() {
        let kept = [
            "PATH",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_MIRROR_TOKEN",
            "https_proxy",
        ];
        let dropped = [
            "CC",
            "HOST_CFLAGS",
            "CFLAGS_x86_64-unknown-linux-gnu",
            "CARGO_PROFILE_DIST_OPT_LEVEL",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_BOOTSTRAP",
            "AWS_LC_SYS_CMAKE_BUILDER",
            "MY_PATH",
            "PATHS",
        ];
        let all = kept.iter().chain(&dropped);
        let all = all.map(|name| (OsString::from(name), OsString::from("x")));
        let names: Vec<_> = given(all).map(|(name, _)| name).collect();
        assert_eq!(names, kept);
    }

    #[test]
    fn finds_the_settings_that_change_a_build_however_they_are_written() {
        for (text, found) in [
            ("[profile.dist]\nopt-level = 0", "profile"),
            ("  [ \"profile\".dist.package.sha2 ]", "profile"),
            ("profile.dist.lto = false", "profile"),
            ("profile = { dist = { lto = false } }", "profile"),
            ("[profile.dev]\n[profile.release]", "profile"),
            ("[env]\nCFLAGS = \"-O0\"", "env"),
            ("env.CFLAGS = '-O0'", "env"),
            ("[[patch]]", "patch"),
            ("paths = [\"/my/serde\"]", "paths"),
            ("include = [\"other.toml\"]", "include"),
        ] {
            assert_eq!(changing(text), [found], "{text}");
        }
        let innocent = "# [profile.dist]\n[source.crates-io]\nreplace-with = 'mirror'\n\n[net]\nretry = 3\n[alias]\n\
                        env = 'x'\npaths = 'x'\n[profile.dev]\ndebug = false\n[profile.dev.package.'*']\n[profiles]\n[http]\nproxy = 'x'";
        assert!(changing(innocent).is_empty(), "{:?}", changing(innocent));
    }

    #[test]
    fn the_repositorys_own_settings_are_no_strangers() {
        let files = settings(
            Path::new("/home/ada/hushgate"),
            Path::new("/home/ada/hushgate/.cargo"),
        );
        assert!(
            files.contains(&"/home/ada/.cargo/config.toml".into()),
            "{files:?}"
        );
        assert!(files.contains(&"/.cargo/config".into()), "{files:?}");
        assert!(
            !files
                .iter()
                .any(|file| file.starts_with("/home/ada/hushgate")),
            "{files:?}"
        );
        let files = settings(Path::new("/repository"), Path::new("/opt/cargo"));
        assert!(
            files.contains(&"/opt/cargo/config.toml".into()),
            "{files:?}"
        );
    }
}
