//! What is remembered of orders from one look to the next, also over a restart: what failed and why, and when the authority wants
//! each certificate renewed. Whoever orders tells what came of it and keeps this on the disk.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::app::name::AppName;
use crate::certificates::draw::Draw;
use crate::certificates::order::{CertificateId, Order};
use crate::certificates::problem::Problem;
use crate::certificates::renewal::{self, SuggestedWindow, Validity};
use crate::certificates::retry::Failure;
use crate::domains::name::DomainName;
use crate::text::utc_time::UtcTime;

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// When orders were begun, those of the last hour.
    pub begun: Vec<UtcTime>,
    /// The URL of the directory of the authority that all this is about; unknown before the first order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The authority's own failure, if the last order failed by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<Failure>,
    /// The names of which the last attempt failed.
    pub failures: BTreeMap<DomainName, Failure>,
    /// What was ordered.
    pub ordered: BTreeMap<CertificateId, Ordered>,
}

/// What is known of a certificate that was ordered, beside what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ordered {
    /// A number that was drawn for it.
    pub draw: Draw,
    /// When to ask the authority for its renewal information.
    pub ask_at: UtcTime,
    /// When its authority suggests that it is renewed, if it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<SuggestedWindow>,
    /// Whether it is of an authority that is not the one of the settings any more: then it is renewed by that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outdated: bool,
}

/// What kept an order from its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The problem.
    pub problem: Problem,
    /// What was said of it.
    pub said: String,
    /// The names that it is about, each with its own; none where it is about the order as a whole.
    pub names: BTreeMap<DomainName, (Problem, String)>,
}

impl Ordered {
    /// Returns when the certificate is to be renewed, as far as somebody says so.
    pub fn window_of(&self, validity: Validity) -> Option<SuggestedWindow> {
        // A window that has passed means at once.
        let at_once = SuggestedWindow {
            start: validity.not_before,
            end: validity.not_before,
        };
        if self.outdated { Some(at_once) } else { self.window }
    }
}

impl Memory {
    /// Notes which authority is asked from now on, by its directory. With another one than before, what that failed by does not
    /// count, and what that issued is to be renewed: whoever has tried the settings with a staging directory wants others.
    pub fn asks(&mut self, directory: &str) {
        let before = self.directory.replace(directory.to_owned());
        if before.is_some_and(|before| before != directory) {
            self.authority = None;
            self.failures.clear();
            for ordered in self.ordered.values_mut() {
                ordered.outdated = true;
            }
        }
    }

    /// Notes that an order is begun.
    pub fn begins(&mut self, now: UtcTime) {
        self.begun
            .retain(|begun| *begun <= now && now.since(*begun).as_secs() < 3600);
        self.begun.push(now);
    }

    /// Notes that an order came to a certificate, which is kept now.
    pub fn succeeded(&mut self, order: &Order, now: UtcTime, draw: Draw) {
        self.authority = None;
        for name in &order.names {
            self.failures.remove(name);
        }
        let ordered = Ordered {
            draw,
            ask_at: now,
            window: None,
            outdated: false,
        };
        self.ordered.insert(order.id.clone(), ordered);
    }

    /// Notes that an order came to nothing. What is the authority's or the account's is no name's failure. Of names, those fail
    /// that the trouble is about, the others are ordered again without them. Where it is about none in particular, each of them
    /// is ordered alone, at once: so the one that it is about is found.
    pub fn failed(&mut self, order: &Order, trouble: Trouble, now: UtcTime, mut draw: impl FnMut() -> Draw) {
        let Trouble { problem, said, names } = trouble;
        if problem.is_of_all() {
            let before = self.authority.as_ref();
            self.authority = Some(Failure::another(before, now, draw(), problem, said));
            return;
        }
        // The authority answered.
        self.authority = None;
        let its: Vec<(DomainName, (Problem, String))> = names
            .into_iter()
            .filter(|(name, _)| order.names.contains(name))
            .collect();
        if !its.is_empty() {
            for (name, (problem, said)) in its {
                self.name_failed(&name, problem, said, now, draw());
            }
            return;
        }
        let is_to_be_found = order.names.len() > 1 && is_one_s(&problem);
        for name in &order.names {
            self.name_failed(name, problem.clone(), said.clone(), now, draw());
            if let Some(failure) = self.failures.get_mut(name).filter(|_| is_to_be_found) {
                failure.times = 0;
            }
        }
    }

    /// Notes that a name failed, also before an authority was asked.
    pub fn name_failed(
        &mut self,
        name: &DomainName,
        problem: Problem,
        said: String,
        now: UtcTime,
        draw: Draw,
    ) {
        let before = self.failures.get(name);
        let failure = Failure::another(before, now, draw, problem, said);
        self.failures.insert(name.clone(), failure);
    }

    /// Notes what an authority said about a certificate's renewal: the window, and how long to wait until it is asked again;
    /// none if it could not be had, or if it does not say such things.
    pub fn informed(
        &mut self,
        id: &CertificateId,
        information: Option<(SuggestedWindow, std::time::Duration)>,
        now: UtcTime,
    ) {
        if let Some(ordered) = self.ordered.get_mut(id) {
            ordered.ask_at = renewal::ask_again_at(now, information.map(|(_, wait)| wait));
            // What it said last stands until it says something else.
            ordered.window = information.map(|(window, _)| window).or(ordered.window);
        }
    }

    /// Returns the certificates of which the authority is to be asked now, the longest due first.
    pub fn to_ask(&self, now: UtcTime) -> Vec<&CertificateId> {
        let longest = now.after(renewal::LONGEST_WAIT);
        let mut due: Vec<(&CertificateId, UtcTime)> = self
            .ordered
            .iter()
            // One that lies farther away than any is there because the clock went back.
            .filter(|(_, ordered)| ordered.ask_at <= now || ordered.ask_at > longest)
            .map(|(id, ordered)| (id, ordered.ask_at))
            .collect();
        due.sort_by_key(|(_, at)| *at);
        due.into_iter().map(|(id, _)| id).collect()
    }

    /// Returns when the authority is asked next about any.
    pub fn next_question(&self) -> Option<UtcTime> {
        self.ordered.values().map(|ordered| ordered.ask_at).min()
    }

    /// Forgets what is no longer wanted and what is no longer there, so that this does not grow.
    pub fn keep(&mut self, wanted: &BTreeMap<DomainName, AppName>, there: &BTreeSet<CertificateId>) {
        self.failures.retain(|name, _| wanted.contains_key(name));
        self.ordered.retain(|id, _| there.contains(id));
    }

    /// Returns what is known of a certificate that is there. One of which nothing is known, because this was lost, is known by a
    /// number that is drawn for it now.
    pub fn of(&mut self, id: &CertificateId, now: UtcTime, draw: Draw) -> Ordered {
        let new = Ordered {
            draw,
            ask_at: now,
            window: None,
            outdated: false,
        };
        *self.ordered.entry(id.clone()).or_insert(new)
    }
}

/// Whether a problem with an order as a whole may be that of one of its names.
fn is_one_s(problem: &Problem) -> bool {
    !matches!(
        problem,
        Problem::RateLimited { .. } | Problem::Local | Problem::TookTooLong
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: UtcTime = UtcTime(1_800_000_000);

    fn name(text: &str) -> DomainName {
        text.parse().unwrap()
    }

    fn order(names: &str) -> Order {
        Order {
            id: CertificateId::kept(names.split(' ').next().unwrap()).unwrap(),
            names: names.split(' ').map(name).collect(),
            renews: None,
        }
    }

    fn trouble(problem: Problem, names: &[(&str, Problem)]) -> Trouble {
        let names = names.iter().cloned();
        Trouble {
            problem,
            said: "said".to_owned(),
            names: names
                .map(|(text, problem)| (name(text), (problem, String::new())))
                .collect(),
        }
    }

    /// The names that failed, each with its problem and how many times.
    fn failures(memory: &Memory) -> Vec<(&str, Problem, u32)> {
        let failures = memory.failures.iter();
        failures
            .map(|(name, failure)| (name.as_str(), failure.problem.clone(), failure.times))
            .collect()
    }

    fn failed(memory: &mut Memory, names: &str, trouble: Trouble) {
        memory.failed(&order(names), trouble, NOW, || Draw(0));
    }

    #[test]
    fn those_fail_that_it_is_about() {
        let mut memory = Memory::default();
        let about_b = trouble(
            Problem::Caa,
            &[("b.com", Problem::Caa), ("other.com", Problem::Caa)],
        );
        failed(&mut memory, "a.com b.com", about_b);
        assert_eq!(failures(&memory), [("b.com", Problem::Caa, 1)]);
        failed(&mut memory, "b.com", trouble(Problem::Caa, &[]));
        assert_eq!(failures(&memory), [("b.com", Problem::Caa, 2)]);
        memory.succeeded(&order("b.com"), NOW, Draw(3));
        assert_eq!(failures(&memory), []);
        assert_eq!(memory.ordered.len(), 1);
    }

    #[test]
    fn the_one_that_it_is_about_is_found_by_ordering_each_alone() {
        let mut memory = Memory::default();
        failed(&mut memory, "a.com b.com", trouble(Problem::Rejected, &[]));
        assert_eq!(
            failures(&memory),
            [("a.com", Problem::Rejected, 0), ("b.com", Problem::Rejected, 0)]
        );
        assert!(memory.failures.values().all(|failure| !failure.waits(NOW)));
        failed(&mut memory, "b.com", trouble(Problem::Rejected, &[]));
        memory.succeeded(&order("a.com"), NOW, Draw(0));
        assert_eq!(failures(&memory), [("b.com", Problem::Rejected, 1)]);
        assert!(memory.failures[&name("b.com")].waits(NOW));
        // What asks for patience is not asked for each name.
        let limited = Problem::RateLimited { until: None };
        failed(&mut memory, "c.com d.com", trouble(limited, &[]));
        assert!(memory.failures.values().all(|failure| failure.waits(NOW)));
    }

    #[test]
    fn what_is_the_authority_s_is_no_name_s_failure() {
        let mut memory = Memory::default();
        for times in 1..3 {
            failed(&mut memory, "a.com", trouble(Problem::AuthorityAway, &[]));
            assert_eq!(memory.authority.as_ref().unwrap().times, times);
        }
        assert_eq!(failures(&memory), []);
        failed(&mut memory, "a.com", trouble(Problem::Caa, &[]));
        assert_eq!(memory.authority, None, "it answered");
        failed(&mut memory, "b.com", trouble(Problem::Profile, &[]));
        memory.succeeded(&order("b.com"), NOW, Draw(0));
        assert_eq!(memory.authority, None);
    }

    #[test]
    fn an_authority_is_asked_when_it_wants_to_be() {
        let mut memory = Memory::default();
        let (a, b) = (order("a.com"), order("b.com"));
        memory.succeeded(&a, NOW, Draw(0));
        memory.succeeded(&b, UtcTime(NOW.0 - 1), Draw(0));
        assert_eq!(memory.to_ask(NOW), [&b.id, &a.id]);
        let window = SuggestedWindow {
            start: NOW,
            end: UtcTime(NOW.0 + 9),
        };
        memory.informed(&a.id, Some((window, Duration::from_secs(600))), NOW);
        memory.informed(&b.id, None, NOW);
        assert_eq!(memory.to_ask(NOW), [] as [&CertificateId; 0]);
        assert_eq!(memory.to_ask(UtcTime(NOW.0 + 600)), [&a.id]);
        // The clock went back by a year.
        assert_eq!(memory.to_ask(UtcTime(NOW.0 - 365 * 86_400)).len(), 2);
        memory.informed(&a.id, None, NOW);
        assert_eq!(
            memory.ordered[&a.id].window,
            Some(window),
            "it has said nothing else"
        );
    }

    #[test]
    fn another_authority_is_a_new_beginning() {
        let mut memory = Memory::default();
        memory.asks("https://staging");
        memory.succeeded(&order("a.com"), NOW, Draw(0));
        failed(&mut memory, "b.com", trouble(Problem::Caa, &[]));
        failed(&mut memory, "c.com", trouble(Problem::AuthorityAway, &[]));
        let before = memory.clone();
        memory.asks("https://staging");
        assert_eq!(memory, before);
        memory.asks("https://production");
        assert!(memory.failures.is_empty() && memory.authority.is_none());
        let ordered = memory.ordered.values().map(|ordered| ordered.outdated);
        assert_eq!(ordered.collect::<Vec<_>>(), [true]);
        memory.succeeded(&order("a.com"), NOW, Draw(0));
        assert!(memory.ordered.values().all(|ordered| !ordered.outdated));
    }

    #[test]
    fn what_is_no_longer_wanted_or_there_is_forgotten() {
        let mut memory = Memory::default();
        memory.succeeded(&order("a.com"), NOW, Draw(0));
        failed(&mut memory, "b.com", trouble(Problem::Caa, &[]));
        for seconds in [-7200, -10, 10, 0] {
            memory.begins(UtcTime(NOW.0 + seconds));
        }
        memory.begins(NOW);
        assert_eq!(memory.begun, [UtcTime(NOW.0 - 10), NOW, NOW]);
        memory.keep(&BTreeMap::new(), &BTreeSet::new());
        assert!(memory.failures.is_empty() && memory.ordered.is_empty());
    }

    #[test]
    fn it_is_kept_and_read_again() {
        let mut memory = Memory::default();
        failed(&mut memory, "*.b.com", trouble(Problem::DnsHook, &[]));
        failed(&mut memory, "c.com", trouble(Problem::AuthorityAway, &[]));
        memory.succeeded(&order("a.com"), NOW, Draw(9));
        failed(&mut memory, "c.com", trouble(Problem::AuthorityAway, &[]));
        memory.begins(NOW);
        let text = toml::to_string(&memory).unwrap();
        assert_eq!(toml::from_str::<Memory>(&text).unwrap(), memory, "{text}");
        assert_eq!(toml::from_str::<Memory>("").unwrap(), Memory::default());
    }
}
