//! Documents that are no policy and no rules, or too large for either.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The most bytes of a document, as it is stored and unpacked.
pub(crate) const LIMIT: usize = 8 << 20;

/// The most bytes of rules.
pub(crate) const RULES_LIMIT: usize = 4 << 20;

/// What the content of each holds, and no message may.
const HIDDEN: &str = "secret-of-the-tests";

/// A document of exactly so many bytes that says the same.
pub(crate) fn padded(text: &str, size: usize) -> Vec<u8> {
    let mut padded = format!("{text}#").into_bytes();
    padded.resize(size - 1, b'x');
    padded.push(b'\n');
    padded
}

/// A document packed with gzip.
pub(crate) fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// The end of a key, the bytes, and what is said of them behind the object's name.
pub(crate) fn garbled() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let text = |text: &str| text.replace("HIDDEN", HIDDEN).into_bytes();
    let comment = format!("# {HIDDEN}\n");
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() - 9);
        bytes
    };
    let over = padded(&comment, LIMIT + 1);
    let unreadable = "(document-unreadable)";
    vec![
        ("empty", Vec::new(), ":1:1"),
        ("comment", text("# HIDDEN\n"), ":1:1"),
        (
            "binary",
            b"\xff\xfe\0secret-of-the-tests".to_vec(),
            unreadable,
        ),
        ("cut-gzip", cut(packed(&padded(&comment, 4096))), unreadable),
        (
            "base64",
            text(&format!("{}HIDDEN", "A".repeat(65)))
                .into_iter()
                .filter(|b| *b != b'-')
                .collect(),
            unreadable,
        ),
        ("no-yaml", text("issuers: [\n  HIDDEN"), ":"),
        ("tabs", text("issuers:\n\t- HIDDEN: \"HIDDEN\n"), ":"),
        ("scalar", text("HIDDEN\n"), ":1:1"),
        ("list", text("- HIDDEN\n"), ":1:1"),
        ("page", text("<html><body>HIDDEN</body></html>\n"), ":1:1"),
        ("other", text("client_secret: HIDDEN\n"), ":1:1"),
        (
            "values",
            text("issuers: HIDDEN\nclients: HIDDEN\nendpoints: HIDDEN\n"),
            ":",
        ),
        (
            "twice",
            text("clients: []\nendpoints: []\nclients: []\nendpoints: [HIDDEN]\n"),
            ":",
        ),
        ("too-large", over.clone(), "(document-too-large)"),
        ("too-large.gz", packed(&over), "(document-too-large)"),
    ]
}
