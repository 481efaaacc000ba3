//! What is built for whom, and whether this machine can.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::ValueEnum;

use super::compress::Effort;
use crate::chore::{root, target};

/// Names a compiler that can build for the other architecture.
const CROSS_RUSTC: &str = "HUSHGATE_CROSS_RUSTC";

/// Where a function runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cloud {
    /// AWS Lambda: a zip for the runtime `provided.al2023`
    Aws,
    /// Google Cloud Run: a container image
    Gcp,
    /// Any container host, without a cloud's clients: a container image
    None,
}

impl Cloud {
    /// The cargo feature of `functions` that brings the cloud's clients.
    pub(crate) fn feature(self) -> Option<&'static str> {
        match self {
            Self::Aws => Some("aws"),
            Self::Gcp => Some("gcp"),
            Self::None => None,
        }
    }

    /// Its part of a package's name.
    pub(crate) fn name(self) -> &'static str {
        self.feature().unwrap_or("container")
    }

    /// How the crates begin that must not be in its functions.
    pub(crate) fn foreign(self) -> &'static [&'static str] {
        match self {
            Self::Aws => &["google-cloud-"],
            Self::Gcp => &["aws-config", "aws-sdk-", "aws-smithy-", "lambda_"],
            Self::None => &[
                "aws-config",
                "aws-sdk-",
                "aws-smithy-",
                "lambda_",
                "google-cloud-",
            ],
        }
    }

    /// What its service does not run, of what can be built for it.
    ///
    /// Source: Google, Cloud Run's "Container runtime contract".
    pub(crate) fn warning(self, arch: Arch) -> Option<&'static str> {
        (self == Self::Gcp && arch == Arch::Arm).then_some(
            "note: Cloud Run runs programs for x86_64 alone; an image for arm64 is for Google's other hosts, such as \
             arm64 nodes of GKE",
        )
    }

    /// The newest glibc a program may need; an image brings its own.
    pub(crate) fn newest_glibc(self) -> Option<(u32, u32)> {
        // Amazon Linux 2023, the system of provided.al2023, has 2.34.
        (self == Self::Aws).then_some((2, 34))
    }
}

/// The processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    #[value(name = "x86_64")]
    X86,
    #[value(name = "arm64")]
    Arm,
}

impl Arch {
    /// That of this machine, as far as a package can be for it.
    pub(crate) fn host() -> Self {
        if cfg!(target_arch = "aarch64") {
            Self::Arm
        } else {
            Self::X86
        }
    }

    /// As AWS names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }

    /// As images name it (`GOARCH`).
    pub(crate) fn of_image(self) -> &'static str {
        match self {
            Self::X86 => "amd64",
            Self::Arm => "arm64",
        }
    }

    /// As Rust names it.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Self::X86 => "x86_64-unknown-linux-gnu",
            Self::Arm => "aarch64-unknown-linux-gnu",
        }
    }

    /// `e_machine` of its programs.
    pub(crate) fn machine(self) -> u16 {
        match self {
            Self::X86 => 62,
            Self::Arm => 183,
        }
    }

    /// The C compiler for it, and the package that brings it on Debian.
    fn compiler(self) -> (&'static str, &'static str) {
        match self {
            _ if self == Self::host() => ("cc", "build-essential"),
            Self::X86 => ("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu"),
            Self::Arm => ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
        }
    }
}

/// How it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// What is shipped
    Dist,
    /// Optimized, quicker to build
    Release,
    /// For tests: not reproducible, shares the build of `cargo xtask test`
    Dev,
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dist => "dist",
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    /// Where cargo puts what it builds in it.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            other => other.name(),
        }
    }

    pub(crate) fn effort(self) -> Effort {
        match self {
            Self::Dist | Self::Release => Effort::Best,
            Self::Dev => Effort::Stored,
        }
    }
}

/// The compilers that build for one architecture.
#[derive(Debug)]
pub(crate) struct Toolchain {
    pub(crate) arch: Arch,
    /// A Rust compiler in place of this machine's own.
    pub(crate) rustc: Option<PathBuf>,
    /// This machine's own.
    own: PathBuf,
    /// The folder that the Rust compiler stands in.
    pub(crate) sysroot: PathBuf,
    /// Of which commit it is; of which version, when it does not say.
    pub(crate) commit: String,
    /// Its name and version, as it says them.
    pub(crate) name: String,
    /// The C compiler, which also links.
    pub(crate) cc: &'static str,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
}

impl Toolchain {
    /// Looks for them.
    ///
    /// # Errors
    /// With the name of what is missing and how to get it.
    pub(crate) fn find(arch: Arch) -> anyhow::Result<Self> {
        if !cfg!(target_os = "linux") {
            bail!("packages hold Linux programs: build them on Linux, or in the release workflow");
        }
        let given = std::env::var_os(CROSS_RUSTC).filter(|_| arch != Arch::host());
        let rustc = given.map(PathBuf::from);
        let own = PathBuf::from(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        let asked = rustc.as_deref().unwrap_or(&own);
        if !has_standard_library(asked, arch)? {
            bail!(
                "{} has no standard library for {triple}: run `rustup target add {triple}`, or set {CROSS_RUSTC} to \
                 a compiler that has it (docs/packages.md, \"The other architecture\")",
                asked.display(),
                triple = arch.triple()
            );
        }
        let (cc, package) = arch.compiler();
        if !Command::new(cc)
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
        {
            bail!(
                "`{cc}` is missing, the C compiler for {}: install your system's package `{package}`",
                arch.name()
            );
        }
        // Two compilers in one folder would throw away each other's build scripts.
        let target = match rustc {
            Some(_) => target().join("cross"),
            None => target(),
        };
        let sysroot = PathBuf::from(ask(asked, &["--print", "sysroot"])?);
        let about = ask(asked, &["--version", "--verbose"])?;
        let commit = commit(&about)
            .with_context(|| format!("{} does not say its version", asked.display()))?;
        Ok(Self {
            arch,
            rustc,
            own,
            sysroot,
            commit,
            name: about.lines().next().unwrap_or_default().to_owned(),
            cc,
            target,
        })
    }

    /// The Rust compiler.
    pub(crate) fn compiler(&self) -> &Path {
        self.rustc.as_deref().unwrap_or(&self.own)
    }

    /// What the C compiler says of itself.
    pub(crate) fn c_compiler(&self) -> String {
        let output = Command::new(self.cc).arg("--version").output();
        let said = output.map(|output| output.stdout).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        said.lines().next().unwrap_or_default().to_owned()
    }

    /// Where the C compiler has this library.
    ///
    /// # Errors
    /// When it has none.
    pub(crate) fn library(&self, name: &str) -> anyhow::Result<PathBuf> {
        let output = Command::new(self.cc)
            .arg(format!("-print-file-name={name}"))
            .output()
            .with_context(|| format!("can't start {}", self.cc))?;
        let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        // A compiler that does not know the library repeats the name.
        if !path.is_absolute() {
            bail!(
                "`{}` has no {name}, which the image needs: install the C library for {} (libc6, libgcc-s1)",
                self.cc,
                self.arch.name()
            );
        }
        path.canonicalize()
            .with_context(|| format!("{} can't be read", path.display()))
    }
}

/// What a Rust compiler answers.
fn ask(rustc: &Path, question: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(rustc)
        .args(question)
        .current_dir(root())
        .output()
        .with_context(|| format!("can't start {}", rustc.display()))?;
    if !output.status.success() {
        bail!("{} fails: {output:?}", rustc.display());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The name that the sources of the standard library have in a compiler that says this of itself.
fn commit(about: &str) -> Option<String> {
    let field = |name: &str| about.lines().find_map(|line| line.strip_prefix(name));
    let hash = field("commit-hash: ").filter(|hash| *hash != "unknown");
    Some(hash.or_else(|| field("release: "))?.to_owned())
}

fn has_standard_library(rustc: &Path, arch: Arch) -> anyhow::Result<bool> {
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", arch.triple()])
        .current_dir(root())
        .output()
        .with_context(|| format!("can't start {}", rustc.display()))?;
    if !output.status.success() {
        return Ok(false);
    }
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Ok(files) = std::fs::read_dir(folder) else {
        return Ok(false);
    };
    Ok(files
        .flatten()
        .any(|file| file.file_name().to_string_lossy().starts_with("libstd-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_of_what_cloud_run_does_not_run() {
        let warning = Cloud::Gcp.warning(Arch::Arm).expect("a warning");
        assert!(
            warning.contains("Cloud Run") && warning.contains("x86_64"),
            "{warning}"
        );
        for (cloud, arch) in [
            (Cloud::Gcp, Arch::X86),
            (Cloud::Aws, Arch::Arm),
            (Cloud::None, Arch::Arm),
        ] {
            assert_eq!(cloud.warning(arch), None);
        }
    }

    #[test]
    fn a_compiler_without_a_commit_is_named_by_its_version() {
        let about = "rustc 1.95.0 (59807616e 2026-04-14)\ncommit-hash: 59807616e1\nrelease: 1.95.0";
        assert_eq!(commit(about).as_deref(), Some("59807616e1"));
        let distribution =
            "rustc 1.95.0 (built from a source tarball)\ncommit-hash: unknown\nrelease: 1.95.0";
        assert_eq!(commit(distribution).as_deref(), Some("1.95.0"));
        assert_eq!(commit(""), None);
    }
}
