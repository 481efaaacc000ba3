//! Folders of the machine that builds: what stands for them in a program, and that none shows.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::target::Toolchain;
use crate::chore::root;

/// Folders whose names must not show.
#[derive(Debug)]
pub(crate) struct Places {
    /// With what stands for each, the outer before the inner: of two that fit, compilers take the later.
    renamed: Vec<(PathBuf, String)>,
    /// Folders that nothing stands for.
    private: Vec<PathBuf>,
}

impl Places {
    /// Those of this machine and of the compilers.
    ///
    /// # Errors
    /// When nothing says where cargo's home is.
    pub(crate) fn of(toolchain: &Toolchain) -> anyhow::Result<Self> {
        // With the component `rust-src`, rustc writes where the standard library's sources lie here, and
        // else the name that they had where it was built.
        let sources = toolchain.sysroot.join("lib/rustlib/src/rust");
        let folders = [
            (cargo_home()?, "/cargo".to_owned()),
            (root(), "/hushgate".to_owned()),
            (toolchain.target.clone(), "/target".to_owned()),
            (sources, format!("/rustc/{}", toolchain.commit)),
        ];
        let private = std::env::home_dir().into_iter();
        let private = private.chain([toolchain.sysroot.join("lib/rustlib")]);
        Ok(Self::new(folders.into(), private.collect()))
    }

    fn new(mut renamed: Vec<(PathBuf, String)>, private: Vec<PathBuf>) -> Self {
        for (folder, name) in renamed.clone() {
            if let Ok(real) = folder.canonicalize()
                && real != folder
            {
                renamed.push((real, name));
            }
        }
        renamed.sort_by_key(|(folder, _)| folder.as_os_str().len());
        Self { renamed, private }
    }

    /// What rustc is told.
    pub(crate) fn for_rust(&self) -> Vec<String> {
        self.each("--remap-path-prefix=", "")
    }

    /// What C compilers are told, quoted for a shell.
    pub(crate) fn for_c(&self) -> Vec<String> {
        self.each("'-ffile-prefix-map=", "'")
    }

    fn each(&self, before: &str, after: &str) -> Vec<String> {
        let folders = self.renamed.iter();
        folders
            .map(|(folder, name)| format!("{before}{}={name}{after}", folder.display()))
            .collect()
    }

    /// Checks that `program` holds no path below any of the folders.
    ///
    /// # Errors
    /// With the path that it holds.
    pub(crate) fn check(&self, program: &[u8]) -> anyhow::Result<()> {
        let folders = self.renamed.iter().map(|(folder, _)| folder);
        let below: Vec<_> = folders
            .chain(&self.private)
            .filter(|folder| telling(folder))
            .map(|folder| format!("{}/", folder.display()).into_bytes())
            .collect();
        for (at, _) in program
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
        {
            let rest = program.get(at..).unwrap_or_default();
            if below.iter().any(|folder| rest.starts_with(folder)) {
                let path = rest.iter().take(120).take_while(|b| b.is_ascii_graphic());
                bail!(
                    "the program holds a path of this machine, `{}`: it would not be the same elsewhere, and says who \
                     built it; take the compiler's option that wrote it away, or build in the release workflow",
                    path.map(|byte| char::from(*byte)).collect::<String>()
                );
            }
        }
        Ok(())
    }
}

/// Whether the folder's name says something: `/src/` or `/root/` is a part of innocent paths.
fn telling(folder: &Path) -> bool {
    folder.components().count() > 2
}

/// Where cargo keeps its settings and sources.
///
/// # Errors
/// When nothing says where that is.
pub(crate) fn cargo_home() -> anyhow::Result<PathBuf> {
    if let Some(given) = std::env::var_os("CARGO_HOME").filter(|given| !given.is_empty()) {
        return Ok(root().join(given));
    }
    let home = std::env::home_dir().context("neither CARGO_HOME nor HOME is set")?;
    Ok(home.join(".cargo"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::package::target::Arch;

    fn folder(name: &str) -> PathBuf {
        let name = format!("hushgate-places-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder.canonicalize().expect("its path")
    }

    fn write(file: &Path, text: &str) {
        std::fs::create_dir_all(file.parent().expect("its folder")).expect("its folder");
        std::fs::write(file, text).expect("a file");
    }

    /// What a compiler makes of `source`, with what else it is told.
    fn compiled(compiler: &mut Command, source: &Path, result: &Path) -> Vec<u8> {
        compiler.arg(source).arg("-o").arg(result);
        let output = compiler.output().expect("the compiler starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        std::fs::read(result).expect("what it made")
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }

    #[test]
    fn the_inner_of_two_folders_gives_the_name() {
        let scratch = folder("nested");
        let home = scratch.join("repository/.cargo");
        let places = Places::new(
            vec![
                (home.clone(), "/cargo".to_owned()),
                (scratch.join("repository"), "/hushgate".to_owned()),
            ],
            Vec::new(),
        );
        let rust = home.join("registry/a.rs");
        write(
            &rust,
            "pub const PLACE: &str = file!(); #[used] static S: &str = PLACE;",
        );
        let c = home.join("registry/a.c");
        write(&c, "const char *place = __FILE__;");

        let mut rustc = Command::new("rustc");
        rustc
            .args(["--crate-type=lib", "--emit=obj"])
            .args(places.for_rust());
        let mut cc = Command::new("cc");
        let quoted = places.for_c();
        cc.arg("-c")
            .args(quoted.iter().map(|flag| flag.trim_matches('\'')));
        let made = [
            (
                compiled(&mut rustc, &rust, &scratch.join("rust.o")),
                "/cargo/registry/a.rs",
            ),
            (
                compiled(&mut cc, &c, &scratch.join("c.o")),
                "/cargo/registry/a.c",
            ),
        ];
        let _ = std::fs::remove_dir_all(&scratch);
        for (bytes, name) in made {
            assert!(holds(&bytes, name), "{name} is not in it");
            places.check(&bytes).expect("no path of this machine");
        }
    }

    /// A toolchain that has the component `rust-src`, as far as rustc looks for it.
    fn with_sources(scratch: &Path) -> Toolchain {
        let mut toolchain = Toolchain::find(Arch::host()).expect("a toolchain");
        let sysroot = scratch.join("sysroot");
        let libraries = format!("lib/rustlib/{}", Arch::host().triple());
        write(
            &sysroot.join("lib/rustlib/src/rust/library/std/src/lib.rs"),
            "",
        );
        std::os::unix::fs::symlink(toolchain.sysroot.join(&libraries), sysroot.join(&libraries))
            .expect("its libraries");
        toolchain.sysroot = sysroot;
        toolchain
    }

    #[test]
    fn a_toolchain_with_its_sources_does_not_show_where_it_lies() {
        let scratch = folder("sources");
        let toolchain = with_sources(&scratch);
        let source = scratch.join("a.rs");
        // A generic function of the standard library that may panic: its path gets into the crate.
        write(
            &source,
            "#[unsafe(no_mangle)] pub fn go(n: usize) -> usize { (0..9).step_by(n).count() }",
        );
        let places = Places::of(&toolchain).expect("places");
        let rustc = || {
            let mut rustc = Command::new("rustc");
            rustc.args([
                "--crate-type=lib",
                "--edition=2024",
                "--emit=obj",
                "--sysroot",
            ]);
            rustc.arg(&toolchain.sysroot);
            rustc
        };
        let told = compiled(
            rustc().args(places.for_rust()),
            &source,
            &scratch.join("told.o"),
        );
        let untold = compiled(&mut rustc(), &source, &scratch.join("untold.o"));
        let _ = std::fs::remove_dir_all(&scratch);
        let library = format!("/rustc/{}/library/core/src/", toolchain.commit);
        assert!(holds(&told, &library), "{library} is not in it");
        places.check(&told).expect("no path of this machine");
        let error = places.check(&untold).expect_err("the toolchain's place");
        let place = format!("{}/lib/rustlib/src", toolchain.sysroot.display());
        assert!(error.to_string().contains(&place), "{error}");
    }

    #[test]
    fn names_the_path_that_a_program_holds() {
        let named = |path: &str| (PathBuf::from(path), "/x".to_owned());
        let places = Places::new(
            vec![named("/builds/ada/hushgate"), named("/src")],
            vec!["/home/ada".into(), "/".into()],
        );
        let error = places
            .check(b"\0text/home/ada/.rustup/lib.rs\0")
            .expect_err("a path");
        assert!(
            error.to_string().contains("`/home/ada/.rustup/lib.rs`"),
            "{error}"
        );
        assert!(
            places
                .check(b"/builds/ada/hushgate/functions/main.rs")
                .is_err()
        );
        for innocent in [
            "/hushgate/functions/main.rs",
            "/cargo/registry/src/a/src/lib.rs and //",
            "/home/adam/x /builds/ada/hushgate2/x",
        ] {
            places.check(innocent.as_bytes()).expect(innocent);
        }
    }
}
