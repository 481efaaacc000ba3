//! RSA moduli of a flawed generator (CVE-2017-15361), which can be factored.
//!
//! Such primes are congruent to a power of 65537 modulo many small primes, so the modulus is too.
//! A sound modulus passes that test for all of them with a probability of about 2^-28.

/// The small primes for which 65537 does not generate the whole group, so that the test tells
/// something (Nemec et al., "The Return of Coppersmith's Attack", section 2.3).
const PRIMES: [u32; 17] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

const GENERATOR: u32 = 65_537;

/// Whether a modulus, as big-endian bytes, has the fingerprint of the flawed generator.
pub(super) fn is_vulnerable(modulus: &[u8]) -> bool {
    PRIMES
        .iter()
        .all(|prime| is_power_of_generator(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_generator(value: u32, prime: u32) -> bool {
    let mut power = 1;
    for _ in 0..prime {
        if power == value {
            return true;
        }
        power = power * (GENERATOR % prime) % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prime_of_the_test_can_tell_moduli_apart() {
        for prime in PRIMES {
            assert!(
                (1..prime).any(|v| !is_power_of_generator(v, prime)),
                "{prime}"
            );
        }
    }

    #[test]
    fn powers_of_the_generator_are_found_and_others_are_not() {
        assert!(is_vulnerable(&[1, 0, 1]));
        assert!(is_vulnerable(&[1]));
        assert!(!is_vulnerable(&[2]));
        assert!(!is_vulnerable(&[0x80; 256]));
    }
}
