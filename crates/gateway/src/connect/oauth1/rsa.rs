//! RSA-SHA1 (RFC 5849 section 3.4.3): RSASSA-PKCS1-v1_5 of RFC 8017 section 8.2.1 with SHA-1.
//!
//! The crypto backend verifies such signatures but no longer makes them, so the one private-key
//! operation is done here, in constant time, and each signature is verified before it is used.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use zeroize::Zeroizing;

use crate::connect::assertion::unwrapped;
use crate::connect::fault::ConnectFault;

/// The start of a `DigestInfo` for SHA-1 (RFC 8017 section 9.2, note 1).
const DIGEST_INFO: [u8; 15] = [
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
];

/// A private key that signs with SHA-1. Its `Debug` shows nothing of the key.
pub(super) struct RsaKey {
    modulus: BoxedMontyParams,
    exponent: Zeroizing<BoxedUint>,
    /// The public key, as PKCS#1 DER.
    public: Vec<u8>,
    /// The length of the modulus and of a signature, in bytes.
    length: usize,
}

impl std::fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RsaKey(…)")
    }
}

impl RsaKey {
    /// Reads a PEM (PKCS#1 or PKCS#8, possibly wrapped in base64) of at least 2048 bits.
    pub(super) fn read(field: &str, value: &str) -> Result<Self, ConnectFault> {
        let read = unwrapped(value, "-----BEGIN").and_then(|pem| Self::from_pem(&pem));
        read.ok_or_else(|| ConnectFault::FieldInvalid {
            field: field.to_owned(),
            problem: "is not an unencrypted RSA private key of 2048 to 8192 bits in PEM (PKCS#1 or PKCS#8), which RSA-SHA1 signs with; convert it with `openssl pkcs8 -topk8 -nocrypt`".to_owned(),
        })
    }

    /// The signature of a message; empty when the key does not give a right one, which no server takes.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.try_sign(message).unwrap_or_default()
    }

    fn from_pem(pem: &str) -> Option<Self> {
        let (label, der) = decoded(pem)?;
        // The backend checks that the parts of the key belong together.
        let pair = match label {
            "RSA PRIVATE KEY" => KeyPair::from_der(&der),
            "PRIVATE KEY" => KeyPair::from_pkcs8(&der),
            _ => return None,
        };
        let pair = pair.ok()?;
        let public = pair.public_key().as_ref().to_vec();
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().ok()?;
        let pkcs1 = inner_key(pkcs8.as_ref())?;
        // RFC 8017 appendix A.1.2: version, n, e, d, …
        let mut key = Der(element(&mut Der(pkcs1), 0x30)?);
        element(&mut key, 0x02)?;
        let modulus = number(&mut key)?;
        number(&mut key)?;
        let exponent = number(&mut key)?;
        let length = modulus.len();
        let bits = u32::try_from(length).ok()?.checked_mul(8)?;
        if !(2048..=8192).contains(&bits) {
            return None;
        }
        let modulus = BoxedUint::from_be_slice(modulus, bits).ok()?;
        let exponent = BoxedUint::from_be_slice(exponent, bits).ok()?;
        Some(Self {
            modulus: BoxedMontyParams::new(Odd::new(modulus).into_option()?),
            exponent: Zeroizing::new(exponent),
            public,
            length,
        })
    }

    fn try_sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, message);
        // RFC 8017 section 9.2: 00 01 FF … FF 00 DigestInfo.
        let filling = self
            .length
            .checked_sub(3 + DIGEST_INFO.len() + hash.as_ref().len())?;
        let mut padded = vec![0x00, 0x01];
        padded.resize(2 + filling, 0xff);
        padded.push(0x00);
        padded.extend_from_slice(&DIGEST_INFO);
        padded.extend_from_slice(hash.as_ref());
        let bits = u32::try_from(self.length * 8).ok()?;
        let padded = BoxedUint::from_be_slice(&padded, bits).ok()?;
        let power = BoxedMontyForm::new(padded, &self.modulus).pow(&self.exponent);
        let bytes = power.retrieve().to_be_bytes();
        let signature = bytes.get(bytes.len().checked_sub(self.length)?..)?.to_vec();
        // A wrong result, as a faulty machine gives it, would reveal the key.
        let public =
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, &self.public);
        public.verify(message, &signature).ok()?;
        Some(signature)
    }
}

/// The label and the bytes of a PEM.
fn decoded(pem: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let compact: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    let der = STANDARD.decode(compact.as_bytes()).ok()?;
    Some((label, Zeroizing::new(der)))
}

/// The PKCS#1 key in a PKCS#8 one (RFC 5958 section 2): version, algorithm, octet string.
fn inner_key(pkcs8: &[u8]) -> Option<&[u8]> {
    let mut info = Der(element(&mut Der(pkcs8), 0x30)?);
    element(&mut info, 0x02)?;
    element(&mut info, 0x30)?;
    element(&mut info, 0x04)
}

/// DER elements not read yet.
struct Der<'a>(&'a [u8]);

/// The content of the next element, if it has this tag.
fn element<'a>(der: &mut Der<'a>, tag: u8) -> Option<&'a [u8]> {
    let (found, rest) = der.0.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..0x80 => (usize::from(short), rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let length = bytes
                .iter()
                .try_fold(0_usize, |n, b| n.checked_mul(256)?.checked_add((*b).into()))?;
            (length, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    der.0 = rest;
    (*found == tag).then_some(content)
}

/// The next element as a positive number, big-endian without leading zeros.
fn number<'a>(der: &mut Der<'a>) -> Option<&'a [u8]> {
    let content = element(der, 0x02)?;
    let zeros = content.iter().take_while(|b| **b == 0).count();
    content.get(zeros..)
}
