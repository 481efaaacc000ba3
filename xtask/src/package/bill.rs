//! Which crates a program is made of: the list inside it, and the same as a `CycloneDX` document.
//!
//! The document is made from the list that cargo-auditable put into the program, so it says what is
//! really in it; licences and checksums come from cargo and its lock file.
//!
//! Formats: cargo-auditable's `.dep-v0` (zlib over JSON); `CycloneDX` 1.5.

use std::collections::BTreeMap;
use std::io::Read as _;

use anyhow::{Context, bail};
use flate2::read::ZlibDecoder;
use serde::Deserialize;
use serde_json::{Value, json};

use super::compress::sha256;
use super::elf::Program;
use super::image::{Base, Library};
use super::system::{self, escaped};
use super::target::{Cloud, Toolchain};
use crate::chore::{cargo, root};

/// The crates of one program.
#[derive(Debug, Deserialize)]
pub(crate) struct Bill {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    source: String,
    /// What only ran while building says so.
    #[serde(default)]
    kind: Kind,
    /// Places of others in the list.
    #[serde(default)]
    dependencies: Vec<usize>,
    #[serde(default)]
    root: bool,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Runtime,
    Build,
}

impl Package {
    /// Its package URL when it is on crates.io; what no registry has must not look as if one had it.
    fn reference(&self) -> String {
        let version = escaped(&self.version);
        if self.published() {
            format!("pkg:cargo/{}@{version}", self.name)
        } else {
            format!("{}:{}@{version}", self.source, self.name)
        }
    }

    fn published(&self) -> bool {
        self.source == "crates.io"
    }
}

impl Bill {
    /// The list inside `program`.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn of(program: &Program) -> anyhow::Result<Self> {
        let packed = program.crates.as_deref().context(
            "the program holds no list of its crates: it was not built with cargo-auditable",
        )?;
        let mut text = String::new();
        ZlibDecoder::new(packed)
            .read_to_string(&mut text)
            .context("unpack the list of crates")?;
        serde_json::from_str(&text).context("read the list of crates")
    }

    /// Checks that nothing of another cloud is in the program.
    ///
    /// # Errors
    /// With the names of what should not be there.
    pub(crate) fn check(&self, cloud: Cloud) -> anyhow::Result<()> {
        let foreign: Vec<_> = self
            .packages
            .iter()
            .filter(|p| p.kind == Kind::Runtime)
            .map(|p| p.name.as_str())
            .filter(|name| cloud.foreign().iter().any(|f| name.starts_with(f)))
            .collect();
        if !foreign.is_empty() {
            bail!(
                "a function for {} must not have clients of other clouds in it: {}",
                cloud.name(),
                foreign.join(", ")
            );
        }
        Ok(())
    }

    /// How many crates are in the program.
    pub(crate) fn len(&self) -> usize {
        let runtime = |p: &&Package| p.kind == Kind::Runtime;
        self.packages.iter().filter(runtime).count()
    }

    /// The document: the function, its crates, what they need, and what an image has beside it.
    pub(crate) fn cyclonedx(
        &self,
        name: &str,
        function: &[u8],
        facts: &Facts,
        base: Option<&Base>,
    ) -> Value {
        let mut components: Vec<_> = self
            .packages
            .iter()
            .filter(|p| !p.root)
            .map(|p| facts.component(p))
            .collect();
        components.extend(base.map(|b| facts.beside(b)).unwrap_or_default());
        let reference = |package: &Package| {
            if package.root {
                name.to_owned()
            } else {
                package.reference()
            }
        };
        let needs: Vec<_> = self
            .packages
            .iter()
            .map(|package| {
                let on = package.dependencies.iter();
                let on = on.filter_map(|index| self.packages.get(*index));
                json!({"ref": reference(package), "dependsOn": on.map(reference).collect::<Vec<_>>()})
            })
            .collect();
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {
                "tools": {"components": facts.builders},
                "component": {
                    "type": "application",
                    "bom-ref": name,
                    "name": name,
                    "version": env!("CARGO_PKG_VERSION"),
                    "licenses": [{"license": {"id": env!("CARGO_PKG_LICENSE")}}],
                    "hashes": [{"alg": "SHA-256", "content": sha256(function)}],
                },
            },
            "components": components,
            "dependencies": needs,
        })
    }
}

/// What cargo knows of each crate.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    licences: BTreeMap<(String, String), String>,
    checksums: BTreeMap<(String, String), String>,
    /// What built it: of another compiler or on another system the bytes are others.
    builders: Vec<Value>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Licensed>,
}

#[derive(Deserialize)]
struct Licensed {
    name: String,
    version: String,
    license: Option<String>,
}

impl Facts {
    /// Asks cargo and the compilers, and reads `Cargo.lock`.
    pub(crate) fn read(toolchain: &Toolchain) -> anyhow::Result<Self> {
        let output = cargo()
            // It covers all crates here, also clients of another cloud that were not downloaded yet.
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(["--filter-platform", toolchain.arch.triple()])
            .output()
            .context("can't start cargo metadata")?;
        if !output.status.success() {
            bail!(
                "cargo metadata failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
        let licences = metadata
            .packages
            .into_iter()
            // The slash is how crates wrote OR before SPDX expressions.
            .filter_map(|p| Some(((p.name, p.version), p.license?.replace('/', " OR "))))
            .collect();
        let lock = std::fs::read_to_string(root().join("Cargo.lock")).context("read Cargo.lock")?;
        Ok(Self {
            licences,
            checksums: checksums(&lock),
            builders: builders(toolchain),
        })
    }

    fn component(&self, package: &Package) -> Value {
        let key = (package.name.clone(), package.version.clone());
        let mut component = json!({
            "type": "library",
            "bom-ref": package.reference(),
            "name": package.name,
            "version": package.version,
            "scope": if package.kind == Kind::Build { "excluded" } else { "required" },
        });
        if package.published() {
            component["purl"] = json!(package.reference());
        } else {
            component["group"] = json!("hushgate");
            component["description"] = json!(
                "from Hushgate's repository; crates.io has nothing by this name, or another crate"
            );
        }
        if let Some(licence) = self.licences.get(&key) {
            component["licenses"] = json!([{"expression": licence.replace("  ", " ")}]);
        }
        if let Some(checksum) = self.checksums.get(&key) {
            component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
        }
        component
    }

    /// What an image has beside the function: parts of the C library, and roots.
    fn beside(&self, base: &Base) -> Vec<Value> {
        let glibc = base.glibc();
        let mut found: Vec<_> = base
            .libraries
            .iter()
            .map(|(path, library)| beside(path, library, glibc.as_deref()))
            .collect();
        let roots = self
            .checksums
            .keys()
            .find(|(name, _)| name == "webpki-root-certs");
        if let Some((name, version)) = roots {
            found.push(json!({
                "type": "data",
                "bom-ref": "etc/ssl/certs/ca-certificates.crt",
                "name": name,
                "version": version,
                "description": "Mozilla's trusted certificate authorities",
                "licenses": [{"license": {"id": "CDLA-Permissive-2.0"}}],
            }));
        }
        found
    }
}

/// The compilers, in their own words, and the system.
fn builders(toolchain: &Toolchain) -> Vec<Value> {
    let (system, version) = system::release();
    vec![
        json!({"type": "application", "name": "rustc", "version": toolchain.name}),
        json!({"type": "application", "name": "cc", "version": toolchain.c_compiler()}),
        json!({"type": "operating-system", "name": system, "version": version}),
    ]
}

/// One library of the build machine.
fn beside(path: &str, library: &Library, glibc: Option<&str>) -> Value {
    let gcc = path.starts_with("lib/libgcc_s.");
    let mut component = json!({
        "type": "library",
        "bom-ref": path,
        "name": path,
        "description": if gcc { "GCC's runtime, as the build machine has it" } else { "a part of the GNU C library, as the build machine has it" },
        "licenses": [{"expression": if gcc { "GPL-3.0-or-later WITH GCC-exception-3.1" } else { "LGPL-2.1-or-later" }}],
        "hashes": [{"alg": "SHA-256", "content": sha256(&library.bytes)}],
    });
    if let Some(package) = &library.package {
        component["name"] = json!(package.name);
        component["version"] = json!(package.version);
        component["purl"] = json!(package.purl());
    } else if let Some(version) = glibc.filter(|_| !gcc) {
        component["version"] = json!(version);
    }
    component
}

/// Name and version to checksum, of every crate in a lock file.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]") {
        let field = |name: &str| {
            let line = package.lines().find_map(|l| l.strip_prefix(name))?;
            Some(line.trim_start_matches(" = ").trim_matches('"').to_owned())
        };
        if let (Some(name), Some(version), Some(checksum)) =
            (field("name"), field("version"), field("checksum"))
        {
            found.insert((name, version), checksum);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;
    use crate::package::target::Arch;

    fn program(list: &str) -> Program {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(list.as_bytes()).expect("it is packed");
        Program {
            crates: Some(encoder.finish().expect("it is packed")),
            ..Program::default()
        }
    }

    const LIST: &str = r#"{"packages":[
        {"name":"aws-config","version":"1.0.0","source":"crates.io"},
        {"name":"google-cloud-auth","version":"1.0.0","source":"crates.io","kind":"build"},
        {"name":"hushgate-functions","version":"0.1.0","source":"local","root":true,"dependencies":[0,1]}]}"#;

    #[test]
    fn names_a_client_of_another_cloud() {
        let bill = Bill::of(&program(LIST)).expect("a list");
        bill.check(Cloud::Aws)
            .expect("what only built it is not in it");
        for cloud in [Cloud::Gcp, Cloud::None] {
            let error = bill.check(cloud).expect_err("a foreign client").to_string();
            assert!(error.contains("aws-config"), "{error}");
        }
        let other = LIST.replace("aws-config", "google-cloud-storage");
        let bill = Bill::of(&program(&other)).expect("a list");
        bill.check(Cloud::Gcp).expect("its own client");
        assert!(bill.check(Cloud::Aws).is_err() && bill.check(Cloud::None).is_err());
    }

    #[test]
    fn a_program_without_a_list_is_refused() {
        let error = Bill::of(&Program::default())
            .expect_err("no list")
            .to_string();
        assert!(error.contains("cargo-auditable"), "{error}");
    }

    #[test]
    fn a_crate_of_the_repository_does_not_read_like_one_of_the_registry() {
        let list = r#"{"packages":[
            {"name":"crc-fast","version":"1.999.0","source":"local"},
            {"name":"zstd-sys","version":"2.1.2+zstd.1.5.7","source":"crates.io"},
            {"name":"hushgate-functions","version":"0.1.0","source":"local","root":true,"dependencies":[0,1]}]}"#;
        let bill = Bill::of(&program(list)).expect("a list");
        let document = bill.cyclonedx("hushgate-zoom", b"x", &Facts::default(), None);
        let parts = document["components"].as_array().expect("components");
        assert_eq!(parts[0]["bom-ref"], "local:crc-fast@1.999.0");
        assert_eq!(parts[0]["group"], "hushgate");
        assert_eq!(parts[0].get("purl"), None);
        let escaped = "pkg:cargo/zstd-sys@2.1.2%2Bzstd.1.5.7";
        assert_eq!(parts[1]["purl"], escaped);
        let needs = &document["dependencies"][2]["dependsOn"];
        assert_eq!(*needs, json!(["local:crc-fast@1.999.0", escaped]));
    }

    #[test]
    fn the_bill_names_the_compilers_and_the_system() {
        let toolchain = Toolchain::find(Arch::host()).expect("a toolchain");
        let facts = Facts::read(&toolchain).expect("facts");
        let bill = Bill::of(&program(LIST)).expect("a list");
        let document = bill.cyclonedx("hushgate-zoom", b"x", &facts, None);
        let tools = document["metadata"]["tools"]["components"].as_array();
        let tools = tools.expect("tools");
        for (tool, name) in tools.iter().zip(["rustc", "cc"]) {
            assert_eq!(tool["name"], name);
            let version = tool["version"].as_str().expect("a version");
            assert!(version.contains('.'), "{name}: {version}");
        }
        let rustc = tools[0]["version"].as_str().expect("a version");
        assert!(rustc.starts_with("rustc 1."), "{rustc}");
        assert_eq!(tools[2]["type"], "operating-system");
        assert!(tools[2]["version"] != "", "{tools:?}");
    }

    #[test]
    fn a_library_without_a_package_has_no_other_librarys_version() {
        let library = Library {
            bytes: b"x".to_vec(),
            package: None,
        };
        let libc = beside("lib/libc.so.6", &library, Some("2.36-9+deb12u14"));
        assert_eq!(libc["version"], "2.36-9+deb12u14");
        let gcc = beside("lib/libgcc_s.so.1", &library, Some("2.36-9+deb12u14"));
        assert_eq!(gcc.get("version"), None);
        let licence = &gcc["licenses"][0]["expression"];
        assert_eq!(licence, "GPL-3.0-or-later WITH GCC-exception-3.1");
    }

    #[test]
    fn the_document_states_what_is_in_and_what_only_built() {
        let bill = Bill::of(&program(LIST)).expect("a list");
        let lock = "[[package]]\nname = \"aws-config\"\nversion = \"1.0.0\"\nchecksum = \"abc\"\n";
        let facts = Facts {
            checksums: checksums(lock),
            ..Facts::default()
        };
        let document = bill.cyclonedx("hushgate-zoom", b"x", &facts, None);
        let parts = document["components"].as_array().expect("components");
        let scopes: Vec<_> = parts.iter().map(|p| p["scope"].as_str()).collect();
        assert_eq!(scopes, [Some("required"), Some("excluded")]);
        assert_eq!(parts[0]["hashes"][0]["content"], "abc");
        let last = &document["dependencies"][2];
        assert_eq!(last["ref"], "hushgate-zoom");
        assert_eq!(last["dependsOn"][0], "pkg:cargo/aws-config@1.0.0");
    }
}
