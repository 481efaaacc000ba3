//! The text form of the native master keys (`PSEUDONYM_KEY`).

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::{GenerationProblem, KeyError};

const MIN_BYTES: usize = 32;
const MAX_BYTES: usize = 1024;
/// 32 random bytes have fewer different values than this about once in 10^19 keys.
const MIN_DIFFERENT_BYTES: usize = 12;
/// Above 63 the number would spill into the hash's last Base64 character, which must be the same in every token.
const MAX_NUMBER: u8 = 63;
const HASH_MARK: &str = "hash=";

pub(super) struct KeyList {
    /// Newest first; never empty.
    pub(super) entries: Vec<KeyEntry>,
    /// Index of the entry that makes the hashes.
    pub(super) hash_entry: usize,
}

pub(super) struct KeyEntry {
    pub(super) number: u8,
    pub(super) key: Zeroizing<Vec<u8>>,
    marked: bool,
}

/// Reads the list, collecting every problem.
pub(super) fn parse(text: &str) -> Result<KeyList, Vec<KeyError>> {
    let parts: Vec<&str> = text
        .split(|char: char| char == ',' || char.is_whitespace())
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        return Err(vec![KeyError::Blank {
            name: "PSEUDONYM_KEY",
        }]);
    }
    let mut entries: Vec<KeyEntry> = Vec::with_capacity(parts.len());
    let mut problems = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let entry =
            parse_entry(part, parts.len() == 1).and_then(|entry| unlike_earlier(entry, &entries));
        match entry {
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push(KeyError::Generation {
                entry: place + 1,
                problem,
            }),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let hash_entry = hash_entry(&entries).map_err(|problem| vec![problem])?;
    Ok(KeyList {
        entries,
        hash_entry,
    })
}

fn hash_entry(entries: &[KeyEntry]) -> Result<usize, KeyError> {
    let found = entries.iter().filter(|entry| entry.marked).count();
    if found > 1 {
        return Err(KeyError::SeveralHashGenerations { found });
    }
    entries
        .iter()
        .position(|entry| entry.marked)
        .or_else(|| entries.iter().position(|entry| entry.number == 1))
        .ok_or(KeyError::NoHashGeneration)
}

fn parse_entry(part: &str, alone: bool) -> Result<KeyEntry, GenerationProblem> {
    let (marked, rest) = match part.strip_prefix(HASH_MARK) {
        Some(rest) => (true, rest),
        None => (false, part),
    };
    let (number, text) = match rest.split_once(':') {
        Some((number, text)) => (parse_number(number)?, text),
        None if alone => (1, rest),
        None => return Err(GenerationProblem::Unnumbered),
    };
    let key = decode(text)?;
    check_key(&key)?;
    Ok(KeyEntry {
        number,
        key,
        marked,
    })
}

fn parse_number(text: &str) -> Result<u8, GenerationProblem> {
    let plain = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('0');
    text.parse()
        .ok()
        .filter(|number| plain && *number <= MAX_NUMBER)
        .ok_or(GenerationProblem::Number)
}

/// Both alphabets, with or without padding: the key is the same, however it was written down.
fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, GenerationProblem> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) {
        &alphabet::URL_SAFE
    } else {
        &alphabet::STANDARD
    };
    GeneralPurpose::new(alphabet, config)
        .decode(text)
        .map(Zeroizing::new)
        .map_err(|_| GenerationProblem::NotBase64)
}

/// Whether the bytes can be a master key.
pub(super) fn check_key(key: &[u8]) -> Result<(), GenerationProblem> {
    if key.len() < MIN_BYTES {
        return Err(GenerationProblem::TooShort(key.len()));
    }
    if key.len() > MAX_BYTES {
        return Err(GenerationProblem::TooLong(key.len()));
    }
    let mut seen = Zeroizing::new([false; 256]);
    for byte in key {
        seen[usize::from(*byte)] = true;
    }
    if seen.iter().filter(|one| **one).count() < MIN_DIFFERENT_BYTES {
        return Err(GenerationProblem::NotRandom);
    }
    Ok(())
}

fn unlike_earlier(entry: KeyEntry, earlier: &[KeyEntry]) -> Result<KeyEntry, GenerationProblem> {
    if earlier.iter().any(|one| one.number == entry.number) {
        return Err(GenerationProblem::NumberTwice(entry.number));
    }
    if earlier.iter().any(|one| one.key.ct_eq(&entry.key).into()) {
        return Err(GenerationProblem::KeyTwice);
    }
    Ok(entry)
}
