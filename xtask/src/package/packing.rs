//! One program packed: checked, put into a zip or an image, with its bill of materials.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use super::bill::{Bill, Facts};
use super::elf::Program;
use super::image::{self, Base, Label};
use super::places::Places;
use super::target::{Cloud, Profile, Toolchain};
use super::{Making, VERSION, check, compress, mib, zip};
use crate::chore::say;

/// How large a zip should be at most, in bytes: a cold start loads and unpacks it.
const AIM: usize = 6 << 20;

/// What one package is made of, and where it is put.
pub(super) struct Packing<'a> {
    pub(super) source: &'a str,
    pub(super) cloud: Cloud,
    pub(super) making: &'a Making,
    pub(super) toolchain: &'a Toolchain,
    pub(super) facts: &'a Facts,
    pub(super) out: &'a Path,
}

impl Packing<'_> {
    /// Checks the program at `path`, packs it, and gives the row of the table.
    pub(super) fn pack(&self, path: &Path) -> anyhow::Result<[String; 5]> {
        let start = Instant::now();
        let function = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let program = Program::read(&function)?;
        if self.making.profile != Profile::Dev {
            Places::of(self.toolchain)?.check(&function)?;
        }
        let bill = Bill::of(&program)?;
        check(&program, self.making.arch, self.cloud, self.making.profile)?;
        bill.check(self.cloud)?;
        let (file, bytes, base) = match self.cloud {
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
            self.packed(bytes.len()),
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
        zip::archive(&[bootstrap], self.making.profile.effort())
    }

    /// Writes the layout as a folder, and gives it as an archive.
    fn image(&self, function: &[u8], base: &Base) -> anyhow::Result<Vec<u8>> {
        let label = Label {
            name: &format!("hushgate-{}", self.source),
            version: VERSION,
            arch: self.making.arch,
        };
        let files = image::layout(function, base, &label, self.making.profile.effort())?;
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
            self.cloud.name(),
            self.making.arch.name()
        )
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.out.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))
    }

    /// The size of a package, and whether it is more than it should be.
    fn packed(&self, bytes: usize) -> String {
        let shipped = self.cloud == Cloud::Aws && self.making.profile == Profile::Dist;
        if shipped && bytes > AIM {
            return format!("{}, over the aim of {}", mib(bytes), mib(AIM));
        }
        mib(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::process::Command;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::super::checksums;
    use super::super::target::Arch;
    use super::*;

    fn making(profile: Profile) -> Making {
        Making {
            arch: Arch::host(),
            profile,
            out: PathBuf::new(),
        }
    }

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
                let packing = Packing {
                    source: "zoom",
                    cloud,
                    making: &making(Profile::Dev),
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
        let toolchain = Toolchain::find(Arch::host()).expect("a toolchain");
        let packed = |bytes, profile| {
            let packing = Packing {
                source: "zoom",
                cloud: Cloud::Aws,
                making: &making(profile),
                toolchain: &toolchain,
                facts: &Facts::read(&toolchain).expect("facts"),
                out: Path::new(""),
            };
            packing.packed(bytes)
        };
        assert_eq!(packed(6 << 20, Profile::Dist), "6.00 MiB");
        let over = packed(7 << 20, Profile::Dist);
        assert_eq!(over, "7.00 MiB, over the aim of 6.00 MiB");
        assert_eq!(packed(7 << 20, Profile::Dev), "7.00 MiB");
    }
}
