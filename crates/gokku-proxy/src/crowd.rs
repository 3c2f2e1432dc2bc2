//! How many clients are let in, in all and to each app, and how much their unfinished heads may have. Where there is too
//! much, the longest idle ones make room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gokku_core::AppName;
use rustix::process::{Resource, getrlimit};
use tokio::time::Instant;

use crate::limits::Limits;
use crate::pulse::{Phase, Pulse};

/// Descriptors that are for other things: ports, the control API, the route table, the Docker Engine.
const RESERVED: u64 = 128;
/// Of more than these it is remembered that nobody can make room, because looking at all takes its time, and for how
/// long.
const MANY: usize = 1024;
const FULL: Duration = Duration::from_millis(50);

/// Everybody who was let in.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    most_of_an_app: usize,
    /// The bytes of heads that have begun and not ended, and how many there may be.
    unfinished: AtomicUsize,
    most_unfinished: usize,
    /// There were more.
    flooded: AtomicBool,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    next: u64,
    all: HashMap<u64, (AppName, Arc<Pulse>)>,
    of_apps: HashMap<AppName, usize>,
    /// Nobody can make room before then: of one app, or of any.
    full: HashMap<Option<AppName>, Instant>,
}

/// One who was let in, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    pulse: Arc<Pulse>,
}

/// A client's connection costs two descriptors, its own and the one to the app.
fn most_by_descriptors() -> usize {
    let may = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = (may.saturating_sub(RESERVED) / 2).max(1);
    usize::try_from(most).unwrap_or(usize::MAX)
}

impl Crowd {
    pub(crate) fn new(limits: &Limits) -> Self {
        let most = limits.max_connections.unwrap_or_else(most_by_descriptors);
        let share = (most - most / 4).max(1);
        Self {
            most,
            most_of_an_app: limits.max_app_connections.unwrap_or(share),
            unfinished: AtomicUsize::new(0),
            most_unfinished: limits.max_heads_bytes,
            flooded: AtomicBool::new(false),
            inside: Mutex::default(),
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of how many bytes of a head a connection has that has not ended.
    fn keep(&self, pulse: &Pulse, unfinished: usize) {
        let before = pulse.keep(unfinished);
        if unfinished <= before {
            self.unfinished.fetch_sub(before - unfinished, Ordering::Relaxed);
            return;
        }
        let more = unfinished - before;
        let all = self.unfinished.fetch_add(more, Ordering::Relaxed) + more;
        if all > self.most_unfinished {
            self.shed_heads();
        }
    }

    /// Whether there was a flood of unfinished heads, and is none any more; that is said once.
    pub(crate) fn has_ebbed(&self) -> bool {
        let ebbed = self.unfinished.load(Ordering::Relaxed) <= self.most_unfinished / 4;
        ebbed && self.flooded.load(Ordering::Relaxed) && self.flooded.swap(false, Ordering::Relaxed)
    }

    /// Ends the connections with the oldest unfinished heads: a quarter of what there may be, because finding them means
    /// looking at all.
    fn shed_heads(&self) {
        let mut inside = self.inside();
        let down_to = self.most_unfinished - self.most_unfinished / 4;
        let left = |crowd: &Self| crowd.unfinished.load(Ordering::Relaxed);
        if left(self) <= self.most_unfinished {
            // Somebody else has done it meanwhile.
            return;
        }
        self.flooded.store(true, Ordering::Relaxed);
        let mut heads: Vec<(Instant, u64)> = inside
            .all
            .iter()
            .filter(|(_, (_, pulse))| pulse.has_kept())
            .map(|(number, (_, pulse))| (pulse.now().1, *number))
            .collect();
        heads.sort_unstable();
        for (_, number) in heads {
            if left(self) <= down_to {
                return;
            }
            let Some((_, pulse)) = inside.all.get(&number) else {
                continue;
            };
            if pulse.shed() {
                self.unfinished.fetch_sub(pulse.keep(0), Ordering::Relaxed);
                inside.leave(number);
            }
        }
    }

    /// Lets a client of an app in, if there is room or can be made.
    pub(crate) fn enter(self: &Arc<Self>, app: &AppName) -> Option<Place> {
        let mut inside = self.inside();
        let of_app = inside.of_apps.get(app).copied().unwrap_or_default();
        if of_app >= self.most_of_an_app && !inside.make_room(Some(app), self.most_of_an_app) {
            return None;
        }
        if inside.all.len() >= self.most && !inside.make_room(None, self.most) {
            return None;
        }
        let number = inside.next;
        inside.next += 1;
        let pulse = Arc::new(Pulse::new());
        inside.all.insert(number, (app.clone(), Arc::clone(&pulse)));
        *inside.of_apps.entry(app.clone()).or_default() += 1;
        Some(Place {
            crowd: Arc::clone(self),
            number,
            pulse,
        })
    }
}

impl Inside {
    /// Ends connections without a request, of one app or of any: those that have sent nothing before those that have sent
    /// a part of a head, and the oldest of each first. Several at once, because finding them means looking at all.
    fn make_room(&mut self, app: Option<&AppName>, most: usize) -> bool {
        let now = Instant::now();
        let key = app.cloned();
        if self.full.get(&key).is_some_and(|until| now < *until) {
            return false;
        }
        let mut can_go: Vec<((Phase, Instant), u64)> = self
            .all
            .iter()
            .filter(|(_, (one, _))| app.is_none_or(|app| app == one))
            .map(|(number, (_, pulse))| (pulse.now(), *number))
            .filter(|((phase, _), _)| *phase != Phase::Busy)
            .collect();
        can_go.sort_unstable();
        let mut room = false;
        for (_, number) in can_go.into_iter().take((most / 32).max(1)) {
            let went = self.all.get(&number).is_some_and(|(_, pulse)| pulse.shed());
            if went {
                // It is as good as gone, and closes its descriptor at its next turn.
                self.leave(number);
                room = true;
            }
        }
        if room {
            self.full.remove(&key);
        } else if self.all.len() > MANY {
            self.full.insert(key, now + FULL);
        }
        room
    }

    fn leave(&mut self, number: u64) {
        let Some((app, _)) = self.all.remove(&number) else {
            return;
        };
        if let Some(count) = self.of_apps.get_mut(&app) {
            *count -= 1;
            if *count == 0 {
                self.of_apps.remove(&app);
            }
        }
    }
}

impl Place {
    /// The connection's.
    pub(crate) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// Takes note of how many bytes of a head it has that has not ended.
    pub(crate) fn keep(&self, unfinished: usize) {
        self.crowd.keep(&self.pulse, unfinished);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.keep(0);
        self.crowd.inside().leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heads::Follows;

    fn crowd(most: usize, most_of_an_app: usize) -> Arc<Crowd> {
        Arc::new(Crowd::new(&Limits {
            max_connections: Some(most),
            max_app_connections: Some(most_of_an_app),
            ..Limits::default()
        }))
    }

    fn app(name: &str) -> AppName {
        name.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn enter(crowd: &Arc<Crowd>, name: &str) -> Place {
        crowd
            .enter(&app(name))
            .unwrap_or_else(|| panic!("no room for {name}"))
    }

    /// Idle ones go first, the longest idle one before others; then those that have sent a part of a head; never one
    /// that is being answered.
    #[test]
    fn who_makes_room() {
        let crowd = crowd(4, 4);
        let places: Vec<Place> = (0..4).map(|_| enter(&crowd, "api")).collect();
        let [busy, head, idle, newer] = &places[..] else {
            unreachable!()
        };
        head.pulse().heard();
        let asked = busy.pulse().ask(Follows::Body(0));
        // It was busy meanwhile, and so it is idle for a shorter time than the one that came after it.
        drop(idle.pulse().ask(Follows::Body(0)));
        let mut later = Vec::new();
        for goes in [newer, idle] {
            later.push(enter(&crowd, "api"));
            assert!(goes.pulse().is_shed());
        }
        let asked_later: Vec<_> = later
            .iter()
            .map(|place| place.pulse().ask(Follows::Body(0)))
            .collect();
        assert!(!head.pulse().is_shed());
        let last = enter(&crowd, "api");
        assert!(head.pulse().is_shed());
        let asked_last = last.pulse().ask(Follows::Body(0));
        assert!(crowd.enter(&app("api")).is_none(), "all are busy");
        assert!(!busy.pulse().is_shed());
        drop((asked, asked_later, asked_last));
        enter(&crowd, "api");
    }

    /// The oldest unfinished heads go, down to three quarters; whoever is answered or idle stays.
    #[test]
    fn unfinished_heads_have_a_budget() {
        let crowd = Arc::new(Crowd::new(&Limits {
            max_heads_bytes: 1000,
            ..Limits::default()
        }));
        let [busy, idle] = [enter(&crowd, "api"), enter(&crowd, "api")];
        let _asked = busy.pulse().ask(Follows::Body(0));
        let heads: Vec<Place> = (0..10).map(|_| enter(&crowd, "api")).collect();
        for head in &heads {
            head.pulse().heard();
            head.keep(60);
            head.keep(100);
        }
        let shed = |places: &[Place]| places.iter().filter(|place| place.pulse().is_shed()).count();
        assert_eq!(shed(&heads), 0);
        let last = enter(&crowd, "other");
        last.pulse().heard();
        last.keep(50);
        assert_eq!(shed(&heads), 3, "750 bytes are left");
        assert_eq!(shed(&[busy, idle, last]), 0);
        assert!(!crowd.has_ebbed());
        // One that ends gives back what it had; one that was shed has given it back already.
        drop(heads);
        assert_eq!(crowd.unfinished.load(Ordering::Relaxed), 0);
        assert!(crowd.has_ebbed());
        assert!(!crowd.has_ebbed());
    }

    #[test]
    fn an_app_has_its_share() {
        let crowd = crowd(4, 3);
        let api: Vec<Place> = (0..3).map(|_| enter(&crowd, "api")).collect();
        let busy: Vec<_> = api
            .iter()
            .map(|place| place.pulse().ask(Follows::Body(0)))
            .collect();
        assert!(crowd.enter(&app("api")).is_none());
        let other = enter(&crowd, "other");
        // There is no room at all now, but the other app's own.
        drop(enter(&crowd, "other"));
        assert!(other.pulse().is_shed());
        drop((busy, api));
        let again: Vec<Place> = (0..3).map(|_| enter(&crowd, "api")).collect();
        assert!(again.iter().all(|place| !place.pulse().is_shed()));
    }

    /// Who was shed and then closes is not counted twice.
    #[test]
    fn whoever_leaves_makes_room_once() {
        let crowd = crowd(2, 2);
        let (first, _second) = (enter(&crowd, "api"), enter(&crowd, "api"));
        let third = enter(&crowd, "api");
        drop(first);
        assert!(!third.pulse().is_shed());
        assert_eq!(crowd.inside().all.len(), 2);
        assert_eq!(crowd.inside().of_apps.get(&app("api")), Some(&2));
    }
}
