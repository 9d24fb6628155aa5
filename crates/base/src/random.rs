//! Randomness: identifiers, generated names, key material.
//!
//! All of it comes from a generator that is seeded from the operating system and fit for secrets.

use std::time::Duration;

use rand::{Rng, RngCore};
pub use uuid::Uuid;

/// The letters of generated names: no vowels (so no words), none that look like another, as Kubernetes'
/// `generateName` uses them.
pub const NAME_ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// How many letters `generateName` appends.
pub const NAME_SUFFIX_LENGTH: usize = 5;

/// A random (version 4) UUID, as `metadata.uid` and audit IDs are.
pub fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}

/// The five letters that `generateName` appends to its prefix.
pub fn name_suffix() -> String {
    letters(NAME_SUFFIX_LENGTH)
}

/// `length` letters of [`NAME_ALPHABET`].
pub fn letters(length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(NAME_ALPHABET[rng.random_range(0..NAME_ALPHABET.len())])).collect()
}

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Fills `buffer` with random bytes.
pub fn fill(buffer: &mut [u8]) {
    rand::rng().fill_bytes(buffer);
}

/// A random number below `bound`; 0 where `bound` is 0.
pub fn below(bound: u64) -> u64 {
    if bound == 0 { 0 } else { rand::rng().random_range(0..bound) }
}

/// Whether something happens that does with this probability: never at 0 or below, always from 1 on.
pub fn happens(probability: f64) -> bool {
    rand::rng().random::<f64>() < probability
}

/// Between `duration` and `duration * (1 + factor)`, evenly: keeps many waiters from acting at once. A
/// negative or infinite `factor` counts as 0.
pub fn jitter(duration: Duration, factor: f64) -> Duration {
    let factor = if factor.is_finite() { factor.max(0.0) } else { 0.0 };
    let stretch = 1.0 + rand::rng().random::<f64>() * factor;
    Duration::try_from_secs_f64(duration.as_secs_f64() * stretch).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_suffixes_use_the_alphabet_and_differ() {
        let suffixes: std::collections::HashSet<String> = (0..200).map(|_| name_suffix()).collect();
        assert!(suffixes.len() > 190, "200 draws of 14 million gave {} different", suffixes.len());
        for suffix in suffixes {
            assert_eq!(suffix.len(), NAME_SUFFIX_LENGTH);
            assert!(suffix.bytes().all(|letter| NAME_ALPHABET.contains(&letter)), "{suffix}");
        }
    }

    #[test]
    fn uuids_are_version_4() {
        let id = uuid();
        assert_eq!(id.get_version_num(), 4);
        assert_ne!(id, uuid());
    }

    #[test]
    fn jitter_stays_in_bounds() {
        let base = Duration::from_secs(10);
        for _ in 0..1000 {
            let drawn = jitter(base, 0.5);
            assert!(drawn >= base && drawn <= base.mul_f64(1.5), "{drawn:?}");
        }
        assert_eq!(jitter(base, -1.0), base);
        assert_eq!(jitter(base, f64::NAN), base);
        assert_eq!(below(0), 0);
        assert!((0..1000).all(|_| below(3) < 3));
    }

    #[test]
    fn chances_are_even() {
        assert!((0..1000).all(|_| !happens(0.0) && !happens(f64::NAN) && happens(1.0)));
        let times = (0..100_000).filter(|_| happens(0.02)).count();
        assert!((1_500..2_500).contains(&times), "{times}");
    }
}
