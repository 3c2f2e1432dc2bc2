//! What a transition cannot see by looking, written down before it acts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::failure::{Failure, FailureKind, Previous};
use super::goal::Goal;
use super::observed::{Observed, State};
use super::step::Step;
use crate::app::ids::ContainerId;
use crate::app::mode::Mode;
use crate::app::process_key::ProcessKey;
use crate::app::release_id::ReleaseId;
use crate::app::slot::Slot;

/// The newest version of the journal's format.
pub const VERSION: u32 = 1;

/// A transition's memory, `apps/<app>/journal.toml` while one is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Journal {
    /// The format's version, [`VERSION`].
    pub version: u32,
    /// The transition's id, which its log has as its name.
    pub id: ReleaseId,
    /// The containers that were active at the beginning: those with the traffic, and those that ran in the
    /// blue slot.
    #[serde(rename = "former")]
    pub previous: BTreeSet<ContainerId>,
    /// Whether none of them was web: then the traffic was theirs all together, see [`routed`](crate::app::process_key::routed).
    #[serde(
        rename = "former_without_web",
        default,
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub previous_without_web: bool,
    /// What `current` pointed at in the beginning.
    #[serde(rename = "former_release", default, skip_serializing_if = "Option::is_none")]
    pub previous_release: Option<ReleaseId>,
    /// Those of the previous that stay, because only the number of containers is to change.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kept: BTreeSet<ContainerId>,
    /// Whether all that is new was good, when some are kept: from then on it is finished. The traffic, which tells it
    /// otherwise, may not change at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decided: bool,
    /// How far the migration came.
    pub migration: Migration,
    /// Whether something of the previous was stopped or started again, or was about to be. True for a journal that does
    /// not say it.
    #[serde(default = "yes")]
    pub displaced: bool,
    /// The previous containers could not be brought back; what is left of them gets the traffic as it is.
    #[serde(rename = "former_failed", default)]
    pub previous_failed: bool,
    /// The containers whose stop the engine was asked for. Until one is started again the engine may come to it, also when
    /// nobody waits for it any more: whoever goes on stops them first.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stopping: BTreeSet<ContainerId>,
    /// What is wanted.
    pub goal: Goal,
    /// Why the goal was given up, once it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,

    /// Whether the process that began the transition is gone. Not written: true for whoever reads it back.
    #[serde(skip, default = "yes")]
    pub resumed: bool,
    /// The processes whose container was made. Not written: a resumed transition that has not switched is
    /// given up, and one that has looks.
    #[serde(skip)]
    pub created: BTreeSet<ProcessKey>,
    /// Whether the drain has had its time. Not written: draining again does no harm.
    #[serde(skip)]
    pub drained: bool,
}

fn yes() -> bool {
    true
}

/// How far the migration came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Migration {
    /// Not begun, or there is none.
    NotStarted,
    /// Begun. A journal read back with this means that nobody saw its end.
    Started,
    /// It ended well.
    Finished,
}

impl Journal {
    /// Returns the journal of a transition that begins now: what `observed` says is active is the previous.
    pub fn begin(id: ReleaseId, goal: Goal, observed: &Observed) -> Self {
        let running_blue = observed
            .containers
            .iter()
            .filter(|container| container.state == State::Running && container.slot == Some(Slot::Blue))
            .map(|container| &container.id);
        let targets = &observed.route.targets;
        let previous: BTreeSet<_> = targets.iter().chain(running_blue).cloned().collect();
        let is_idle = |id: &ContainerId| {
            let mut all = observed.containers.iter();
            all.any(|container| container.id == *id && !container.process.is_web())
        };
        Self {
            version: VERSION,
            id,
            previous_without_web: !previous.is_empty() && previous.iter().all(is_idle),
            previous,
            kept: goal.keeps(observed),
            decided: false,
            previous_release: observed.current,
            migration: Migration::NotStarted,
            displaced: false,
            previous_failed: false,
            stopping: BTreeSet::new(),
            goal,
            failure: None,
            resumed: false,
            created: BTreeSet::new(),
            drained: false,
        }
    }

    /// Returns what became of the previous release, once the goal was given up.
    pub fn previous_now(&self) -> Previous {
        let stops_first =
            matches!(&self.goal, Goal::Activate(activation) if activation.mode == Mode::StopFirst);
        match (self.displaced, self.previous_failed) {
            (_, true) => Previous::NotBack,
            (false, false) => Previous::Untouched,
            (true, false) if stops_first => Previous::StartedAgain,
            (true, false) => Previous::PartlyStartedAgain,
        }
    }

    /// Returns whether the traffic has left the previous containers for new ones; where some are kept, whether that is
    /// decided.
    pub fn switched(&self, observed: &Observed) -> bool {
        if !self.kept.is_empty() {
            return self.decided;
        }
        let targets = &observed.route.targets;
        !targets.is_empty() && targets.is_disjoint(&self.previous)
    }

    /// Notes what must be known even if `step` is never heard of again. True when the journal must be
    /// written before the step is performed.
    pub fn before(&mut self, step: &Step) -> bool {
        if matches!(step, Step::Migrate) {
            self.migration = Migration::Started;
            return true;
        }
        if matches!(step, Step::Switch { .. }) && !self.kept.is_empty() && self.failure.is_none() {
            let first = !self.decided;
            self.decided = true;
            return first;
        }
        let (Step::Stop { containers } | Step::Start { containers }) = step else {
            return false;
        };
        let displaces = !self.displaced && containers.iter().any(|id| self.previous.contains(id));
        self.displaced |= displaces;
        let stops = matches!(step, Step::Stop { .. });
        let are_in = |id: &ContainerId| self.stopping.contains(id);
        // What starts beside them changes nothing of them, and requests may wait for it: nothing is written.
        let changes = if stops {
            !containers.iter().all(are_in)
        } else {
            containers.iter().any(are_in)
        };
        if changes && stops {
            self.stopping.extend(containers.iter().cloned());
        } else if changes {
            self.stopping.clear();
        }
        displaces || changes
    }

    /// Notes how `step` went, given what was observed before it; `Err` has what is known, for people. True
    /// when the journal must be written before anything else is done.
    pub fn after(&mut self, step: &Step, observed: &Observed, result: Result<(), String>) -> bool {
        match result {
            Ok(()) => self.went_well(step),
            Err(detail) => self.went_wrong(step, observed, detail),
        }
    }

    fn went_well(&mut self, step: &Step) -> bool {
        match step {
            Step::Migrate => {
                self.migration = Migration::Finished;
                true
            }
            Step::Create { process } => {
                self.created.insert(process.clone());
                false
            }
            Step::Drain { .. } => {
                self.drained = true;
                false
            }
            _ => false,
        }
    }

    fn went_wrong(&mut self, step: &Step, observed: &Observed, detail: String) -> bool {
        if self.failure.is_some() {
            // On the way back there is nothing to give up: what brings the previous back is tried once, all
            // else until it works.
            return match step {
                Step::Start { containers } | Step::AwaitHealth { containers }
                    if containers.iter().any(|id| self.previous.contains(id)) =>
                {
                    self.previous_failed = true;
                    true
                }
                _ => false,
            };
        }
        // Where the previous runs beside the new ones the traffic goes back to it, and branch and release agree again. Where
        // something would have to be stopped for that, which works may be lost: git is asked until it can.
        if matches!(step, Step::CommitRefs) {
            return self.runs_beside(observed) && self.note(FailureKind::Refs, detail);
        }
        if self.switched(observed) || !matches!(self.goal, Goal::Activate(_)) {
            return false;
        }
        let kind = match step {
            Step::Export => FailureKind::Export,
            Step::Build => FailureKind::Build,
            Step::Pull => FailureKind::Pull,
            Step::Migrate => FailureKind::Migration,
            Step::Create { .. } => FailureKind::Create,
            Step::Start { .. } => FailureKind::Start,
            Step::AwaitHealth { .. } => FailureKind::Health,
            Step::Hold | Step::Drain { .. } | Step::Stop { .. } | Step::Remove { .. } => {
                FailureKind::Previous
            }
            Step::PrepareRefs => FailureKind::Refs,
            Step::Switch { .. } => FailureKind::Switch,
            // These come only after the switch or on the way back, and are tried again.
            Step::SetCurrent { .. }
            | Step::CommitRefs
            | Step::RestoreRefs
            | Step::Rename { .. }
            | Step::Unroute
            | Step::Release
            | Step::Discard
            | Step::NoteFailure { .. } => return false,
        };
        self.note(kind, detail)
    }

    /// Whether all of the previous run, and nothing of the new has to stop before they get the traffic.
    fn runs_beside(&self, observed: &Observed) -> bool {
        let Goal::Activate(activation) = &self.goal else {
            return false;
        };
        let runs = |id: &ContainerId| {
            let mut all = observed.containers.iter();
            all.any(|one| one.id == *id && one.state == State::Running)
        };
        activation.mode == Mode::ZeroDowntime
            && activation.exclusive.is_empty()
            && self.previous.iter().all(runs)
    }

    /// Notes that the goal is given up, unless it already was. True when the journal must be written.
    pub fn note(&mut self, kind: FailureKind, detail: String) -> bool {
        let first = self.failure.is_none();
        if first {
            self.failure = Some(Failure { kind, detail });
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transition::{Activation, Cause, Route};

    /// What is told of the previous release, by what was done to it.
    #[test]
    fn what_became_of_the_previous_release() {
        let [old, new] = ["old", "new"].map(ContainerId::new);
        let stop = |id: &ContainerId| Step::Stop {
            containers: vec![id.clone()],
        };
        let rows = [
            (Mode::StopFirst, None, false, Previous::Untouched),
            (Mode::StopFirst, Some(stop(&new)), false, Previous::Untouched),
            (Mode::StopFirst, Some(stop(&old)), false, Previous::StartedAgain),
            (Mode::StopFirst, Some(stop(&old)), true, Previous::NotBack),
            (Mode::ZeroDowntime, Some(stop(&new)), false, Previous::Untouched),
            (
                Mode::ZeroDowntime,
                Some(stop(&old)),
                false,
                Previous::PartlyStartedAgain,
            ),
            (Mode::ZeroDowntime, Some(stop(&old)), true, Previous::NotBack),
        ];
        for (mode, step, comes_back_ill, expected) in rows {
            let id = ReleaseId::at(1);
            let goal = Goal::Activate(Activation {
                id,
                release: id,
                cause: Cause::Deploy,
                mode,
                migrate: false,
                pulls: false,
                processes: BTreeSet::new(),
                exclusive: BTreeSet::new(),
                refs: Vec::new(),
            });
            let mut observed = Observed::default();
            observed.route.targets.insert(old.clone());
            let mut journal = Journal::begin(id, goal, &observed);
            let stops_previous = step.as_ref() == Some(&stop(&old));
            if let Some(step) = step {
                journal.before(&step);
            }
            assert_eq!(journal.displaced, stops_previous);
            journal.note(FailureKind::Health, String::new());
            if comes_back_ill {
                let health = Step::AwaitHealth {
                    containers: vec![old.clone()],
                };
                journal.after(&health, &observed, Err("it exited".to_owned()));
            }
            assert_eq!(journal.previous_now(), expected, "{mode:?}");
        }
    }

    /// Whoever goes on knows what may still be stopped by the engine, and of nothing that was started since.
    #[test]
    fn a_stop_is_written_before_it_is_asked_for() {
        let [old, new] = ["old", "new"].map(ContainerId::new);
        let mut observed = Observed::default();
        observed.route.targets.insert(old.clone());
        let mut journal = Journal::begin(ReleaseId::at(1), Goal::Stop, &observed);
        let stop = |id: &ContainerId| Step::Stop {
            containers: vec![id.clone()],
        };
        assert!(journal.before(&stop(&new)));
        assert!(!journal.before(&stop(&new)), "it is written already");
        assert!(journal.before(&stop(&old)) && journal.displaced);
        assert_eq!(journal.stopping, BTreeSet::from([old.clone(), new]));
        let start = Step::Start {
            containers: vec![old],
        };
        assert!(journal.before(&start));
        assert_eq!(journal.stopping, BTreeSet::new());
        assert!(!journal.before(&start));
    }

    /// What earlier versions wrote is read, and written in the same words: a journal outlives the program that began it.
    #[test]
    fn its_words_on_the_disk_stay() {
        let text = r#"version = 1
id = "20240115-113000"
former = ["old"]
former_without_web = true
former_release = "20240114-000000"
migration = "not-started"
displaced = true
former_failed = true

[goal]
want = "activate"
id = "20240115-113000"
release = "20240115-113000"
cause = "deploy"
mode = "zero-downtime"
migrate = false
processes = ["worker-1"]
alone = ["worker"]

[failure]
kind = "former"
detail = ""
"#;
        let journal: Journal = toml::from_str(text).expect("a journal");
        assert_eq!(journal.previous, BTreeSet::from([ContainerId::new("old")]));
        assert!(journal.previous_without_web && journal.previous_failed);
        assert!(journal.previous_release.is_some());
        let Goal::Activate(activation) = &journal.goal else {
            panic!("{journal:?}")
        };
        assert_eq!(activation.exclusive.len(), 1);
        let failure = journal.failure.as_ref().map(|failure| failure.kind);
        assert_eq!(failure, Some(FailureKind::Previous));
        assert_eq!(toml::to_string(&journal).expect("a text"), text);
    }

    #[test]
    fn a_step_that_is_cut_short_by_an_abort_says_nothing_of_the_previous() {
        let [old, new] = ["old", "new"].map(ContainerId::new);
        let observed = Observed {
            route: Route {
                targets: BTreeSet::from([old.clone()]),
                held: true,
            },
            ..Observed::default()
        };
        let mut journal = Journal::begin(ReleaseId::at(1), Goal::Stop, &observed);
        journal.note(FailureKind::Aborted, String::new());
        let health = |id: &ContainerId| Step::AwaitHealth {
            containers: vec![id.clone()],
        };
        assert!(!journal.after(&health(&new), &observed, Err("aborted".to_owned())));
        assert!(!journal.previous_failed);
        assert!(journal.after(&health(&old), &observed, Err("it exited".to_owned())));
        assert!(journal.previous_failed);
    }
}
