//! What is decided while nobody can look: the engine does not answer, and only the route is known.

use super::goal::Goal;
use super::journal::Journal;
use super::observed::{Observed, Route};

/// Whether waiting requests go to what the route points at, when a transition is left to whoever can look again. Before the
/// switch that is the former release, which may well run; they would wait for nobody.
pub fn lets_go(goal: &Goal, journal: &Journal, route: &Route) -> bool {
    let seen = Observed {
        route: route.clone(),
        ..Observed::default()
    };
    let activates = matches!(goal, Goal::Activate(_));
    activates && route.held && !route.targets.is_empty() && !journal.switched(&seen)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ReleaseId;
    use crate::app::ids::ContainerId;
    use crate::transition::{Activation, Cause, Mode};

    #[test]
    fn requests_that_wait_go_back_to_the_former_release_and_to_nothing_else() {
        let route = |targets: &[&str], held| Route {
            targets: targets.iter().copied().map(ContainerId::new).collect(),
            held,
        };
        let id = ReleaseId::at(1);
        let activate = Goal::Activate(Activation {
            id,
            release: id,
            cause: Cause::Deploy,
            mode: Mode::StopFirst,
            migrate: false,
            pulls: false,
            processes: BTreeSet::new(),
            alone: BTreeSet::new(),
            refs: Vec::new(),
        });
        let begun = Observed {
            route: route(&["old"], false),
            ..Observed::default()
        };
        for (goal, now, expected) in [
            (&activate, route(&["old"], true), true),
            (&activate, route(&["old"], false), false),
            (&activate, route(&[], true), false),
            (&activate, route(&["new"], true), false),
            (&Goal::Stop, route(&["old"], true), false),
        ] {
            let journal = Journal::begin(id, goal.clone(), &begun);
            assert_eq!(lets_go(goal, &journal, &now), expected, "{goal:?} {now:?}");
        }
    }
}
