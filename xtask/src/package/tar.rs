//! A tar archive in the POSIX ustar format, with one owner and one time for everything.

use anyhow::bail;

/// 1980-01-01T00:00:00Z, as in the zips.
const TIME: u64 = 315_532_800;
const BLOCK: usize = 512;

/// What stands at a path.
pub(crate) enum Node<'a> {
    Folder,
    /// Content and permission bits.
    File(&'a [u8], u32),
    /// A symbolic link to this path.
    Link(&'a str),
}

/// An archive that grows by entries; owned by root, as everything in it is read only.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
}

impl Archive {
    /// Adds `node` at the relative `path`.
    ///
    /// # Errors
    /// When the path or link is longer than 100 bytes.
    pub(crate) fn add(&mut self, path: &str, node: &Node<'_>) -> anyhow::Result<()> {
        let (kind, mode, content, target): (u8, u32, &[u8], &str) = match node {
            Node::Folder => (b'5', 0o755, &[], ""),
            Node::File(bytes, mode) => (b'0', *mode, bytes, ""),
            Node::Link(to) => (b'2', 0o777, &[], to),
        };
        let slash = if kind == b'5' { "/" } else { "" };
        let mut header = Vec::with_capacity(BLOCK);
        text(&mut header, &format!("{path}{slash}"), 100)?;
        number(&mut header, u64::from(mode), 8);
        number(&mut header, 0, 8);
        number(&mut header, 0, 8);
        number(&mut header, content.len() as u64, 12);
        number(&mut header, TIME, 12);
        // The sum is made with spaces in its place.
        header.extend(b"        ");
        header.push(kind);
        text(&mut header, target, 100)?;
        header.extend(b"ustar\x0000");
        header.resize(BLOCK, 0);
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        let mut field = Vec::new();
        number(&mut field, sum, 7);
        field.push(b' ');
        header.splice(148..156, field);
        self.bytes.extend(header);
        self.bytes.extend(content);
        self.bytes
            .resize(self.bytes.len().next_multiple_of(BLOCK), 0);
        Ok(())
    }

    /// The bytes with the end mark.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 2 * BLOCK, 0);
        self.bytes
    }
}

fn text(header: &mut Vec<u8>, value: &str, width: usize) -> anyhow::Result<()> {
    if value.len() > width {
        bail!("`{value}` is too long for an archive");
    }
    let end = header.len() + width;
    header.extend(value.as_bytes());
    header.resize(end, 0);
    Ok(())
}

/// Octal digits that fill `width` bytes but the last, which is zero.
fn number(header: &mut Vec<u8>, value: u64, width: usize) {
    let digits = width - 1;
    header.extend(format!("{value:0digits$o}").as_bytes());
    header.push(0);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const READER: &str = "import sys, tarfile\n\
        for i in tarfile.open(sys.argv[1]):\n\
        \x20   print(i.name, i.type.decode(), oct(i.mode), i.uid, i.mtime, i.linkname or '-', i.size)\n";

    #[test]
    fn another_reader_finds_every_entry() {
        let mut archive = Archive::default();
        archive.add("etc", &Node::Folder).expect("an entry");
        archive
            .add("etc/passwd", &Node::File(b"root", 0o644))
            .expect("an entry");
        archive
            .add("function", &Node::File(&[7; 1000], 0o755))
            .expect("an entry");
        archive.add("lib64", &Node::Link("lib")).expect("an entry");
        let path = std::env::temp_dir().join(format!("hushgate-tar-{}.tar", std::process::id()));
        std::fs::write(&path, archive.finish()).expect("a file");
        let reader = Command::new("python3")
            .args(["-c", READER])
            .arg(&path)
            .output();
        let _ = std::fs::remove_file(&path);
        let Ok(read) = reader else {
            return crate::chore::say("skipped: no python3 here");
        };
        assert_eq!(
            String::from_utf8_lossy(&read.stdout),
            "etc 5 0o755 0 315532800 - 0\n\
             etc/passwd 0 0o644 0 315532800 - 4\n\
             function 0 0o755 0 315532800 - 1000\n\
             lib64 2 0o777 0 315532800 lib 0\n",
            "{}",
            String::from_utf8_lossy(&read.stderr)
        );
    }

    #[test]
    fn refuses_a_path_that_the_format_would_cut() {
        let mut archive = Archive::default();
        let long = "x".repeat(101);
        assert!(archive.add(&long, &Node::File(b"", 0o644)).is_err());
    }
}
