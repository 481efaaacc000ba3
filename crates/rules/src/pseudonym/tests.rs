mod address;
mod documented;
mod hostile;
mod keys;
mod primitives;
mod schemes;
mod vectors;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use super::*;

pub(super) const KEY_1: &str = "Zm9yIGV4YW1wbGVzIG9ubHksIG5ldmVyIHVzZSB0aGlzIGtleQ==";
pub(super) const KEY_2: &str = "dGhlIHNlY29uZCBrZXkgb2YgdGhlIGV4YW1wbGVzLCBhbHNvIHB1YmxpYw==";

pub(super) fn native(key: &str) -> Pseudonymizer {
    native_with(key, Options::default())
}

pub(super) fn native_with(key: &str, options: Options) -> Pseudonymizer {
    Pseudonymizer::native(NativeKeys::parse(key).unwrap(), options)
}

pub(super) fn compat() -> Pseudonymizer {
    compat_with(Options::default())
}

/// Shares the keys between tests, since deriving one takes 20 ms.
pub(super) fn compat_with(options: Options) -> Pseudonymizer {
    static SHARED: LazyLock<Pseudonymizer> = LazyLock::new(|| {
        let keys = CompatKeys::new(CompatSecrets::new("pepper", Some("open sesame")));
        Pseudonymizer::compat(keys, Options::default()).unwrap()
    });
    let keys = SHARED.keys.clone();
    Pseudonymizer { keys, options }
}

pub(super) fn domains(domain_handling: DomainHandling) -> Options {
    Options {
        domain_handling,
        ..Options::default()
    }
}

pub(super) fn token(pseudonymizer: &Pseudonymizer, text: &str, include: Include) -> String {
    pseudonymizer
        .pseudonymize(text, PseudonymEncoding::UrlSafeToken, include)
        .unwrap()
}

/// A file of the public suites, or nothing (and a line saying so) where they are not at hand.
pub(super) fn suite(path: &str) -> Option<serde_json::Value> {
    let shared = std::env::var_os("HUSHGATE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let file = shared.join(path);
    if !file.exists() {
        // Past the capture of passing tests' output.
        let _ = writeln!(std::io::stderr(), "skipped: {} not found", file.display());
        return None;
    }
    Some(serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap())
}
