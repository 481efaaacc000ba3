//! Compression and checksums of what is packaged.

use std::fmt::Write as _;
use std::io::Write as _;
use std::num::NonZeroU64;

use anyhow::Context;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest as _, Sha256};
use zopfli::Format;

/// How often the encoder improves its choices.
const ROUNDS: NonZeroU64 = NonZeroU64::new(5).unwrap();

/// How hard to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Not at all: for packages that only tests start.
    Stored,
    /// What is shipped: a minute of work for some percent that every upload and start saves.
    Best,
}

/// A raw deflate stream (RFC 1951).
pub(crate) fn deflate(bytes: &[u8], effort: Effort) -> anyhow::Result<Vec<u8>> {
    if effort == Effort::Best {
        let mut packed = Vec::new();
        let options = zopfli::Options {
            iteration_count: ROUNDS,
            ..zopfli::Options::default()
        };
        zopfli::compress(options, Format::Deflate, bytes, &mut packed)?;
        return Ok(packed);
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// A gzip stream (RFC 1952) without name and time.
pub(crate) fn gzip(bytes: &[u8], effort: Effort) -> anyhow::Result<Vec<u8>> {
    let size = u32::try_from(bytes.len()).context("a layer passes 4 GiB")?;
    // Deflate, no flags, no time, no hint, an unknown system.
    let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    stream.extend(deflate(bytes, effort)?);
    stream.extend(crc32(bytes).to_le_bytes());
    stream.extend(size.to_le_bytes());
    Ok(stream)
}

/// The checksum of zip and gzip.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The SHA-256 of `bytes` in lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn another_reader_gets_the_bytes_back() {
        let bytes = b"function ".repeat(10_000);
        for effort in [Effort::Stored, Effort::Best] {
            let stream = gzip(&bytes, effort).expect("a stream");
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(&*stream)
                .read_to_end(&mut read)
                .expect("a stream with the right checksum");
            assert_eq!(read, bytes);
        }
    }

    #[test]
    fn knows_the_digests_of_the_standards() {
        // FIPS 180-4's "abc"; the check value of CRC-32/ISO-HDLC.
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
