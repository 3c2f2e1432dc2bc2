//! How a call to the engine in memory goes wrong.

use crate::engine::fake::world::World;

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done, and the engine says so.
    Fails,
    /// It is not done, and the engine says nothing.
    Hangs,
    /// It is done, and the engine says nothing.
    Lost,
    /// The engine says nothing, and does it so many calls later.
    Late {
        /// How many.
        calls: usize,
    },
    /// The engine is restarted: what ran does not run any more.
    Restarts,
    /// Whoever called does not come to hear of it: the process is killed.
    CallerDies {
        /// After it was done.
        done: bool,
    },
}

impl Fault {
    /// Each kind.
    pub(crate) const ALL: [Self; 7] = [
        Self::Fails,
        Self::Hangs,
        Self::Restarts,
        Self::CallerDies { done: false },
        Self::Lost,
        Self::Late { calls: 2 },
        Self::CallerDies { done: true },
    ];

    /// Returns those that a call can have: what is lost or late of a question is as if it were not done.
    pub(crate) fn of(call: &str) -> &'static [Self] {
        const { &Self::ALL }.split_at(if is_act(call) { 7 } else { 4 }).0
    }
}

/// Whether a call changes something.
pub(super) fn is_act(call: &str) -> bool {
    const ACTS: [&str; 11] = [
        "build", "pull", "tag", "rmi", "one-off", "create", "start", "stop", "remove", "rename", "isolate",
    ];
    // A network is asked for and made by one call.
    ACTS.contains(&call) || call == "network"
}

type Act = Box<dyn FnOnce(&mut World) + Send>;

/// Which calls go wrong, and which came.
#[derive(Default)]
pub(super) struct Faults {
    wrong: Vec<(usize, Fault)>,
    calls: Vec<&'static str>,
    late: Vec<(usize, Act)>,
}

impl Faults {
    pub(super) fn begin(&mut self, faults: impl IntoIterator<Item = (usize, Fault)>) {
        self.calls.clear();
        self.wrong = faults.into_iter().collect();
    }

    pub(super) fn end(&mut self) -> (Vec<&'static str>, Vec<Act>) {
        self.wrong.clear();
        let late = std::mem::take(&mut self.late);
        (
            std::mem::take(&mut self.calls),
            late.into_iter().map(|(_, act)| act).collect(),
        )
    }

    /// Takes note of a call: what becomes of it, and what is to be done before because it is time.
    pub(super) fn next(&mut self, name: &'static str) -> (Option<Fault>, Vec<Act>) {
        let number = self.calls.len();
        self.calls.push(name);
        let fault = self
            .wrong
            .iter()
            .find(|(at, _)| *at == number)
            .map(|(_, fault)| *fault);
        let (due, late) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, _)| *at <= number);
        self.late = late;
        let due: Vec<(usize, Act)> = due;
        (fault, due.into_iter().map(|(_, act)| act).collect())
    }

    pub(super) fn later(&mut self, calls: usize, act: Act) {
        self.late.push((self.calls.len() + calls, act));
    }
}
