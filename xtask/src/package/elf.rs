//! What a Linux program says about itself: machine, libraries, the C library's version, and the list
//! of crates that cargo-auditable put into it.
//!
//! Layout: System V ABI, "Object Files"; version needs: Linux Standard Base, "Symbol Versioning".

use anyhow::{Context, bail};

const DYNAMIC: u32 = 6;
const VERSION_NEEDS: u32 = 0x6fff_fffe;
const NEEDED: u64 = 1;
const WEAK: u16 = 2;

/// The facts of a 64-bit little-endian program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Program {
    /// The number of its machine: 62 is x86-64, 183 is arm64.
    pub(crate) machine: u16,
    /// The program that loads its libraries; none when it is static.
    pub(crate) loader: Option<String>,
    /// The libraries it names.
    pub(crate) libraries: Vec<String>,
    /// The newest version of glibc that it can't do without.
    pub(crate) glibc: (u32, u32),
    /// The list of crates, compressed with zlib.
    pub(crate) crates: Option<Vec<u8>>,
}

impl Program {
    /// Reads a program.
    ///
    /// # Errors
    /// When this is none, or one that is cut short.
    pub(crate) fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        if !bytes.starts_with(b"\x7fELF\x02\x01") {
            bail!("not a 64-bit little-endian ELF program");
        }
        Self::parse(Bytes(bytes)).context("an ELF program that is cut short or damaged")
    }

    fn parse(file: Bytes<'_>) -> Option<Self> {
        let mut program = Self {
            machine: file.u16(18)?,
            ..Self::default()
        };
        let sections = Sections::of(file)?;
        for index in 0..sections.count {
            let section = sections.at(index)?;
            match (section.name, section.kind) {
                (".interp", _) => program.loader = Some(section.content?.text(0)?.to_owned()),
                (".dep-v0", _) => program.crates = Some(section.content?.0.to_vec()),
                (_, DYNAMIC) => {
                    let names = sections.at(section.link)?.content?;
                    program.libraries = libraries(section.content?, names)?;
                }
                (_, VERSION_NEEDS) => {
                    let names = sections.at(section.link)?.content?;
                    program.glibc = newest_glibc(section.content?, names)?;
                }
                _ => {}
            }
        }
        Some(program)
    }
}

fn libraries(dynamic: Bytes<'_>, names: Bytes<'_>) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for entry in (0..dynamic.0.len()).step_by(16) {
        if dynamic.u64(entry)? == NEEDED {
            let at = usize::try_from(dynamic.u64(entry + 8)?).ok()?;
            found.push(names.text(at)?.to_owned());
        }
    }
    Some(found)
}

/// The newest `GLIBC_x.y` in the chains of libraries and of their versions.
fn newest_glibc(needs: Bytes<'_>, names: Bytes<'_>) -> Option<(u32, u32)> {
    let mut newest = (0, 0);
    let mut library = 0;
    // Each step goes forward in a section of at least 16 bytes a library, so the count ends it.
    for _ in 0..=needs.0.len() / 16 {
        let mut version = library + needs.size(library + 8)?;
        for _ in 0..needs.u16(library + 2)? {
            let name = names.text(needs.size(version + 8)?)?;
            if needs.u16(version + 4)? & WEAK == 0 {
                newest = newest.max(glibc(name).unwrap_or_default());
            }
            version += needs.size(version + 12)?;
        }
        match needs.size(library + 12)? {
            0 => break,
            step => library += step,
        }
    }
    Some(newest)
}

fn glibc(name: &str) -> Option<(u32, u32)> {
    let mut parts = name.strip_prefix("GLIBC_")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

struct Section<'a> {
    name: &'a str,
    kind: u32,
    link: usize,
    /// None when it lies outside the file, as one without content may.
    content: Option<Bytes<'a>>,
}

struct Sections<'a> {
    file: Bytes<'a>,
    table: usize,
    each: usize,
    count: usize,
    names: Bytes<'a>,
}

impl<'a> Sections<'a> {
    fn of(file: Bytes<'a>) -> Option<Self> {
        let mut sections = Self {
            file,
            table: usize::try_from(file.u64(40)?).ok()?,
            each: usize::from(file.u16(58)?),
            count: usize::from(file.u16(60)?),
            names: Bytes(b"\0"),
        };
        let names = sections.header(usize::from(file.u16(62)?))?;
        sections.names = sections.content(names)?;
        Some(sections)
    }

    fn header(&self, index: usize) -> Option<usize> {
        self.table.checked_add(self.each.checked_mul(index)?)
    }

    fn content(&self, header: usize) -> Option<Bytes<'a>> {
        let start = usize::try_from(self.file.u64(header + 24)?).ok()?;
        let length = usize::try_from(self.file.u64(header + 32)?).ok()?;
        Some(Bytes(self.file.0.get(start..start.checked_add(length)?)?))
    }

    fn at(&self, index: usize) -> Option<Section<'a>> {
        let header = self.header(index)?;
        Some(Section {
            name: self.names.text(self.file.size(header)?).unwrap_or_default(),
            kind: self.file.u32(header + 4)?,
            link: self.file.size(header + 40)?,
            content: self.content(header),
        })
    }
}

#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn u64(self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    /// A 32-bit offset.
    fn size(self, at: usize) -> Option<usize> {
        usize::try_from(self.u32(at)?).ok()
    }

    /// The text up to the next zero.
    fn text(self, at: usize) -> Option<&'a str> {
        let rest = self.0.get(at..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(rest.get(..end)?).ok()
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn finds_loader_libraries_and_the_version_of_glibc() {
        let program =
            Program::read(&std::fs::read("/proc/self/exe").expect("its bytes")).expect("a program");
        let machine = if cfg!(target_arch = "x86_64") {
            62
        } else {
            183
        };
        assert_eq!(program.machine, machine);
        assert!(program.loader.is_some_and(|l| l.contains("/ld-linux-")));
        assert!(program.libraries.iter().any(|l| l == "libc.so.6"));
        assert!(program.glibc >= (2, 17), "{:?}", program.glibc);
        assert_eq!(program.crates, None);
    }

    #[test]
    fn refuses_what_is_no_program_and_never_panics() {
        for text in [
            &b""[..],
            b"#!/bin/sh",
            b"\x7fELF\x01\x01",
            b"\x7fELF\x02\x01",
        ] {
            assert!(Program::read(text).is_err());
        }
        let whole = std::fs::read("/proc/self/exe").expect("its bytes");
        let head = whole.get(..64).expect("a header");
        for field in 16..64 {
            let mut damaged = head.to_vec();
            if let Some(byte) = damaged.get_mut(field) {
                *byte = 0xff;
            }
            damaged.extend([0xff; 256]);
            let _ = Program::read(&damaged);
        }
        let cut = whole.len() / 2;
        assert!(Program::read(whole.get(..cut).expect("half")).is_err());
    }
}
