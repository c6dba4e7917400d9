//! Growth of the database, from its size now and the size that the sweep noted.

use crate::limits::{DAY_MS, GROWTH_MS_MIN, STORAGE_REFUSE_PERCENT};

/// Size of the database at two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Growth {
    pub bytes: i64,
    pub bytes_before: i64,
    /// Time between the two, in ms.
    pub ms: i64,
}

impl Growth {
    /// Returns the days until new jobs are refused. `None` if the time is too short to measure it, or the database does
    /// not grow.
    pub fn days_until_full(&self, bytes_max: i64) -> Option<i64> {
        let refused_at = bytes_max / 100 * STORAGE_REFUSE_PERCENT;
        let (grown, left) = (self.bytes - self.bytes_before, (refused_at - self.bytes).max(0));
        if self.ms < GROWTH_MS_MIN || grown <= 0 {
            return None;
        }
        let ms = i128::from(left) * i128::from(self.ms) / i128::from(grown);
        Some(i64::try_from(ms / i128::from(DAY_MS)).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DATABASE_BYTES_FREE, HOUR_MS};

    #[test]
    fn the_days_until_full_follow_from_the_growth() {
        let of = |bytes, bytes_before, ms| Growth { bytes, bytes_before, ms }.days_until_full(DATABASE_BYTES_FREE);
        for (bytes, before, ms, days) in [
            (250_000_000, 240_000_000, DAY_MS, Some(20)),
            (250_000_000, 230_000_000, 2 * DAY_MS, Some(20)),
            (449_000_000, 440_000_000, DAY_MS, Some(0)),
            (460_000_000, 440_000_000, DAY_MS, Some(0)),
            (250_000_000, 249_000_000, HOUR_MS, Some(8)),
            (250_000_000, 249_000_000, HOUR_MS - 1, None),
            (250_000_000, 250_000_000, DAY_MS, None),
            (240_000_000, 250_000_000, DAY_MS, None),
        ] {
            assert_eq!(of(bytes, before, ms), days, "{bytes} {before} {ms}");
        }
    }
}
