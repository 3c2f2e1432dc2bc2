//! Whether a target gets requests, by its health checks: out after several failures in a row, back in after one success.
//! This is the rule alone; `health::health_monitor` does the checks, and `balance` is where it counts.

use std::time::Duration;

use crate::config::health_checks::Checks;

/// The state of a target's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Passed its last check, or was known to be healthy when it was given the traffic.
    #[default]
    Good,
    /// Has failed this many checks in a row, which is not yet too many.
    Failing(u32),
    /// Was started again and has not passed a check since; has failed this many.
    Unproven(u32),
    /// Has failed too many checks in a row.
    Out,
}

/// A change in whether a target gets requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthChange {
    /// The target was taken out.
    Out,
    /// The target was put back.
    Back,
}

impl Health {
    /// Returns the state after another check.
    #[must_use]
    pub fn after(self, passed: bool, checks: Checks) -> Self {
        let one_more = |before: u32, still: fn(u32) -> Self| {
            let failed = before.saturating_add(1);
            if failed >= checks.failures {
                Self::Out
            } else {
                still(failed)
            }
        };
        match self {
            _ if passed => Self::Good,
            Self::Good => one_more(0, Self::Failing),
            Self::Failing(before) => one_more(before, Self::Failing),
            Self::Unproven(before) => one_more(before, Self::Unproven),
            Self::Out => Self::Out,
        }
    }

    /// Returns what has changed since `before`, if anything.
    pub fn change_since(self, before: Self) -> Option<HealthChange> {
        match (before == Self::Out, self == Self::Out) {
            (false, true) => Some(HealthChange::Out),
            (true, false) => Some(HealthChange::Back),
            _ => None,
        }
    }

    /// Returns whether requests go to the target although there are others.
    pub fn is_in(self) -> bool {
        matches!(self, Self::Good | Self::Failing(_))
    }

    /// Returns the time until the next check. A target that is to come back is checked more often.
    pub fn interval(self, checks: Checks) -> Duration {
        if self.is_in() {
            checks.interval
        } else {
            checks.interval.min(Duration::from_secs(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKS_OF_3: Checks = Checks {
        interval: Duration::from_secs(5),
        failures: 3,
    };

    /// Lets a target pass (`+`) and fail (`-`) checks: `i` where it is in after one, `o` where it is out.
    fn run(first: Health, checks: &str) -> (String, Vec<HealthChange>) {
        let mut health = first;
        let mut changes = Vec::new();
        let seen = checks.chars().map(|check| {
            let after = health.after(check == '+', CHECKS_OF_3);
            changes.extend(after.change_since(health));
            health = after;
            if health.is_in() { 'i' } else { 'o' }
        });
        (seen.collect(), changes)
    }

    #[test]
    fn out_after_three_in_a_row_and_back_after_one() {
        let (seen, changes) = run(Health::Good, "+--+--+---+---");
        assert_eq!(seen, "iiiiiiiiioiiio");
        assert_eq!(
            changes,
            [HealthChange::Out, HealthChange::Back, HealthChange::Out]
        );
        assert_eq!(run(Health::Good, "------+").0, "iioooo".to_owned() + "i");
    }

    /// A target that was started again gets no request before it has passed a check; while that may just take a moment,
    /// no change is reported.
    #[test]
    fn what_was_started_again_is_checked_first() {
        assert_eq!(run(Health::Unproven(0), "--+"), ("ooi".to_owned(), Vec::new()));
        assert_eq!(
            run(Health::Unproven(0), "---+"),
            ("oooi".to_owned(), vec![HealthChange::Out, HealthChange::Back])
        );
        assert_eq!(Health::Unproven(0).interval(CHECKS_OF_3), Duration::from_secs(1));
        assert_eq!(Health::Failing(2).interval(CHECKS_OF_3), Duration::from_secs(5));
    }
}
