//! AES-256-SIV (RFC 5297) with its key schedules made once: making them costs five times as much
//! as sealing a short text.

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
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
        let start = Zeroizing::new(mac.tag(&[0; TAG_BYTES]));
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

    /// `S2V` of RFC 5297 §2.4.
    fn synthetic(&self, associated: &[&[u8]], text: &[u8]) -> Block {
        let mut state = *self.start;
        for piece in associated {
            state = xor(double(state), self.mac.tag(piece));
        }
        let Some((head, tail)) = text.split_last_chunk::<TAG_BYTES>() else {
            return self.mac.tag(&xor(double(state), padded(text)));
        };
        self.mac.tag_of_two(head, &xor(*tail, state))
    }

    /// Counter mode with the two bits cleared of RFC 5297 §2.6.
    fn apply_keystream(&self, tag: Block, text: &mut [u8]) {
        let mut first = tag;
        first[8] &= 0x7f;
        first[12] &= 0x7f;
        let mut counter = u128::from_be_bytes(first);
        for chunk in text.chunks_mut(TAG_BYTES) {
            let mut stream = counter.to_be_bytes().into();
            self.cipher.encrypt_block(&mut stream);
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

    fn tag(&self, text: &[u8]) -> Block {
        self.tag_of_two(text, &[])
    }

    /// The tag of two texts put together, of which the second is empty or one block.
    fn tag_of_two(&self, head: &[u8], tail: &[u8]) -> Block {
        let mut state = [0; TAG_BYTES];
        let mut pending: Block = [0; TAG_BYTES];
        let mut filled = 0;
        for &byte in head.iter().chain(tail) {
            if filled == TAG_BYTES {
                state = self.absorb(state, pending);
                filled = 0;
            }
            if let Some(place) = pending.get_mut(filled) {
                *place = byte;
            }
            filled += 1;
        }
        let last = if filled == TAG_BYTES {
            xor(pending, *self.whole)
        } else {
            xor(
                padded(pending.get(..filled).unwrap_or_default()),
                *self.partial,
            )
        };
        self.absorb(state, last)
    }

    fn absorb(&self, state: Block, block: Block) -> Block {
        let mut mixed = xor(state, block).into();
        self.cipher.encrypt_block(&mut mixed);
        mixed.into()
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
