//! Which package of the build machine's system a library comes from, so that scanners can match it.
//!
//! Package URLs: the purl specification, type `deb`; `upstream` names the source package, by which
//! Debian and Ubuntu announce what they patched.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One installed package of Debian, Ubuntu or another system with dpkg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The whole, with the part that says what is patched: `2.36-9+deb12u14`.
    pub(crate) version: String,
    architecture: String,
    source: String,
    source_version: String,
    /// `ID` and `VERSION_ID` of the system.
    system: (String, String),
}

impl Package {
    /// The one that `file` belongs to; none where there is no dpkg or it does not know the file.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let release = std::fs::read_to_string("/etc/os-release").ok()?;
        let owner = names(file).find_map(|name| owner(&name))?;
        let fields =
            "${Package}\n${Version}\n${Architecture}\n${source:Package}\n${source:Version}\n";
        let known = answer("dpkg-query", &["--show", "--showformat", fields, &owner])?;
        Self::read(&known, &release)
    }

    fn read(known: &str, release: &str) -> Option<Self> {
        let mut fields = known.lines().map(str::to_owned);
        Some(Self {
            name: fields.next()?,
            version: fields.next()?,
            architecture: fields.next()?,
            source: fields.next()?,
            source_version: fields.next()?,
            // A system that is still being made has no number.
            system: (
                setting(release, "ID=")?,
                setting(release, "VERSION_ID=").unwrap_or_default(),
            ),
        })
    }

    /// Its package URL.
    pub(crate) fn purl(&self) -> String {
        let (system, number) = &self.system;
        let mut upstream = escaped(&self.source);
        if self.source_version != self.version {
            upstream = format!("{upstream}%40{}", escaped(&self.source_version));
        }
        let distribution = if number.is_empty() {
            system.clone()
        } else {
            format!("{system}-{number}")
        };
        format!(
            "pkg:deb/{system}/{}@{}?arch={}&distro={distribution}&upstream={upstream}",
            escaped(&self.name),
            escaped(&self.version),
            self.architecture,
        )
    }

    /// Where its licence lies, from the root.
    pub(crate) fn copyright(&self) -> String {
        format!("usr/share/doc/{}/copyright", self.name)
    }
}

/// The name and the version of this system: `debian`, `12.11`.
pub(crate) fn release() -> (String, String) {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = setting(&release, "ID=").unwrap_or_else(|| "Linux".to_owned());
    let exact = std::fs::read_to_string("/etc/debian_version").ok();
    // Only Debian itself gives its point release there.
    let exact = exact.filter(|_| name == "debian");
    let version = exact.or_else(|| setting(&release, "VERSION_ID="));
    (name, version.unwrap_or_default().trim().to_owned())
}

/// A setting of `os-release`.
fn setting(release: &str, name: &str) -> Option<String> {
    let value = release.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim_matches('"').to_owned())
}

/// A part of a package URL, with what the specification wants escaped.
pub(crate) fn escaped(part: &str) -> String {
    let mut text = String::new();
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// A file's names for dpkg: packages may list it below `/lib`, which leads to `/usr/lib`.
fn names(file: &Path) -> impl Iterator<Item = PathBuf> {
    let short = file.strip_prefix("/usr").ok();
    let short = short.map(|rest| Path::new("/").join(rest));
    std::iter::once(file.to_path_buf()).chain(short)
}

/// Its owner as dpkg names it: `libc6:amd64`.
fn owner(file: &Path) -> Option<String> {
    let said = answer("dpkg-query", &["--search", file.to_str()?])?;
    let line = said.lines().find(|line| !line.starts_with("diversion "))?;
    let (owners, _) = line.split_once(": ")?;
    Some(owners.split(", ").next()?.to_owned())
}

fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASE: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION=\"12\"\nID=debian\n";

    #[test]
    fn a_package_url_holds_the_whole_version_and_the_source() {
        let known = "libc6\n2.36-9+deb12u14\namd64\nglibc\n2.36-9+deb12u14\n";
        let package = Package::read(known, RELEASE).expect("a package");
        assert_eq!(
            package.purl(),
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12&upstream=glibc"
        );
        assert_eq!(package.copyright(), "usr/share/doc/libc6/copyright");
        let known = "libstdc++6\n1:12.2~rc1\narm64\ngcc-12\n12.2\n";
        let package = Package::read(known, "ID=debian\n").expect("a package");
        assert_eq!(
            package.purl(),
            "pkg:deb/debian/libstdc%2B%2B6@1:12.2~rc1?arch=arm64&distro=debian&upstream=gcc-12%4012.2"
        );
    }

    #[test]
    fn finds_this_machines_c_library() {
        let toolchain =
            crate::package::target::Toolchain::find(crate::package::target::Arch::host());
        let toolchain = toolchain.expect("a toolchain");
        let libc = toolchain.library("libc.so.6").expect("a C library");
        if Command::new("dpkg-query")
            .arg("--version")
            .output()
            .is_err()
        {
            return crate::chore::say("skipped: no dpkg here");
        }
        let package = Package::of(&libc).expect("its package");
        assert_eq!(package.name, "libc6");
        let libgcc = toolchain.library("libgcc_s.so.1").expect("GCC's library");
        let other = Package::of(&libgcc).expect("its package");
        assert!(other.name.starts_with("libgcc"), "{other:?}");
        assert_ne!(other.version, package.version);
        assert_eq!(Package::of(Path::new("/nonexistent")), None);
    }
}
