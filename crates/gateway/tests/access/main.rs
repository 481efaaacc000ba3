//! Verifying callers, seen from outside: hostile tokens, public test vectors, outages, a real issuer.

mod documentation;
mod hostile;
mod issuers;
mod key_cache;
mod policy;
mod support;
mod wycheproof;
