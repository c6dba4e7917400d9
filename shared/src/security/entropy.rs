//! Random bits of one invocation, generated from a seed that is drawn at its start. A runtime without randomness fails
//! the request before it creates an id, a nonce or a secret.

use std::cell::Cell;

use crate::security::signing::hmac_sha256;

/// Number of bytes of a seed.
const SEED_BYTES: usize = 32;

/// Error of a runtime that returned no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the runtime has no randomness")]
pub struct NoRandomness;

/// A stream of random bits: HMAC-SHA256 of a counter, keyed by the seed. Without the seed it is indistinguishable from
/// random.
pub struct Entropy {
    seed: [u8; SEED_BYTES],
    drawn: Cell<u64>,
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Entropy(..)")
    }
}

impl Entropy {
    /// Draws a seed with `fill`, which returns true if it wrote random bytes.
    ///
    /// # Errors
    /// [`NoRandomness`] if `fill` returned false or left only zeros.
    pub fn draw(fill: impl FnOnce(&mut [u8]) -> bool) -> Result<Entropy, NoRandomness> {
        let mut seed = [0; SEED_BYTES];
        if fill(&mut seed) && seed != [0; SEED_BYTES] {
            Ok(Entropy { seed, drawn: Cell::new(0) })
        } else {
            Err(NoRandomness)
        }
    }

    /// Returns the next 128 bits.
    pub fn bits(&self) -> u128 {
        let count = self.drawn.get();
        self.drawn.set(count.wrapping_add(1));
        let block = hmac_sha256(&self.seed, &[&count.to_le_bytes()]);
        let (low, _) = block.split_first_chunk().unwrap_or((&[0; 16], &[]));
        u128::from_le_bytes(*low)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn seeded(byte: u8) -> Entropy {
        let fill = |seed: &mut [u8]| {
            seed.fill(byte);
            true
        };
        Entropy::draw(fill).unwrap()
    }

    #[test]
    fn missing_randomness_is_an_error() {
        assert_eq!(Entropy::draw(|_| false).map(|_| ()), Err(NoRandomness));
        assert_eq!(Entropy::draw(|_| true).map(|_| ()), Err(NoRandomness), "it returned true and left zeros");
        let fails_after_writing = |seed: &mut [u8]| {
            seed.fill(1);
            false
        };
        assert_eq!(Entropy::draw(fails_after_writing).map(|_| ()), Err(NoRandomness));
    }

    #[test]
    fn bits_never_repeat_and_depend_on_the_seed() {
        let [one, same, other] = [1, 1, 2].map(seeded);
        let bits: Vec<_> = (0..1_000).map(|_| one.bits()).collect();
        assert_eq!(bits.iter().collect::<BTreeSet<_>>().len(), bits.len());
        assert_eq!((same.bits(), same.bits()), (bits[0], bits[1]));
        assert!(!bits.contains(&other.bits()) && !bits.contains(&0));
        let ones: u32 = bits.iter().map(|bits| bits.count_ones()).sum();
        assert!((63_000..65_000).contains(&ones), "{ones} of 128,000 bits");
        assert!(!format!("{one:?}").contains('1'));
    }
}
