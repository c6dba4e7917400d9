//! Source of all randomness: `SplitMix64` (Steele, Lea, Flood 2014).

use std::cell::Cell;

/// Generator of random numbers; the same seed produces the same numbers.
#[derive(Debug)]
pub struct Random(Cell<u64>);

impl Random {
    /// Creates a generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// Returns 64 random bits.
    pub fn bits(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Returns 128 random bits.
    pub fn bits128(&self) -> u128 {
        u128::from(self.bits()) << 64 | u128::from(self.bits())
    }

    /// Returns a number from `least` to `most`, both included.
    pub fn between(&self, least: i64, most: i64) -> i64 {
        let width = u64::try_from(most - least).unwrap() + 1;
        least + i64::try_from(self.bits() % width).unwrap()
    }

    /// Returns true with this probability in thousandths.
    pub fn per_mille(&self, rate: u32) -> bool {
        self.bits() % 1_000 < u64::from(rate)
    }

    /// Returns one of the choices, which must not be empty.
    pub fn pick<'a, T>(&self, choices: &'a [T]) -> &'a T {
        let last = i64::try_from(choices.len()).unwrap() - 1;
        &choices[usize::try_from(self.between(0, last)).unwrap()]
    }
}
