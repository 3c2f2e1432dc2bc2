//! Visits every state that can be reached, breadth first.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::rc::Rc;

use gokku_core::transition::{Decision, Goal, Journal, Observed};

use crate::invariants;
use crate::world::{End, World};

/// What decides; [`gokku_core::transition::next`], or a broken copy of it.
pub(crate) type Policy = fn(&Goal, &Journal, &Observed) -> Decision;

/// More steps than any transition needs without faults.
const BOUND: usize = 60;

pub(crate) struct Report {
    pub(crate) states: usize,
    pub(crate) ends: usize,
    /// What was found, each with how it came to be; at most a few.
    pub(crate) broken: Vec<String>,
}

struct Node {
    world: Rc<World>,
    faults: u8,
    came: Option<(usize, String)>,
    /// The state that follows when nothing goes wrong.
    smooth: Option<usize>,
}

struct Search {
    nodes: Vec<Node>,
    /// The states of each hash: a state is large, and is kept, hashed and compared once.
    known: HashMap<u64, Vec<usize>>,
    broken: Vec<String>,
}

impl Search {
    /// Returns the state's index. How it came to be is put into words for one that is new.
    fn reach(
        &mut self,
        world: World,
        faults: u8,
        from: impl Into<Option<usize>>,
        how: impl FnOnce() -> String,
    ) -> usize {
        let hash = self.known.hasher().hash_one((&world, faults));
        let same = self.known.entry(hash).or_default();
        let nodes = &mut self.nodes;
        if let Some(known) = same
            .iter()
            .find(|index| nodes[**index].faults == faults && *nodes[**index].world == world)
        {
            return *known;
        }
        same.push(nodes.len());
        let from = from.into();
        nodes.push(Node {
            world: Rc::new(world),
            faults,
            came: from.map(|from| (from, how())),
            smooth: None,
        });
        nodes.len() - 1
    }

    fn found(&mut self, at: usize, what: &str) {
        let mut path = vec![what.to_owned()];
        let mut node = at;
        while let Some((before, how)) = &self.nodes[node].came {
            path.push(how.clone());
            node = *before;
        }
        path.push(format!("{:?}", self.nodes[node].world.observed));
        path.reverse();
        self.broken.push(path.join("\n  "));
    }
}

/// Every state from `begin` on, with at most `faults` faults on any way; stops after a few findings.
pub(crate) fn explore(begin: Vec<World>, faults: u8, policy: Policy) -> Report {
    let mut search = Search {
        nodes: Vec::new(),
        known: HashMap::new(),
        broken: Vec::new(),
    };
    for world in begin {
        search.reach(world, faults, None, String::new);
    }
    let mut ends = 0;
    let mut at = 0;
    while at < search.nodes.len() && search.broken.len() < 3 {
        let (world, left) = (Rc::clone(&search.nodes[at].world), search.nodes[at].faults);
        if world.end.is_some() {
            ends += 1;
        } else if world.live.is_none() {
            let mut resumed = World::clone(&world);
            resumed.resume();
            let next = search.reach(resumed, left, at, || "resumed".to_owned());
            search.nodes[at].smooth = Some(next);
            befall(&mut search, at, &world, left);
        } else {
            step(&mut search, at, &world, left, policy);
            befall(&mut search, at, &world, left);
        }
        at += 1;
    }
    bounded(&mut search);
    Report {
        states: search.nodes.len(),
        ends,
        broken: search.broken,
    }
}

fn befall(search: &mut Search, at: usize, world: &World, left: u8) {
    if left > 0 {
        for (what, befallen) in world.befallings() {
            search.reach(befallen, left - 1, at, || what);
        }
    }
    if let Some(belated) = world.belated() {
        search.reach(belated, left, at, || {
            format!("the engine does {:?} at last", world.late)
        });
    }
    if let Some(supervised) = world.supervised() {
        search.reach(supervised, left, at, || {
            "the daemon starts what had exited".to_owned()
        });
    }
}

fn step(search: &mut Search, at: usize, world: &World, left: u8, policy: Policy) {
    let Some(live) = &world.live else { return };
    let step = match policy(world.goal(), live, &world.observed) {
        Decision::Done => return end(search, at, world, left, End::Done),
        Decision::GiveUp(why) => return end(search, at, world, left, End::GaveUp(why.kind)),
        Decision::Do { step, .. } => step,
    };
    if let Err(what) = invariants::step_allowed(world, &step) {
        search.found(at, &format!("{what}\n  by {step:?}"));
    }

    let mut begun = world.clone();
    if begun.live.as_mut().is_some_and(|live| live.before(&step)) {
        begun.write();
    }
    let after = |mut world: World, result: Result<(), String>| {
        let observed = begun.observed.clone();
        if world
            .live
            .as_mut()
            .is_some_and(|live| live.after(&step, &observed, result))
        {
            world.write();
        }
        world
    };
    let parts = World::parts(&step);

    let mut performed = begun.clone();
    performed.perform(&step, parts);
    let performed = after(performed, Ok(()));
    if let Err(what) = invariants::step_harmless(world, &step, &performed) {
        search.found(at, &format!("{what}\n  by {step:?}"));
    }
    let next = search.reach(performed, left, at, || format!("{step:?}"));
    search.nodes[at].smooth = Some(next);

    if left == 0 {
        return;
    }
    for part in 0..=parts {
        let mut partly = begun.clone();
        partly.perform(&step, part);
        partly.stumbled = true;
        let later = (part == 0).then(|| partly.and_later(&step)).flatten();
        for (partly, later) in [(Some(partly), ""), (later, ", which may come later")] {
            let Some(partly) = partly else { continue };
            let mut crashed = partly.clone();
            crashed.crash();
            search.reach(crashed, left - 1, at, || {
                format!("killed in part {part} of {step:?}{later}")
            });
            let failed = after(partly, Err(String::new()));
            search.reach(failed, left - 1, at, || {
                format!("failed in part {part} of {step:?}{later}")
            });
        }
    }
}

fn end(search: &mut Search, at: usize, world: &World, left: u8, end: End) {
    if let Err(what) = invariants::end_sound(world, end) {
        search.found(
            at,
            &format!("{what}\n  at the end, {end:?}, {:?}", world.observed),
        );
    }
    let mut ended = world.clone();
    ended.end = Some(end);
    let next = search.reach(ended, left, at, || format!("{end:?}"));
    search.nodes[at].smooth = Some(next);
}

/// Invariant 5: without further faults every state reaches an end in a bounded number of steps.
fn bounded(search: &mut Search) {
    if !search.broken.is_empty() {
        return;
    }
    for start in 0..search.nodes.len() {
        let mut at = start;
        let mut steps = 0;
        while let Some(next) = search.nodes[at].smooth {
            at = next;
            steps += 1;
            if steps > BOUND {
                search.found(start, &format!("invariant 5: no end within {BOUND} steps"));
                return;
            }
        }
    }
}
