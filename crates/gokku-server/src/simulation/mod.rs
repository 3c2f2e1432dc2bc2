//! Every step, every fault, in one process and in no time: transitions on an engine and a traffic switch in memory, whose calls
//! fail, hang, are lost or come late, whose engine is restarted, and whose worker is killed wherever it waits; then what the
//! daemon does to end them, and what must be true then. Time is paused: whoever waits for it has it at once.
//!
//! - `stage`: a server with one app; `switch`: its traffic switch; `operation`: what is asked of it; `outcome`: what must be
//!   true at the end
//! - `every_call`, `every_wait`, `schedules`: what is tried; `finds`: that it is seen when a rule is
//!   broken; `found`: what was found
//! - `upkeep`: the supervisor, beside several apps
//!
//! The same is tried with real processes on a real engine in `tests/faults`: samples of this, and the proof that it is true.
#![expect(clippy::print_stdout, reason = "how much was tried is told")]

mod every_call;
mod every_wait;
mod finds;
mod found;
mod operation;
mod outcome;
mod schedules;
mod stage;
mod switch;
mod upkeep;
