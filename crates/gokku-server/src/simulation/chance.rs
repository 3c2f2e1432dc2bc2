//! Numbers that look like chance and are the same every time: `SplitMix64`.

/// Returns the seeds of schedules: so many, or as many as `GOKKU_SCHEDULES` says, where one wants to try more than every run does.
pub(super) fn seeds(count: u64) -> std::ops::Range<u64> {
    let more = std::env::var("GOKKU_SCHEDULES").ok();
    0..more.and_then(|more| more.parse().ok()).unwrap_or(count)
}

pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or_default()
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
