//! `cargo xtask package`: functions as a cloud takes them, with checksums and the list of their crates.

mod bill;
mod build;
pub(crate) mod command;
mod compress;
mod elf;
mod environment;
mod image;
mod packing;
mod places;
mod system;
mod tar;
mod target;
mod zip;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use self::bill::Facts;
use self::elf::Program;
use self::packing::Packing;
pub(crate) use self::target::Cloud;
use self::target::{Arch, Profile, Toolchain};
use crate::chore::{root, say};
use crate::generate;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const MIB: f64 = 1024.0 * 1024.0;

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
    #[command(flatten)]
    making: Making,
}

/// What every package is made with.
#[derive(Debug, Args)]
struct Making {
    /// The processor it is for
    #[arg(long, value_enum, default_value_t = Arch::host())]
    arch: Arch,
    /// How it is built
    #[arg(long, value_enum, default_value_t = Profile::Dist)]
    profile: Profile,
    /// The folder it is put into
    #[arg(long, default_value = "target/packages")]
    out: PathBuf,
}

impl Making {
    /// The folder for packages, made if need be.
    fn folder(&self) -> anyhow::Result<PathBuf> {
        let folder = root().join(&self.out);
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(folder)
    }
}

/// Builds, packs, and prints what came out.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sources = chosen(options)?;
    can_start(options.making.profile, options.making.arch)?;
    if let Some(warning) = options.cloud.warning(options.making.arch) {
        say(warning);
    }
    make(&sources, options)?;
    Ok(())
}

/// Packages these sources' functions for tests into `out`, and gives the folder of the programs that are
/// in the packages.
///
/// The next call overwrites the programs.
pub(crate) fn for_tests(sources: &[&str], cloud: Cloud, out: &Path) -> anyhow::Result<PathBuf> {
    let options = Options {
        sources: sources.iter().map(|&source| source.to_owned()).collect(),
        all: false,
        cloud,
        making: Making {
            arch: Arch::host(),
            profile: Profile::Dev,
            out: out.to_path_buf(),
        },
    };
    make(&chosen(&options)?, &options)
}

/// Builds a source's function for tests as [`for_tests`] does, without packing it.
pub(crate) fn unpacked_for_tests(source: &str, cloud: Cloud) -> anyhow::Result<PathBuf> {
    let toolchain = Toolchain::find(Arch::host())?;
    build::functions(&[source.to_owned()], cloud, Profile::Dev, &toolchain)
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
    let toolchain = Toolchain::find(options.making.arch)?;
    let out = options.making.folder()?;
    let built = build::functions(sources, options.cloud, options.making.profile, &toolchain)?;
    let facts = Facts::read(&toolchain)?;
    let mut rows = vec![["package", "function", "packed", "crates", "sha-256"].map(str::to_owned)];
    for source in sources {
        let packing = Packing {
            source,
            cloud: options.cloud,
            making: &options.making,
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
    use std::collections::BTreeSet;

    use super::*;

    fn asked(sources: &[&str], all: bool) -> Options {
        Options {
            sources: sources.iter().map(|&source| source.to_owned()).collect(),
            all,
            cloud: Cloud::Aws,
            making: Making {
                arch: Arch::host(),
                profile: Profile::Dev,
                out: PathBuf::new(),
            },
        }
    }

    #[test]
    fn all_are_every_program_of_the_functions() {
        let manifest = std::fs::read_to_string(root().join("functions/Cargo.toml"));
        let manifest = manifest.expect("the functions' manifest");
        let (_, programs) = manifest.split_once("[[bin]]").expect("a program");
        let named = programs.lines().filter_map(|l| l.strip_prefix("name = "));
        let named: BTreeSet<_> = named.map(|n| n.trim_matches('"').to_owned()).collect();
        let all = chosen(&asked(&[], true)).expect("all");
        assert!(all.len() > 5, "{all:?}");
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), named);
    }

    #[test]
    fn a_source_named_twice_is_packaged_once() {
        let chosen = chosen(&asked(&["zoom", "gcal", "zoom"], false));
        assert_eq!(chosen.expect("sources"), ["gcal", "zoom"]);
    }
}
