//! `cargo xtask package`: functions as a cloud takes them, with checksums and the list of their crates.

mod bill;
mod build;
pub(crate) mod command;
mod compress;
mod elf;
mod environment;
mod image;
mod places;
mod system;
mod tar;
mod target;
mod zip;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;

use self::bill::{Bill, Facts};
use self::elf::Program;
use self::image::{Base, Label};
use self::places::Places;
pub(crate) use self::target::Cloud;
use self::target::{Arch, Profile, Toolchain};
use crate::chore::{root, say};
use crate::generate;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const MIB: f64 = 1024.0 * 1024.0;

/// How large a zip should be at most, in bytes: a cold start loads and unpacks it.
const AIM: usize = 6 << 20;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The sources whose functions are packaged, such as `zoom`
    #[arg(required_unless_present = "all")]
    sources: Vec<String>,
    /// All sources that have a function
    #[arg(long, conflicts_with = "sources")]
    all: bool,
    /// Where it will run
    #[arg(long, value_enum)]
    cloud: Cloud,
    /// The processor it is for
    #[arg(long, value_enum, default_value_t = Arch::host())]
    arch: Arch,
    /// How it is built
    #[arg(long, value_enum, default_value_t = Profile::Dist)]
    profile: Profile,
    /// Where the packages are put
    #[arg(long, default_value = "target/packages")]
    out: PathBuf,
}

/// Builds, packs, and prints what came out.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sources = chosen(options)?;
    can_start(options.profile, options.arch)?;
    if let Some(warning) = options.cloud.warning(options.arch) {
        say(warning);
    }
    make(&sources, options)?;
    Ok(())
}

/// Packages one source's function for tests into `out`, and gives the program that is in the package.
///
/// The next call overwrites the program.
pub(crate) fn for_tests(source: &str, cloud: Cloud, out: &Path) -> anyhow::Result<PathBuf> {
    let options = Options {
        sources: vec![source.to_owned()],
        all: false,
        cloud,
        arch: Arch::host(),
        profile: Profile::Dev,
        out: out.to_path_buf(),
    };
    Ok(make(&options.sources, &options)?.join(source))
}

/// Builds one source's function as it is shipped, and gives the program.
///
/// The next call overwrites it.
pub(crate) fn program(source: &str, cloud: Cloud) -> anyhow::Result<PathBuf> {
    let toolchain = Toolchain::find(Arch::host())?;
    let built = build::functions(&[source.to_owned()], cloud, Profile::Dist, &toolchain)?;
    Ok(built.join(source))
}

/// Builds and packs these sources' functions; gives the folder of the programs.
fn make(sources: &[String], options: &Options) -> anyhow::Result<PathBuf> {
    let toolchain = Toolchain::find(options.arch)?;
    let out = root().join(&options.out);
    std::fs::create_dir_all(&out).with_context(|| format!("make {}", out.display()))?;
    let built = build::functions(sources, options.cloud, options.profile, &toolchain)?;
    let facts = Facts::read(&toolchain)?;
    let mut rows = vec![["package", "function", "packed", "crates", "sha-256"].map(str::to_owned)];
    for source in sources {
        let packing = Packing {
            source,
            options,
            toolchain: &toolchain,
            facts: &facts,
            out: &out,
        };
        let row = packing.pack(&built.join(source));
        rows.push(row.with_context(|| format!("package {source}"))?);
    }
    checksums(&out)?;
    say(&table(&rows));
    say(&format!("in {}, with SHA256SUMS", out.display()));
    Ok(built)
}

/// The sources that are asked for; every one that is unknown is named.
fn chosen(options: &Options) -> anyhow::Result<Vec<String>> {
    let known = generate::sources()?;
    if options.all {
        return Ok(known);
    }
    let unknown: Vec<_> = options
        .sources
        .iter()
        .filter(|source| !known.contains(source))
        .map(|source| format!("`{source}`"))
        .collect();
    if !unknown.is_empty() {
        bail!(
            "no function for {}; there is one for each of: {}",
            unknown.join(", "),
            known.join(", ")
        );
    }
    let mut sources = options.sources.clone();
    sources.sort();
    sources.dedup();
    Ok(sources)
}

struct Packing<'a> {
    source: &'a str,
    options: &'a Options,
    toolchain: &'a Toolchain,
    facts: &'a Facts,
    out: &'a Path,
}

impl Packing<'_> {
    /// Checks the program at `path`, packs it, and gives the row of the table.
    fn pack(&self, path: &Path) -> anyhow::Result<[String; 5]> {
        let start = Instant::now();
        let function = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let program = Program::read(&function)?;
        if self.options.profile != Profile::Dev {
            Places::of(self.toolchain)?.check(&function)?;
        }
        let bill = Bill::of(&program)?;
        check(
            &program,
            self.options.arch,
            self.options.cloud,
            self.options.profile,
        )?;
        bill.check(self.options.cloud)?;
        let (file, bytes, base) = match self.options.cloud {
            Cloud::Aws => (self.name("zip"), self.zip(&function)?, None),
            Cloud::Gcp | Cloud::None => {
                let base = Base::of(&program, self.toolchain)?;
                (
                    self.name("oci.tar"),
                    self.image(&function, &base)?,
                    Some(base),
                )
            }
        };
        self.write(&file, &bytes)?;
        let name = format!("hushgate-{}", self.source);
        let document = bill.cyclonedx(&name, &function, self.facts, base.as_ref());
        self.write(&self.name("cdx.json"), format!("{document:#}\n").as_bytes())?;
        say(&format!(
            "== {file}: {:.1} s",
            start.elapsed().as_secs_f32()
        ));
        Ok([
            file,
            mib(function.len()),
            packed(bytes.len(), self.options),
            bill.len().to_string(),
            compress::sha256(&bytes),
        ])
    }

    fn zip(&self, function: &[u8]) -> anyhow::Result<Vec<u8>> {
        let bootstrap = zip::Entry {
            name: "bootstrap",
            mode: 0o755,
            bytes: function,
        };
        zip::archive(&[bootstrap], self.options.profile.effort())
    }

    /// Writes the layout as a folder, and gives it as an archive.
    fn image(&self, function: &[u8], base: &Base) -> anyhow::Result<Vec<u8>> {
        let label = Label {
            name: &format!("hushgate-{}", self.source),
            version: VERSION,
            arch: self.options.arch,
        };
        let files = image::layout(function, base, &label, self.options.profile.effort())?;
        let folder = self.out.join(self.name("oci"));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("empty {}", folder.display()))?;
        }
        for (path, bytes) in &files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            std::fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
        }
        image::archive(&files)
    }

    fn name(&self, extension: &str) -> String {
        format!(
            "hushgate-{}-{VERSION}-{}-{}.{extension}",
            self.source,
            self.options.cloud.name(),
            self.options.arch.name()
        )
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.out.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))
    }
}

/// Refuses to build for tests what can't be started here.
fn can_start(profile: Profile, arch: Arch) -> anyhow::Result<()> {
    if profile == Profile::Dev && arch != Arch::host() {
        bail!(
            "the `dev` profile is for tests on this machine, which is not {}",
            arch.name()
        );
    }
    Ok(())
}

/// Whether the program will start where it is meant to.
fn check(program: &Program, arch: Arch, cloud: Cloud, profile: Profile) -> anyhow::Result<()> {
    if program.machine != arch.machine() {
        bail!(
            "the program is for another processor (ELF machine {}) than {}",
            program.machine,
            arch.name()
        );
    }
    let Some((major, minor)) = cloud.newest_glibc() else {
        return Ok(());
    };
    let needed = program.glibc;
    if needed > (major, minor) && profile != Profile::Dev {
        bail!(
            "the program needs glibc {}.{}, and Lambda's provided.al2023 has {major}.{minor}: build on an older \
             system, such as Debian 12 or Ubuntu 22.04",
            needed.0,
            needed.1
        );
    }
    Ok(())
}

/// Writes `SHA256SUMS` over every package in the folder, also those of earlier runs.
fn checksums(out: &Path) -> anyhow::Result<()> {
    let mut sums = BTreeMap::new();
    for entry in std::fs::read_dir(out)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_file() && name.starts_with("hushgate-") {
            let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            sums.insert(name, compress::sha256(&bytes));
        }
    }
    let text = sums.iter().fold(String::new(), |mut text, (name, sum)| {
        let _ = writeln!(text, "{sum}  {name}");
        text
    });
    std::fs::write(out.join("SHA256SUMS"), text).context("write SHA256SUMS")
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn mib(bytes: usize) -> String {
    format!("{:.2} MiB", bytes as f64 / MIB)
}

/// The size of a package, and whether it is more than it should be.
fn packed(bytes: usize, options: &Options) -> String {
    let shipped = options.cloud == Cloud::Aws && options.profile == Profile::Dist;
    if shipped && bytes > AIM {
        return format!("{}, over the aim of {}", mib(bytes), mib(AIM));
    }
    mib(bytes)
}

/// Columns as wide as their widest cell.
fn table(rows: &[[String; 5]]) -> String {
    let width = |column: usize| rows.iter().map(|r| r[column].len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(text, "{cell:<width$}  ", width = width(column));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::Command;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    /// A program for this machine that holds a list of crates, in a folder of this name.
    fn program(name: &str) -> PathBuf {
        let name = format!("hushgate-package-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let list = r#"{"packages":[{"name":"serde","version":"1.0.0","source":"crates.io"},
            {"name":"hushgate-functions","version":"0.1.0","source":"local","root":true,"dependencies":[0]}]}"#;
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(list.as_bytes()).expect("it is packed");
        let packed = packed.finish().expect("it is packed");
        std::fs::write(folder.join("list"), packed).expect("a list");
        std::fs::write(folder.join("a.c"), "int main(void) { return 0; }").expect("a source");
        let run = |command: &mut Command| {
            let status = command.current_dir(&folder).status();
            assert!(status.expect("it starts").success(), "{command:?}");
        };
        run(Command::new("cc").args(["-g0", "-o", "plain", "a.c"]));
        run(Command::new("objcopy").args(["--add-section", ".dep-v0=list", "plain", "zoom"]));
        folder
    }

    /// Every file below `folder` by its name there, with its bytes.
    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![folder.to_path_buf()];
        while let Some(next) = open.pop() {
            for entry in std::fs::read_dir(&next).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(folder).expect("below it").to_path_buf();
                    found.insert(name, std::fs::read(path).expect("its bytes"));
                }
            }
        }
        found
    }

    #[test]
    fn the_same_program_gives_the_same_packages_in_another_folder_at_another_time() {
        let toolchain = Toolchain::find(Arch::host()).expect("a toolchain");
        let made = ["one", "an other"].map(|name| {
            let folder = program(name);
            let out = folder.join("packages");
            std::fs::create_dir_all(&out).expect("a folder");
            for cloud in [Cloud::Aws, Cloud::Gcp, Cloud::None] {
                let options = Options {
                    sources: Vec::new(),
                    all: true,
                    cloud,
                    arch: Arch::host(),
                    profile: Profile::Dev,
                    out: PathBuf::new(),
                };
                let packing = Packing {
                    source: "zoom",
                    options: &options,
                    toolchain: &toolchain,
                    facts: &Facts::read(&toolchain).expect("facts"),
                    out: &out,
                };
                packing.pack(&folder.join("zoom")).expect("a package");
            }
            checksums(&out).expect("checksums");
            // A time in seconds must have passed for the second.
            std::thread::sleep(std::time::Duration::from_millis(1100));
            let files = files(&out);
            let _ = std::fs::remove_dir_all(&folder);
            files
        });
        let [one, other] = &made;
        let names: Vec<_> = one.keys().collect();
        assert!(names.len() > 10, "{names:?}");
        assert!(one.keys().eq(other.keys()), "{names:?}");
        for (name, bytes) in one {
            assert!(other.get(name) == Some(bytes), "{} differs", name.display());
        }
    }

    #[test]
    fn says_when_a_zip_is_larger_than_it_should_be() {
        let mut options = Options {
            sources: Vec::new(),
            all: true,
            cloud: Cloud::Aws,
            arch: Arch::host(),
            profile: Profile::Dist,
            out: PathBuf::new(),
        };
        assert_eq!(packed(6 << 20, &options), "6.00 MiB");
        let over = packed(7 << 20, &options);
        assert_eq!(over, "7.00 MiB, over the aim of 6.00 MiB");
        options.profile = Profile::Dev;
        assert_eq!(packed(7 << 20, &options), "7.00 MiB");
    }
}
