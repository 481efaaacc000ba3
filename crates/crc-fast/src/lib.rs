//! The part of the crate `crc-fast` that the S3 client uses, over smaller crates.
//!
//! `aws-smithy-checksums` takes three checksums from [crc-fast](https://docs.rs/crc-fast), and with them come the
//! tables of some hundred others, a tenth of the zip of a function, which none of its features leaves out. The
//! workspace's `[patch.crates-io]` puts this crate in its place. It has the names and signatures of what is used
//! there and nothing else, so that an S3 client in need of more does not compile.

use std::fmt;

use crc::{CRC_32_ISCSI, CRC_64_NVME, Crc, Table};

static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64_NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// The cyclic redundancy checks with which S3 guards objects, by their names in the
/// [catalogue](https://reveng.sourceforge.io/crc-catalogue/all.htm)
/// ([S3: checking object integrity](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// `CRC32` of S3: that of zip and Ethernet.
    Crc32IsoHdlc,
    /// `CRC32C` of S3: Castagnoli's.
    Crc32Iscsi,
    /// `CRC64NVME` of S3, which it computes where the sender names none.
    Crc64Nvme,
}

/// A checksum over bytes that come piece by piece.
#[derive(Clone)]
pub struct Digest(State);

#[derive(Clone)]
enum State {
    Crc32(crc32fast::Hasher),
    Crc32c(crc::Digest<'static, u32, Table<16>>),
    Crc64Nvme(crc::Digest<'static, u64, Table<16>>),
}

impl Digest {
    /// A checksum over no bytes yet.
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => State::Crc32(crc32fast::Hasher::new()),
            CrcAlgorithm::Crc32Iscsi => State::Crc32c(CRC32C.digest()),
            CrcAlgorithm::Crc64Nvme => State::Crc64Nvme(CRC64_NVME.digest()),
        })
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Crc32(state) => state.update(data),
            State::Crc32c(state) => state.update(data),
            State::Crc64Nvme(state) => state.update(data),
        }
    }

    /// The checksum of all bytes so far; one of 32 bits in the lower half.
    pub fn finalize(&self) -> u64 {
        match self.0.clone() {
            State::Crc32(state) => state.finalize().into(),
            State::Crc32c(state) => state.finalize().into(),
            State::Crc64Nvme(state) => state.finalize(),
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({:016x})", self.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::{CrcAlgorithm, Digest};

    /// The check values of the catalogue, which are the checksums of `123456789`.
    const CHECKS: [(CrcAlgorithm, u64); 3] = [
        (CrcAlgorithm::Crc32IsoHdlc, 0xcbf4_3926),
        (CrcAlgorithm::Crc32Iscsi, 0xe306_9283),
        (CrcAlgorithm::Crc64Nvme, 0xae8b_1486_0a79_9888),
    ];

    #[test]
    fn every_algorithm_gives_its_check_value_however_the_bytes_are_cut() {
        let bytes = b"123456789";
        for (algorithm, check) in CHECKS {
            for cut in 0..=bytes.len() {
                let mut digest = Digest::new(algorithm);
                digest.update(&bytes[..cut]);
                digest.update(&bytes[cut..]);
                assert_eq!(digest.finalize(), check, "{algorithm:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_checksum_can_be_read_while_bytes_still_come() {
        for (algorithm, check) in CHECKS {
            let mut digest = Digest::new(algorithm);
            digest.update(b"1234");
            assert_ne!(digest.finalize(), check, "{algorithm:?}");
            digest.update(b"56789");
            assert_eq!(digest.finalize(), check, "{algorithm:?}");
        }
    }
}
