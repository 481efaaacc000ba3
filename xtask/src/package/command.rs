//! `cargo xtask package-command`: the `hushgate` command with every cloud in it, for people who deploy functions.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::bill::{Bill, Facts};
use super::elf::Program;
use super::places::Places;
use super::tar::{Archive, Node};
use super::target::{Arch, Cloud, Profile, Toolchain};
use super::{VERSION, build, can_start, check, checksums, compress, mib};
use crate::chore::{root, say};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The processor it is for
    #[arg(long, value_enum, default_value_t = Arch::host())]
    arch: Arch,
    /// How it is built
    #[arg(long, value_enum, default_value_t = Profile::Dist)]
    profile: Profile,
    /// Where the package is put
    #[arg(long, default_value = "target/packages")]
    out: PathBuf,
}

/// Builds and packs it, with its bill of materials and the checksums of the folder.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    can_start(options.profile, options.arch)?;
    let toolchain = Toolchain::find(options.arch)?;
    let built = build::command(options.profile, &toolchain)?.join("hushgate");
    let bytes = std::fs::read(&built).with_context(|| format!("read {}", built.display()))?;
    let program = Program::read(&bytes)?;
    // As old a system as functions for Lambda start on is old enough for people, too.
    check(&program, options.arch, Cloud::Aws, options.profile)?;
    if options.profile != Profile::Dev {
        Places::of(&toolchain)?.check(&bytes)?;
    }
    let bill = Bill::of(&program)?;
    let facts = Facts::read(&toolchain)?;
    let document = bill.cyclonedx("hushgate", &bytes, &facts, None);
    let mut archive = Archive::default();
    archive.add("hushgate", &Node::File(&bytes, 0o755))?;
    let packed = compress::gzip(&archive.finish(), options.profile.effort())?;

    let out = root().join(&options.out);
    std::fs::create_dir_all(&out).with_context(|| format!("make {}", out.display()))?;
    let name = format!("hushgate-{VERSION}-linux-{}", options.arch.name());
    let document = format!("{document:#}\n").into_bytes();
    for (extension, bytes) in [("tar.gz", &packed), ("cdx.json", &document)] {
        let path = out.join(format!("{name}.{extension}"));
        std::fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    }
    checksums(&out)?;
    let (program, size, crates) = (mib(bytes.len()), mib(packed.len()), bill.len());
    say(&format!(
        "{name}.tar.gz: {program}, packed {size}, {crates} crates, in {}, with SHA256SUMS",
        out.display()
    ));
    Ok(())
}
