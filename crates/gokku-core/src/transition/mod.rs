//! The change of an app from what it runs to what it should run: decide, do, look again.
//!
//! [`next`] is the whole policy, one pure function. A driver observes, asks it, performs the one [`Step`] it
//! names, and asks again until the answer is [`Decision::Done`] or [`Decision::GiveUp`]. Nothing is remembered
//! between steps but the [`Journal`], so continuing after a crash is the same loop as running for the first
//! time.
//!
//! - [`goal`]: what is wanted
//! - [`observed`]: what is true now
//! - [`journal`]: what cannot be seen by looking; [`failure`]: why the goal is given up
//! - [`operation`]: what was asked for; [`purpose`]: what an app is held for
//! - [`step`]: what can be done about it; [`mod@abort`]: whether it can still be ended; [`blind`]: what is decided where
//!   nobody can look
//! - `activate`, `undo`, `retire`: the rules, for going forward, for going back, for taking an app down; `view`: the
//!   words they are written in
//!
//! The rules speak of sets of containers, because a release may run several processes; the first set is
//! `{web-1}`. That they keep what they promise is checked over every reachable state in `tests/model`.

pub mod abort;
pub mod blind;
pub mod failure;
pub mod goal;
pub mod journal;
pub mod observed;
pub mod operation;
pub mod purpose;
pub mod step;

mod activate;
mod retire;
mod undo;
mod view;

pub use crate::app::mode::Mode;
pub use abort::{Abort, abort, abort_detail};
pub use blind::lets_go;
pub use failure::{Failure, FailureKind, Previous};
pub use goal::{Activation, Cause, Goal};
pub use journal::{Journal, Migration};
pub use observed::{Container, Observed, RecordState, Refs, Route, State};
pub use operation::OperationName;
pub use purpose::Purpose;
pub use step::{Step, StepName};

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Perform this one step, then observe and ask again.
    Do {
        /// What to do.
        step: Step,
        /// Why now, for people.
        why: &'static str,
    },
    /// The goal is reached; nothing is left to do.
    Done,
    /// The goal cannot be reached; everything is as it was before.
    GiveUp(Failure),
}

impl Decision {
    fn step(step: Step, why: &'static str) -> Self {
        Self::Do { step, why }
    }
}

/// Decides the one next step from the goal, the journal and what is true now.
///
/// Pure and total: every combination has an answer, also those that only a person's hand, a dying container
/// or a restarted engine can bring about.
pub fn next(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    match goal {
        Goal::Activate(activation) => activate::next(&view::View {
            activation,
            journal,
            observed,
        }),
        Goal::Stop => retire::next(journal, observed, retire::Then::Keep),
        Goal::Destroy => retire::next(journal, observed, retire::Then::Remove),
    }
}
