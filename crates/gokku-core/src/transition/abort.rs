//! Whether a transition that is under way can still be ended.

use super::goal::Goal;
use super::journal::{Journal, Migration};
use super::observed::Observed;

/// What becomes of it when somebody asks for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// It is given up, and everything is as it was before.
    Heard,
    /// It is on its way back already.
    GivenUpAlready,
    /// It goes on to its end; why, for people.
    TooLate(&'static str),
}

/// Decides it: until the traffic is switched a release can be given up, and what takes an app down never is.
pub fn abort(goal: &Goal, journal: &Journal, observed: &Observed) -> Abort {
    match goal {
        Goal::Stop => Abort::TooLate("the app's requests are refused already, and it is stopped"),
        Goal::Destroy => Abort::TooLate("the app is being removed, and nothing of it is kept"),
        Goal::Activate(_) if journal.failure.is_some() => Abort::GivenUpAlready,
        Goal::Activate(_) if journal.switched(observed) => {
            Abort::TooLate("the new container has the traffic already, and the rest is finished, not undone")
        }
        Goal::Activate(_) => Abort::Heard,
    }
}

/// What is known about an abort, for people: who asked for it, and what it may have left.
pub fn abort_detail(by: Option<&str>, journal: &Journal) -> String {
    let by = by.map_or_else(String::new, |by| format!("by {by}"));
    if journal.migration == Migration::Started {
        let lead = if by.is_empty() { "" } else { ", " };
        return format!(
            "{by}{lead}in the midst of the migration: look at the database before you deploy again, the next deploy runs the migration anew"
        );
    }
    by
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ReleaseId;
    use crate::app::ids::ContainerId;
    use crate::transition::{Activation, Cause, FailureKind, Mode, Route};

    fn routed(target: &str) -> Observed {
        Observed {
            route: Route {
                targets: BTreeSet::from([ContainerId::new(target)]),
                held: false,
            },
            ..Observed::default()
        }
    }

    fn deploy(observed: &Observed) -> (Goal, Journal) {
        let id = ReleaseId::at(1);
        let goal = Goal::Activate(Activation {
            id,
            release: id,
            cause: Cause::Deploy,
            mode: Mode::ZeroDowntime,
            migrate: true,
            pulls: false,
            processes: BTreeSet::new(),
            alone: BTreeSet::new(),
            refs: Vec::new(),
        });
        (goal.clone(), Journal::begin(id, goal, observed))
    }

    #[test]
    fn a_release_can_be_given_up_until_the_switch() {
        let before = routed("old");
        let (goal, mut journal) = deploy(&before);
        assert_eq!(abort(&goal, &journal, &before), Abort::Heard);
        assert!(matches!(
            abort(&goal, &journal, &routed("new")),
            Abort::TooLate(_)
        ));
        journal.note(FailureKind::Health, String::new());
        assert_eq!(abort(&goal, &journal, &before), Abort::GivenUpAlready);
        assert_eq!(abort(&goal, &journal, &routed("new")), Abort::GivenUpAlready);
    }

    #[test]
    fn a_first_release_can_be_given_up_until_it_has_the_traffic() {
        let (goal, journal) = deploy(&Observed::default());
        assert_eq!(abort(&goal, &journal, &Observed::default()), Abort::Heard);
        assert!(matches!(
            abort(&goal, &journal, &routed("new")),
            Abort::TooLate(_)
        ));
    }

    #[test]
    fn what_takes_an_app_down_is_never_given_up() {
        for goal in [Goal::Stop, Goal::Destroy] {
            let journal = Journal::begin(ReleaseId::at(1), goal.clone(), &Observed::default());
            assert!(matches!(
                abort(&goal, &journal, &Observed::default()),
                Abort::TooLate(_)
            ));
        }
    }

    #[test]
    fn who_and_what_it_cut_off_are_told() {
        let (_, mut journal) = deploy(&Observed::default());
        assert_eq!(abort_detail(None, &journal), "");
        assert_eq!(abort_detail(Some("anna"), &journal), "by anna");
        journal.migration = Migration::Started;
        assert!(abort_detail(Some("anna"), &journal).starts_with("by anna, in the midst of the migration"));
        assert!(abort_detail(None, &journal).starts_with("in the midst of"));
    }
}
