//! One transition of an app at a time.
//!
//! - [`lock`]: who has the app; [`waiting`]: who comes next; [`pending_ref`]: a branch that git moves after the deploy
//! - [`journal`]: what a transition cannot see by looking; [`transition_log`]: what is told of it; [`follow`]: read as it is written, and
//!   `takeover`: past the death of its process
//! - [`abort`]: its end, asked for; `leftovers`: of those that were killed before they began

pub mod abort;
mod error;
pub mod follow;
pub mod journal;
pub(crate) mod leftovers;
pub mod lock;
pub mod pending_ref;
mod takeover;
pub mod transition_log;
pub mod waiting;

pub use error::Error;
