//! A year of renewals, with a clock that is given: certificates of several lifetimes that were all issued in one hour, and an
//! authority that is away now and then.

use super::*;

const HOURS: i64 = 3600;
const BEGIN: UtcTime = UtcTime(1_800_000_000);

/// A generator of draws, the same in each run.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> Draw {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Draw(u32::try_from(self.0 >> 32).unwrap())
    }
}

struct Outcome {
    /// The most orders of an hour, after the first weeks.
    most_in_an_hour: usize,
    /// The least that was left of a certificate when it was renewed, in hundredths of its lifetime.
    least_left: i64,
    renewals: usize,
    looks: usize,
}

/// Lets a year pass. Each name is an app's own, with certificates of its lifetime in days; `away` are the times, in hours, in
/// which the authority is not there.
fn year(lifetimes: &[i64], away: &[(i64, i64)]) -> Outcome {
    let mut draws = Draws(7);
    let mut world = World::wants("");
    for at in 0..lifetimes.len() {
        let app = format!("app{at}").parse().unwrap();
        world.wanted.insert(name(&format!("h{at}.example.com")), app);
    }
    let lifetime_of = |name: &DomainName| {
        let host = name.as_str().split('.').next().unwrap();
        lifetimes[host[1..].parse::<usize>().unwrap()] * DAY
    };
    let end = BEGIN.0 + 365 * DAY;
    let (mut now, mut begun, mut looks) = (BEGIN, Vec::new(), 0);
    let (mut least_left, mut renewals) = (100, 0);
    let mut in_hours: BTreeMap<i64, usize> = BTreeMap::new();
    while now.0 < end {
        looks += 1;
        let known = Known {
            wanted: &world.wanted,
            held: &world.held,
            failures: &world.failures,
            authority: world.authority.as_ref(),
            begun: &begun,
            settings: world.settings,
            now,
        };
        let due = due(&known);
        assert!(due.next_look > now, "time goes on");
        let hours = (now.0 - BEGIN.0) / HOURS;
        let is_away = away.iter().any(|(from, to)| (*from..*to).contains(&hours));
        let began_any = !due.orders.is_empty();
        for order in due.orders {
            begun.push(now);
            if hours > 28 * 24 && !away.iter().any(|(from, to)| (*from..*to + 24).contains(&hours)) {
                *in_hours.entry(hours).or_default() += 1;
            }
            if is_away {
                let before = world.authority.as_ref();
                let failure =
                    Failure::another(before, now, draws.next(), Problem::AuthorityAway, String::new());
                world.authority = Some(failure);
                continue;
            }
            world.authority = None;
            let lifetime = lifetime_of(&order.names[0]);
            let is_it = |held: &Held| id_of(held) == Some(&order.id);
            if let Some(at) = world.held.iter().position(is_it) {
                let left = world.held.swap_remove(at).validity.not_after.0 - now.0;
                least_left = least_left.min(left * 100 / lifetime);
                renewals += 1;
            }
            world.held.push(Held {
                names: order.names.iter().cloned().collect(),
                validity: Validity {
                    not_before: UtcTime(now.0 - HOURS),
                    not_after: UtcTime(now.0 + lifetime),
                },
                source: Source::Ordered {
                    id: order.id,
                    window: None,
                    draw: draws.next(),
                },
            });
        }
        // An order takes a while, and its end is a reason to look again.
        now = if began_any {
            now.after(Duration::from_secs(20))
        } else {
            due.next_look
        };
        begun.retain(|begun| now.since(*begun) < HOUR);
    }
    assert_eq!(world.held.len(), lifetimes.len(), "each name has one certificate");
    Outcome {
        most_in_an_hour: in_hours.into_values().max().unwrap_or_default(),
        least_left,
        renewals,
        looks,
    }
}

/// P38: of two hundred names, a quarter have certificates of 6 days and the others of 90; twice the authority is away for a day.
#[test]
fn two_hundred_names_never_fall_together_nor_run_out() {
    let lifetimes: Vec<i64> = (0..200).map(|at| if at % 4 == 0 { 6 } else { 90 }).collect();
    let outcome = year(&lifetimes, &[(2000, 2024), (5000, 5024)]);
    assert!(
        outcome.most_in_an_hour <= 7,
        "{} in an hour",
        outcome.most_in_an_hour
    );
    assert!(
        outcome.least_left >= 4,
        "{} % of a lifetime were left",
        outcome.least_left
    );
    assert!(outcome.renewals >= 5_000, "{} renewals", outcome.renewals);
    assert!(outcome.looks < 30_000, "{} looks", outcome.looks);
}

/// P39: an authority that is away for nine days costs no certificate of 90 days.
#[test]
fn nine_days_without_the_authority_cost_no_certificate() {
    let outcome = year(&[90; 60], &[(1300, 1516)]);
    assert!(
        outcome.most_in_an_hour <= 4,
        "{} in an hour",
        outcome.most_in_an_hour
    );
    assert!(
        outcome.least_left >= 12,
        "{} % of a lifetime were left",
        outcome.least_left
    );
}
