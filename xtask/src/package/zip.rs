//! A zip archive as AWS Lambda takes it: plain entries, Unix modes, one fixed time, no extra fields.
//!
//! Layout: APPNOTE.TXT 6.3 (PKWARE), sections 4.3.7, 4.3.12 and 4.3.16.

use anyhow::Context;

use super::compress::{Effort, crc32, deflate};

/// 1980-01-01 00:00, the earliest time the format has.
const DATE: u16 = (1 << 5) | 1;
/// Deflate, and the version of the format that brought it.
const DEFLATE: u16 = 8;
const VERSION: u16 = 20;
/// "Made by": Unix, whose modes stand in the upper half of the external attributes.
const UNIX: u16 = 3 << 8;
const REGULAR_FILE: u32 = 0o100_000;

/// One file of an archive.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    /// Permission bits, such as `0o755`.
    pub(crate) mode: u32,
    pub(crate) bytes: &'a [u8],
}

/// The archive of these entries, in their order.
///
/// # Errors
/// When an entry or the archive passes the 4 GiB of the plain format.
pub(crate) fn archive(entries: &[Entry<'_>], effort: Effort) -> anyhow::Result<Vec<u8>> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let packed = deflate(entry.bytes, effort)?;
        let common = common(entry, &packed)?;
        let offset = u32::try_from(archive.len()).context("the archive passes 4 GiB")?;
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(entry.name.as_bytes());
        archive.extend(packed);

        directory.extend(b"PK\x01\x02");
        directory.extend((UNIX | VERSION).to_le_bytes());
        directory.extend(&common);
        // No comment, first disk, no internal attributes.
        directory.extend([0; 6]);
        directory.extend(((REGULAR_FILE | entry.mode) << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let offset = u32::try_from(archive.len()).context("the archive passes 4 GiB")?;
    let count = u16::try_from(entries.len()).context("too many files for one archive")?;
    let length = u32::try_from(directory.len()).context("too many files for one archive")?;
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(length.to_le_bytes());
    archive.extend(offset.to_le_bytes());
    archive.extend([0; 2]);
    Ok(archive)
}

/// What a file's own header and its entry in the directory share: from the version needed to the
/// length of the (absent) extra field.
fn common(entry: &Entry<'_>, packed: &[u8]) -> anyhow::Result<Vec<u8>> {
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).context("a file passes 4 GiB");
    let name = u16::try_from(entry.name.len()).context("a name is too long")?;
    let mut header = Vec::new();
    for word in [VERSION, 0, DEFLATE, 0, DATE] {
        header.extend(word.to_le_bytes());
    }
    for word in [crc32(entry.bytes), size(packed)?, size(entry.bytes)?] {
        header.extend(word.to_le_bytes());
    }
    header.extend(name.to_le_bytes());
    header.extend([0; 2]);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What Python's reader finds in an archive: name, mode, time, extra fields, and the content.
    const READER: &str = "import sys, zipfile\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        assert z.testzip() is None\n\
        for i in z.infolist():\n\
        \x20   print(i.filename, oct(i.external_attr >> 16), i.date_time, len(i.extra), i.create_system, z.read(i).decode())\n";

    #[test]
    fn another_reader_finds_names_modes_and_content() {
        let text = "a".repeat(100_000);
        let entries = [
            Entry {
                name: "bootstrap",
                mode: 0o755,
                bytes: b"#!/bin/sh",
            },
            Entry {
                name: "notes/long.txt",
                mode: 0o644,
                bytes: text.as_bytes(),
            },
        ];
        for effort in [Effort::Stored, Effort::Best] {
            let bytes = archive(&entries, effort).expect("an archive");
            let folder = tempfile(&bytes);
            let reader = Command::new("python3")
                .args(["-c", READER])
                .arg(&folder)
                .output();
            let _ = std::fs::remove_file(&folder);
            let Ok(read) = reader else {
                return crate::chore::say("skipped: no python3 here");
            };
            let found = String::from_utf8_lossy(&read.stdout).into_owned();
            let wanted = format!(
                "bootstrap 0o100755 (1980, 1, 1, 0, 0, 0) 0 3 #!/bin/sh\n\
                 notes/long.txt 0o100644 (1980, 1, 1, 0, 0, 0) 0 3 {text}\n"
            );
            assert_eq!(found, wanted, "{}", String::from_utf8_lossy(&read.stderr));
        }
    }

    fn tempfile(bytes: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("hushgate-zip-{}.zip", std::process::id()));
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let entries = || {
            [Entry {
                name: "bootstrap",
                mode: 0o755,
                bytes: b"function",
            }]
        };
        let one = archive(&entries(), Effort::Best).expect("an archive");
        assert_eq!(one, archive(&entries(), Effort::Best).expect("an archive"));
    }
}
