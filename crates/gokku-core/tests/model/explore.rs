//! Visits every state that can be reached, breadth first.

use std::collections::HashMap;

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
    world: World,
    faults: u8,
    came: Option<(usize, String)>,
    /// The state that follows when nothing goes wrong.
    smooth: Option<usize>,
}

struct Search {
    nodes: Vec<Node>,
    known: HashMap<(World, u8), usize>,
    broken: Vec<String>,
}

impl Search {
    fn reach(&mut self, world: World, faults: u8, came: Option<(usize, String)>) -> usize {
        if let Some(&known) = self.known.get(&(world.clone(), faults)) {
            return known;
        }
        let index = self.nodes.len();
        self.known.insert((world.clone(), faults), index);
        self.nodes.push(Node {
            world,
            faults,
            came,
            smooth: None,
        });
        index
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
        search.reach(world, faults, None);
    }
    let mut ends = 0;
    let mut at = 0;
    while at < search.nodes.len() && search.broken.len() < 3 {
        let (world, left) = (search.nodes[at].world.clone(), search.nodes[at].faults);
        if world.end.is_some() {
            ends += 1;
        } else if world.live.is_none() {
            let mut resumed = world.clone();
            resumed.resume();
            let next = search.reach(resumed, left, Some((at, "resumed".to_owned())));
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
            search.reach(befallen, left - 1, Some((at, what)));
        }
    }
    if let Some(belated) = world.belated() {
        search.reach(
            belated,
            left,
            Some((at, format!("the engine does {:?} at last", world.late))),
        );
    }
    if let Some(supervised) = world.supervised() {
        search.reach(
            supervised,
            left,
            Some((at, "the daemon starts what had exited".to_owned())),
        );
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
    let next = search.reach(performed, left, Some((at, format!("{step:?}"))));
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
            let how = format!("killed in part {part} of {step:?}{later}");
            search.reach(crashed, left - 1, Some((at, how)));
            let failed = after(partly, Err(String::new()));
            let how = format!("failed in part {part} of {step:?}{later}");
            search.reach(failed, left - 1, Some((at, how)));
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
    let next = search.reach(ended, left, Some((at, format!("{end:?}"))));
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
