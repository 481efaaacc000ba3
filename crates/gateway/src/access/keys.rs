//! An issuer's published keys (JWK Set, RFC 7517) and the choice of the one that verifies a token.

mod roca;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::algorithm::Algorithm;
use super::jws::{Jws, MAX_KID_BYTES};
use super::strict_json::{Json, Object};

/// More keys than any issuer publishes; a longer list is refused whole.
const MAX_KEYS: usize = 128;

const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Members that hold a private or symmetric key (RFC 7518 section 6). A key that was published
/// with one of them proves nothing any more.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The usable keys of one issuer: at least one, each fit for a pinned algorithm.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
}

/// Why a document is no key set. The keys that are in use stay in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetFault {
    /// Not one JSON object with distinct names and an array `keys` of objects.
    #[error("the answer is not a JSON Web Key Set")]
    NotAKeySet,
    /// More than 128 keys.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// Keys, but none that fits an algorithm of the issuer.
    #[error("the key set has no key for the issuer's algorithms")]
    NoUsableKey,
}

/// Why no key of a set verifies a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKey {
    /// The set has no key with this id: a newer set may have one.
    UnknownId,
    /// Not exactly one key fits: a newer set is not worth a fetch.
    Ambiguous,
}

impl KeySet {
    /// Reads a JWK Set and keeps the keys that fit one of `algorithms`.
    ///
    /// A single key that is unusable (another use, too small, off its curve, symmetric, published
    /// with its private half) is left out, as RFC 7517 section 5 advises; a broken document is an
    /// error as a whole.
    pub fn parse(document: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetFault> {
        let document = Object::parse(document).ok_or(KeySetFault::NotAKeySet)?;
        let Some(Json::List(entries)) = document.get("keys") else {
            return Err(KeySetFault::NotAKeySet);
        };
        if entries.len() > MAX_KEYS {
            return Err(KeySetFault::TooManyKeys);
        }
        let mut keys: Vec<Arc<Key>> = Vec::new();
        for entry in entries {
            let Json::Object(jwk) = entry else {
                return Err(KeySetFault::NotAKeySet);
            };
            match Key::read(jwk, algorithms) {
                Ok(key) if keys.iter().any(|k| k.is_same(&key)) => {}
                Ok(key) => keys.push(Arc::new(key)),
                Err(reason) => tracing::debug!(reason, "a published key is not usable"),
            }
        }
        if keys.is_empty() {
            return Err(KeySetFault::NoUsableKey);
        }
        Ok(Self { keys })
    }

    /// The one key for this algorithm and key id. Without an id, exactly one key must fit.
    pub fn select(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<&Arc<Key>, NoKey> {
        let with_id = |key: &&Arc<Key>| kid.is_none() || key.kid.as_deref() == kid;
        if kid.is_some() && !self.keys.iter().any(|k| with_id(&k)) {
            return Err(NoKey::UnknownId);
        }
        let mut fitting = self
            .keys
            .iter()
            .filter(with_id)
            .filter(|key| key.verifier(algorithm).is_some());
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(NoKey::Ambiguous),
        }
    }

    /// How many usable keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never true: a set without usable keys is an error.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// One public key, parsed and checked once for every algorithm it may be used with.
pub struct Key {
    kid: Option<String>,
    verifiers: Vec<(Algorithm, ParsedPublicKey)>,
}

impl Key {
    /// Whether this key made the token's signature with this algorithm.
    pub fn verify(&self, algorithm: Algorithm, jws: &Jws<'_>) -> bool {
        jws.algorithm() == algorithm
            && self
                .verifier(algorithm)
                .is_some_and(|key| key.verify_sig(jws.signing_input(), jws.signature()).is_ok())
    }

    fn verifier(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.verifiers
            .iter()
            .find(|(a, _)| *a == algorithm)
            .map(|(_, key)| key)
    }

    fn is_same(&self, other: &Key) -> bool {
        let bytes = |key: &Key| -> Vec<(Algorithm, Vec<u8>)> {
            key.verifiers
                .iter()
                .map(|(a, k)| (*a, k.as_ref().to_vec()))
                .collect()
        };
        self.kid == other.kid && bytes(self) == bytes(other)
    }

    fn read(jwk: &Object, algorithms: &[Algorithm]) -> Result<Self, &'static str> {
        if PRIVATE_MEMBERS.iter().any(|name| jwk.has(name)) {
            return Err("it is symmetric or published with its private half");
        }
        check_purpose(jwk)?;
        let own = own_algorithm(jwk)?;
        let material = Material::read(jwk)?;
        let verifiers: Vec<_> = algorithms
            .iter()
            .filter(|algorithm| own.is_none_or(|own| own == **algorithm))
            .filter_map(|algorithm| Some((*algorithm, material.verifier(*algorithm)?)))
            .collect();
        if verifiers.is_empty() {
            return Err("it fits none of the issuer's algorithms");
        }
        Ok(Self {
            kid: read_kid(jwk)?,
            verifiers,
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.verifiers.iter().map(|(a, _)| a.name()).collect();
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithms", &algorithms)
            .finish()
    }
}

/// `use` (RFC 7517 section 4.2) and `key_ops` (section 4.3), where present, must allow verifying.
fn check_purpose(jwk: &Object) -> Result<(), &'static str> {
    match jwk.get("use") {
        None => {}
        Some(Json::Text(purpose)) if purpose == "sig" => {}
        Some(_) => return Err("its `use` is not `sig`"),
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Json::List(operations)) if operations.contains(&Json::Text("verify".to_owned())) => {
            Ok(())
        }
        Some(_) => Err("its `key_ops` do not include `verify`"),
    }
}

fn own_algorithm(jwk: &Object) -> Result<Option<Algorithm>, &'static str> {
    match jwk.get("alg") {
        None => Ok(None),
        Some(Json::Text(name)) => Algorithm::from_name(name)
            .map(Some)
            .ok_or("its `alg` is not a known signature algorithm"),
        Some(_) => Err("its `alg` is not a string"),
    }
}

fn read_kid(jwk: &Object) -> Result<Option<String>, &'static str> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Json::Text(kid)) if kid.len() <= MAX_KID_BYTES => Ok(Some(kid.clone())),
        Some(_) => Err("its `kid` is not a string of up to 256 bytes"),
    }
}

/// The numbers of a public key, by key type.
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Material {
    fn read(jwk: &Object) -> Result<Self, &'static str> {
        match (jwk.text("kty"), jwk.text("crv")) {
            (Some("RSA"), _) => Self::read_rsa(jwk),
            (Some("EC"), Some("P-256")) => Ok(Self::P256(read_point(jwk, 32)?)),
            (Some("EC"), Some("P-384")) => Ok(Self::P384(read_point(jwk, 48)?)),
            (Some("OKP"), Some("Ed25519")) => Ok(Self::Ed25519(read_exactly(jwk, "x", 32)?)),
            _ => Err("its key type or curve is not supported"),
        }
    }

    fn read_rsa(jwk: &Object) -> Result<Self, &'static str> {
        let n = read_number(jwk, "n")?;
        let e = read_number(jwk, "e")?;
        if !RSA_BITS.contains(&bits(&n)) {
            return Err("its RSA modulus is not of 2048 to 8192 bits");
        }
        let odd = |number: &[u8]| number.last().is_some_and(|b| b & 1 == 1);
        if !odd(&n) || !odd(&e) || e == [1] || bits(&e) > 33 {
            return Err("its RSA modulus or exponent is not one of a sound key");
        }
        if roca::is_vulnerable(&n) {
            return Err("its RSA modulus was made by a generator with a known weakness");
        }
        Ok(Self::Rsa { n, e })
    }

    /// The parsed key for one algorithm; `None` if the key is of another type or not valid.
    fn verifier(&self, algorithm: Algorithm) -> Option<ParsedPublicKey> {
        let plain = |with: &'static dyn VerificationAlgorithm, bytes: &[u8]| {
            ParsedPublicKey::new(with, bytes).ok()
        };
        match (self, algorithm) {
            (Self::Rsa { n, e }, _) => RsaPublicKeyComponents { n, e }
                .to_parsed_public_key(algorithm.rsa()?)
                .ok(),
            (Self::P256(point), Algorithm::Es256) => plain(&ECDSA_P256_SHA256_FIXED, point),
            (Self::P384(point), Algorithm::Es384) => plain(&ECDSA_P384_SHA384_FIXED, point),
            (Self::Ed25519(key), Algorithm::EdDsa) => plain(&ED25519, key),
            _ => None,
        }
    }
}

/// A point in the uncompressed form of SEC 1 section 2.3.3.
fn read_point(jwk: &Object, length: usize) -> Result<Vec<u8>, &'static str> {
    let mut point = vec![4];
    point.extend(read_exactly(jwk, "x", length)?);
    point.extend(read_exactly(jwk, "y", length)?);
    Ok(point)
}

fn read_exactly(jwk: &Object, name: &str, length: usize) -> Result<Vec<u8>, &'static str> {
    Some(read_bytes(jwk, name)?)
        .filter(|bytes| bytes.len() == length)
        .ok_or("a coordinate has the wrong length")
}

/// A positive number without leading zero bytes; some issuers write them, they mean nothing.
fn read_number(jwk: &Object, name: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = read_bytes(jwk, name)?;
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    Some(bytes.get(zeros..).unwrap_or_default().to_vec())
        .filter(|number| !number.is_empty())
        .ok_or("an RSA number is zero")
}

fn read_bytes(jwk: &Object, name: &str) -> Result<Vec<u8>, &'static str> {
    jwk.text(name)
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or("a member of the key is missing or not base64url")
}

fn bits(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD_X: &str = "04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY";
    const GOOD_Y: &str = "UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw";

    fn reason(jwk: &str) -> &'static str {
        let jwk = Object::parse(jwk.as_bytes()).unwrap();
        Key::read(&jwk, Algorithm::ALL).map_or_else(|reason| reason, |_| "usable")
    }

    fn rsa(n: &[u8], e: &[u8]) -> &'static str {
        let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
        reason(&format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#))
    }

    #[test]
    fn rsa_numbers_must_be_those_of_a_sound_key() {
        let modulus = |bytes: usize, top: u8, last: u8| {
            let mut n = vec![0xa7; bytes];
            (n[0], n[bytes - 1]) = (top, last);
            n
        };
        let good = modulus(256, 0x80, 1);
        let size = "its RSA modulus is not of 2048 to 8192 bits";
        let sound = "its RSA modulus or exponent is not one of a sound key";
        assert_eq!(rsa(&good, &[1, 0, 1]), "usable");
        assert_eq!(rsa(&[&[0, 0], &good[..]].concat(), &[0, 1, 0, 1]), "usable");
        assert_eq!(rsa(&good, &[3]), "usable");
        assert_eq!(rsa(&modulus(256, 0x7f, 1), &[1, 0, 1]), size);
        assert_eq!(rsa(&modulus(128, 0x80, 1), &[1, 0, 1]), size);
        assert_eq!(rsa(&modulus(1025, 0x01, 1), &[1, 0, 1]), size);
        assert_eq!(rsa(&modulus(256, 0x80, 2), &[1, 0, 1]), sound);
        assert_eq!(rsa(&good, &[1]), sound);
        assert_eq!(rsa(&good, &[1, 0, 0]), sound);
        assert_eq!(rsa(&good, &[2, 0, 0, 0, 1]), sound);
        assert_eq!(rsa(&good, &[0]), "an RSA number is zero");
        assert_eq!(rsa(&[], &[1, 0, 1]), "an RSA number is zero");
    }

    #[test]
    fn points_must_be_whole_and_on_their_curve() {
        let ec = |crv: &str, x: &str, y: &str| {
            reason(&format!(
                r#"{{"kty":"EC","crv":"{crv}","x":"{x}","y":"{y}"}}"#
            ))
        };
        let unfit = "it fits none of the issuer's algorithms";
        let kind = "its key type or curve is not supported";
        let length = "a coordinate has the wrong length";
        assert_eq!(ec("P-256", GOOD_X, GOOD_Y), "usable");
        assert_eq!(ec("P-256", GOOD_Y, GOOD_X), unfit);
        assert_eq!(ec("P-256", GOOD_X, GOOD_X), unfit);
        assert_eq!(ec("P-256", &"A".repeat(43), &"A".repeat(43)), unfit);
        assert_eq!(ec("P-384", GOOD_X, GOOD_Y), length);
        assert_eq!(ec("P-256", &GOOD_X[..42], GOOD_Y), length);
        assert_eq!(ec("P-256", "", GOOD_Y), length);
        assert_eq!(ec("secp256k1", GOOD_X, GOOD_Y), kind);
        assert_eq!(ec("p-256", GOOD_X, GOOD_Y), kind);
        assert_eq!(ec("Ed25519", GOOD_X, GOOD_Y), kind);
    }
}
