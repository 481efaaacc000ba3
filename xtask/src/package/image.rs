//! A container image from scratch: the function, the parts of glibc it loads, Mozilla's roots, and
//! nothing else; no shell, no package manager, a user who is not root, nothing that is written to.
//!
//! Layout: OCI Image Format Specification 1.1 (layout, index, manifest, configuration, layers). The
//! archive holds Docker's older `manifest.json` too, so that every `docker load` takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::compress::{Effort, gzip, sha256};
use super::elf::Program;
use super::system::Package;
use super::tar::{Archive, Node};
use super::target::{Arch, Toolchain};

/// The user and group of the function: nobody's on any host, and not root.
const USER: &str = "65532:65532";
const PASSWD: &str = "function:x:65532:65532::/:/nonexistent\n";
const GROUP: &str = "function:x:65532:\n";
/// Names by the runtime's hosts file, then by DNS; both are inside libc since glibc 2.34.
const NAME_SERVICES: &str = "hosts: files dns\n";
const CREATED: &str = "1980-01-01T00:00:00Z";

/// The files under an image's root and what they hold.
pub(crate) struct Base {
    /// Libraries by the path that the loader looks for.
    pub(crate) libraries: BTreeMap<String, Library>,
    /// Their licences by the paths that Debian keeps them at.
    copyright: BTreeMap<String, Vec<u8>>,
}

/// A library of the build machine.
pub(crate) struct Library {
    pub(crate) bytes: Vec<u8>,
    /// The system's package that it comes from, where the system knows.
    pub(crate) package: Option<Package>,
}

impl Base {
    /// Collects the loader and libraries that `program` names, and those that these name.
    ///
    /// # Errors
    /// When the C compiler's folders lack one.
    pub(crate) fn of(program: &Program, toolchain: &Toolchain) -> anyhow::Result<Self> {
        let mut libraries = BTreeMap::new();
        let mut wanted = program.libraries.clone();
        wanted.extend(program.loader.as_deref().map(file_name));
        while let Some(name) = wanted.pop() {
            let path = format!("lib/{name}");
            if libraries.contains_key(&path) {
                continue;
            }
            let file = toolchain.library(&name)?;
            let bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
            wanted.extend(Program::read(&bytes)?.libraries);
            let package = Package::of(&file);
            libraries.insert(path, Library { bytes, package });
        }
        let packages = libraries.values().filter_map(|l| l.package.as_ref());
        let licences = packages.map(Package::copyright).filter_map(|path| {
            let text = std::fs::read(Path::new("/").join(&path)).ok()?;
            Some((path, text))
        });
        let copyright = licences.collect();
        Ok(Self {
            libraries,
            copyright,
        })
    }

    /// The version that the C library states, as far as the system's builders say what they patched.
    pub(crate) fn glibc(&self) -> Option<String> {
        const MARK: &[u8] = b"GNU C Library (";
        let libc = &self.libraries.get("lib/libc.so.6")?.bytes;
        let at = libc.windows(MARK.len()).position(|w| w == MARK)?;
        let line = libc.get(at..)?.split(|byte| *byte == b'\n').next()?;
        stated(&String::from_utf8_lossy(line))
    }

    fn layer(&self) -> anyhow::Result<Vec<u8>> {
        let mut layer = Archive::default();
        let roots = authorities();
        for folder in ["etc", "etc/ssl", "etc/ssl/certs", "lib"] {
            layer.add(folder, &Node::Folder)?;
        }
        let texts = [
            ("etc/group", GROUP.as_bytes()),
            ("etc/nsswitch.conf", NAME_SERVICES.as_bytes()),
            ("etc/passwd", PASSWD.as_bytes()),
            ("etc/ssl/certs/ca-certificates.crt", roots.as_bytes()),
        ];
        for (path, bytes) in texts {
            layer.add(path, &Node::File(bytes, 0o644))?;
        }
        for (path, library) in &self.libraries {
            layer.add(path, &Node::File(&library.bytes, 0o755))?;
        }
        // The loader's fixed path on x86-64, and where a loader of other distributions looks.
        layer.add("lib64", &Node::Link("lib"))?;
        let mut folders = BTreeSet::new();
        for (path, text) in &self.copyright {
            let above = Path::new(path).ancestors().skip(1);
            let mut missing: Vec<_> = above.filter_map(Path::to_str).collect();
            missing.retain(|folder| !folder.is_empty() && folders.insert(*folder));
            for folder in missing.iter().rev() {
                layer.add(folder, &Node::Folder)?;
            }
            layer.add(path, &Node::File(text, 0o644))?;
        }
        Ok(layer.finish())
    }
}

/// The version in the C library's first line about itself.
fn stated(line: &str) -> Option<String> {
    // Debian's: `GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.`
    let (_, builder) = line.split_once('(')?;
    let (builder, release) = builder.split_once(')')?;
    let own = builder.rsplit(' ').next()?;
    if own.starts_with(|first: char| first.is_ascii_digit()) {
        return Some(own.to_owned());
    }
    let (_, version) = release.split_once("version ")?;
    Some(version.trim_end_matches('.').to_owned())
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// Mozilla's roots as PEM, from a pinned crate: what the build machine trusts stays there.
fn authorities() -> String {
    let mut pem = String::new();
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = STANDARD.encode(root);
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(64));
            let _ = writeln!(pem, "{line}");
            rest = tail;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}

/// What an image is called.
pub(crate) struct Label<'a> {
    /// Such as `hushgate-zoom`.
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) arch: Arch,
}

/// The files of an image layout, by their paths in it.
pub(crate) fn layout(
    function: &[u8],
    base: &Base,
    label: &Label<'_>,
    effort: Effort,
) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut blobs = Blobs::default();
    let mut own = Archive::default();
    own.add("function", &Node::File(function, 0o755))?;
    // The lower layer is the same for all sources, so hosts and registries keep it once.
    let tars = [base.layer()?, own.finish()];
    let mut layers = Vec::new();
    for tar in &tars {
        let media = "application/vnd.oci.image.layer.v1.tar+gzip";
        layers.push(blobs.add(media, gzip(tar, effort)?));
    }
    let ids: Vec<_> = tars.iter().map(|tar| digest(&sha256(tar))).collect();
    let configuration = json!({
        "created": CREATED,
        "architecture": label.arch.of_image(),
        "os": "linux",
        "config": {
            "User": USER,
            "ExposedPorts": {"8080/tcp": {}},
            "Entrypoint": ["/function"],
            "WorkingDir": "/",
            "Labels": annotations(label),
        },
        "rootfs": {"type": "layers", "diff_ids": ids},
        "history": ids.iter().map(|_| json!({"created": CREATED, "created_by": "cargo xtask package"})).collect::<Vec<_>>(),
    });
    let configuration = blobs.add(
        "application/vnd.oci.image.config.v1+json",
        text(&configuration),
    );
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": configuration,
        "layers": layers,
        "annotations": annotations(label),
    });
    let mut entry = blobs.add(
        "application/vnd.oci.image.manifest.v1+json",
        text(&manifest),
    );
    let tag = format!("{}:{}", label.name, label.version);
    entry["platform"] = json!({"architecture": label.arch.of_image(), "os": "linux"});
    entry["annotations"] = json!({
        "io.containerd.image.name": format!("docker.io/library/{tag}"),
        "org.opencontainers.image.ref.name": label.version,
    });
    let docker = json!([{
        "Config": blob_of(&configuration),
        "RepoTags": [tag],
        "Layers": layers.iter().map(blob_of).collect::<Vec<_>>(),
    }]);
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    });
    let mut files = blobs.files;
    files.insert("index.json".to_owned(), text(&index));
    files.insert("manifest.json".to_owned(), text(&docker));
    let version = json!({"imageLayoutVersion": "1.0.0"});
    files.insert("oci-layout".to_owned(), text(&version));
    Ok(files)
}

/// A layout as one archive.
pub(crate) fn archive(files: &BTreeMap<String, Vec<u8>>) -> anyhow::Result<Vec<u8>> {
    let mut archive = Archive::default();
    archive.add("blobs", &Node::Folder)?;
    archive.add("blobs/sha256", &Node::Folder)?;
    for (path, bytes) in files {
        archive.add(path, &Node::File(bytes, 0o644))?;
    }
    Ok(archive.finish())
}

fn annotations(label: &Label<'_>) -> Value {
    json!({
        "org.opencontainers.image.title": label.name,
        "org.opencontainers.image.version": label.version,
        "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
        "org.opencontainers.image.source": env!("CARGO_PKG_REPOSITORY"),
    })
}

#[derive(Default)]
struct Blobs {
    files: BTreeMap<String, Vec<u8>>,
}

impl Blobs {
    /// Keeps `bytes` under their digest and gives their descriptor.
    fn add(&mut self, media: &str, bytes: Vec<u8>) -> Value {
        let hash = sha256(&bytes);
        let descriptor = json!({
            "mediaType": media,
            "digest": digest(&hash),
            "size": bytes.len(),
        });
        self.files.insert(format!("blobs/sha256/{hash}"), bytes);
        descriptor
    }
}

fn digest(hash: &str) -> String {
    format!("sha256:{hash}")
}

fn blob_of(descriptor: &Value) -> String {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    format!("blobs/{}", digest.replace(':', "/"))
}

fn text(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_librarys_version_says_what_its_builders_patched() {
        let debian = "GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.";
        assert_eq!(stated(debian).as_deref(), Some("2.36-9+deb12u14"));
        let plain = "GNU C Library (GNU libc) stable release version 2.38.";
        assert_eq!(stated(plain).as_deref(), Some("2.38"));
        assert_eq!(stated("GNU C Library"), None);
    }

    #[test]
    fn every_librarys_licence_lies_in_the_image() {
        let program = std::fs::read("/proc/self/exe").expect("its bytes");
        let program = Program::read(&program).expect("a program");
        let toolchain = Toolchain::find(Arch::host()).expect("a toolchain");
        let base = Base::of(&program, &toolchain).expect("libraries");
        let Some(libc) = base.libraries["lib/libc.so.6"].package.as_ref() else {
            return crate::chore::say("skipped: the system does not say what package libc is of");
        };
        assert_eq!(base.glibc().as_ref(), Some(&libc.version));
        let layer = base.layer().expect("a layer");
        for library in base.libraries.values() {
            let package = library.package.as_ref().expect("a package");
            let path = package.copyright();
            let header = [path.as_bytes(), b"\0"].concat();
            let times = layer.windows(header.len()).filter(|w| *w == header).count();
            assert_eq!(times, 1, "{path}");
        }
        let folder = b"usr/share/doc/\0";
        let times = layer.windows(folder.len()).filter(|w| w == folder).count();
        assert_eq!(times, 1, "a folder is added once");
    }
}
