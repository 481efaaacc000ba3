//! What is in a package, and what is not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::packages::{machine, package, packages, unpacked};

/// The files of an image that are no programs.
const TEXTS: [&str; 6] = [
    "etc/group",
    "etc/nsswitch.conf",
    "etc/passwd",
    "etc/ssl/certs/ca-certificates.crt",
    "usr/share/doc/libc6/copyright",
    "usr/share/doc/libgcc-s1/copyright",
];

/// The names of all files under `folder`, relative to it, with their permission bits; a link's are 0.
fn files(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let facts = path.symlink_metadata().expect("its facts");
            let name = path.strip_prefix(folder).expect("below it").to_path_buf();
            if facts.is_dir() {
                open.push(path);
            } else if facts.is_symlink() {
                found.push((name, 0));
            } else {
                found.push((name, facts.permissions().mode() & 0o7777));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_zip_holds_the_bootstrap_alone() {
    let Some(zip) = package(&format!("-aws-{}.zip", machine())) else {
        return;
    };
    assert_eq!(files(&unpacked(&zip)), [("bootstrap".into(), 0o755)]);
}

#[test]
fn the_image_holds_the_function_and_what_it_loads() {
    let Some(image) = package(&format!("-gcp-{}.oci.tar", machine())) else {
        return;
    };
    let found = files(&unpacked(&image));
    let loader = if machine() == "arm64" {
        "ld-linux-aarch64.so.1"
    } else {
        "ld-linux-x86-64.so.2"
    };
    for (path, mode) in &found {
        let path = path.to_str().expect("a readable path");
        let expected = match path {
            "lib64" => 0,
            "function" | "lib/libc.so.6" | "lib/libm.so.6" | "lib/libgcc_s.so.1" => 0o755,
            text if TEXTS.contains(&text) => 0o644,
            program if program == format!("lib/{loader}") => 0o755,
            other => panic!("{other} has no place in the image"),
        };
        assert_eq!(*mode, expected, "{path}");
    }
    for needed in [
        "function",
        "lib/libc.so.6",
        "etc/ssl/certs/ca-certificates.crt",
    ] {
        assert!(
            found.iter().any(|(path, _)| path == Path::new(needed)),
            "{needed}"
        );
    }
}

#[test]
fn the_image_names_a_user_who_is_not_root_and_the_digests_of_its_parts() {
    let Some(image) = package(&format!("-gcp-{}.oci.tar", machine())) else {
        return;
    };
    let layout = image.with_extension("").with_extension("oci");
    let json = |path: &str| -> Value {
        let text = std::fs::read(layout.join(path)).expect("a file of the layout");
        serde_json::from_slice(&text).expect("JSON")
    };
    assert_eq!(json("oci-layout")["imageLayoutVersion"], "1.0.0");
    let blob = |part: &Value| {
        let digest = part["digest"].as_str().expect("a digest");
        let path = format!("blobs/{}", digest.replace(':', "/"));
        let file = layout.join(&path);
        let size = file.metadata().expect("the blob").len();
        assert_eq!(part["size"], size, "{path}");
        let sum = Command::new("sha256sum")
            .arg(&file)
            .output()
            .expect("a sum");
        let sum = String::from_utf8_lossy(&sum.stdout).into_owned();
        assert!(
            digest.ends_with(sum.split(' ').next().expect("a sum")),
            "{path}"
        );
        path
    };
    let manifest = json(&blob(&json("index.json")["manifests"][0]));
    for layer in manifest["layers"].as_array().expect("layers") {
        blob(layer);
    }
    let config = json(&blob(&manifest["config"]));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"][0], "/function");
    let docker = &json("manifest.json")[0];
    assert!(
        layout
            .join(docker["Config"].as_str().expect("a path"))
            .exists()
    );
}

#[test]
fn every_package_has_its_checksum() {
    let Some(folder) = packages() else {
        return;
    };
    let output = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(&folder)
        .output()
        .expect("sha256sum starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).expect("the sums");
    for entry in std::fs::read_dir(&folder).expect("the folder") {
        let name = entry
            .expect("a file")
            .file_name()
            .into_string()
            .expect("a name");
        let layout = folder.join(&name).is_dir();
        assert!(
            layout || name == "SHA256SUMS" || sums.contains(&format!("  {name}\n")),
            "{name}"
        );
    }
}

#[test]
fn a_function_for_one_cloud_holds_no_client_of_another() {
    for (cloud, own, foreign) in [
        ("aws", "pkg:cargo/aws-sdk-", "pkg:cargo/google-cloud-"),
        ("gcp", "pkg:cargo/google-cloud-", "pkg:cargo/aws-sdk-"),
        ("container", "pkg:cargo/hyper@", "pkg:cargo/aws-sdk-"),
        ("container", "pkg:cargo/hyper@", "pkg:cargo/google-cloud-"),
    ] {
        let Some(bill) = package(&format!("-{cloud}-{}.cdx.json", machine())) else {
            return;
        };
        let text = std::fs::read_to_string(&bill).expect("the list");
        let bill: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(bill["bomFormat"], "CycloneDX");
        let parts = bill["components"].as_array().expect("components");
        let linked = |prefix: &str| {
            let named =
                |part: &&Value| part["purl"].as_str().is_some_and(|p| p.starts_with(prefix));
            parts.iter().filter(named).count()
        };
        assert!(linked(own) > 0, "{cloud}: no {own}");
        assert_eq!(linked(foreign), 0, "{cloud}: {foreign}");
    }
}
