//! AES-256-SIV (RFC 5297) with its key schedules made once: making them costs five times as much
//! as sealing a short text. For the same reason all blocks of a text go through the cipher in one
//! call, which readies the schedule for wide registers each time.

use aes::Aes256;
use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Length of the tag, which is also the initial counter.
pub(super) const TAG_BYTES: usize = 16;

type Block = [u8; TAG_BYTES];

/// A key of 64 bytes: the first half makes tags, the second encrypts.
pub(super) struct Siv {
    mac: Cmac,
    cipher: Aes256,
    /// The tag of a block of zeros, with which every synthetic value begins.
    start: Zeroizing<Block>,
}

impl Siv {
    pub(super) fn new(key: &[u8; 64]) -> Self {
        let (mac, cipher) = key.split_at(32);
        let mac = Cmac::new(schedule(mac));
        let start = Zeroizing::new(mac.tag_of_zeros());
        Self {
            mac,
            cipher: schedule(cipher),
            start,
        }
    }

    /// Encrypts in place and returns the tag.
    pub(super) fn seal(&self, associated: &[&[u8]], text: &mut [u8]) -> Block {
        let tag = self.synthetic(associated, text);
        self.apply_keystream(tag, text);
        tag
    }

    /// Decrypts in place; false, with the text wiped, if the tag is not of this text and this key.
    pub(super) fn open(&self, associated: &[&[u8]], tag: Block, text: &mut [u8]) -> bool {
        self.apply_keystream(tag, text);
        let genuine: bool = self.synthetic(associated, text).ct_eq(&tag).into();
        if !genuine {
            text.fill(0);
        }
        genuine
    }

    fn synthetic(&self, associated: &[&[u8]], text: &[u8]) -> Block {
        let mut tag = [0; TAG_BYTES];
        self.mac.cipher.encrypt_with_backend(Synthesis {
            siv: self,
            associated,
            text,
            tag: &mut tag,
        });
        tag
    }

    fn apply_keystream(&self, tag: Block, text: &mut [u8]) {
        self.cipher.encrypt_with_backend(Keystream { tag, text });
    }
}

/// `S2V` of RFC 5297 §2.4.
struct Synthesis<'a> {
    siv: &'a Siv,
    associated: &'a [&'a [u8]],
    text: &'a [u8],
    tag: &'a mut Block,
}

impl BlockSizeUser for Synthesis<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Synthesis<'_> {
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mac = &self.siv.mac;
        let mut state = *self.siv.start;
        for piece in self.associated {
            state = xor(double(state), mac.tag(backend, piece, &[]));
        }
        *self.tag = match self.text.split_last_chunk::<TAG_BYTES>() {
            Some((head, tail)) => mac.tag(backend, head, &xor(*tail, state)),
            None => mac.tag(backend, &xor(double(state), padded(self.text)), &[]),
        };
    }
}

/// Counter mode with the two bits cleared of RFC 5297 §2.6.
struct Keystream<'a> {
    tag: Block,
    text: &'a mut [u8],
}

impl BlockSizeUser for Keystream<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Keystream<'_> {
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut first = self.tag;
        first[8] &= 0x7f;
        first[12] &= 0x7f;
        let mut counter = u128::from_be_bytes(first);
        for chunk in self.text.chunks_mut(TAG_BYTES) {
            let mut stream = counter.to_be_bytes().into();
            backend.encrypt_block_inplace(&mut stream);
            chunk
                .iter_mut()
                .zip(stream)
                .for_each(|(byte, key)| *byte ^= key);
            counter = counter.wrapping_add(1);
        }
    }
}

/// AES-CMAC (RFC 4493).
struct Cmac {
    cipher: Aes256,
    whole: Zeroizing<Block>,
    partial: Zeroizing<Block>,
}

impl Cmac {
    fn new(cipher: Aes256) -> Self {
        let mut zero = [0; TAG_BYTES].into();
        cipher.encrypt_block(&mut zero);
        let whole = double(zero.into());
        let partial = Zeroizing::new(double(whole));
        Self {
            cipher,
            whole: Zeroizing::new(whole),
            partial,
        }
    }

    /// The tag of a block of zeros.
    fn tag_of_zeros(&self) -> Block {
        let mut block = (*self.whole).into();
        self.cipher.encrypt_block(&mut block);
        block.into()
    }

    /// The tag of two texts put together, of which the second is empty or one block.
    fn tag<B>(&self, backend: &B, head: &[u8], tail: &[u8]) -> Block
    where
        B: BlockCipherEncBackend<BlockSize = U16>,
    {
        let absorb = |state, block| {
            let mut mixed = xor(state, block).into();
            backend.encrypt_block_inplace(&mut mixed);
            Block::from(mixed)
        };
        // The last block is treated apart, even a full one.
        let before_last = if tail.is_empty() {
            head.len().saturating_sub(1)
        } else {
            head.len()
        };
        let (blocks, rest) = head.split_at(before_last / TAG_BYTES * TAG_BYTES);
        let (blocks, _) = blocks.as_chunks::<TAG_BYTES>();
        let state = blocks.iter().copied().fold([0; TAG_BYTES], absorb);

        let mut end = [0; 2 * TAG_BYTES];
        let length = rest.len() + tail.len();
        end.iter_mut()
            .zip(rest.iter().chain(tail))
            .for_each(|(place, byte)| *place = *byte);
        let end = end.get(..length).unwrap_or_default();
        let (state, last) = match end.split_first_chunk::<TAG_BYTES>() {
            Some((block, last)) if !last.is_empty() => (absorb(state, *block), last),
            _ => (state, end),
        };
        let last = match <Block>::try_from(last) {
            Ok(block) => xor(block, *self.whole),
            Err(_) => xor(padded(last), *self.partial),
        };
        absorb(state, last)
    }
}

fn schedule(half: &[u8]) -> Aes256 {
    match Aes256::new_from_slice(half) {
        Ok(cipher) => cipher,
        Err(_) => unreachable!("half of 64 bytes is a key of 32"),
    }
}

fn xor(a: Block, b: Block) -> Block {
    (u128::from_ne_bytes(a) ^ u128::from_ne_bytes(b)).to_ne_bytes()
}

/// Doubling in the field of RFC 5297 §2.3, without a branch on the value.
fn double(block: Block) -> Block {
    let value = u128::from_be_bytes(block);
    let carry = (value >> 127).wrapping_neg() & 0x87;
    (value << 1 ^ carry).to_be_bytes()
}

/// A block shorter than 16 bytes, filled with a one bit and zeros.
fn padded(text: &[u8]) -> Block {
    let mut block = [0; TAG_BYTES];
    for (place, byte) in block.iter_mut().zip(text.iter().copied().chain([0x80])) {
        *place = byte;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_siv::siv::Aes256Siv;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_reference_crate(
            key in prop::array::uniform32(any::<u8>()),
            other in prop::array::uniform32(any::<u8>()),
            associated in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4),
            text in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut whole = [0; 64];
            whole[..32].copy_from_slice(&key);
            whole[32..].copy_from_slice(&other);
            let pieces: Vec<&[u8]> = associated.iter().map(Vec::as_slice).collect();
            let mut expected = Aes256Siv::new((&whole).into());
            let expected = expected.encrypt(&pieces, &text).unwrap();

            let siv = Siv::new(&whole);
            let mut sealed = text.clone();
            let tag = siv.seal(&pieces, &mut sealed);
            prop_assert_eq!([tag.as_slice(), &sealed].concat(), expected);

            let mut opened = sealed.clone();
            prop_assert!(siv.open(&pieces, tag, &mut opened));
            prop_assert_eq!(&opened, &text);

            let mut forged = tag;
            forged[usize::from(key[0]) % TAG_BYTES] ^= 1;
            let mut wiped = sealed.clone();
            prop_assert!(!siv.open(&pieces, forged, &mut wiped));
            prop_assert!(wiped.iter().all(|byte| *byte == 0));
        }
    }
}
