//! `cargo xtask package-command`: the `hushgate` command with every cloud in it, for people who deploy functions.

use std::path::Path;

use anyhow::Context;
use clap::Args;

use super::bill::{Bill, Facts};
use super::elf::Program;
use super::places::Places;
use super::tar::{Archive, Node};
use super::target::{Arch, Cloud, Profile, Toolchain};
use super::{Making, VERSION, build, can_start, check, checksums, compress, mib};
use crate::chore::say;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    making: Making,
}

/// Builds and packs it, with its bill of materials and the checksums of the folder.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    make(&options.making)
}

/// The same for tests, into `out`.
pub(crate) fn for_tests(out: &Path) -> anyhow::Result<()> {
    make(&Making {
        arch: Arch::host(),
        profile: Profile::Dev,
        out: out.to_path_buf(),
    })
}

fn make(making: &Making) -> anyhow::Result<()> {
    can_start(making.profile, making.arch)?;
    let toolchain = Toolchain::find(making.arch)?;
    let built = build::command(making.profile, &toolchain)?.join("hushgate");
    let bytes = std::fs::read(&built).with_context(|| format!("read {}", built.display()))?;
    let program = Program::read(&bytes)?;
    // As old a system as functions for Lambda start on is old enough for people, too.
    check(&program, making.arch, Cloud::Aws, making.profile)?;
    if making.profile != Profile::Dev {
        Places::of(&toolchain)?.check(&bytes)?;
    }
    let bill = Bill::of(&program)?;
    let facts = Facts::read(&toolchain)?;
    let document = bill.cyclonedx("hushgate", &bytes, &facts, None);
    let mut archive = Archive::default();
    archive.add("hushgate", &Node::File(&bytes, 0o755))?;
    let packed = compress::gzip(&archive.finish(), making.profile.effort())?;

    let out = making.folder()?;
    let name = format!("hushgate-{VERSION}-linux-{}", making.arch.name());
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
