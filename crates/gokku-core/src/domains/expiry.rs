//! When it is told that a certificate is about to end.

/// How many days before a certificate's end that is told.
const DAYS: [u32; 3] = [1, 7, 30];

const DAY: i64 = 86_400;

/// Returns of which of these days a certificate's end is to be told now: the nearest one that has come, once. `told` is the day
/// of which it was told last. Times are in seconds.
pub fn due(not_after: i64, now: i64, told: Option<u32>) -> Option<u32> {
    let left = not_after.saturating_sub(now);
    let come = DAYS.into_iter().find(|days| left <= i64::from(*days) * DAY)?;
    told.is_none_or(|told| come < told).then_some(come)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_30_7_and_1_days_before_each_once() {
        for (left, told, expected) in [
            (31 * DAY, None, None),
            (30 * DAY + 1, None, None),
            (30 * DAY, None, Some(30)),
            (29 * DAY, Some(30), None),
            (7 * DAY + 1, Some(30), None),
            (7 * DAY, Some(30), Some(7)),
            (6 * DAY, Some(7), None),
            (DAY, Some(7), Some(1)),
            (1, Some(1), None),
            // Nobody looked meanwhile: it is told once, and of the nearest.
            (3 * DAY, None, Some(7)),
            (0, None, Some(1)),
            (0, Some(30), Some(1)),
            (-DAY, Some(7), Some(1)),
            (-DAY, Some(1), None),
            // Such times are in certificates, too.
            (i64::MAX, None, None),
        ] {
            assert_eq!(due(left, 0, told), expected, "{left} {told:?}");
        }
        assert_eq!(due(i64::MIN, i64::MAX, None), Some(1));
    }

    /// From its issue to its end, looked at every hour: three times.
    #[test]
    fn a_whole_life() {
        for lifetime in [6, 45, 90, 398] {
            let (mut told, mut all) = (None, Vec::new());
            for hour in 0..=lifetime * 24 + 48 {
                if let Some(days) = due(i64::from(lifetime) * DAY, i64::from(hour) * 3600, told) {
                    told = Some(days);
                    all.push(days);
                }
            }
            let expected: &[u32] = if lifetime > 7 { &[30, 7, 1] } else { &[7, 1] };
            assert_eq!(all, expected, "{lifetime}");
        }
    }
}
