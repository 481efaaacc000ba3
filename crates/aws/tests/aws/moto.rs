//! Amazon's services on loopback.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// The port of the services; none when there is no server of them here.
pub(crate) fn services() -> Option<u16> {
    static SERVICES: OnceLock<Option<(u16, Mutex<Child>)>> = OnceLock::new();
    let started = SERVICES.get_or_init(|| {
        let Some(python) = std::env::var_os("HUSHGATE_CLOUD_PYTHON") else {
            let required = std::env::var("HUSHGATE_REQUIRE_PEERS").is_ok_and(|v| v == "1");
            assert!(
                !required,
                "HUSHGATE_CLOUD_PYTHON is not set; `cargo xtask test --cloud` sets it"
            );
            return None;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aws/services.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("moto starts");
        let output = child.stdout.take().expect("its output");
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        read.expect("its port");
        let port = line.trim().parse().expect("a port");
        Some((port, Mutex::new(child)))
    });
    if started.is_none() {
        eprintln!(
            "skipped: HUSHGATE_CLOUD_PYTHON not found; `cargo xtask test --cloud` installs moto"
        );
    }
    started.as_ref().map(|(port, _)| *port)
}
