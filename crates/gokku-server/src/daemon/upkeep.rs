//! What is known of each container that somebody has to see to, and what is to be done for it next: the supervisor's
//! memory, without any doing.
//!
//! Of one container things are seen to in their order, one at a time; a container never waits for another one. What came
//! to nothing is tried again, later each time, and is not forgotten.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use gokku_core::ContainerId;
use gokku_core::machine::backoff::Pause;
use tokio::time::Instant;

/// How long the engine may take to tell of an end that was seen: then it is asked.
pub(crate) const TOLD_BY: Duration = Duration::from_secs(5);

/// What came to nothing is tried again after this; longer each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is kept of what was told of one container: the newest counts.
const MOST: usize = 32;

/// What has happened to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It was started.
    Started,
    /// Somebody sent it a signal that ends it.
    Killed,
    /// It ended, with this exit code.
    Died(i64),
    /// Its process was seen to end, and nobody told of it.
    Ended(Instant),
    /// It was removed.
    Removed,
}

/// Why a container is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Something has happened to it.
    Told(Told),
    /// It is to be started.
    Due,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct One {
    /// What was not seen to yet, the oldest first.
    told: VecDeque<Told>,
    /// Somebody is at it.
    busy: bool,
    /// Somebody stopped it: it stays down until somebody starts it, or the engine restarts.
    by_hand: bool,
    /// When it is to be started.
    due: Option<Instant>,
    /// It is about to be started, or is being.
    coming: bool,
    /// It is being started: what happens meanwhile is heard all the same.
    starting: bool,
    /// When its process was seen to end, until the engine tells of it.
    ended: Option<Instant>,
    /// Not before then, after what came to nothing.
    after: Option<Instant>,
    pause: Pause,
}

impl Default for One {
    fn default() -> Self {
        Self {
            told: VecDeque::new(),
            busy: false,
            by_hand: false,
            due: None,
            coming: false,
            starting: false,
            ended: None,
            after: None,
            pause: Pause::between(FIRST_PAUSE, LONGEST_PAUSE),
        }
    }
}

impl One {
    fn is_forgettable(&self) -> bool {
        let nothing_to_do = self.told.is_empty() && self.due.is_none() && self.ended.is_none();
        nothing_to_do && !self.busy && !self.by_hand && !self.coming && !self.starting
    }

    /// When something is to be done for it; none while somebody is at it, and when nothing is.
    fn when(&self, now: Instant) -> Option<Instant> {
        if self.busy {
            return None;
        }
        let ended = self.ended.map(|ended| ended + TOLD_BY);
        let told = (!self.told.is_empty()).then_some(now);
        let due = self.due.filter(|_| !self.starting);
        let next = [told, due, ended].into_iter().flatten().min()?;
        Some(self.after.map_or(next, |after| after.max(next)))
    }

    /// What is to be looked at now.
    fn begin(&mut self, now: Instant) -> Option<Why> {
        if self.ended.is_some_and(|ended| ended + TOLD_BY <= now)
            && let Some(ended) = self.ended.take()
        {
            self.told.push_back(Told::Ended(ended));
        }
        while let Some(told) = self.told.pop_front() {
            match told {
                Told::Killed => self.by_hand = true,
                Told::Removed => {
                    let (told, starting) = (std::mem::take(&mut self.told), self.starting);
                    *self = Self {
                        told,
                        starting,
                        ..Self::default()
                    };
                }
                Told::Started => {
                    self.by_hand = false;
                    self.due = None;
                    self.coming = false;
                    return Some(Why::Told(told));
                }
                Told::Died(_) | Told::Ended(_) => return Some(Why::Told(told)),
            }
        }
        let due = self.due.filter(|due| *due <= now && !self.starting);
        due.map(|_| Why::Due)
    }
}

/// The containers that somebody has to see to.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    containers: HashMap<ContainerId, One>,
}

impl Upkeep {
    fn one(&mut self, id: &ContainerId) -> &mut One {
        self.containers.entry(id.clone()).or_default()
    }

    /// The engine has told of something.
    pub(crate) fn tell(&mut self, id: &ContainerId, told: Told) {
        let one = self.one(id);
        if one.told.len() == MOST {
            one.told.pop_front();
        }
        if told != Told::Killed {
            one.ended = None;
        }
        one.told.push_back(told);
    }

    /// Its process was seen to end.
    pub(crate) fn ended(&mut self, id: &ContainerId, now: Instant) {
        let one = self.one(id);
        let told = one.told.iter().any(|told| matches!(told, Told::Died(_)));
        if !told && one.due.is_none() {
            one.ended = Some(now);
        }
    }

    /// The containers that are to be looked at now, each once: somebody is at them from then on.
    pub(crate) fn begin(&mut self, now: Instant) -> Vec<(ContainerId, Why)> {
        let mut begun = Vec::new();
        for (id, one) in &mut self.containers {
            if one.when(now).is_some_and(|at| at <= now)
                && let Some(why) = one.begin(now)
            {
                one.busy = true;
                begun.push((id.clone(), why));
            }
        }
        self.containers.retain(|_, one| !one.is_forgettable());
        begun
    }

    /// When the next one is to be looked at.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        self.containers.values().filter_map(|one| one.when(now)).min()
    }

    /// Whether somebody is at it.
    pub(crate) fn is_busy(&self, id: &ContainerId) -> bool {
        self.containers
            .get(id)
            .is_some_and(|one| one.busy || one.starting)
    }

    /// Whoever looked at it has done.
    pub(crate) fn done(&mut self, id: &ContainerId) {
        let one = self.one(id);
        one.busy = false;
        one.after = None;
        one.pause.reset();
    }

    /// Nothing came of a look: it is taken again. Whether it is the first time.
    pub(crate) fn failed(&mut self, id: &ContainerId, why: Why, now: Instant) -> bool {
        let one = self.one(id);
        let first = one.after.is_none();
        one.busy = false;
        one.after = Some(now + one.pause.take());
        if let Why::Told(told) = why {
            one.told.push_front(told);
        }
        first
    }

    /// Whether something is known of it that is not seen to yet, after which it does not run.
    pub(crate) fn has_ended(&self, id: &ContainerId) -> bool {
        self.containers.get(id).is_some_and(|one| {
            let mut told = one.told.iter();
            one.ended.is_some()
                || told.any(|told| matches!(told, Told::Died(_) | Told::Ended(_) | Told::Removed))
        })
    }

    pub(crate) fn is_by_hand(&self, id: &ContainerId) -> bool {
        self.containers.get(id).is_some_and(|one| one.by_hand)
    }

    pub(crate) fn is_due(&self, id: &ContainerId) -> bool {
        self.containers.get(id).is_some_and(|one| one.due.is_some())
    }

    /// It is to be started then.
    pub(crate) fn plan(&mut self, id: &ContainerId, at: Instant) {
        let one = self.one(id);
        one.starting = false;
        one.due = Some(at);
        one.coming = true;
    }

    /// It is being started.
    pub(crate) fn start(&mut self, id: &ContainerId) {
        let one = self.one(id);
        one.due = None;
        one.starting = true;
    }

    /// It was started: it is looked at, unless that was told already.
    pub(crate) fn started(&mut self, id: &ContainerId) {
        let one = self.one(id);
        one.starting = false;
        if one.coming {
            self.tell(id, Told::Started);
        }
    }

    /// It is not to be started after all.
    pub(crate) fn give_up(&mut self, id: &ContainerId) {
        let one = self.one(id);
        one.due = None;
        one.coming = false;
    }

    /// It could not be started: that is tried again, and until then it is one that does not run.
    pub(crate) fn try_later(&mut self, id: &ContainerId, at: Instant) {
        let one = self.one(id);
        one.starting = false;
        one.due = Some(at);
        one.coming = false;
    }

    /// The containers that are about to be started, or are being.
    pub(crate) fn coming(&self) -> HashSet<ContainerId> {
        let coming = self.containers.iter().filter(|(_, one)| one.coming);
        coming.map(|(id, _)| id.clone()).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn id(name: &str) -> ContainerId {
        ContainerId::new(name)
    }

    /// What is begun now, by name.
    fn begun(upkeep: &mut Upkeep, now: Instant) -> Vec<(String, Why)> {
        let mut begun = upkeep.begin(now);
        begun.sort_by(|(one, _), (other, _)| one.cmp(other));
        begun.into_iter().map(|(id, why)| (id.to_string(), why)).collect()
    }

    #[test]
    fn of_one_container_things_are_seen_to_in_their_order_and_no_other_waits() {
        let now = Instant::now();
        let mut upkeep = Upkeep::default();
        let (api, web) = (id("api"), id("web"));
        for told in [Told::Died(1), Told::Started, Told::Died(2)] {
            upkeep.tell(&api, told);
        }
        assert_eq!(
            begun(&mut upkeep, now),
            [("api".into(), Why::Told(Told::Died(1)))]
        );
        // Whoever looks at it gets no answer; the other one is seen to.
        upkeep.tell(&web, Told::Died(3));
        assert_eq!(
            begun(&mut upkeep, now),
            [("web".into(), Why::Told(Told::Died(3)))]
        );
        assert_eq!(upkeep.next(now), None);
        upkeep.done(&api);
        assert_eq!(
            begun(&mut upkeep, now),
            [("api".into(), Why::Told(Told::Started))]
        );
        upkeep.done(&api);
        assert!(upkeep.has_ended(&api));
        assert_eq!(
            begun(&mut upkeep, now),
            [("api".into(), Why::Told(Told::Died(2)))]
        );
    }

    #[test]
    fn what_came_to_nothing_is_tried_again_and_not_forgotten() {
        let mut now = Instant::now();
        let mut upkeep = Upkeep::default();
        let api = id("api");
        // A restart that meets an error of the engine: until it is done, the container is coming.
        upkeep.plan(&api, now);
        let mut pauses = Vec::new();
        for round in 0..8 {
            assert_eq!(begun(&mut upkeep, now), [("api".into(), Why::Due)], "{round}");
            assert_eq!(upkeep.failed(&api, Why::Due, now), round == 0);
            assert!(upkeep.coming().contains(&api));
            let next = upkeep.next(now).unwrap();
            pauses.push((next - now).as_millis());
            assert_eq!(begun(&mut upkeep, next - SECOND / 10), []);
            now = next;
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(begun(&mut upkeep, now), [("api".into(), Why::Due)]);
        upkeep.done(&api);
        upkeep.start(&api);
        assert_eq!(begun(&mut upkeep, now), []);
        assert!(upkeep.coming().contains(&api), "until it is told to have started");
        // Whoever starts it gets no answer; that it was started is heard.
        upkeep.tell(&api, Told::Started);
        assert_eq!(
            begun(&mut upkeep, now),
            [("api".into(), Why::Told(Told::Started))]
        );
        upkeep.done(&api);
        upkeep.started(&api);
        assert_eq!(begun(&mut upkeep, now), []);
        // Where it is not heard, it is looked at all the same.
        upkeep.plan(&api, now);
        assert_eq!(begun(&mut upkeep, now), [("api".into(), Why::Due)]);
        upkeep.done(&api);
        upkeep.start(&api);
        upkeep.started(&api);
        assert_eq!(
            begun(&mut upkeep, now),
            [("api".into(), Why::Told(Told::Started))]
        );
        upkeep.done(&api);

        // So is a look at one that died, before what happened after it.
        upkeep.tell(&api, Told::Died(1));
        upkeep.tell(&api, Told::Started);
        assert_eq!(begun(&mut upkeep, now).len(), 1);
        upkeep.failed(&api, Why::Told(Told::Died(1)), now);
        now = upkeep.next(now).unwrap();
        assert_eq!(
            begun(&mut upkeep, now),
            [("api".into(), Why::Told(Told::Died(1)))]
        );
    }

    #[test]
    fn who_stopped_it_by_hand_is_believed_until_it_is_started() {
        let now = Instant::now();
        let mut upkeep = Upkeep::default();
        let api = id("api");
        upkeep.tell(&api, Told::Killed);
        upkeep.tell(&api, Told::Died(137));
        assert_eq!(begun(&mut upkeep, now).len(), 1);
        upkeep.done(&api);
        assert_eq!(begun(&mut upkeep, now), []);
        assert!(upkeep.is_by_hand(&api));
        upkeep.tell(&api, Told::Started);
        assert_eq!(
            begun(&mut upkeep, now),
            [("api".into(), Why::Told(Told::Started))]
        );
        assert!(!upkeep.is_by_hand(&api));
        upkeep.done(&api);
        upkeep.tell(&api, Told::Killed);
        upkeep.tell(&api, Told::Removed);
        assert_eq!(begun(&mut upkeep, now), []);
        assert!(
            upkeep.containers.is_empty(),
            "what is gone costs nothing: {upkeep:?}"
        );
    }

    #[test]
    fn an_end_that_was_seen_and_not_told_is_asked_for() {
        let now = Instant::now();
        let mut upkeep = Upkeep::default();
        let (api, web) = (id("api"), id("web"));
        upkeep.ended(&api, now);
        upkeep.ended(&web, now);
        assert!(upkeep.has_ended(&api));
        upkeep.tell(&web, Told::Died(0));
        assert_eq!(
            begun(&mut upkeep, now),
            [("web".into(), Why::Told(Told::Died(0)))]
        );
        upkeep.done(&web);
        let then = upkeep.next(now).unwrap();
        assert_eq!(then, now + TOLD_BY);
        assert_eq!(
            begun(&mut upkeep, then),
            [("api".into(), Why::Told(Told::Ended(now)))]
        );
    }

    #[test]
    fn of_what_was_told_and_not_seen_to_the_newest_is_kept() {
        let mut upkeep = Upkeep::default();
        let api = id("api");
        for code in 0..1000 {
            upkeep.tell(&api, Told::Died(code));
        }
        assert_eq!(upkeep.one(&api).told.len(), MOST);
        assert_eq!(upkeep.one(&api).told.back(), Some(&Told::Died(999)));
    }
}
