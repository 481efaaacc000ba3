//! Tokens whose signature was verified a moment ago.
//!
//! Callers send the same token many times, and its signature costs more than the rest of a small
//! request. What is remembered of a token is only that one key verified it and what it says;
//! whether that key is still the issuer's and whether the token is in its time is asked again for
//! every request. So an expired token, or one whose key was withdrawn, is refused as if nothing
//! were remembered. Only good tokens of known clients are remembered, under their SHA-256.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use super::algorithm::Algorithm;
use super::claims::Times;
use super::keys::Key;
use super::policy::Client;

/// For how long a verification is believed, in seconds.
const KEPT: u64 = 60;

/// How many tokens one generation holds. There are two, so memory holds at most twice as many.
const GENERATION: usize = 128;

/// A good token.
#[derive(Debug, Clone)]
pub(super) struct KnownToken {
    /// The place of its issuer in the verifier's list.
    pub(super) issuer: usize,
    /// The algorithm of its signature.
    pub(super) algorithm: Algorithm,
    /// The key id of its header.
    pub(super) kid: Option<String>,
    /// Its dates.
    pub(super) times: Times,
    /// Whose it is.
    pub(super) client: Arc<Client>,
    /// The key that verified it.
    pub(super) key: Arc<Key>,
    /// When that was, in seconds since 1970.
    pub(super) verified: u64,
}

/// What tokens are remembered under: nothing can be learned from how it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        let hash = digest(&SHA256, token.as_bytes());
        for (byte, own) in bytes.iter_mut().zip(hash.as_ref()) {
            *byte = *own;
        }
        Self(bytes)
    }
}

/// The known tokens: when the young generation is full it becomes the old one, which is forgotten.
#[derive(Debug, Default)]
pub(super) struct KnownTokens {
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Fingerprint, Arc<KnownToken>>,
    old: HashMap<Fingerprint, Arc<KnownToken>>,
}

impl KnownTokens {
    /// The token, if it was verified within the last minute.
    pub(super) fn get(&self, fingerprint: Fingerprint, now: u64) -> Option<Arc<KnownToken>> {
        let generations = self.generations();
        let known = generations
            .young
            .get(&fingerprint)
            .or_else(|| generations.old.get(&fingerprint))?;
        let recent = known.verified <= now && now - known.verified < KEPT;
        recent.then(|| Arc::clone(known))
    }

    /// Remembers a good token.
    pub(super) fn put(&self, fingerprint: Fingerprint, token: KnownToken) {
        let mut generations = self.generations();
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(fingerprint, Arc::new(token));
    }

    /// How many are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let generations = self.generations();
        generations.young.len() + generations.old.len()
    }

    fn generations(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::claims::Claims;
    use crate::access::keys::KeySet;
    use crate::access::policy::Policy;

    const POLICY: &str = "issuers: [{issuer: https://i.example, jwks_uri: https://i.example/keys, algorithms: [EdDSA]}]\n\
        clients: [{id: v, identity: {issuer: https://i.example, subject: s, audience: a}, sources: [zoom]}]";
    /// The public key of RFC 8037 appendix A.
    const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn token(verified: u64) -> KnownToken {
        let payload = br#"{"iss":"https://i.example","sub":"s","aud":"a","exp":9999999999}"#;
        let claims = Claims::read(payload).unwrap();
        let keys = KeySet::parse(KEYS.as_bytes(), &[Algorithm::EdDsa]).unwrap();
        KnownToken {
            issuer: 0,
            algorithm: Algorithm::EdDsa,
            kid: None,
            times: claims.times,
            client: Policy::parse(POLICY, "p", false)
                .unwrap()
                .client_of(&claims)
                .unwrap(),
            key: Arc::clone(keys.select(Algorithm::EdDsa, None).unwrap()),
            verified,
        }
    }

    #[test]
    fn a_verification_is_believed_for_a_minute_and_not_before_it_was_made() {
        let known = KnownTokens::default();
        known.put(Fingerprint::of("a"), token(1000));
        for (now, there) in [(1000, true), (1059, true), (1060, false), (999, false)] {
            assert_eq!(
                known.get(Fingerprint::of("a"), now).is_some(),
                there,
                "{now}"
            );
        }
        assert!(known.get(Fingerprint::of("b"), 1000).is_none());
    }

    #[test]
    fn memory_is_bounded_and_the_latest_stay() {
        let known = KnownTokens::default();
        let token = token(1000);
        for number in 0..10_000 {
            known.put(Fingerprint::of(&number.to_string()), token.clone());
            assert!(known.len() <= 2 * GENERATION);
        }
        for number in 10_000 - GENERATION..10_000 {
            assert!(
                known
                    .get(Fingerprint::of(&number.to_string()), 1000)
                    .is_some()
            );
        }
        assert!(known.get(Fingerprint::of("0"), 1000).is_none());
    }
}
