//! The image, started as a container host starts it: its entry point in its own root, which is read
//! only, by the user it names, with nothing around it but what it brings.

use std::path::{Path, PathBuf};
use std::process::Command;

use hushgate_cli::sample::SampleSource;

use crate::packages::{SOURCES, confined, machine, namespaces, package_of, unpacked};
use crate::support::World;
use crate::support::function::Function;
use crate::support::identifiers;
use crate::support::world::{served, variables};
use crate::tls::TlsSource;

/// The images whose root is looked into: that of Cloud Run, and that of any host.
const CLOUDS: [&str; 2] = ["gcp", "container"];

/// A root folder with the layers of source zoom's image, and what a runtime puts over it.
fn rootfs(cloud: &str) -> Option<PathBuf> {
    rootfs_of("zoom", cloud)
}

fn rootfs_of(source: &str, cloud: &str) -> Option<PathBuf> {
    let image = package_of(source, &format!("-{cloud}-{}.oci.tar", machine()))?;
    if !namespaces() {
        return None;
    }
    let folder = unpacked(&image);
    let etc = folder.join("etc");
    std::fs::write(etc.join("hosts"), "127.0.0.1 localhost\n").expect("a hosts file");
    std::fs::write(etc.join("resolv.conf"), "nameserver 127.0.0.1\n").expect("a resolver");
    Some(folder)
}

fn started(root: &Path) -> Command {
    let flag = format!("--root={}", root.display());
    confined(root, 65532, &[&flag, "--wd=/", "/function"])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_source_s_image_answers_a_call_sanitized() {
    for (cloud, (id, target, word)) in CLOUDS.into_iter().flat_map(|c| SOURCES.map(|s| (c, s))) {
        let Some(root) = rootfs_of(id, cloud) else {
            return;
        };
        let source = SampleSource::start(served(id), None)
            .await
            .expect("the source");
        let address = source.url().trim_start_matches("http://").to_owned();
        let world = World::launched(id, started(&root), &address, &[]).await;
        let response = world.get(target).await;
        assert_eq!(response.status(), 200, "{id} for {cloud}");
        let text = response.text().await.expect("a body");
        assert!(text.contains(word), "{text}");
        let found = identifiers::found_in(&text);
        assert!(found.is_empty(), "{found:?} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_finds_names_and_authorities_in_its_own_files() {
    let Some(root) = rootfs("gcp") else { return };
    let Some(source) = TlsSource::start("1.3") else {
        return;
    };
    let origin = source.origin.replace("127.0.0.1", "localhost");
    let settings = [
        ("HUSHGATE_TARGET_HOST", origin.as_str()),
        ("HUSHGATE_TOKEN_ORIGIN", origin.as_str()),
    ];
    // Mozilla's roots alone: the test's authority is none of them.
    let world = World::launched("zoom", started(&root), "", &settings).await;
    assert_eq!(world.get("/v2/users").await.status(), 503);

    let bundle = root.join("etc/ssl/certs/ca-certificates.crt");
    let mut roots = std::fs::read_to_string(&bundle).expect("the image's authorities");
    roots += &std::fs::read_to_string(&source.authority).expect("the test's authority");
    std::fs::write(&bundle, roots).expect("it is written");
    let world = World::launched("zoom", started(&root), "", &settings).await;
    let response = world.get("/v2/users").await;
    let status = response.status();
    assert_eq!(status, 200, "{:?}", response.text().await);
}

#[tokio::test]
async fn the_image_starts_with_what_cloud_run_sets_and_refuses_a_stranger() {
    let Some(root) = rootfs("gcp") else { return };
    let own = variables("zoom", "https://issuer.example", "api.zoom.us");
    let mut all = vec![
        ("K_CONFIGURATION", "zoom"),
        ("K_REVISION", "zoom-00001"),
        ("K_SERVICE", "zoom"),
        ("HUSHGATE_LISTEN", "127.0.0.1"),
    ];
    all.extend(
        own.iter()
            .filter(|(name, _)| !name.starts_with("HUSHGATE_") || name == "HUSHGATE_ACCESS")
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let mut function = Function::launch(started(&root), "zoom", &all);
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    for (path, status) in [("/healthz", 200), ("/v2/users", 401)] {
        let url = format!("{}{path}", function.url());
        let response = client.get(url).send().await.expect("an answer");
        assert_eq!(response.status(), status, "{path}");
    }
    assert_eq!(function.terminate(), Some(0), "{}", function.log());
}
